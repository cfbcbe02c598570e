"""Queue messages that nobody should send: each is applied, parked as it came, or comes back."""

import json
import tracemalloc
from types import SimpleNamespace

import pytest

from contract.contract_files import example_paths
from customer_events.encoder import encode
from event_consumer import bootstrap
from event_consumer.latest_state import LatestState
from event_consumer.order_guard import CLOCK_TOLERANCE
from event_consumer.settings import from_environment
from hostile.hostile_values import odd_value, spoiled
from unit.event_consumer.consumer_samples import (
    ENVIRONMENT,
    RowsInMemory,
    SqsInMemory,
    live,
    record,
)

ROUNDS = 600
MESSAGE_SIZE_MAX_BYTES = 1_048_576


class Silence:
    """Reports nothing; checks that what would be told can be told."""

    def report(self, deliveries, *, request_id, now):
        for one in deliveries:
            if one.handled.reason is not None:
                json.dumps([one.handled.reason.code, one.handled.reason.field]).encode()


@pytest.fixture
def consumer():
    """The consumer's handler on rows and a DLQ in memory."""
    rows, sqs = RowsInMemory(), SqsInMemory()
    handler = bootstrap.lambda_handler(
        from_environment(ENVIRONMENT),
        LatestState(rows, writers_max=2, tolerance=CLOCK_TOLERANCE),
        sqs=sqs,
        reporter=Silence(),
    )

    def consume(*records):
        answer = handler({"Records": list(records)}, None)
        return [one["itemIdentifier"] for one in answer["batchItemFailures"]]

    return SimpleNamespace(consume=consume, rows=rows, parked=sqs.parked)


def test_a_spoiled_message_is_applied_or_parked_byte_for_byte_and_its_neighbours_are_applied(
    consumer, chance
):
    documents = [json.loads(path.read_bytes()) for path in example_paths()]
    envelopes = [
        lambda document: document,
        lambda document: {"Type": "Notification", "Message": json.dumps(document)},
        lambda document: {"detail-type": "CustomerStatusChanged", "detail": document},
    ]
    for round_ in range(ROUNDS):
        document = spoiled(chance, chance.choice(documents))
        envelope = chance.choice(envelopes)(document)
        body = json.dumps(spoiled(chance, envelope) if chance.random() < 0.3 else envelope)
        consumer.parked.clear()
        before, after = (live(round_ + 1, customer_id=name) for name in ("first", "last"))
        failed = consumer.consume(record(1, before), record(2, body), record(3, after))
        assert failed == [], body
        assert [one["MessageBody"] for one in consumer.parked] in ([], [body])
        orders = {consumer.rows.rows[name].sequence for name in ("first", "last")}
        assert orders == {before.sequence}


def test_attributes_that_nobody_should_send_never_lose_a_message(consumer, chance):
    for _ in range(ROUNDS):
        attributes = {
            chance.choice(("parked", "parked_reason", "replayed", "x", "ä")): (
                odd_value(chance)
                if chance.random() < 0.5
                else {"dataType": "String", "stringValue": json.dumps(odd_value(chance))}
            )
            for _ in range(chance.randrange(12))
        }
        consumer.parked.clear()
        failed = consumer.consume(record(1, "{", messageAttributes=attributes))
        parked = [one["MessageBody"] for one in consumer.parked]
        assert (failed, parked) in (([], ["{"]), ([record(1, "")["messageId"]], [])), attributes


def test_a_message_of_the_largest_size_takes_memory_of_its_own_size_only(consumer):
    document = json.loads(encode(live(1)))
    document["extra"] = ["x" * 64] * 15_000
    body = json.dumps(document)
    assert 0.9 * MESSAGE_SIZE_MAX_BYTES < len(body) < MESSAGE_SIZE_MAX_BYTES
    tracemalloc.start()
    try:
        assert consumer.consume(record(1, body)) == []
        _, peak = tracemalloc.get_traced_memory()
    finally:
        tracemalloc.stop()
    assert len(consumer.rows.rows) == 1
    assert peak < 8 * len(body)
