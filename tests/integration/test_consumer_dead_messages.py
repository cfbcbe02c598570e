"""What can never succeed is in the DLQ with its reason, and what may succeed comes back."""

import json
from dataclasses import replace

import pytest

from customer_events.encoder import encode
from customer_events.event import Status
from customer_events.sequence import SequenceSource, sequence
from unit.event_consumer.consumer_samples import (
    at,
    live,
)


def test_poison_is_in_the_dlq_with_its_reason_and_the_queue_keeps_flowing(payments):
    version_9 = encode(live(9)).replace("Changed.v2", "Changed.v9")
    for body in ('{"hello"', version_9, live(1)):
        payments.send(body)
    assert payments.work() == []
    assert payments.rows()["c-1"]["payments"] == {"S": "ALLOWED"}
    dead = payments.dead()
    reasons = {
        one["Body"]: one["MessageAttributes"]["parked_reason"]["StringValue"] for one in dead
    }
    assert reasons == {'{"hello"': "NotJson", version_9: "UnsupportedVersion"}
    for one in dead:
        note = json.loads(one["MessageAttributes"]["parked"]["StringValue"])
        assert note["consumer"] == "payments"
        assert set(note) == {
            "field",
            "expected",
            "parked_at",
            "first_received_at",
            "original_message_id",
            "consumer",
        }


@pytest.mark.parametrize(
    "change",
    [
        {"sequence_source": SequenceSource.VERSION},
        {"sequence": sequence(3, epoch=1), "occurred_at": at(900)},
        {"status": Status.CLOSED},
    ],
    ids=["other source", "older yet later", "other content"],
)
def test_a_contradiction_is_parked_and_the_row_stays(payments, change):
    payments.invoke(live(5))
    before = payments.rows()
    assert payments.invoke(replace(live(5), **change)) == []
    assert payments.rows() == before
    [dead] = payments.dead()
    assert dead["MessageAttributes"]["parked_reason"]["StringValue"] == "OrderContradiction"


@pytest.mark.parametrize(
    "body", [" \t{ ", "é\u2028🙂\U0010fffd", '{"a":1,"a":2}', "\ufeff{}", "<&>]]>\r\n"], ids=ascii
)
def test_a_dead_body_is_the_one_that_came(payments, body):
    payments.invoke(body)
    [dead] = payments.dead()
    assert dead["Body"] == body


def test_a_message_that_comes_back_from_the_dlq_keeps_its_first_id(payments):
    payments.send("poison")
    payments.work()
    [first] = payments.dead()
    mark = first["MessageAttributes"]["parked"]
    payments.send("poison", MessageAttributes={"replayed": mark})
    payments.work()
    [second] = payments.dead()
    notes = [
        json.loads(one["MessageAttributes"]["parked"]["StringValue"]) for one in (first, second)
    ]
    for name in ("original_message_id", "first_received_at"):
        assert notes[0][name] == notes[1][name]


def test_on_fifo_a_message_is_parked_in_its_group_every_time_it_comes(build):
    payments = build(fifo=True)
    for attempt in range(2):
        payments.send("poison", MessageGroupId="g-1", MessageDeduplicationId=str(attempt))
        assert payments.work() == []
    dead = payments.dead()
    assert [one["Attributes"]["MessageGroupId"] for one in dead] == ["g-1", "g-1"]
    for one in dead:
        note = json.loads(one["MessageAttributes"]["parked"]["StringValue"])
        assert one["Attributes"]["MessageDeduplicationId"] == note["original_message_id"]


def test_without_its_table_every_event_comes_back_and_poison_is_parked(build):
    payments = build(without="table")
    payments.send(live(1))
    payments.send("poison")
    assert len(payments.work()) == 1
    assert [one["Body"] for one in payments.dead()] == ["poison"]
    assert payments.work() == [], "the failed message is delayed, not visible at once"


def test_without_its_dlq_poison_stays_in_the_queue_and_events_are_applied(build):
    payments = build(without="dlq")
    assert len(payments.invoke("poison", live(1))) == 1
    assert payments.rows()["c-1"]["status"] == {"S": "ACTIVE"}
