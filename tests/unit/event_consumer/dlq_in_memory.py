"""A DLQ in memory, and messages parked in it."""

import json

from customer_events.deadline import UNLIMITED
from customer_events.errors import NotJson
from event_consumer.ports import Parking
from event_consumer.sqs_queue import SqsParkingLot
from unit.event_consumer.consumer_samples import DLQ_URL, SqsInMemory, at, text_attribute

REASON = NotJson("expected one JSON document")


def park(*messages, client=None, reason=REASON):
    lot = SqsParkingLot(client or SqsInMemory(), DLQ_URL, consumer="payments")
    parkings = [Parking(message=one, reason=reason) for one in messages]
    return lot.park(parkings, parked_at=at(60), deadline=UNLIMITED)


def entry_of(one, reason=REASON):
    dlq = SqsInMemory()
    assert park(one, client=dlq, reason=reason) == {one.message_id: ""}
    return dlq.calls[0][0]


def note_of(entry):
    return json.loads(entry["MessageAttributes"]["parked"]["StringValue"])


def attributes(count):
    return {f"attribute_{n}": text_attribute("x") for n in range(count)}
