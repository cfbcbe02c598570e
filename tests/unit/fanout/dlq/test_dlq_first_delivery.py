"""Whatever the operator does with a message, its consumer still knows which one it was first."""

import json

import pytest

from customer_events.decoder import from_document
from event_consumer.messages import first_delivery, from_record
from fanout.dlq.edit import Edit
from fanout.dlq.steps import sending
from fanout.sqs.message import from_line, to_lambda_record, to_line
from unit.fanout.dlq.dlq_fakes import ARN, FakeQueue, body, dead, parked

FIRST = "11111111-2222-3333-4444-555555555555"
QUEUE = FakeQueue(fifo=True).facts()
WRONG = body(1, data={"change": "updated"})


def as_consumed(attributes):
    return {
        name: {"dataType": one["DataType"], "stringValue": one["StringValue"]}
        for name, one in attributes.items()
    }


def first_id_after(entry):
    """What a consumer takes for the first delivery of a message that is sent so."""
    record = {
        "messageId": "99999999-0000-0000-0000-000000000000",
        "body": entry["MessageBody"],
        "messageAttributes": as_consumed(entry["MessageAttributes"]),
    }
    return first_delivery(from_record(record))["original_message_id"]


def replay(message):
    return sending(message, QUEUE, "run").entry


def edit(message):
    patch = ({"op": "replace", "path": "/data/change", "value": "changed"},)
    return Edit(patch=patch).sending(message, from_document, QUEUE, "run").entry


def export_and_replay(message):
    return replay(from_line(json.loads(json.dumps(to_line(message)))))


@pytest.mark.parametrize("back", [replay, edit, export_and_replay])
@pytest.mark.parametrize("through", ["parked", "moved by SQS"])
def test_the_first_id_goes_along(back, through):
    by_sqs = dead(1, WRONG, message_id=FIRST, group_id="g")
    message = by_sqs if through != "parked" else parked(1, original=FIRST, body=WRONG, group_id="g")
    assert first_id_after(back(message)) == FIRST


@pytest.mark.parametrize("through", ["parked", "moved by SQS"])
def test_the_function_is_told_the_first_id_too(through):
    message = dead(1, message_id=FIRST) if through != "parked" else parked(1, original=FIRST)
    record = to_lambda_record(message, queue_arn=f"{ARN}q.fifo")
    assert record["messageId"] == message.message_id
    assert first_delivery(from_record(record))["original_message_id"] == FIRST
