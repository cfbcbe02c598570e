"""A replay on queues in memory: what is moved, what is left, and what a crash leaves."""

from contextlib import suppress
from dataclasses import replace
from itertools import pairwise
from types import SimpleNamespace

import pytest

from fanout.dlq import replay as replay_module
from fanout.dlq.replay import QUEUE, WINDOW_MAX, Stages
from fanout.dlq.selection import Selection
from fanout.runs.lock import EXTEND_SECONDS
from fanout.runs.report import make_report
from fanout.sqs.queue import QueueDepth, Receipt
from unit.fanout.dlq.dlq_bench import HOLD, WHO, Bench, Killed, kill_at
from unit.fanout.dlq.dlq_fakes import NOON, FakeConsumer, FakeQueue, body, dead, parked


@pytest.fixture
def bench(tmp_path, monkeypatch):
    return Bench(tmp_path, monkeypatch)


@pytest.mark.parametrize("how", [{}, {"execute": True, "rate": 1.0}])
def test_what_is_planned_or_moved_at_a_rate_does_not_stay_hidden(bench, how):
    bench.fill(*(parked(n) for n in range(1, 26)))
    bench.plan(**how)
    assert len(bench.dlq.messages) == 25
    assert not bench.dlq.hidden()
    assert not bench.queue.sent


def test_what_dies_after_the_selection_is_not_in_it(bench):
    bench.fill(parked(1), parked(2))
    run_id = bench.plan()
    late = parked(3)
    bench.dlq.messages[late.message_id] = late
    bench.work(run_id)
    assert bench.fates(run_id) == {"SENT": 2}
    assert list(bench.dlq.messages) == [late.message_id]


def test_a_message_whose_send_fails_stays_and_is_not_deleted(bench):
    bench.fill(*(parked(n) for n in range(1, 13)))
    unlucky = parked(4).message_id
    bench.queue.refuses.add(unlucky)
    run_id = bench.plan()
    replay = bench.work(run_id)
    assert (replay.score.well, replay.score.failed) == (11, 1)
    assert list(bench.dlq.messages) == [unlucky]
    assert bench.fates(run_id) == {"SENT": 11, "send failed": 1}
    bench.queue.refuses.clear()
    bench.work(run_id)
    assert bench.fates(run_id) == {"SENT": 12}


def test_it_stops_when_more_fail_than_is_allowed(bench):
    bench.fill(*(parked(n) for n in range(1, 101)))
    bench.queue.refuses.update(one for one in bench.dlq.messages)
    run_id = bench.plan()
    replay = bench.work(run_id, failures=0.1)
    assert replay.score.failed == 10
    assert bench.fates(run_id) == {"waiting": 90, "send failed": 10}


def test_a_canary_is_a_part_of_the_selection_and_the_rest_follows(bench):
    bench.fill(*(parked(n) for n in range(1, 31)))
    run_id = bench.plan()
    bench.work(run_id, most=3)
    assert bench.fates(run_id) == {"waiting": 27, "SENT": 3}
    bench.work(run_id)
    assert bench.fates(run_id) == {"SENT": 30}


def test_a_customers_messages_go_in_the_order_of_their_sequence(bench):
    same = [
        dead(n, body(sequence, customer_id="c-1"))
        for n, sequence in enumerate([5, 2, 9, 1, 7], start=1)
    ]
    bench.fill(*same)
    bench.work(bench.plan())
    sequences = [
        one.entry["MessageBody"].split('"sequence": "')[1][:45] for one in bench.queue.sent
    ]
    assert sequences == sorted(sequences)


def test_only_good_outcomes_are_deleted_when_it_goes_through_the_consumer(bench):
    bench.fill(*(parked(n) for n in range(1, 6)))
    ids = list(bench.dlq.messages)
    bench.consumer = FakeConsumer(
        dict(zip(ids, ["APPLIED", "DUPLICATE", "STALE", "PARKED", "RETRY"], strict=True))
    )
    run_id = bench.plan()
    bench.work(run_id)
    assert list(bench.dlq.messages) == ids[3:]
    assert bench.fates(run_id) == {
        **dict.fromkeys(["APPLIED", "DUPLICATE", "PARKED", "STALE"], 1),
        "consume failed": 1,
    }


def test_of_40_good_and_20_unreadable_ones_40_are_applied_and_20_are_left(bench):
    good, bad = range(1, 41), range(41, 61)
    bench.fill(*(parked(n, "NotJson", document="{") for n in bad), *(parked(n) for n in good))
    bench.consumer = FakeConsumer()
    run_id = bench.plan(even_if_unreadable=False)
    assert bench.fates(run_id) == {"waiting": 40, "UNREADABLE": 20}
    bench.work(run_id, failures=0.1)
    assert bench.fates(run_id) == {"APPLIED": 40, "UNREADABLE": 20}
    assert set(bench.dlq.messages) == {parked(n).message_id for n in bad}


def test_a_message_that_somebody_deleted_is_reported_as_gone(bench):
    bench.fill(parked(1), parked(2))
    run_id = bench.plan()
    del bench.dlq.messages[parked(2).message_id]
    bench.work(run_id)
    assert bench.fates(run_id) == {"SENT": 1, "GONE": 1}


def test_a_message_that_somebody_else_hides_is_waited_for(bench):
    bench.fill(parked(1), parked(2))
    run_id = bench.plan()
    bench.dlq.hidden_until[parked(2).message_id] = bench.clock() + 40
    bench.work(run_id)
    assert bench.fates(run_id) == {"SENT": 2}


class HandledSlowly(FakeQueue):
    """Its consumer handles a message every so many seconds."""

    def __init__(self, *, clock, seconds):
        super().__init__(clock=clock)
        self.seconds, self.began, self.most_waiting = seconds, clock(), 0

    def facts(self):
        handled = int((self.clock() - self.began) / self.seconds)
        waiting = max(0, len(self.sent) - handled)
        self.most_waiting = max(self.most_waiting, waiting)
        depth = QueueDepth(waiting=waiting, in_flight=0, delayed=0)
        return replace(super().facts(), depth=depth)


def watched(bench, monkeypatch, *, seconds, canary=0, keep_lock=lambda: None):
    """Replay everything through the queue, watched; the id of the run."""
    clock, run_id = bench.clock, bench.plan()
    monkeypatch.setattr(replay_module, "time", SimpleNamespace(monotonic=clock))
    with bench.store.open(run_id) as run:
        run.options |= {"through": QUEUE, "watch_seconds": seconds, "canary": canary}
        run.start(WHO)
        replay = bench.replay(run)
        stopping = SimpleNamespace(asked=lambda: False, wait=clock.sleep)
        replay.work = replace(replay.work, stopping=stopping, keep_lock=keep_lock)
        Stages(replay, bench.dlq.facts()).run()
    return run_id


def test_the_lock_is_kept_while_a_long_watch_lasts(bench, monkeypatch):
    bench.fill(dead(1))
    kept = []
    bench.queue = HandledSlowly(clock=bench.clock, seconds=10**6)
    watched(bench, monkeypatch, seconds=600.0, keep_lock=lambda: kept.append(bench.clock()))
    assert 600 <= kept[-1] - kept[0] < 1200  # once, at the end
    assert max(later - earlier for earlier, later in pairwise(kept)) < EXTEND_SECONDS


@pytest.mark.parametrize(("seconds", "canary"), [(1, 0), (20, 0), (1, 3)])
def test_no_more_is_sent_than_may_wait_for_the_consumer(bench, monkeypatch, seconds, canary):
    monkeypatch.setattr(replay_module, "_STAGE_MAX", 50)
    bench.fill(*(dead(n) for n in range(1, 121)))
    bench.queue = HandledSlowly(clock=bench.clock, seconds=seconds)
    run_id = watched(bench, monkeypatch, seconds=10.0, canary=canary)
    assert bench.fates(run_id) == {"SENT": 120}
    assert 40 < bench.queue.most_waiting <= 50


def test_nothing_is_waited_for_after_a_canary_of_everything(bench, monkeypatch):
    monkeypatch.setattr(replay_module, "_STAGE_MAX", 50)
    bench.fill(*(dead(n) for n in range(1, 61)))
    bench.queue, began = HandledSlowly(clock=bench.clock, seconds=10**6), bench.clock()
    run_id = watched(bench, monkeypatch, seconds=10.0, canary=60)
    assert bench.fates(run_id) == {"SENT": 60}
    assert bench.clock() - began < 120


def test_what_the_consumer_does_while_the_last_stage_is_sent_counts_as_watched(bench, monkeypatch):
    bench.fill(*(dead(n) for n in range(1, 11)))
    bench.queue = HandledSlowly(clock=bench.clock, seconds=10**6)
    send, began = bench.queue.send, bench.clock()

    def slowly(sendings):
        bench.clock.sleep(30)
        return send(sendings)

    bench.queue.send = slowly
    watched(bench, monkeypatch, seconds=40.0)
    assert 40 <= bench.clock() - began < 60


def test_the_lock_is_kept_while_a_pass_meets_only_what_is_not_meant(bench):
    bench.fill(*(dead(n) for n in range(1, 201)))
    run_id = bench.plan(Selection(customer="customer-0200"))
    receive, kept = bench.dlq.receive, []

    def slowly(**how):
        bench.clock.sleep(EXTEND_SECONDS / 4)
        return receive(**how)

    bench.dlq.receive = slowly
    with bench.store.open(run_id) as run:
        run.start(WHO)
        replay = bench.replay(run)
        replay.work = replace(replay.work, keep_lock=lambda: kept.append(bench.clock()))
        began = bench.clock()
        replay.move()
    assert bench.fates(run_id) == {"SENT": 1}
    assert max(later - earlier for earlier, later in pairwise([began, *kept])) < EXTEND_SECONDS


def test_a_message_that_comes_back_is_not_counted_as_well(bench):
    bench.fill(parked(1), parked(2))
    run_id = bench.plan()
    with bench.store.open(run_id) as run:
        cut_off = run.ledger.cut_off
    bench.work(run_id)
    original = parked(1).first_delivery.message_id
    again = parked(int((cut_off - NOON).total_seconds()) + 60, "SchemaViolation", original=original)
    bench.dlq.messages[again.message_id] = again
    with bench.store.open(run_id) as run:
        replay = bench.replay(run)
        assert replay.note_comebacks() == 1
        assert replay.note_comebacks() == 0
    assert bench.fates(run_id) == {"SENT": 1, "CAME_BACK": 1}


class ExpiringQueue(FakeQueue):
    """A FIFO queue, where the receipt of what shows again can't be used any more."""

    def hide(self, receipts, *, seconds):
        hidden = self.hidden()
        super().hide([one for one in receipts if one.message_id in hidden], seconds=seconds)

    def delete(self, receipts):
        self.keeps = self.messages.keys() - self.hidden()
        return super().delete(receipts)


def test_at_a_slow_rate_no_message_shows_again_before_its_turn(bench):
    messages = [dead(n, group_id=f"g-{n}") for n in range(1, 16)]
    bench.fill(fifo=True)
    bench.dlq = ExpiringQueue(messages, clock=bench.clock, fifo=True)
    run_id = bench.plan()
    bench.work(run_id, rate=0.1)
    assert bench.fates(run_id) == {"SENT": 15}


def test_on_fifo_what_is_behind_a_head_is_found_by_the_cut_off_time(bench):
    bench.fill(
        *(dead(n, group_id="g", body=body(n, customer_id="c")) for n in range(1, 36)), fifo=True
    )
    run_id = bench.plan()
    assert bench.fates(run_id) == {"waiting": 10}
    late = dead(2 * 3600, group_id="g")
    bench.dlq.messages[late.message_id] = late
    bench.work(run_id)
    assert bench.fates(run_id) == {"SENT": 35}
    assert [one.entry["MessageGroupId"] for one in bench.queue.sent] == ["g"] * 35
    assert bench.sent_ids() == [dead(n).message_id for n in range(1, 36)]
    assert len({one.entry["MessageDeduplicationId"] for one in bench.queue.sent}) == 35
    assert list(bench.dlq.messages) == [late.message_id]


def test_on_fifo_nothing_overtakes_a_message_of_its_group_that_failed(bench):
    bench.fill(*(dead(n, group_id="a" if n < 4 else "b") for n in range(1, 7)), fifo=True)
    bench.queue.refuses.add(dead(2).message_id)
    run_id = bench.plan()
    bench.work(run_id)
    assert set(bench.sent_ids()) == {dead(n).message_id for n in (1, 4, 5, 6)}
    assert set(bench.dlq.messages) == {dead(2).message_id, dead(3).message_id}


def test_the_limit_holds_on_fifo_too(bench):
    bench.fill(*(dead(n, group_id="g") for n in range(1, 36)), fifo=True)
    run_id = bench.plan(limit=12)
    bench.work(run_id)
    assert bench.fates(run_id) == {"SENT": 12}


class RunsOutUnseen(FakeQueue):
    """What is hidden shows up between a receive that found nothing and the look at the count."""

    def facts(self):
        self.clock.seconds += HOLD
        return super().facts()


class CountsLate(FakeQueue):
    """As SQS, whose counts are approximate and up to a minute late: nothing seems to be hidden."""

    def facts(self):
        found = super().facts()
        return replace(found, depth=QueueDepth(waiting=0, in_flight=0, delayed=0))


@pytest.mark.parametrize("number", [2, 3, 5, 6])
@pytest.mark.parametrize("kind", [RunsOutUnseen, CountsLate])
def test_what_a_killed_run_still_hides_is_not_taken_for_gone(bench, monkeypatch, number, kind):
    bench.fill(*(parked(n) for n in range(1, 13)))
    run_id = bench.plan()
    kill_at(monkeypatch, number, "before")
    with suppress(Killed):
        bench.work(run_id)
    bench.after_the_kill(monkeypatch, seconds=1)
    assert bench.dlq.hidden()
    bench.dlq.__class__ = kind
    bench.work(run_id)
    assert bench.fates(run_id) == {"SENT": 12}
    assert not bench.dlq.messages


def test_what_is_hidden_for_longer_than_was_thought_is_not_taken_for_gone(bench):
    """SQS counts the time of a hold from when it answers, and not from when it was asked."""
    bench.fill(*(parked(n) for n in range(1, 13)))
    run_id = bench.plan(execute=True)
    bench.dlq.__class__ = CountsLate
    bench.clock.seconds += HOLD
    bench.dlq.hidden_until.update(dict.fromkeys(bench.dlq.messages, 5))
    bench.work(run_id)
    assert bench.fates(run_id) == {"SENT": 12}


def test_what_somebody_hides_for_longer_than_the_patience_lasts_is_left_and_not_gone(bench):
    bench.fill(*(parked(n) for n in range(1, 4)))
    run_id = bench.plan()
    [held, *others] = bench.dlq.receive(hold_seconds=10**6, thorough=False)
    bench.dlq.hide(
        [Receipt(message_id=m.message_id, handle=m.receipt_handle) for m in others], seconds=0
    )
    bench.work(run_id)
    assert bench.fates(run_id) == {"SENT": 2, "waiting": 1}
    assert set(bench.dlq.messages) == {held.message_id}


def test_an_answer_that_is_lost_is_told_as_perhaps_twice(bench):
    bench.fill(parked(1))
    run_id = bench.plan()
    bench.queue.broken = "send"
    with suppress(ConnectionError):
        bench.work(run_id)
    assert bench.fates(run_id) == {"send unconfirmed": 1}
    bench.queue.broken = None
    bench.work(run_id)
    report = make_report(bench.store.find(run_id).path)
    assert report["fates"] == {"SENT": 1}
    assert report["perhaps_twice"] == 1
    assert len({one.entry["MessageBody"] for one in bench.queue.sent}) == 1


def test_no_more_is_held_ahead_of_what_is_sent_than_a_window(bench, monkeypatch):
    bench.fill(*(parked(n) for n in range(1, 401)))
    run_id, held, send = bench.plan(), [], bench.queue.send

    def sending(sendings):
        held.append(len(bench.dlq.hidden()))
        return send(sendings)

    monkeypatch.setattr(bench.queue, "send", sending)
    bench.work(run_id)
    assert bench.fates(run_id) == {"SENT": 400}
    assert max(held) == WINDOW_MAX


def test_a_rate_spreads_what_is_sent_over_time(bench):
    bench.fill(*(parked(n) for n in range(1, 41)))
    run_id = bench.plan()
    bench.clock.slept.clear()
    bench.work(run_id, rate=1.0)
    assert bench.fates(run_id) == {"SENT": 40}
    assert sum(bench.clock.slept) >= 29
