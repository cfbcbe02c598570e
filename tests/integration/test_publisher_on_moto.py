"""From raw stream records to messages in a queue and objects in the failure store, on moto."""

import gc
import json
from uuid import uuid4

import boto3
import pytest

from aws_parts import create_table, moto_account
from customer_events.decoder import decode
from customer_events.event import Change, Status
from publisher import bootstrap
from unit.publisher.publisher_fakes import FakeContext
from unit.publisher.stream_record_samples import (
    FIRST_SEQUENCE_NUMBER,
    TTL_IDENTITY,
    UNCHANGED,
    modify,
    record,
)

REGION = "eu-west-1"
BUCKET = "fanout-failures"


class Deployed:
    """A topic with a queue that hears it raw, a failure store, and the publisher's handler."""

    def __init__(self, monkeypatch, *, fifo=False, **environment):
        suffix = ".fifo" if fifo else ""
        self.sqs = boto3.client("sqs")
        self.s3 = boto3.client("s3")
        sns = boto3.client("sns")
        marks = {"FifoTopic": "true"} if fifo else {}
        topic_arn = sns.create_topic(Name=f"customer-status{suffix}", Attributes=marks)["TopicArn"]
        marks = {"FifoQueue": "true"} if fifo else {}
        self.queue_url = self.sqs.create_queue(QueueName=f"payments{suffix}", Attributes=marks)[
            "QueueUrl"
        ]
        sns.subscribe(
            TopicArn=topic_arn,
            Protocol="sqs",
            Endpoint=f"arn:aws:sqs:{REGION}:123456789012:payments{suffix}",
            Attributes={"RawMessageDelivery": "true"},
        )
        self.s3.create_bucket(
            Bucket=BUCKET, CreateBucketConfiguration={"LocationConstraint": REGION}
        )
        settings = {"BUS_ARN": topic_arn, "FAILURE_BUCKET": BUCKET, "DEPLOYMENT": "fanout"}
        settings |= environment
        for name, value in settings.items():
            monkeypatch.setenv(name, value)
        self.handler = bootstrap.build()

    def publish(self, records):
        return self.handler({"Records": records}, FakeContext(30_000))

    def messages(self):
        found = []
        while True:
            received = self.sqs.receive_message(
                QueueUrl=self.queue_url,
                MaxNumberOfMessages=10,
                MessageAttributeNames=["All"],
                MessageSystemAttributeNames=["All"],
            ).get("Messages", [])
            if not received:
                return found
            found += received
            for message in received:
                self.sqs.delete_message(
                    QueueUrl=self.queue_url, ReceiptHandle=message["ReceiptHandle"]
                )

    def parked(self):
        listed = self.s3.list_objects_v2(Bucket=BUCKET).get("Contents", [])
        return {
            one["Key"]: json.load(self.s3.get_object(Bucket=BUCKET, Key=one["Key"])["Body"])
            for one in listed
        }


@pytest.fixture(autouse=True)
def aws(monkeypatch):
    for name in ("PUBLISH_VERSIONS", "SEQUENCE_ATTRIBUTE"):
        monkeypatch.delenv(name, raising=False)
    monkeypatch.setenv("POWERTOOLS_SERVICE_NAME", f"publisher-{uuid4()}")
    monkeypatch.setattr(gc, "freeze", lambda: None)
    with moto_account():
        yield


def test_a_batch_of_raw_records_becomes_messages_and_parked_objects(monkeypatch):
    deployed = Deployed(monkeypatch, REASON_ATTRIBUTE="status_reason")
    bad = [record("ACTIVE", {"N": "1"}, number=5), record("ACTIVE", UNCHANGED, number=6)]
    removal = record("CLOSED", None, customer_id="c-3", number=3) | {"userIdentity": TTL_IDENTITY}
    batch = [
        modify(),
        record(None, "PENDING", customer_id="c-2", number=2),
        removal,
        record("ACTIVE", "ACTIVE", customer_id="c-4", number=4),
        *bad,
        record("PENDING", "ACTIVE", customer_id="Zoë & Söhne/%+", number=7),
    ]
    assert deployed.publish(batch) == {"batchItemFailures": []}
    events = {
        event.customer_id: event for event in (decode(m["Body"]) for m in deployed.messages())
    }
    assert {name: (event.change, event.status) for name, event in events.items()} == {
        "c-1": (Change.CHANGED, Status.SUSPENDED),
        "c-2": (Change.CREATED, Status.PENDING),
        "c-3": (Change.REMOVED, Status.REMOVED),
        "Zoë & Söhne/%+": (Change.CHANGED, Status.ACTIVE),
    }
    assert events["c-1"].reason == "KYC_EXPIRED"
    parked = deployed.parked()
    assert {key: document["reason"] for key, document in parked.items()} == {
        f"parked/2026/11/23/{bad[0]['eventID']}.json": "UnknownStatus",
        f"parked/2026/11/23/{bad[1]['eventID']}.json": "MissingStatus",
    }
    assert [document["record"] for document in parked.values()] == bad


def test_a_repeated_delivery_publishes_the_same_ids_and_parks_the_same_object(monkeypatch):
    deployed = Deployed(monkeypatch)
    batch = [modify(), record("ACTIVE", {"N": "1"}, number=5)]
    deployed.publish(batch)
    first = [message["Body"] for message in deployed.messages()]
    deployed.publish(batch)
    assert [message["Body"] for message in deployed.messages()] == first
    assert len(deployed.parked()) == 1


def test_both_versions_travel_side_by_side_with_the_attributes_that_filters_need(monkeypatch):
    deployed = Deployed(monkeypatch, PUBLISH_VERSIONS="1,2")
    deployed.publish([record("ACTIVE", None)])
    attributes = [
        {name: value["StringValue"] for name, value in message["MessageAttributes"].items()}
        for message in deployed.messages()
    ]
    assert sorted(attributes, key=lambda found: found["schema_version"]) == [
        {
            "type": "novapay.accounts.CustomerStatusChanged.v1",
            "schema_version": "1",
            "status": "CLOSED",
            "transition": "ACTIVE>CLOSED",
        },
        {
            "type": "novapay.accounts.CustomerStatusChanged.v2",
            "schema_version": "2",
            "status": "REMOVED",
            "transition": "ACTIVE>REMOVED",
        },
    ]


def test_on_a_fifo_topic_a_customers_changes_arrive_in_order_and_a_repeat_is_dropped(monkeypatch):
    deployed = Deployed(monkeypatch, fifo=True)
    statuses = ["PENDING", "ACTIVE", "SUSPENDED", "ACTIVE", "CLOSED"]
    batch = [
        record(old, new, number=number)
        for number, (old, new) in enumerate(zip([None, *statuses], statuses, strict=False))
    ]
    deployed.publish(batch)
    deployed.publish(batch)
    messages = deployed.messages()
    assert [decode(message["Body"]).status for message in messages] == statuses
    groups = {message["Attributes"]["MessageGroupId"] for message in messages}
    assert len(groups) == 1


def test_what_dynamodb_itself_puts_on_a_stream_is_understood(monkeypatch):
    deployed = Deployed(monkeypatch)
    dynamodb = boto3.client("dynamodb")
    create_table(dynamodb, "accounts", streamed=True)
    key = {"customer_id": {"S": "c-1"}}
    dynamodb.put_item(TableName="accounts", Item=key | {"status": {"S": "PENDING"}})
    dynamodb.put_item(TableName="accounts", Item=key | {"status": {"S": "ACTIVE"}})
    dynamodb.put_item(
        TableName="accounts", Item=key | {"status": {"S": "ACTIVE"}, "name": {"S": "Ada"}}
    )
    dynamodb.delete_item(TableName="accounts", Key=key)
    assert deployed.publish(_stream_of("accounts")) == {"batchItemFailures": []}
    events = sorted((decode(m["Body"]) for m in deployed.messages()), key=lambda e: e.sequence)
    assert [(event.previous_status, event.status) for event in events] == [
        (None, Status.PENDING),
        (Status.PENDING, Status.ACTIVE),
        (Status.ACTIVE, Status.REMOVED),
    ]


def test_a_missing_topic_fails_the_batch_at_its_first_record_and_parks_nothing(monkeypatch):
    deployed = Deployed(monkeypatch)
    boto3.client("sns").delete_topic(TopicArn=f"arn:aws:sns:{REGION}:123456789012:customer-status")
    answer = deployed.publish([modify(), record("ACTIVE", "CLOSED", number=1)])
    assert answer == {"batchItemFailures": [{"itemIdentifier": str(FIRST_SEQUENCE_NUMBER)}]}
    assert deployed.parked() == {}


def test_a_missing_failure_store_fails_the_bad_record_and_publishes_the_others(monkeypatch):
    deployed = Deployed(monkeypatch)
    deployed.s3.delete_bucket(Bucket=BUCKET)
    answer = deployed.publish([modify(), record("ACTIVE", {"N": "1"}, number=1)])
    number = str(FIRST_SEQUENCE_NUMBER + 1)
    assert answer == {"batchItemFailures": [{"itemIdentifier": number}]}
    assert len(deployed.messages()) == 1


# Private functions


def _stream_of(table):
    """All records of a table's stream, in the shape in which Lambda passes them."""
    streams = boto3.client("dynamodbstreams")
    stream_arn = streams.list_streams(TableName=table)["Streams"][0]["StreamArn"]
    shards = streams.describe_stream(StreamArn=stream_arn)["StreamDescription"]["Shards"]
    iterator = streams.get_shard_iterator(
        StreamArn=stream_arn, ShardId=shards[0]["ShardId"], ShardIteratorType="TRIM_HORIZON"
    )["ShardIterator"]
    records = streams.get_records(ShardIterator=iterator)["Records"]
    for one in records:
        created_at = one["dynamodb"]["ApproximateCreationDateTime"]
        one["dynamodb"]["ApproximateCreationDateTime"] = created_at.timestamp()
        one["eventSourceARN"] = stream_arn
    return records
