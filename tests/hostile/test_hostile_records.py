"""Stream records that nobody should send: each ends published, ignored or parked; none is lost."""

import json
import tracemalloc
from decimal import Decimal

import pytest

from hostile.hostile_values import DYNAMODB_NUMBERS, SCRIPTS, SURROGATES, odd_value, spoiled
from publisher.handlers import BatchFailed
from publisher.stream_records import StreamRecord
from publisher.transitions import TableRules
from unit.publisher.publisher_fakes import FakeFailureStore, Rig
from unit.publisher.stream_record_samples import modify, record

ROUNDS = 600
EVERY_RULE = TableRules(
    reason_attribute="status_reason",
    changed_at_attribute="changed_at",
    traceparent_attribute="traceparent",
    entity_filter=None,
)


def test_a_spoiled_record_never_takes_its_neighbours_along_and_never_vanishes(chance):
    for _ in range(ROUNDS):
        rig = Rig(rules=EVERY_RULE, versions=(1, 2))
        bad = spoiled(chance, modify()) if chance.random() < 0.95 else odd_value(chance)
        before, after = (record("ACTIVE", "CLOSED", customer_id=one, number=9) for one in "yz")
        result = rig.publish([before, bad, after])
        told = {event.customer_id for event in rig.bus.events}
        assert {"y", "z"} <= told, bad
        assert result.failed == {}, bad
        ended = (1 in result.parked) + (1 in result.eventful)
        assert ended <= 1, bad
        assert [one.record.raw for one in rig.store.parked] == ([bad] if 1 in result.parked else [])


def test_where_nothing_can_be_parked_each_spoiled_record_is_reported_or_the_batch_comes_back(
    chance,
):
    for _ in range(ROUNDS // 3):
        rig = Rig(store=FakeFailureStore(lambda _parked: "SlowDown"))
        batch = [spoiled(chance, record("ACTIVE", "CLOSED", number=n)) for n in range(3)]
        try:
            reported = rig.handle(batch)
        except BatchFailed:
            continue
        events = len(rig.bus.events)
        failed = rig.reporter.results[0].failed
        assert (reported is None) == (not failed)
        if failed:
            numbers = [int(StreamRecord(batch[index]).sequence_number) for index in failed]
            assert int(reported) == min(numbers)
        assert events + len(failed) <= len(batch)


@pytest.mark.parametrize("text", SCRIPTS.values(), ids=SCRIPTS)
def test_text_in_any_script_reaches_the_event_unchanged(text):
    rig = Rig()
    rig.publish([record("ACTIVE", "CLOSED", customer_id=text, status_reason={"S": text})])
    (event,) = rig.bus.events
    assert (event.customer_id, event.reason) == (text, text)
    assert rig.bus.published[0].document.isascii()


@pytest.mark.parametrize("text", SURROGATES, ids=ascii)
def test_half_a_surrogate_pair_is_parked_as_a_customer_and_left_out_as_a_reason(text):
    rig = Rig()
    rig.publish(
        [
            record("ACTIVE", "CLOSED", customer_id=text, number=1),
            record("ACTIVE", "CLOSED", customer_id="c-2", number=2, status_reason={"S": text}),
        ]
    )
    assert [one.record.raw["dynamodb"]["Keys"]["customer_id"]["S"] for one in rig.store.parked] == [
        text
    ]
    assert [(event.customer_id, event.reason) for event in rig.bus.events] == [("c-2", None)]


@pytest.mark.parametrize("number", DYNAMODB_NUMBERS, ids=ascii)
def test_a_version_orders_by_its_value_or_the_record_is_parked(number):
    rig = Rig(rules=TableRules(sequence_attribute="version"))
    rig.publish([record(None, "ACTIVE", version={"N": number})])
    assert len(rig.bus.events) + len(rig.store.parked) == 1
    for event in rig.bus.events:
        assert int(event.sequence.partition(".")[2]) == Decimal(number)


def test_a_batch_of_large_items_is_not_copied_about():
    batch = [record("ACTIVE", "CLOSED", number=n, notes={"S": "x" * 60_000}) for n in range(100)]
    size = len(json.dumps(batch))
    tracemalloc.start()
    try:
        assert Rig().publish(batch).published == 100
        _, peak = tracemalloc.get_traced_memory()
    finally:
        tracemalloc.stop()
    assert peak < size / 2
