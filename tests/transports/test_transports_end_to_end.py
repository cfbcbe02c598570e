"""From a write in Accounts to a row in Payments, over each bus but SNS: that is deployed elsewhere.

Both services run as packaged. MiniStack ignores what a stream's mapping promises, so the poller
follows it; of EventBridge to SQS it delivers `$.detail`, as AWS does.
"""

import json
import threading
from contextlib import contextmanager

import pytest

from aws_parts import create_table
from bare_emulator import emulator_in
from fanout.packaging.build import build_package
from fanout.streams.poller import StreamPoller
from waiting import eventually

pytestmark = pytest.mark.slow

REGION = "us-east-1"
ACCOUNT = "000000000000"
ROLE = f"arn:aws:iam::{ACCOUNT}:role/service"
DEADLINE_SECONDS = 120
STATUSES = ["PENDING", "ACTIVE", "SUSPENDED"]


@pytest.fixture(scope="module")
def packages(tmp_path_factory):
    folder = tmp_path_factory.mktemp("packages")
    services = ("publisher", "payments_consumer")
    return {one: build_package(one, output=folder).path.read_bytes() for one in services}


@pytest.fixture
def target(tmp_path):
    with emulator_in(tmp_path / "emulator", region=REGION, prefix="transports") as target:
        yield target


class System:
    """Accounts, both services, Payments, and what lies between, which `lay` makes."""

    def __init__(self, target, packages, lay):
        self.target = target
        self.dynamodb = target.client("dynamodb")
        self.stream_arn = self._table("accounts", stream=True)
        self._table("payments", stream=False)
        target.client("s3").create_bucket(Bucket="failures")
        self.bus_arn, self.queue_url, self.dlq_url = lay(target)
        self._function(
            "publisher", packages["publisher"], BUS_ARN=self.bus_arn, FAILURE_BUCKET="failures"
        )
        self._function(
            "payments_consumer",
            packages["payments_consumer"],
            QUEUE_URL=self.queue_url,
            DLQ_URL=self.dlq_url,
            TABLE_NAME="payments",
            CONSUMER_NAME="payments",
        )
        self.mapping_id = self._mappings()

    @contextmanager
    def running(self):
        """Let the stream flow; from its beginning, each time."""
        poller = StreamPoller(
            dynamodbstreams=self.target.client("dynamodbstreams"),
            lambda_client=self.target.client("lambda"),
            s3=self.target.client("s3"),
            mapping_id=self.mapping_id,
        )
        stop = threading.Event()
        thread = threading.Thread(target=poller.run, args=[stop])
        thread.start()
        try:
            yield
        finally:
            stop.set()
            thread.join(DEADLINE_SECONDS)
            assert not thread.is_alive()

    def write(self, customer, status):
        self.dynamodb.put_item(
            TableName="accounts", Item={"customer_id": {"S": customer}, "status": {"S": status}}
        )

    def row(self, customer):
        """Status, previous status and permission to pay; None where there is no row."""
        found = self.dynamodb.get_item(
            TableName="payments", Key={"customer_id": {"S": customer}}, ConsistentRead=True
        ).get("Item", {})
        names = ("status", "previous_status", "payments")
        return tuple(found[name].get("S") for name in names if name in found) or None

    def log_lines(self, function):
        group = f"/aws/lambda/{function}"
        events = self.target.client("logs").filter_log_events(logGroupName=group)["events"]
        return [event["message"] for event in events]

    def dead(self):
        received = self.target.client("sqs").receive_message(QueueUrl=self.dlq_url)
        return received.get("Messages", [])

    def _table(self, name, *, stream):
        return create_table(self.dynamodb, name, streamed=stream)

    def _mappings(self):
        functions = self.target.client("lambda")
        functions.create_event_source_mapping(
            FunctionName="payments_consumer",
            EventSourceArn=arn_of(self.target, self.queue_url),
            BatchSize=10,
            FunctionResponseTypes=["ReportBatchItemFailures"],
        )
        return functions.create_event_source_mapping(
            FunctionName="publisher",
            EventSourceArn=self.stream_arn,
            Enabled=False,
            StartingPosition="TRIM_HORIZON",
            BatchSize=100,
            BisectBatchOnFunctionError=True,
            FunctionResponseTypes=["ReportBatchItemFailures"],
            DestinationConfig={"OnFailure": {"Destination": "arn:aws:s3:::failures"}},
        )["UUID"]

    def _function(self, name, package, **environment):
        self.target.client("logs").create_log_group(logGroupName=f"/aws/lambda/{name}")
        self.target.client("lambda").create_function(
            FunctionName=name,
            Runtime="python3.13",
            Handler=f"{name}.lambda_entry.lambda_handler",
            Role=ROLE,
            Timeout=30,
            Code={"ZipFile": package},
            Environment={"Variables": environment | {"DEPLOYMENT": "fanout"}},
        )


def arn_of(target, queue_url):
    attributes = target.client("sqs").get_queue_attributes(
        QueueUrl=queue_url, AttributeNames=["QueueArn"]
    )
    return attributes["Attributes"]["QueueArn"]


def queues(target, suffix=""):
    sqs = target.client("sqs")
    marks = {"FifoQueue": "true"} if suffix else {}
    dlq_url = sqs.create_queue(QueueName=f"payments-dlq{suffix}", Attributes=marks)["QueueUrl"]
    redrive = {"deadLetterTargetArn": arn_of(target, dlq_url), "maxReceiveCount": 10}
    queue_url = sqs.create_queue(
        QueueName=f"payments{suffix}",
        Attributes=marks | {"VisibilityTimeout": "180", "RedrivePolicy": json.dumps(redrive)},
    )["QueueUrl"]
    return queue_url, dlq_url


def lay_fifo_topic(target):
    sns = target.client("sns")
    topic = sns.create_topic(Name="customer-status.fifo", Attributes={"FifoTopic": "true"})
    queue_url, dlq_url = queues(target, ".fifo")
    sns.subscribe(
        TopicArn=topic["TopicArn"],
        Protocol="sqs",
        Endpoint=arn_of(target, queue_url),
        Attributes={"RawMessageDelivery": "true"},
    )
    return topic["TopicArn"], queue_url, dlq_url


def lay_no_bus(target):
    """The queue is there, and a rule is to be attached once there is a bus."""
    queue_url, dlq_url = queues(target)
    return f"arn:aws:events:{REGION}:{ACCOUNT}:event-bus/customer-status", queue_url, dlq_url


def attach_rule(target, queue_url):
    events = target.client("events")
    pattern = {
        "detail-type": ["CustomerStatusChanged"],
        "detail": {"type": ["novapay.accounts.CustomerStatusChanged.v2"]},
    }
    events.put_rule(
        Name="payments", EventBusName="customer-status", EventPattern=json.dumps(pattern)
    )
    events.put_targets(
        Rule="payments",
        EventBusName="customer-status",
        Targets=[{"Id": "queue", "Arn": arn_of(target, queue_url), "InputPath": "$.detail"}],
    )


def expect_each_customers_last_status(system):
    """In a running system: many customers, each of whom changes while others do."""
    customers = [f"c-{number}" for number in range(12)]
    for status in STATUSES:
        for customer in customers:
            system.write(customer, status)
    expected = ("SUSPENDED", "ACTIVE", "BLOCKED")
    for customer in customers:
        eventually(
            lambda customer=customer: system.row(customer) == expected, "rows are up to date"
        )
    assert system.dead() == []


def test_over_a_fifo_topic_each_customers_row_reaches_their_last_status(target, packages):
    system = System(target, packages, lay_fifo_topic)
    with system.running():
        expect_each_customers_last_status(system)


def test_changes_wait_for_an_event_bus_that_does_not_exist_yet_and_then_arrive(target, packages):
    system = System(target, packages, lay_no_bus)
    system.write("early", "ACTIVE")
    with system.running():
        eventually(
            lambda: any("EventBusNotFound" in line for line in system.log_lines("publisher")),
            "the publisher says that there is no bus",
        )
    assert system.row("early") is None
    created = target.client("events").create_event_bus(Name="customer-status")
    assert created["EventBusArn"] == system.bus_arn
    attach_rule(target, system.queue_url)
    with system.running():
        eventually(lambda: system.row("early"), "the change arrives after all")
        expect_each_customers_last_status(system)
    assert system.row("early") == ("ACTIVE", None, "ALLOWED")
