"""What alarms and dashboard widgets watch, and what there is to watch: ours, and AWS's."""

import json
import re
from collections.abc import Iterable, Iterator, Mapping
from collections.abc import Set as AbstractSet
from dataclasses import dataclass
from typing import Any

from customer_events import metrics
from customer_events.metrics import Metric
from infra.parity_facts import Facts

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
_MAPPINGS = "Lambda developer guide, Event source mapping metrics: only with EventCount configured"
_SQS = "SQS developer guide, Available CloudWatch metrics for Amazon SQS"
_SNS = "SNS developer guide, Monitoring Amazon SNS topics using CloudWatch"
_EVENTS = "EventBridge user guide, Monitoring Amazon EventBridge: custom bus, both dimensions"
_DYNAMODB = "DynamoDB developer guide, DynamoDB metrics and dimensions"
_PIPES = "EventBridge user guide, Logging and monitoring Amazon EventBridge Pipes"
_RULE = {"EventBusName": "bus", "RuleName": "rule"}
AWS = {
    ("AWS/Lambda", "Errors"): _aws("Count", "Sum", _LAMBDA, FunctionName="function"),
    ("AWS/Lambda", "Throttles"): _aws("Count", "Sum", _LAMBDA, FunctionName="function"),
    ("AWS/Lambda", "PolledEventCount"): _aws(
        "Count", "Sum", _MAPPINGS, EventSourceMappingUUID="counting mapping"
    ),
    ("AWS/Lambda", "DestinationDeliveryFailures"): _aws(
        "Count", "Sum", _LAMBDA, FunctionName="stream function"
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
    ("AWS/SQS", "ApproximateNumberOfMessagesNotVisible"): _aws(
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


def by_alarms(facts: Facts) -> Iterator[Watched]:
    """What the alarms watch, whichever tool deploys them."""
    for name, alarm in _of_kind(facts, "alarm").items():
        plain = [*alarm["metric"], alarm["dimensions"], alarm["statistic"], alarm["period"]]
        queries = [json.loads(query)[3:] for query in alarm["queries"]]
        for namespace, metric, dimensions, statistic, period in queries or [plain]:
            if metric:
                yield Watched(
                    by=name,
                    namespace=namespace,
                    name=metric,
                    dimensions=dimensions,
                    statistic=statistic,
                    period=period,
                )


def by_widgets(body: str) -> Iterator[Watched]:
    """What the graphs of a dashboard show."""
    for widget in (it["properties"] for it in _widgets(body, "metric")):
        for namespace, name, *rest in widget["metrics"]:
            yield Watched(
                by=f"widget {widget['title']!r}",
                namespace=namespace,
                name=name,
                dimensions=dict(zip(rest[::2], rest[1::2], strict=True)),
                statistic=widget["stat"],
                period=float(widget["period"]),
            )


def dashboard_problems(body: str, facts: Facts) -> Iterator[str]:
    """What is wrong with a dashboard beside the alarms that it shows, but for its metrics."""
    cells: set[tuple[int, int]] = set()
    for widget in json.loads(body)["widgets"]:
        x, y, width, height = (widget[name] for name in ("x", "y", "width", "height"))
        covered = {(x + right, y + down) for right in range(width) for down in range(height)}
        if cells & covered or x + width > 24:
            yield f"{widget['properties']['title']}: overlaps another widget or the edge"
        cells |= covered
    shown = {
        arn.rpartition(":")[2]
        for widget in _widgets(body, "alarm")
        for arn in widget["properties"]["alarms"]
    }
    there = set(_of_kind(facts, "alarm")) | set(_of_kind(facts, "composite alarm"))
    yield from (f"no alarm is called {name}" for name in sorted(shown - there))
    yield from (f"the alarm {name} is not shown" for name in sorted(there - shown))
    limits = _limits(facts)
    for widget in (it["properties"] for it in _widgets(body, "metric")):
        for line in widget.get("annotations", {}).get("horizontal", []):
            [watched] = widget["metrics"]
            if line["value"] not in limits.get(tuple(sorted(watched)), set()):
                yield f"{widget['title']}: no alarm has the limit {line['value']}"


def names_of(facts: Facts) -> Names:
    """The names of what is deployed."""
    mappings = _of_kind(facts, "mapping")
    environments = _of_kind(facts, "environment").values()
    parameters = _of_kind(facts, "parameter")
    kinds = ("queue", "table", "topic", "bus", "rule", "pipe", "function", "bucket")
    read = {it["accounts_table"] for it in parameters.values() if "accounts_table" in it}
    return {kind: set(_of_kind(facts, kind)) for kind in kinds} | {
        "table": set(_of_kind(facts, "table")) | read,
        "stream function": {name for name, it in mappings.items() if ":dynamodb:" in it["source"]},
        "counting mapping": {
            "PublisherMapping" if ":dynamodb:" in it["source"] else "ConsumerMapping"
            for it in mappings.values()
            if it["counts"]
        },
        "deployment": {it["DEPLOYMENT"] for it in environments},
        "service": {it["POWERTOOLS_SERVICE_NAME"] for it in environments},
        "subscriber": {
            name.rpartition("/")[2] for name in parameters if name.split("/")[2] == "subscribers"
        },
    }


def _widgets(body: str, kind: str) -> list[dict[str, Any]]:
    return [widget for widget in json.loads(body)["widgets"] if widget["type"] == kind]


def _limits(facts: Facts) -> dict[tuple[str, ...], set[float]]:
    """What alarms take for too much of a metric: a threshold, or the end of a share (`PR`)."""
    limits: dict[tuple[str, ...], set[float]] = {}
    for one in by_alarms(facts):
        named = (text for dimension in one.dimensions.items() for text in dimension)
        share = re.fullmatch(r"PR\(0:(\d+)\)", one.statistic)
        limit = float(share[1]) if share else facts[f"alarm {one.by}: condition"][1]
        limits.setdefault(tuple(sorted((one.namespace, one.name, *named))), set()).add(limit)
    return limits


def _of_kind(facts: Facts, kind: str) -> dict[str, dict[str, Any]]:
    """The properties of each resource of a kind, by its name."""
    resources: dict[str, dict[str, Any]] = {}
    for fact, value in facts.items():
        resource, _, about = fact.partition(": ")
        if resource.startswith(f"{kind} "):
            resources.setdefault(resource.removeprefix(f"{kind} "), {})[about] = value
    return resources


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
    counted = one.statistic == "SampleCount"
    if not counted and one.statistic not in statistics and not _is_share(one.statistic, statistics):
        yield f"{one.statistic} of it means nothing; expected one of {sorted(statistics)}"
    if one.period < 60 or one.period % 60:
        yield f"is stored once a minute, and read every {one.period} seconds"
    for dimension, value in one.dimensions.items():
        if names is not None and value not in names.get(dimensions[dimension], set()):
            yield f"no {dimensions[dimension]} is called {value!r}"


def _is_share(statistic: str, meant: AbstractSet[str]) -> bool:
    """The share of durations up to one of them."""
    return "p99" in meant and bool(re.fullmatch(r"PR\(0:\d+\)", statistic))


def _statistics(ours: Metric) -> set[str]:
    """A count adds up over batches; a duration, and a number of rows, does not."""
    if ours.unit == "Milliseconds":
        return {"Maximum", "p99"}
    return {"Maximum"} if "subscriber" in ours.dimensions else {"Sum"}
