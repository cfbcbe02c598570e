"""`fanout dlq waiting` on moto: who waits for what, and who waits for something that is gone."""

import json

import pytest

from event_consumer.parked_groups import ParkedGroupsTable
from integration.dlq_on_moto import make_subscriber
from unit.fanout.dlq.dlq_fakes import body, text

pytestmark = pytest.mark.slow

LOST, FIRST = "00000000-0000-0000-0000-00000000000a", "00000000-0000-0000-0000-00000000000b"
BEHIND = "00000000-0000-0000-0000-00000000000c"
HOLD = ("--hold-seconds", "5")
WAITING = ("dlq", "waiting", "payments", *HOLD)


@pytest.fixture
def notes(aws):
    subscriber = make_subscriber(aws, queue_suffix=".fifo", dlq_suffix=".fifo")
    keys = {"message_group": "HASH", "place": "RANGE"}
    aws.client("dynamodb").create_table(
        TableName="notes",
        KeySchema=[{"AttributeName": key, "KeyType": kind} for key, kind in keys.items()],
        AttributeDefinitions=[{"AttributeName": key, "AttributeType": "S"} for key in keys],
        BillingMode="PAY_PER_REQUEST",
    )
    name = "/fanout/subscribers/payments"
    ssm = aws.client("ssm")
    document = json.loads(ssm.get_parameter(Name=name)["Parameter"]["Value"])
    ssm.put_parameter(
        Name=name,
        Type="String",
        Overwrite=True,
        Value=json.dumps(document | {"parked_groups_table": "notes"}),
    )
    made = ParkedGroupsTable(aws.client("dynamodb"), "notes")
    made.url = subscriber.queue
    made.add("A", LOST, sequence_number="1")
    made.add("A", BEHIND, sequence_number="2")
    made.add("B", FIRST, sequence_number="3")
    for group, original in (("A", BEHIND), ("B", FIRST)):
        park(aws, subscriber, group, original)
    return made


def park(aws, subscriber, group, original):
    note = {"original_message_id": original, "first_received_at": "2026-11-23T12:00:00Z"}
    aws.client("sqs").send_message(
        QueueUrl=subscriber.dlq,
        MessageBody=body(1),
        MessageGroupId=group,
        MessageDeduplicationId=original,
        MessageAttributes={
            "parked_reason": text("BehindParkedEvent"),
            "parked": text(json.dumps(note)),
        },
    )


def test_who_waits_for_something_that_is_gone_is_found(notes, fanout):
    found = fanout(*WAITING, "--json")
    assert found.code == 1
    groups = {one["message_group"]: one for one in json.loads(found.out)["waiting"]}
    assert (groups["A"]["first"], groups["A"]["in_dlq"], groups["A"]["count"]) == (LOST, False, 2)
    assert (groups["B"]["first"], groups["B"]["in_dlq"], groups["B"]["count"]) == (FIRST, True, 1)
    assert "not shown by the DLQ" in fanout(*WAITING).out


def test_a_release_frees_those_behind_and_is_in_the_journal(notes, fanout):
    why = ("--release", LOST, "--reason", "expired in the DLQ")
    planned = fanout(*WAITING, *why)
    assert (planned.code, notes.first("A").message_id) == (0, LOST)
    assert fanout(*WAITING, *why, "--execute").code == 0
    assert notes.first("A").message_id == BEHIND
    assert fanout(*WAITING).code == 0
    report = json.loads(fanout("dlq", "report", "last", "--json").out)
    assert report["fates"] == {"RELEASED": 1}
    assert report["options"]["because"] == "expired in the DLQ"


@pytest.mark.parametrize(
    ("arguments", "code", "sentence"),
    [
        (("--release", FIRST, "--reason", "x"), 3, "is in the DLQ: replay it"),
        (("--release", BEHIND, "--reason", "x"), 2, "Nobody's first"),
        (("--release", LOST), 2, "--reason is missing"),
    ],
)
def test_what_is_not_lost_is_not_released(notes, fanout, arguments, code, sentence):
    refused = fanout(*WAITING, *arguments, "--execute")
    assert refused.code == code
    assert sentence in " ".join(refused.err.split())
    assert notes.first("A").message_id == LOST


def test_what_may_still_be_in_the_queue_is_not_released(aws, notes, fanout):
    aws.client("sqs").send_message(
        QueueUrl=notes.url, MessageBody="{}", MessageGroupId="A", MessageDeduplicationId="x"
    )
    refused = fanout(*WAITING, "--release", LOST, "--reason", "x", "--execute")
    assert refused.code == 3
    assert "may be in the queue" in " ".join(refused.err.split())


def test_a_subscriber_that_does_not_park_by_customer_has_nobody_who_waits(subscriber, fanout):
    refused = fanout(*WAITING)
    assert refused.code == 2
    assert "nobody waits" in refused.err
