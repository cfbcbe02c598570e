"""A discarded message frees who waits behind it, wherever the process was killed."""

from contextlib import suppress

import pytest

from fanout.dlq.selection import Selection
from fanout.dlq.steps import Discarding
from unit.fanout.dlq.dlq_bench import Bench, Killed, kill_at
from unit.fanout.dlq.dlq_fakes import parked

POISON, BEHIND = "SchemaViolation", "BehindParkedEvent"
WANTED = Selection(reason=POISON)


class NotesInMemory:
    """Notes by group, in order; the next call fails where `breaks` says so."""

    def __init__(self, *messages):
        self.notes = {}
        for one in messages:
            self.notes.setdefault(one.group_id, []).append(one.first_delivery.message_id)
        self.breaks = False

    def withdraw(self, group, message_id):
        if self.breaks:
            self.breaks = False
            raise ConnectionError
        self.notes[group] = [one for one in self.notes[group] if one != message_id]


@pytest.fixture
def bench(tmp_path, monkeypatch):
    made = Bench(tmp_path / "runs", monkeypatch)
    messages = [
        parked(n, POISON if n in {1, 4} else BEHIND, group_id=group, sequence_number=str(n))
        for n, group in enumerate("AAABBA", start=1)
    ]
    made.fill(*messages, fifo=True)
    made.path = tmp_path / "discarded.jsonl"
    made.notes = NotesInMemory(*messages)
    made.expected = {
        "A": [one.first_delivery.message_id for one in messages if one.group_id == "A"][1:],
        "B": [messages[4].first_delivery.message_id],
    }
    return made


def discard(bench, run_id):
    bench.work(run_id, mover=lambda run: Discarding(run, bench.path, notes=bench.notes))


def expect_freed(bench, run_id):
    assert bench.fates(run_id) == {"DISCARDED": 2}
    assert bench.notes.notes == bench.expected
    assert {one.parked.reason for one in bench.dlq.messages.values()} == {BEHIND}


def test_only_the_notes_of_what_was_discarded_are_withdrawn(bench):
    run_id = bench.plan(WANTED)
    discard(bench, run_id)
    expect_freed(bench, run_id)


@pytest.mark.parametrize("place", ["before", "after"])
@pytest.mark.parametrize("number", range(1, 12))
def test_killed_at_any_line_those_behind_are_free_in_the_end(bench, monkeypatch, number, place):
    run_id = bench.plan(WANTED)
    kill_at(monkeypatch, number, place)
    with suppress(Killed):
        discard(bench, run_id)
    bench.after_the_kill(monkeypatch)
    discard(bench, run_id)
    expect_freed(bench, run_id)


def test_a_note_is_kept_for_as_long_as_its_message_may_still_be_dead(bench):
    bench.dlq.keeps.add(next(iter(bench.dlq.messages)))
    run_id = bench.plan(WANTED)
    discard(bench, run_id)
    assert len(bench.notes.notes["A"]) == 4
    assert len(bench.notes.notes["B"]) == 1
    assert bench.fates(run_id) == {"DISCARDED": 1, "delete failed": 1}


def test_a_note_that_can_not_be_withdrawn_is_withdrawn_by_a_resume(bench):
    bench.notes.breaks = True
    run_id = bench.plan(WANTED)
    with pytest.raises(ConnectionError):
        discard(bench, run_id)
    assert bench.fates(run_id) == {"release unconfirmed": 2}
    discard(bench, run_id)
    expect_freed(bench, run_id)
    assert not bench.dlq.hidden()


def test_a_message_whose_deletion_was_begun_waits_while_somebody_else_may_hold_it(
    bench, monkeypatch
):
    run_id = bench.plan(WANTED)
    kill_at(monkeypatch, 4, "before")  # deleted, and not noted
    with suppress(Killed):
        discard(bench, run_id)
    bench.after_the_kill(monkeypatch)
    held = bench.dlq.receive(hold_seconds=10**6, thorough=False)
    assert held
    discard(bench, run_id)
    assert "delete unconfirmed" in bench.fates(run_id)
    assert len(bench.notes.notes["A"]) == 4
