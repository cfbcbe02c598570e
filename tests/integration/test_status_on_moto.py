"""`fanout status` against CloudWatch and the services' own facts, as moto keeps them."""

import io
import json
import zipfile
from datetime import UTC, datetime

import pytest

from customer_events import metrics
from integration.dlq_on_moto import make_subscriber
from integration.seeding_on_moto import PUBLISHER

pytestmark = pytest.mark.slow

GROUP = "/aws/lambda/publisher"


def add_function(aws, name):
    """A Lambda function that does nothing."""
    role = aws.client("iam").create_role(RoleName=name, AssumeRolePolicyDocument="{}")["Role"]
    archive = io.BytesIO()
    zipfile.ZipFile(archive, "w").close()
    aws.client("lambda").create_function(
        FunctionName=name,
        Runtime="python3.13",
        Role=role["Arn"],
        Handler="any.any",
        Code={"ZipFile": archive.getvalue()},
    )


@pytest.fixture
def deployed(aws):
    """A publisher and a subscriber whose consumer runs elsewhere."""
    aws.client("s3").create_bucket(
        Bucket="failures", CreateBucketConfiguration={"LocationConstraint": aws.region}
    )
    bus = {"transport": "sns", "arn": "arn:aws:sns:eu-west-1:123456789012:events"}
    publisher = PUBLISHER | {"mapping_id": "00000000-0000-4000-8000-000000000000"}
    for name, document in (("bus", bus), ("publisher", publisher)):
        aws.client("ssm").put_parameter(
            Name=f"/fanout/{name}", Type="String", Value=json.dumps(document)
        )
    add_function(aws, "publisher")
    return make_subscriber(aws)


def measure(aws, namespace, name, value, **dimensions):
    datum = {
        "MetricName": name,
        "Dimensions": [{"Name": one, "Value": text} for one, text in dimensions.items()],
        "Value": value,
        "Timestamp": datetime.now(UTC),
    }
    aws.client("cloudwatch").put_metric_data(Namespace=namespace, MetricData=[datum])


def test_it_says_what_cloudwatch_the_log_and_the_services_know(aws, fanout, deployed):
    for metric, value in ((metrics.RECORDS_FAILED, 3), (metrics.BUS_FAULTS, 3)):
        ours = {"deployment": "fanout", "service": "publisher"}
        measure(aws, metrics.NAMESPACE, metric.name, value, **ours)
        measure(aws, metrics.NAMESPACE, metric.name, 99, **ours | {"deployment": "other"})
    measure(aws, "AWS/SQS", "ApproximateAgeOfOldestMessage", 400, QueueName="payments")
    logs = aws.client("logs")
    logs.create_log_group(logGroupName=GROUP)
    logs.create_log_stream(logGroupName=GROUP, logStreamName="one")
    line = json.dumps(
        {"failed": {"KMSDisabled": 3}, "failed_sequence_numbers": ["1"], "bus_faults": 3}
    )
    at = int(datetime.now(UTC).timestamp() * 1000)
    logs.put_log_events(
        logGroupName=GROUP,
        logStreamName="one",
        logEvents=[{"timestamp": at, "message": line}, {"timestamp": at, "message": "REPORT"}],
    )
    aws.client("s3").put_object(Bucket="failures", Key="parked/2026/11/27/one.json", Body=b"{}")
    for name in ("fanout-publisher-errors", "other-publisher-errors"):
        aws.client("cloudwatch").put_metric_alarm(
            AlarmName=name,
            MetricName="Errors",
            Namespace="AWS/Lambda",
            Period=60,
            EvaluationPeriods=1,
            Threshold=0,
            ComparisonOperator="GreaterThanThreshold",
            Statistic="Sum",
        )
        aws.client("cloudwatch").set_alarm_state(
            AlarmName=name, StateValue="ALARM", StateReason="as a test"
        )
    aws.client("sqs").send_message(QueueUrl=deployed.queue, MessageBody="{}")

    ended = fanout("status", "--check", "--json")
    shown = json.loads(ended.out)
    said = {one["subject"] + ": " + one["what"] for one in shown["findings"]}
    assert ended.code == 1
    assert said == {
        "publisher: its event source mapping 00000000-0000-4000-8000-000000000000 is gone.",
        "publisher: the bus refuses what publisher publishes: KMSDisabled (3).",
        "publisher: the failure store is not empty (1).",
        "payments: its oldest message waits for 6 min 40 s.",
        "alarm: fanout-publisher-errors is on.",
    }
    assert shown["publisher"]["counts"]["BusFaults"] == 3
    assert shown["source"] == "CloudWatch"


def test_it_receives_no_message(aws, fanout, deployed):
    for url in (deployed.queue, deployed.dlq):
        aws.client("sqs").send_message(QueueUrl=url, MessageBody="{}")
    assert "1 message is dead" in fanout("status").out
    for url in (deployed.queue, deployed.dlq):
        [message] = aws.client("sqs").receive_message(QueueUrl=url, AttributeNames=["All"])[
            "Messages"
        ]
        assert message["Attributes"]["ApproximateReceiveCount"] == "1"


def test_what_it_may_not_read_is_named_and_counts_as_wrong(aws, fanout, deployed):
    aws.client("sqs").delete_queue(QueueUrl=deployed.dlq)
    aws.client("s3").delete_bucket(Bucket="failures")
    ended = fanout("status", "--check")
    assert ended.code == 1
    assert "The failure store can't be read (ListObjectsV2: NoSuchBucket)" in ended.out
    assert "It does not exist: deploy it again." in ended.out
    assert "its DLQ does not exist" in ended.out


def test_it_shows_itself_again_until_interrupted(aws, fanout, deployed, monkeypatch):
    pauses = iter([None, KeyboardInterrupt])

    def sleep(_seconds):
        if error := next(pauses):
            raise error

    monkeypatch.setattr("fanout.watch.status.time.sleep", sleep)
    ended = fanout("status", "--watch")
    assert ended.code == 130
    assert ended.out.count("Subscribers, and their last 15 minutes") == 2


@pytest.mark.parametrize(
    ("arguments", "words"),
    [
        (["status", "fraud"], "No subscriber 'fraud'"),
        (["--prefix", "none", "status"], "nothing is deployed under this prefix"),
        (["status", "--watch", "--json"], "--watch is for a person"),
    ],
)
def test_it_refuses_what_it_can_not_show(aws, fanout, deployed, arguments, words):
    ended = fanout(*arguments)
    assert ended.code == 2
    assert words in ended.err
