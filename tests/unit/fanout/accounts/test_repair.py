from contextlib import closing

import pytest

from customer_events.event import Status
from event_consumer.order_guard import judge
from fanout.accounts.drift import DifferenceStore
from fanout.accounts.reconcile import End, repair_counts, select, send_repairs
from fanout.accounts.snapshots import Unreadable
from fanout.runs.ledger import State
from fanout.runs.pace import Stopping
from fanout.runs.store import Operator, RunStore
from unit.fanout.backfill_samples import NOON, SOURCE, at, row, snapshot
from unit.fanout.reconcile_fakes import Tables, stored


class FakeQueue:
    def __init__(self):
        self.calls = []

    def send(self, events):
        self.calls.append(list(events))

    @property
    def events(self):
        return {event.customer_id: event for call in self.calls for event in call}


@pytest.fixture
def run(tmp_path):
    operator = Operator(user="jo", host="here", pid=1, identity="unknown", account="unknown")
    store = RunStore(tmp_path, clock=lambda: NOON)
    with store.create("reconcile", subject={}, options={}, operator=operator) as made:
        yield made


def repair(tables, run, customer_ids, *, before_sending=lambda: None):
    sides = tables.sides()
    with closing(DifferenceStore()) as differences:
        for difference in sides.compare(customer_ids).values():
            differences.put(difference)
        select(run, differences, now=NOON)
    before_sending()
    queue = FakeQueue()
    send_repairs(sides, queue.send, run, source=SOURCE, stopping=Stopping())
    return queue, {end: count for end, count in repair_counts(run).items() if count}


def test_each_kind_of_drift_gets_its_repair(run):
    tables = Tables()
    tables.accounts = {
        "missing": snapshot("missing"),
        "stale": snapshot("stale", Status.CLOSED),
        "by-hand": snapshot("by-hand"),
    }
    tables.rows = {
        "stale": stored("stale"),
        "by-hand": stored("by-hand", own={"payments": "BLOCKED"}),
        "extra": stored("extra"),
        "bare": stored("bare", row=None, has_sequence=False),
    }
    ids = ["missing", "stale", "by-hand", "extra", "bare"]
    queue, counts = repair(tables, run, ids)
    assert counts == {End.SENT: 5}
    events = queue.events
    for customer_id in ("stale", "by-hand", "extra"):
        assert judge(tables.rows[customer_id].row, events[customer_id]) is None
    assert judge(None, events["missing"]) is None
    assert judge(None, events["bare"]) is None
    assert events["stale"].status is Status.CLOSED
    assert events["extra"].status is events["bare"].status is Status.REMOVED
    assert events["extra"].occurred_at == at(0.75)


def test_repairs_go_out_in_tens_and_are_on_the_record(run):
    tables = Tables(accounts={f"c-{number}": snapshot(f"c-{number}") for number in range(25)})
    queue, _ = repair(tables, run, list(tables.accounts))
    assert [len(call) for call in queue.calls] == [10, 10, 5]
    assert run.ledger.count(State.ENDED) == 25


def test_what_agrees_by_the_time_of_its_turn_is_left_alone(run):
    tables = Tables(accounts={"c-1": snapshot()})
    queue, counts = repair(tables, run, ["c-1"], before_sending=lambda: tables.agree("c-1"))
    assert (queue.calls, counts) == ([], {End.AGREES: 1})


def test_what_no_event_can_repair_is_reported(run):
    tables = Tables(
        accounts={
            "c-1": Unreadable(customer_id="c-1", code="UnknownStatus", expected=""),
            "c-2": snapshot("c-2"),
        },
        rows={"c-1": stored("c-1", row()), "c-2": stored("c-2", row=None)},
    )
    queue, counts = repair(tables, run, ["c-1", "c-2"])
    assert (queue.calls, counts) == ([], {End.IMPOSSIBLE: 2})
    whys = [item.detail["why"] for item in run.ledger.items()]
    assert "Fix the item" in whys[0]
    assert "Delete the row" in whys[1]
