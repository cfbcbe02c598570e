"""`fanout where` where only the DLQ tells: what it says of it, and of what looking costs."""

import json

import pytest

from aws_parts import create_table
from customer_events.encoder import encode
from fanout.watch.where import Search
from integration.dlq_on_moto import make_subscriber
from integration.seeding_on_moto import PUBLISHER
from sentinel.discovery import find_subscriber
from unit.fanout.dlq.dlq_fakes import text

pytestmark = pytest.mark.slow


@pytest.fixture
def dead(aws, monkeypatch):
    """A customer's change that is in the DLQ of a subscriber without a known consumer."""
    monkeypatch.setattr("sentinel.table.LONGEST_READ_SECONDS", 60.0)
    stream = create_table(aws.client("dynamodb"), "accounts", streamed=True)
    create_table(aws.client("dynamodb"), "payments")
    subscriber = make_subscriber(aws)
    ssm, name = aws.client("ssm"), "/fanout/subscribers/payments"
    document = json.loads(ssm.get_parameter(Name=name)["Parameter"]["Value"])
    parameters = {name: document | {"table": "payments"}}
    parameters["/fanout/publisher"] = PUBLISHER | {"stream_arn": stream}
    for each, value in parameters.items():
        ssm.put_parameter(Name=each, Type="String", Value=json.dumps(value), Overwrite=True)
    item = {"customer_id": {"S": "c-1"}, "status": {"S": "ACTIVE"}}
    aws.client("dynamodb").put_item(TableName="accounts", Item=item)
    [change] = Search(aws, "c-1").changes(10)
    sent = aws.client("sqs").send_message(
        QueueUrl=subscriber.dlq,
        MessageBody=encode(change.events[0]),
        MessageAttributes={"parked_reason": text("KeepsFailing")},
    )
    return sent["MessageId"]


def test_a_change_that_only_the_dlq_has_is_found_there_and_the_look_is_counted(fanout, dead):
    def look():
        shown = json.loads(fanout("where", "c-1", "--json").out)
        [change] = shown["changes"]
        return change["places"], " ".join(shown["remarks"])

    [place], remarks = look()
    assert (place["state"], place["detail"]) == ("dead", f"KeepsFailing, message {dead}")
    assert "a receive of each of its 1 messages. 0 of them have 3 or more" in remarks
    look()
    assert "1 of them have 3 or more now" in look()[1]


def test_a_queue_that_is_gone_is_said_and_hides_nothing_else(aws, fanout, dead):
    aws.client("sqs").delete_queue(QueueUrl=find_subscriber(aws, "payments").queue_url)
    shown = json.loads(fanout("where", "c-1", "--json").out)
    assert [each["state"] for each in shown["changes"][0]["places"]] == ["dead"]
    assert "the queue of payments: deploy it again" in " ".join(shown["remarks"])


def test_a_person_sees_the_customer_and_the_change(fanout, dead):
    shown = fanout("where", "c-1").out
    assert "ACTIVE, read at" in shown
    assert "NONE>ACTIVE" in shown
    assert "payments: dead at" in shown


def test_a_customer_that_is_nowhere_has_no_changes(fanout, dead):
    shown = fanout("where", "c-2").out
    assert "not there" in shown
    assert "0 changes in the last day" in shown


def test_an_empty_id_is_wrong_use(fanout, dead):
    ended = fanout("where", "")
    assert (ended.code, "CUSTOMER is empty" in ended.err) == (2, True)


def test_the_stream_is_read_no_further_than_asked(fanout, dead):
    assert "read to 1 records only" in fanout("where", "c-2", "--records-max", "1").out
