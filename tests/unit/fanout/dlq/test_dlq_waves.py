"""A replay moves batches side by side: which ones, and what is known when a call fails or dies."""

from contextlib import suppress
from threading import Barrier

import pytest

from fanout.dlq.selection import Selection
from fanout.dlq.steps import DELETE, SEND
from fanout.runs.journal import Kind, read
from fanout.runs.report import make_report
from fanout.sqs import scan
from fanout.sqs.queue import Receipt
from fanout.sqs.scan import Sweep
from unit.fanout.dlq.dlq_bench import HOLD, Bench, Killed, kill_at
from unit.fanout.dlq.dlq_fakes import FakeConsumer, FakeQueue, body, dead, parked


@pytest.fixture
def bench(tmp_path, monkeypatch):
    return Bench(tmp_path, monkeypatch)


def intents(bench, run_id, step=SEND):
    """The ids of each wave, by the lines that announced it."""
    lines = read(bench.store.find(run_id).path)
    return [
        line.fields["ids"]
        for line in lines
        if line.kind is Kind.INTENT and line.fields["step"] == step
    ]


def test_a_wave_is_no_larger_than_what_was_dealt_with_before(bench):
    bench.fill(*(parked(n) for n in range(1, 421)))
    run_id = bench.plan()
    bench.work(run_id)
    sizes = [len(wave) for wave in intents(bench, run_id)]
    assert sum(sizes) == 420
    assert sizes[:2] == [10, 10]
    assert max(sizes) == 100
    assert all(size <= max(10, sum(sizes[:at])) for at, size in enumerate(sizes))


def test_its_sends_and_deletions_are_under_way_together(bench, monkeypatch):
    bench.fill(*(parked(n) for n in range(1, 41)))
    run_id = bench.plan()
    together = Barrier(2, timeout=60)
    for name in ("send", "delete"):
        call = getattr(FakeQueue, name)

        def in_pairs(queue, batch, call=call):
            if len(queue.sent if queue is bench.queue else queue.messages) == 20:
                together.wait()
            return call(queue, batch)

        monkeypatch.setattr(FakeQueue, name, in_pairs)
    bench.work(run_id)
    assert bench.fates(run_id) == {"SENT": 40}


def test_a_customers_messages_are_in_one_batch_of_a_wave_or_in_two_waves(bench):
    singles = [dead(n) for n in range(1, 41)]
    same = [dead(n, body(n, customer_id="customer-0099")) for n in range(41, 66)]
    bench.fill(*singles, *same)
    run_id = bench.plan()
    bench.work(run_id)
    customers = [
        [wave_id for wave_id in wave if wave_id in {one.message_id for one in same}]
        for wave in intents(bench, run_id)
    ]
    assert [len(each) for each in customers if each] == [10, 10, 5]
    sent = [one for one in bench.sent_ids() if one in {each.message_id for each in same}]
    assert sent == [one.message_id for one in same]


def test_on_fifo_groups_go_side_by_side_and_each_one_in_its_order(bench):
    bench.fill(*(dead(n, group_id=f"g-{n % 40}") for n in range(1, 121)), fifo=True)
    run_id = bench.plan()
    bench.work(run_id)
    assert bench.fates(run_id) == {"SENT": 120}
    assert max(len(wave) for wave in intents(bench, run_id)) > 10
    by_group = {}
    for one in bench.queue.sent:
        by_group.setdefault(one.entry["MessageGroupId"], []).append(one.message_id)
    for wave in intents(bench, run_id):
        groups = [bench_group(one, by_group) for one in wave]
        assert len(groups) == len(set(groups))
    assert all(ids == sorted(ids) for ids in by_group.values())


def receipt_of(message):
    return Receipt(message_id=message.message_id, handle=message.receipt_handle)


def bench_group(message_id, by_group):
    return next(group for group, ids in by_group.items() if message_id in ids)


@pytest.mark.parametrize("call", ["send", "delete"])
def test_where_one_call_of_a_wave_fails_the_others_are_not_repeated(bench, monkeypatch, call):
    bench.fill(*(parked(n) for n in range(1, 41)))
    run_id = bench.plan()
    unlucky = parked(25).message_id
    whole = getattr(FakeQueue, call)

    def breaks(queue, batch):
        if unlucky in {one.message_id for one in batch}:
            raise ConnectionError(call)
        return whole(queue, batch)

    with monkeypatch.context() as broken:
        broken.setattr(FakeQueue, call, breaks)
        with pytest.raises(ConnectionError):
            bench.work(run_id)
    fate = {
        "send": {"SENT": 20, "send done": 10, "send unconfirmed": 10},
        "delete": {"SENT": 30, "delete unconfirmed": 10},
    }
    assert bench.fates(run_id) == fate[call]
    bench.work(run_id)
    assert bench.fates(run_id) == {"SENT": 40}
    assert len(bench.sent_ids()) == 40
    assert make_report(bench.store.find(run_id).path)["perhaps_twice"] == (
        10 if call == "send" else 0
    )


@pytest.mark.parametrize("how", ["queue", "queue at once", "consumer at once"])
@pytest.mark.parametrize("place", ["before", "after"])
@pytest.mark.parametrize("number", range(1, 14))
def test_killed_at_any_line_of_several_waves_it_goes_on_with_nothing_lost(
    bench, monkeypatch, number, place, how
):
    through, _, execute = how.partition(" ")
    bench.fill(*(parked(n) for n in range(1, 56)))
    before = set(bench.dlq.messages)
    bench.consumer = FakeConsumer() if through == "consumer" else None
    run_id = bench.plan(execute=bool(execute))
    kill_at(monkeypatch, number, place)
    with suppress(Killed):
        bench.work(run_id)
    bench.after_the_kill(monkeypatch)
    bench.work(run_id)
    arrived = bench.sent_ids() if through == "queue" else bench.consumer.handled
    assert set(arrived) == before
    assert not bench.dlq.messages
    report = make_report(bench.store.find(run_id).path)
    assert report["fates"] == {"SENT" if through == "queue" else "APPLIED": 55}
    assert len(arrived) - 55 <= report["perhaps_twice"]
    assert {one for wave in intents(bench, run_id, DELETE) for one in wave} == before


def test_what_is_moved_as_soon_as_it_was_selected_is_received_once(bench):
    bench.fill(*(parked(n) for n in range(1, 231)))
    run_id = bench.plan(Selection(reason="UnknownStatus"), execute=True)
    bench.work(run_id)
    assert bench.fates(run_id) == {"SENT": 230}
    assert bench.dlq.calls == {"receive": 23 + 2, "delete": 23, "hide": 0}
    assert bench.queue.calls["send"] == 23


def test_what_is_not_meant_stays_hidden_no_longer_than_the_command_works(bench):
    bench.fill(*(parked(n, "UnknownStatus" if n % 2 else "NotJson") for n in range(1, 31)))
    run_id = bench.plan(Selection(reason="UnknownStatus"), execute=True)
    assert len(bench.dlq.hidden()) == 30
    bench.work(run_id)
    assert bench.fates(run_id) == {"SENT": 15}
    assert len(bench.dlq.messages) == 15
    assert not bench.dlq.hidden()


@pytest.mark.parametrize("seconds", [HOLD * 0.6, HOLD * 0.8, HOLD * 2])
def test_what_was_selected_too_long_ago_is_received_again(bench, seconds):
    bench.fill(*(parked(n) for n in range(1, 31)))
    run_id = bench.plan(execute=True)
    receives = bench.dlq.calls["receive"]
    bench.clock.seconds += seconds
    somebody = bench.dlq.receive(hold_seconds=HOLD, thorough=False)
    bench.dlq.hide([receipt_of(each) for each in somebody], seconds=0)
    bench.work(run_id)
    assert bench.fates(run_id) == {"SENT": 30}
    assert len(bench.sent_ids()) == 30
    again = seconds > HOLD * 0.75
    assert (bench.dlq.calls["receive"] > receives + 1) == again


def test_no_more_is_kept_for_the_move_than_there_is_room_for(bench, monkeypatch):
    monkeypatch.setattr(scan, "KEPT_BYTES_MAX", 12 * parked(1).size_bytes)
    bench.fill(*(parked(n) for n in range(1, 31)))
    run_id = bench.plan(execute=True)
    receives = bench.dlq.calls["receive"]
    bench.work(run_id)
    assert bench.fates(run_id) == {"SENT": 30}
    assert bench.dlq.calls["receive"] - receives == 2


def test_messages_are_received_side_by_side_and_no_more_than_are_wanted(bench):
    bench.fill(*(parked(n) for n in range(1, 1001)))
    with Sweep(bench.dlq, hold_seconds=HOLD, monotonic=bench.clock) as sweep:
        pages = sweep.pages()
        assert [len(next(pages)) for _ in range(6)] == [10, 20, 40, 80, 100, 100]
    with Sweep(bench.dlq, hold_seconds=HOLD, monotonic=bench.clock) as sweep:
        pages = sweep.pages(lambda: 15)
        assert [len(next(pages)) for _ in range(3)] == [10, 20, 20]
    assert not bench.dlq.hidden()


def test_what_other_receives_brought_is_shown_again_where_one_fails(bench, monkeypatch):
    bench.fill(*(parked(n) for n in range(1, 101)))
    receive = FakeQueue.receive

    def breaks(queue, **how):
        if queue.calls["receive"] == 2:
            queue.calls["receive"] += 1
            raise ConnectionError
        return receive(queue, **how)

    monkeypatch.setattr(FakeQueue, "receive", breaks)
    with (
        pytest.raises(ConnectionError),
        Sweep(bench.dlq, hold_seconds=HOLD, monotonic=bench.clock) as sweep,
    ):
        list(sweep.pages())
    assert bench.dlq.calls["receive"] > 2
    assert not bench.dlq.hidden()
