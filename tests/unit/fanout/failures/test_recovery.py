"""Recoveries on a store in memory, through the real publisher on a fake bus."""

import weakref
from threading import Barrier

import pytest
from botocore.exceptions import ClientError

from customer_events.decoder import decode
from fanout.errors import Refused
from fanout.failures.records import StreamRange
from fanout.failures.recover import RECORDS_PER_CALL_MAX
from fanout.overlap import CALLS_MAX
from sentinel.pace import Pace
from unit.fanout.dlq.dlq_bench import Killed, kill_at
from unit.fanout.dlq.dlq_fakes import Clock
from unit.fanout.failures.failures_in_memory import (
    Bench,
    batch_object,
    parked_object,
)
from unit.publisher.publisher_fakes import BUS_FAULT, CONFIRMED, FakeBus, Rig
from unit.publisher.stream_record_samples import ARN, record

SAME = record("ACTIVE", "ACTIVE", customer_id="c-8", number=80)


def change(number, customer="c-1", status="CLOSED"):
    return record("ACTIVE", status, customer_id=customer, number=number)


def three_objects():
    """A customer's changes 1, 2, 3 in three places, and others'."""
    return {
        "parked/2026/11/23/2.json": parked_object(change(2)),
        "aws/lambda/m/s/a": batch_object([change(1), change(11, "c-2"), SAME]),
        "aws/lambda/m/s/b": batch_object([change(3), change(12, "c-3")]),
    }


EVENTS = 5


def ids_from_the_stream(*records):
    rig = Rig()
    rig.handle(list(records))
    return [one.event_id for one in rig.bus.published]


def test_objects_are_read_side_by_side_and_published_in_order(tmp_path, monkeypatch):
    objects = {f"parked/2026/11/23/{n:02}.json": parked_object(change(n)) for n in range(1, 21)}
    bench = Bench(tmp_path, objects)
    run = bench.plan()
    together = Barrier(10, timeout=60)
    read = bench.s3.get_object
    monkeypatch.setattr(bench.s3, "get_object", lambda **key: (together.wait(), read(**key))[1])
    bench.work(run)
    assert bench.published == ids_from_the_stream(*(change(n) for n in range(1, 21)))
    assert bench.report(run)["fates"] == {"RECOVERED": 20}


def test_what_was_published_and_can_not_be_moved_is_not_published_again(tmp_path, monkeypatch):
    bench = Bench(tmp_path, three_objects())
    run = bench.plan()

    def denied(**_request):
        raise ClientError({"Error": {"Code": "AccessDenied"}}, "CopyObject")

    with monkeypatch.context() as patched:
        patched.setattr(bench.s3, "copy_object", denied)
        bench.work(run)
        bench.work(run)
    assert bench.report(run)["fates"] == {"move failed": 3}
    assert len(bench.published) == EVENTS
    bench.work(run)
    assert bench.report(run)["fates"] == {"RECOVERED": 3}
    assert len(bench.published) == EVENTS


class Records(list):
    """Records to which a weak reference can point."""


def test_only_what_is_read_side_by_side_is_in_memory_together(tmp_path):
    count, seen, alive = 3 * CALLS_MAX, [], []

    def read_range(wanted):
        records = Records([change(int(wanted.first))])
        seen.append(weakref.ref(records))
        alive.append(sum(each() is not None for each in seen))
        return records

    where = batch_object(None)["DDBStreamBatchInfo"]
    ranges = [where | {"startSequenceNumber": str(n)} for n in range(1, count + 1)]
    objects = {
        f"aws/lambda/m/s/{n:02}": batch_object(None, DDBStreamBatchInfo=each)
        for n, each in enumerate(ranges)
    }
    bench = Bench(tmp_path, objects, read_range=read_range)
    run = bench.plan(from_stream=True)
    bench.work(run)
    assert bench.report(run)["fates"] == {"RECOVERED": count}
    assert max(alive) <= CALLS_MAX + 1


def test_a_rate_spreads_the_records_over_time_in_the_same_order(tmp_path):
    records = [change(number, f"c-{number % 7}") for number in range(1, 61)]
    bench = Bench(tmp_path, {"aws/lambda/m/s/a": batch_object(records)})
    clock = Clock()
    run = bench.plan()
    pace = Pace(20, wait=clock.sleep, monotonic=clock)
    bench.work(run, pace=pace)
    assert [len(call) for call in bench.aws_lambda.calls] == [20, 20, 20]
    assert sum(clock.slept) == pytest.approx(2)
    assert bench.published == ids_from_the_stream(*records)


def test_who_interrupts_the_wait_of_a_rate_loses_nothing(tmp_path):
    records = [change(number, f"c-{number}") for number in range(1, 5)]
    bench = Bench(tmp_path, {"aws/lambda/m/s/a": batch_object(records)})
    run, asked = bench.plan(), []
    bench.work(run, pace=Pace(1, wait=asked.append, monotonic=Clock()), stop=lambda: bool(asked))
    assert len(bench.published) == 1
    bench.work(run)
    assert set(bench.published) == set(ids_from_the_stream(*records))
    assert bench.report(run)["fates"] == {"RECOVERED": 1}


def test_while_the_bus_is_away_it_stops_after_one_call_and_everything_stays(tmp_path):
    records = [change(number, f"c-{number}") for number in range(RECORDS_PER_CALL_MAX * 2)]
    objects = {
        f"parked/2026/11/23/{number}.json": parked_object(one) for number, one in enumerate(records)
    }
    bench = Bench(tmp_path, objects, bus=FakeBus(lambda _entry, _times: BUS_FAULT))
    run = bench.plan()
    assert "(AuthorizationError)" in bench.work(run).sentence
    assert len(bench.aws_lambda.calls) == 1
    assert set(bench.s3.objects) == set(objects)
    bench.aws_lambda.rig.bus.answer = lambda _entry, _times: CONFIRMED
    bench.work(run)
    assert bench.report(run)["fates"] == {"RECOVERED": len(objects)}


def test_a_customers_later_changes_wait_in_later_calls_for_one_that_failed(tmp_path):
    away = True
    bus = FakeBus(
        lambda entry, _times: BUS_FAULT if away and entry.event.customer_id == "c-1" else CONFIRMED
    )
    filling = [change(number + 10, f"x-{number}") for number in range(RECORDS_PER_CALL_MAX)]
    objects = {
        "aws/lambda/m/s/a": batch_object([change(1), *filling]),
        "aws/lambda/m/s/b": batch_object([change(5_000), change(5_001, "c-2")]),
    }
    bench = Bench(tmp_path, objects, bus=bus)
    run = bench.plan()
    bench.work(run)
    assert not [one for one in bus.published if one.event.customer_id == "c-1"]
    assert [one for one in bus.published if one.event.customer_id == "c-2"]
    assert set(bench.s3.objects) == set(objects)
    away = False
    bench.work(run)
    assert bench.report(run)["fates"] == {"RECOVERED": 2}
    mine = [decode(one.document) for one in bus.published if one.event.customer_id == "c-1"]
    assert [one.sequence[-4:] for one in mine] == sorted(one.sequence[-4:] for one in mine)


@pytest.mark.parametrize("when", ["before", "after"])
@pytest.mark.parametrize("line", range(2, 12))
def test_killed_at_any_line_of_the_journal_nothing_is_lost(tmp_path, monkeypatch, line, when):
    bench = Bench(tmp_path, three_objects())
    run = None
    with monkeypatch.context() as patched:
        kill_at(patched, line, when)
        try:
            run = bench.plan()
            bench.work(run)
        except Killed:
            pass
    expect_recovered(bench, run)


def expect_recovered(bench, run):
    """Go on, as the operator does; then all is published and moved, and none is unaccounted for."""
    stored = bench.runs.runs()
    if run is None and stored and bench.report(stored[-1].run_id)["status"] == "planned":
        run = stored[-1].run_id
    run = run or bench.plan()
    bench.work(run)
    report = bench.report(run)
    assert report["fates"] == {"RECOVERED": report["selected"]}
    assert report["selected"] == len(three_objects())
    assert set(bench.s3.objects) == {f"recovered/{run}/{key}" for key in three_objects()}
    assert len(set(bench.published)) == EVENTS
    if len(bench.published) > EVENTS:
        assert report["perhaps_twice"], "published twice, and the report does not say so"


def test_what_somebody_else_recovered_meanwhile_is_gone_and_said_to_be(tmp_path):
    bench = Bench(tmp_path, three_objects())
    run = bench.plan()
    del bench.s3.objects["aws/lambda/m/s/a"]
    bench.work(run)
    assert bench.report(run)["fates"] == {"RECOVERED": 2, "GONE": 1}


def test_a_selection_by_reason_customer_key_or_limit_leaves_the_rest_alone(tmp_path):
    bench = Bench(tmp_path, three_objects())
    for wanted, count in [
        ({"reason": "BusKeepsFailing"}, 1),
        ({"reason": "RecordAgeExceeded"}, 2),
        ({"customer": "c-3"}, 1),
        ({"key": "aws/lambda/m/s/a"}, 1),
        ({"key": "aws/lambda/m/s/zzz"}, 0),
        ({"limit": 2}, 2),
    ]:
        assert bench.report(bench.plan(**wanted))["selected"] == count, wanted


def test_unreadable_objects_and_mere_ranges_are_left_out_and_named(tmp_path):
    objects = {"parked/x": {"odd": 1}, "aws/lambda/m/s/r": batch_object(None)}
    bench = Bench(tmp_path, objects)
    report = bench.report(bench.plan())
    assert report["selected"] == 0
    unreadable, only_range = report["left_out"]
    assert "can't be read" in unreadable
    assert "--from-stream, 0.0 hours left" in only_range


def test_a_named_range_needs_no_object(tmp_path):
    named = StreamRange(stream_arn=ARN, shard_id="shard-7", first="1", last="9")
    bench = Bench(tmp_path, three_objects(), read_range=lambda _wanted: [change(1)])
    run = bench.plan(named=named, from_stream=True)
    bench.work(run)
    assert len(bench.published) == 1
    assert set(bench.s3.objects) == set(three_objects())
    assert bench.report(run)["fates"] == {"RECOVERED": 1}
    with bench.runs.open(run) as opened:
        assert opened.ledger.get(named.item_id) is not None


def test_a_range_that_is_trimmed_by_the_time_it_is_recovered_is_gone_with_the_sentence(tmp_path):
    objects = {"aws/lambda/m/s/r": batch_object(None)}
    bench = Bench(tmp_path, objects, read_range=lambda _wanted: [change(1)])
    run = bench.plan(from_stream=True)

    def trimmed(_wanted):
        raise Refused("The stream no longer has it.")

    bench.read_range = trimmed
    bench.work(run)
    assert bench.report(run)["fates"] == {"GONE": 1}
    assert set(bench.s3.objects) == set(objects)
