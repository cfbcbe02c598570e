"""The poller on the embedded AWS: a table, a stream, a real function process and a bucket."""

import io
import json
import threading
import time
import zipfile
from types import SimpleNamespace

import pytest
from aws_lambda_powertools.utilities.parser.models import (
    DynamoDBStreamLambdaOnFailureDestinationModel,
    DynamoDBStreamModel,
)

from aws_parts import create_table
from bare_emulator import emulator_in
from fanout.streams import poller as stream_poller
from fanout.streams.poller import StreamPoller

pytestmark = pytest.mark.slow

DEADLINE_SECONDS = 120
# Fails from the first poisoned record on, and raises where one is beyond repair.
FUNCTION = """
def handler(event, context):
    print(len(event["Records"]))
    for record in event["Records"]:
        status = record["dynamodb"]["NewImage"]["status"]["S"]
        if status == "BROKEN":
            raise ValueError("beyond repair")
        if status == "POISON":
            number = record["dynamodb"]["SequenceNumber"]
            return {"batchItemFailures": [{"itemIdentifier": number}]}
    return {"batchItemFailures": []}
"""


@pytest.fixture(scope="module")
def target(tmp_path_factory):
    with emulator_in(tmp_path_factory.mktemp("emulator"), prefix="poller") as target:
        yield target


@pytest.fixture
def stream_arn(target):
    yield create_table(target.client("dynamodb"), "accounts", streamed=True)
    target.client("dynamodb").delete_table(TableName="accounts")


@pytest.fixture
def mapping_id(target, stream_arn):
    package = io.BytesIO()
    with zipfile.ZipFile(package, "w") as archive:
        archive.writestr("app.py", FUNCTION)
    target.client("s3").create_bucket(Bucket="failures")
    functions = target.client("lambda")
    functions.create_function(
        FunctionName="publisher",
        Runtime="python3.11",
        Handler="app.handler",
        Role="arn:aws:iam::000000000000:role/publisher",
        Code={"ZipFile": package.getvalue()},
    )
    answer = functions.create_event_source_mapping(
        FunctionName="publisher",
        EventSourceArn=stream_arn,
        Enabled=False,
        StartingPosition="TRIM_HORIZON",
        BatchSize=10,
        MaximumRecordAgeInSeconds=43_200,
        BisectBatchOnFunctionError=True,
        FunctionResponseTypes=["ReportBatchItemFailures"],
        DestinationConfig={"OnFailure": {"Destination": "arn:aws:s3:::failures"}},
    )
    return answer["UUID"]


@pytest.fixture
def poller(target, mapping_id):
    poller = StreamPoller(
        dynamodbstreams=target.client("dynamodbstreams"),
        lambda_client=target.client("lambda"),
        s3=target.client("s3"),
        mapping_id=mapping_id,
    )
    stop = threading.Event()
    thread = threading.Thread(target=poller.run, args=[stop])
    yield poller, thread.start
    stop.set()
    thread.join(DEADLINE_SECONDS)
    assert not thread.is_alive()


def put(target, customer, status):
    target.client("dynamodb").put_item(
        TableName="accounts", Item={"customer_id": {"S": customer}, "status": {"S": status}}
    )


def wait_until(condition):
    deadline = time.monotonic() + DEADLINE_SECONDS
    while not condition():
        assert time.monotonic() < deadline, "waited in vain"
        time.sleep(0.02)


def test_good_records_pass_and_the_bad_ones_end_in_the_bucket(target, poller, monkeypatch):
    polling, start = poller
    statuses = ["ACTIVE"] * 8 + ["BROKEN", "POISON"]
    for number, status in enumerate(statuses):
        put(target, f"c{number}", status)
    start()
    wait_until(lambda: polling.status().records_succeeded == 8)
    later = SimpleNamespace(time=lambda: time.time() + 86_400, monotonic=time.monotonic)
    monkeypatch.setattr(stream_poller, "time", later)
    wait_until(
        lambda: (polling.status().records_succeeded, polling.status().records_discarded) == (8, 2)
    )
    s3 = target.client("s3")
    found = s3.list_objects_v2(Bucket="failures", Prefix="aws/lambda/")["Contents"]
    customers = set()
    for one in found:
        document = json.load(s3.get_object(Bucket="failures", Key=one["Key"])["Body"])
        DynamoDBStreamLambdaOnFailureDestinationModel.model_validate(document)
        DynamoDBStreamModel.model_validate_json(document["payload"])
        for record in json.loads(document["payload"])["Records"]:
            customers.add(record["dynamodb"]["Keys"]["customer_id"]["S"])
    assert customers == {"c8", "c9"}
    wait_until(lambda: polling.status().is_caught_up)
