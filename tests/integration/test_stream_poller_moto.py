"""The poller on moto's stream: real client answers, and a function that only records."""

import io
import json
import threading
import time

import boto3
import pytest
from aws_lambda_powertools.utilities.parser.models import DynamoDBStreamModel
from moto import mock_aws

from fanout.streams.poller import StreamPoller

REGION = "eu-west-1"
DEADLINE_SECONDS = 60


class RecordingFunction:
    """A Lambda client of one function: keeps its events, fails where it is told to."""

    def __init__(self, stream_arn, **settings):
        self.settings = {
            "UUID": "5f7",
            "FunctionArn": "arn:aws:lambda:eu-west-1:123456789012:function:publisher",
            "EventSourceArn": stream_arn,
            "FunctionResponseTypes": ["ReportBatchItemFailures"],
        } | settings
        self.events = []
        self.fails = False

    def get_event_source_mapping(self, **_):
        return self.settings

    def invoke(self, *, Payload, **_):  # noqa: N803
        self.events.append(json.loads(Payload))
        answer = {"FunctionError": "Unhandled"} if self.fails else {}
        return answer | {"StatusCode": 200, "Payload": io.BytesIO(b"null")}

    @property
    def records(self):
        return [record for event in self.events for record in event["Records"]]


@pytest.fixture(autouse=True)
def environment(monkeypatch):
    monkeypatch.setenv("AWS_DEFAULT_REGION", REGION)
    monkeypatch.setenv("AWS_ACCESS_KEY_ID", "test")
    monkeypatch.setenv("AWS_SECRET_ACCESS_KEY", "test")
    # The account-based endpoint of newer botocore is unknown to moto.
    monkeypatch.setenv("AWS_ACCOUNT_ID_ENDPOINT_MODE", "disabled")
    with mock_aws():
        yield


@pytest.fixture
def table():
    return boto3.resource("dynamodb").create_table(
        TableName="accounts",
        KeySchema=[{"AttributeName": "customer_id", "KeyType": "HASH"}],
        AttributeDefinitions=[{"AttributeName": "customer_id", "AttributeType": "S"}],
        BillingMode="PAY_PER_REQUEST",
        StreamSpecification={"StreamEnabled": True, "StreamViewType": "NEW_AND_OLD_IMAGES"},
    )


@pytest.fixture
def poll():
    stop = threading.Event()
    threads = []

    def start(function):
        poller = StreamPoller(
            dynamodbstreams=boto3.client("dynamodbstreams"),
            lambda_client=function,
            s3=boto3.client("s3"),
            mapping_id="5f7",
        )
        threads.append(threading.Thread(target=poller.run, args=[stop]))
        threads[-1].start()
        return poller

    yield start
    stop.set()
    for thread in threads:
        thread.join(DEADLINE_SECONDS)
        assert not thread.is_alive()


def wait_until(condition):
    deadline = time.monotonic() + DEADLINE_SECONDS
    while not condition():
        assert time.monotonic() < deadline, "waited in vain"
        time.sleep(0.01)


def test_changes_of_a_table_arrive_as_lambda_would_send_them(table, poll):
    function = RecordingFunction(table.latest_stream_arn)
    poll(function)
    table.put_item(Item={"customer_id": "c1", "status": "ACTIVE", "seal": b"\x00\xff"})
    table.delete_item(Key={"customer_id": "c1"})
    wait_until(lambda: len(function.records) == 2)
    inserted, removed = function.records
    assert (inserted["eventName"], removed["eventName"]) == ("INSERT", "REMOVE")
    assert inserted["eventSourceARN"] == table.latest_stream_arn
    assert inserted["dynamodb"]["NewImage"]["seal"] == {"B": "AP8="}
    assert isinstance(inserted["dynamodb"]["ApproximateCreationDateTime"], int | float)
    for event in function.events:
        DynamoDBStreamModel.model_validate(event)


def test_a_discarded_batch_is_found_in_the_bucket(table, poll):
    s3 = boto3.client("s3")
    s3.create_bucket(Bucket="failures", CreateBucketConfiguration={"LocationConstraint": REGION})
    function = RecordingFunction(
        table.latest_stream_arn,
        MaximumRetryAttempts=0,
        DestinationConfig={"OnFailure": {"Destination": "arn:aws:s3:::failures"}},
    )
    function.fails = True
    poller = poll(function)
    table.put_item(Item={"customer_id": "c1", "status": "ACTIVE"})
    wait_until(lambda: poller.status().records_discarded == 1)
    (found,) = s3.list_objects_v2(Bucket="failures", Prefix="aws/lambda/5f7/")["Contents"]
    document = json.load(s3.get_object(Bucket="failures", Key=found["Key"])["Body"])
    assert json.loads(document["payload"])["Records"] == function.records
