"""What alarms and dashboard widgets watch, and what there is to watch: ours, and AWS's."""

import json
from collections.abc import Iterable, Iterator, Mapping
from dataclasses import dataclass
from typing import Any

from customer_events import metrics
from customer_events.metrics import Metric
from infra.sam_template import of_type

OURS = {one.name: one for one in vars(metrics).values() if isinstance(one, Metric)}

Resources = list[tuple[str, dict[str, Any]]]
"""Terraform's: type and values of each."""
Names = dict[str, set[str]]
"""The names of what is deployed, by its kind."""


@dataclass(frozen=True, slots=True, kw_only=True)
class AwsMetric:
    """A metric of AWS's that we watch.

    `dimensions` says for each which kind of deployed thing its value has to name; where AWS writes
    a metric for some functions or buckets only, that narrower kind. `page` is where AWS says so.
    """

    unit: str
    statistics: frozenset[str]
    dimensions: Mapping[str, str]
    page: str


def _aws(unit: str, statistic: str, page: str, **dimensions: str) -> AwsMetric:
    return AwsMetric(unit=unit, statistics=frozenset({statistic}), dimensions=dimensions, page=page)


_LAMBDA = "Lambda developer guide, Types of metrics for Lambda functions"
_SQS = "SQS developer guide, Available CloudWatch metrics for Amazon SQS"
_SNS = "SNS developer guide, Monitoring Amazon SNS topics using CloudWatch"
_EVENTS = "EventBridge user guide, Monitoring Amazon EventBridge: custom bus, both dimensions"
_DYNAMODB = "DynamoDB developer guide, DynamoDB metrics and dimensions"
_PIPES = "EventBridge user guide, Logging and monitoring Amazon EventBridge Pipes"
_S3 = "S3 user guide, Metrics and dimensions: request metrics, only with a filter configured"
_RULE = {"EventBusName": "bus", "RuleName": "rule"}
AWS = {
    ("AWS/Lambda", "Errors"): _aws("Count", "Sum", _LAMBDA, FunctionName="function"),
    ("AWS/Lambda", "Throttles"): _aws("Count", "Sum", _LAMBDA, FunctionName="function"),
    ("AWS/Lambda", "IteratorAge"): _aws(
        "Milliseconds", "Maximum", _LAMBDA, FunctionName="stream function"
    ),
    ("AWS/Lambda", "DestinationDeliveryFailures"): _aws(
        "Count", "Sum", _LAMBDA, FunctionName="stream function"
    ),
    ("AWS/S3", "PutRequests"): _aws(
        "Count", "Sum", _S3, BucketName="bucket", FilterId="bucket filter"
    ),
    ("AWS/SNS", "NumberOfMessagesPublished"): _aws("Count", "Sum", _SNS, TopicName="topic"),
    ("AWS/SNS", "NumberOfNotificationsFailed"): _aws("Count", "Sum", _SNS, TopicName="topic"),
    ("AWS/SNS", "NumberOfNotificationsRedrivenToDlq"): _aws(
        "Count", "Sum", _SNS, TopicName="topic"
    ),
    ("AWS/SNS", "NumberOfNotificationsFailedToRedriveToDlq"): _aws(
        "Count", "Sum", _SNS, TopicName="topic"
    ),
    ("AWS/SQS", "ApproximateAgeOfOldestMessage"): _aws(
        "Seconds", "Maximum", _SQS, QueueName="queue"
    ),
    ("AWS/SQS", "ApproximateNumberOfMessagesVisible"): _aws(
        "Count", "Maximum", _SQS, QueueName="queue"
    ),
    ("AWS/SQS", "NumberOfMessagesSent"): _aws("Count", "Sum", _SQS, QueueName="queue"),
    ("AWS/Events", "FailedInvocations"): _aws("Count", "Sum", _EVENTS, **_RULE),
    ("AWS/Events", "InvocationsSentToDlq"): _aws("Count", "Sum", _EVENTS, **_RULE),
    ("AWS/Events", "InvocationsFailedToBeSentToDlq"): _aws("Count", "Sum", _EVENTS, **_RULE),
    ("AWS/DynamoDB", "ConsumedWriteCapacityUnits"): _aws(
        "Count", "Sum", _DYNAMODB, TableName="table"
    ),
    ("AWS/EventBridge/Pipes", "ExecutionFailed"): _aws("Count", "Sum", _PIPES, PipeName="pipe"),
    ("AWS/EventBridge/Pipes", "ExecutionThrottled"): _aws("Count", "Sum", _PIPES, PipeName="pipe"),
}
"""By namespace and name: what AWS documents of each, as far as we use it."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Watched:
    """A metric as an alarm or a widget (`by`) watches it; `period` in seconds."""

    by: str
    namespace: str
    name: str
    dimensions: Mapping[str, str]
    statistic: str
    period: float


def in_template(template: Mapping[str, Any]) -> Iterator[Watched]:
    """What the alarms of a CloudFormation template watch, its functions resolved or not."""
    for alarm in of_type(template, "AWS::CloudWatch::Alarm").values():
        queries = [one["MetricStat"] for one in alarm.get("Metrics", []) if "MetricStat" in one]
        for query in queries or [alarm | {"Metric": alarm}]:
            metric = query["Metric"]
            yield Watched(
                by=alarm["AlarmName"],
                namespace=metric["Namespace"],
                name=metric["MetricName"],
                dimensions={one["Name"]: one["Value"] for one in metric["Dimensions"]},
                statistic=query.get("Stat") or query.get("Statistic") or query["ExtendedStatistic"],
                period=float(query["Period"]),
            )


def in_terraform(resources: Resources) -> Iterator[Watched]:
    """What the alarms and the dashboard of an applied configuration watch."""
    for kind, values in resources:
        if kind == "aws_cloudwatch_metric_alarm":
            yield from _of_alarm(values)
        if kind == "aws_cloudwatch_dashboard":
            for widget in json.loads(values["dashboard_body"])["widgets"]:
                yield from _of_widget(widget["properties"])


def _of_alarm(values: dict[str, Any]) -> Iterator[Watched]:
    queries = [metric for one in values["metric_query"] for metric in one["metric"]]
    for query in queries or [values]:
        yield Watched(
            by=values["alarm_name"],
            namespace=query["namespace"],
            name=query["metric_name"],
            dimensions=query["dimensions"],
            statistic=query.get("stat") or query.get("statistic") or query["extended_statistic"],
            period=float(query["period"]),
        )


def _of_widget(properties: dict[str, Any]) -> Iterator[Watched]:
    for namespace, name, *rest in properties["metrics"]:
        yield Watched(
            by=f"widget {properties['title']!r}",
            namespace=namespace,
            name=name,
            dimensions=dict(zip(rest[::2], rest[1::2], strict=True)),
            statistic=properties["stat"],
            period=float(properties["period"]),
        )


def names_in_template(template: Mapping[str, Any]) -> Names:
    """The names of what a resolved CloudFormation template deploys."""
    functions = of_type(template, "AWS::Lambda::Function").values()
    mappings = of_type(template, "AWS::Lambda::EventSourceMapping").values()
    buckets = of_type(template, "AWS::S3::Bucket").values()
    parameters = of_type(template, "AWS::SSM::Parameter").values()
    return {
        "queue": {one["QueueName"] for one in of_type(template, "AWS::SQS::Queue").values()},
        "table": {one["TableName"] for one in of_type(template, "AWS::DynamoDB::Table").values()},
        "topic": {one["TopicName"] for one in of_type(template, "AWS::SNS::Topic").values()},
        "function": {one["FunctionName"] for one in functions},
        "stream function": {
            one["FunctionName"] for one in mappings if ":dynamodb:" in one["EventSourceArn"]
        },
        "bucket": {one["BucketName"] for one in buckets},
        "bucket filter": {it["Id"] for one in buckets for it in one["MetricsConfigurations"]},
    } | _dimensions_of_ours(
        [one["Environment"]["Variables"] for one in functions],
        [one["Name"] for one in parameters],
    )


def names_in_terraform(resources: Resources) -> Names:
    """The names of what an applied configuration deploys."""

    def values(kind: str, attribute: str) -> list[Any]:
        return [it[attribute] for what, it in resources if what == kind]

    mappings = [it for kind, it in resources if kind == "aws_lambda_event_source_mapping"]
    return {
        "queue": set(values("aws_sqs_queue", "name")),
        "topic": set(values("aws_sns_topic", "name")),
        "bus": set(values("aws_cloudwatch_event_bus", "name")),
        "rule": set(values("aws_cloudwatch_event_rule", "name")),
        "pipe": set(values("aws_pipes_pipe", "name")),
        "table": set(values("aws_dynamodb_table", "name")),
        "function": set(values("aws_lambda_function", "function_name")),
        "stream function": {
            one["function_name"].split(":")[6]
            for one in mappings
            if ":dynamodb:" in one["event_source_arn"]
        },
        "bucket": set(values("aws_s3_bucket", "bucket")),
        "bucket filter": set(values("aws_s3_bucket_metric", "name")),
    } | _dimensions_of_ours(
        [one[0]["variables"] for one in values("aws_lambda_function", "environment")],
        values("aws_ssm_parameter", "name"),
    )


def _dimensions_of_ours(environments: list[Any], parameters: list[str]) -> Names:
    return {
        "deployment": {one["DEPLOYMENT"] for one in environments},
        "service": {one["POWERTOOLS_SERVICE_NAME"] for one in environments},
        "subscriber": {
            one.rpartition("/")[2] for one in parameters if one.split("/")[2] == "subscribers"
        },
    }


def problems(watched: Iterable[Watched], names: Names | None) -> list[str]:
    """What is wrong with each metric that is watched; `names` is None where nothing is resolved."""
    return [f"{one.by}: {one.name}: {problem}" for one in watched for problem in _of(one, names)]


def _of(one: Watched, names: Names | None) -> Iterator[str]:
    ours = OURS.get(one.name) if one.namespace == metrics.NAMESPACE else None
    theirs = AWS.get((one.namespace, one.name))
    if ours:
        dimensions: Mapping[str, str] = {name: name for name in ours.dimensions}
        statistics = _statistics(ours)
    elif theirs:
        dimensions, statistics = theirs.dimensions, theirs.statistics
    else:
        yield f"nobody writes it in {one.namespace}"
        return
    if set(one.dimensions) != set(dimensions):
        yield f"has the dimensions {sorted(dimensions)}, not {sorted(one.dimensions)}"
        return
    if one.statistic not in statistics:
        yield f"{one.statistic} of it means nothing; expected one of {sorted(statistics)}"
    if one.period < 60 or one.period % 60:
        yield f"is stored once a minute, and read every {one.period} seconds"
    for dimension, value in one.dimensions.items():
        if names is not None and value not in names.get(dimensions[dimension], set()):
            yield f"no {dimensions[dimension]} is called {value!r}"


def _statistics(ours: Metric) -> set[str]:
    """A count adds up over batches; a duration, and a number of rows, does not."""
    if ours.unit == "Milliseconds":
        return {"Maximum", "p99"}
    return {"Maximum"} if "subscriber" in ours.dimensions else {"Sum"}
