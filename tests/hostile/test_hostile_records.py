"""Stream records that nobody should send: each ends published, ignored or parked; none is lost."""

import json
import tracemalloc
from concurrent.futures import ThreadPoolExecutor
from decimal import Decimal

import pytest

from hostile.hostile_values import DYNAMODB_NUMBERS, SCRIPTS, SURROGATES, odd_value, spoiled
from publisher.handlers import BatchFailed
from publisher.stream_records import StreamRecord
from publisher.transitions import TableRules
from unit.publisher.publisher_fakes import FakeFailureStore, Rig, bus_on
from unit.publisher.stream_record_samples import modify, record

ROUNDS = 600
ITEM_SIZE_MAX_BYTES = 400 * 1024
MESSAGE_SIZE_MAX_BYTES = 262_144
EVERY_RULE = TableRules(
    reason_attribute="status_reason",
    changed_at_attribute="changed_at",
    traceparent_attribute="traceparent",
    entity_filter=None,
)


class SnsInMemory:
    """Takes what SNS would take, and refuses what it would refuse."""

    def __init__(self):
        self.taken = []

    def publish_batch(self, *, TopicArn, PublishBatchRequestEntries):  # noqa: N803
        self.taken += PublishBatchRequestEntries
        return {"Successful": [{"Id": one["Id"]} for one in PublishBatchRequestEntries]}


@pytest.fixture
def sns():
    """A publisher on the real SNS adapter."""
    client = SnsInMemory()
    with ThreadPoolExecutor(2) as executor:
        yield client, Rig(bus=bus_on(client, executor=executor))


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


@pytest.mark.parametrize("event", [None, [], {}, "x", {"Records": None}, {"Records": {}}, 5])
def test_what_is_no_batch_fails_as_a_whole(event):
    with pytest.raises(BatchFailed):
        Rig().handler(event, None)


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
def test_a_number_is_a_customer_as_dynamodb_writes_it(number):
    rig = Rig()
    rig.publish([record("ACTIVE", "CLOSED", customer_id={"N": number})])
    told = [event.customer_id for event in rig.bus.events]
    is_number = number.strip().isascii() and number[-1:].isdigit() and number == number.strip()
    assert [Decimal(one) for one in told] == ([Decimal(number)] if is_number else [])
    assert not any(set(one) - set("-.0123456789") for one in told)
    assert len(rig.store.parked) == (0 if is_number else 1)


@pytest.mark.parametrize("number", DYNAMODB_NUMBERS, ids=ascii)
def test_a_version_orders_by_its_value_or_the_record_is_parked(number):
    rig = Rig(rules=TableRules(sequence_attribute="version"))
    rig.publish([record(None, "ACTIVE", version={"N": number})])
    assert len(rig.bus.events) + len(rig.store.parked) == 1
    for event in rig.bus.events:
        assert int(event.sequence.partition(".")[2]) == Decimal(number)


def test_an_item_of_400_kb_becomes_an_event_of_less_than_one(sns):
    client, rig = sns
    notes = {"S": "ü" * (ITEM_SIZE_MAX_BYTES // 2 - 200)}
    result = rig.publish([record("ACTIVE", "CLOSED", customer_id="c-9", notes=notes)])
    assert (result.published, rig.store.parked) == (1, [])
    assert len(client.taken[0]["Message"]) < 1024


def test_an_item_of_400_kb_that_can_become_no_event_is_parked_whole():
    rig = Rig()
    bad = record("ACTIVE", "OF_STONE", notes={"S": "x" * (ITEM_SIZE_MAX_BYTES - 200)})
    rig.publish([bad])
    assert rig.store.parked[0].record.raw == bad


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


def test_the_largest_event_that_fits_is_published_and_the_first_that_does_not_is_parked():
    def publish(customer_id, limit):
        client = SnsInMemory()
        rig = Rig(bus=bus_on(client, size_max_bytes=limit))
        rig.publish([record("ACTIVE", "CLOSED", customer_id=customer_id)])
        return client.taken, rig.store.reasons

    (taken,), _ = publish("😀" * 512, MESSAGE_SIZE_MAX_BYTES)
    attributes = taken["MessageAttributes"].items()
    size = len(taken["Message"]) + sum(
        len(name) + len(value["DataType"]) + len(value["StringValue"]) for name, value in attributes
    )
    assert publish("😀" * 512, size)[1] == []
    assert publish("😀" * 512, size - 1) == ([], ["EventTooLarge"])
    assert publish("😀" * 511, size - 1)[1] == []
