"""The alarms as they are deployed, read from the SAM template; Terraform's are held equal to them
(`tests/infra/test_parity_of_sam_and_terraform.py`), or read from what it deploys with another bus.
"""

from collections.abc import Iterable, Mapping
from functools import cache
from typing import Any

from infra.sam_template import EXISTING_TABLE, NOTIFYING, deployed, of_type
from simulation.cloudwatch import Alarm, Composite, Identity, Query

PARAMETERS = EXISTING_TABLE | NOTIFYING


@cache
def alarms(**parameters: str) -> tuple[Alarm, ...]:
    found = of_type(_template(parameters), "AWS::CloudWatch::Alarm")
    return tuple(map(_alarm, found.values()))


@cache
def composites(**parameters: str) -> tuple[Composite, ...]:
    found = of_type(_template(parameters), "AWS::CloudWatch::CompositeAlarm").values()
    return tuple(
        Composite(
            name=it["AlarmName"],
            description=it["AlarmDescription"],
            rule=it["AlarmRule"],
            actions=tuple(it.get("AlarmActions", [])),
        )
        for it in found
    )


def of_terraform(
    resources: Iterable[tuple[str, Mapping[str, Any]]],
) -> tuple[tuple[Alarm, ...], tuple[Composite, ...]]:
    """The alarms and the composite ones among resources, by type and values."""
    found = [(kind, values) for kind, values in resources if "alarm_name" in values]
    single = [it for kind, it in found if kind == "aws_cloudwatch_metric_alarm"]
    return tuple(_alarm(_as_in_a_template(it)) for it in single), tuple(
        Composite(
            name=it["alarm_name"],
            description=it["alarm_description"],
            rule=it["alarm_rule"],
            actions=tuple(it["alarm_actions"] or ()),
        )
        for kind, it in found
        if kind == "aws_cloudwatch_composite_alarm"
    )


# Private functions


def _as_in_a_template(it: Mapping[str, Any]) -> dict[str, Any]:
    """Terraform's names of properties in CloudFormation's."""
    plain = {
        "".join(part.title() for part in name.split("_")): value
        for name, value in it.items()
        if value is not None and name not in {"dimensions", "metric_query"}
    }
    queries = [
        {"Id": query["id"], "ReturnData": bool(query["return_data"])}
        | ({"Expression": query["expression"]} if query["expression"] else {})
        | ({"MetricStat": _metric_stat(query["metric"][0])} if query["metric"] else {})
        for query in it["metric_query"]
    ]
    own = {"Dimensions": _dimensions(it)} if not queries else {"Metrics": queries}
    return plain | own


def _metric_stat(metric: Mapping[str, Any]) -> dict[str, Any]:
    names = {"Namespace": metric["namespace"], "MetricName": metric["metric_name"]}
    return {
        "Period": metric["period"],
        "Stat": metric["stat"],
        "Metric": names | {"Dimensions": _dimensions(metric)},
    }


def _dimensions(it: Mapping[str, Any]) -> list[dict[str, str]]:
    return [{"Name": name, "Value": value} for name, value in (it["dimensions"] or {}).items()]


def _template(parameters: Mapping[str, str]) -> dict[str, Any]:
    return deployed(**PARAMETERS | dict(parameters))


def _alarm(it: Mapping[str, Any]) -> Alarm:
    if "Metrics" in it:
        queries = {one["Id"]: _query(one) for one in it["Metrics"]}
        [returned] = [one["Id"] for one in it["Metrics"] if one.get("ReturnData", True)]
        periods = {one["MetricStat"]["Period"] for one in it["Metrics"] if "MetricStat" in one}
    else:
        statistic = it.get("Statistic") or it["ExtendedStatistic"]
        queries = {"metric": Query(metric=_identity(it), statistic=statistic)}
        returned, periods = "metric", {it["Period"]}
    [period] = periods  # CloudWatch takes one period for all metrics of an alarm
    return Alarm(
        name=it["AlarmName"],
        description=it["AlarmDescription"],
        queries=queries,
        returned=returned,
        period_minutes=int(period) // 60,
        periods=it["EvaluationPeriods"],
        datapoints=it.get("DatapointsToAlarm", it["EvaluationPeriods"]),
        comparison=it["ComparisonOperator"],
        threshold=float(it["Threshold"]),
        missing=it.get("TreatMissingData", "missing"),
        actions=tuple(it.get("AlarmActions", [])),
    )


def _query(it: Mapping[str, Any]) -> Query:
    if "Expression" in it:
        return Query(expression=it["Expression"])
    stat = it["MetricStat"]
    return Query(metric=_identity(stat["Metric"]), statistic=stat["Stat"])


def _identity(it: Mapping[str, Any]) -> Identity:
    dimensions = frozenset((one["Name"], str(one["Value"])) for one in it.get("Dimensions", []))
    return it["Namespace"], it["MetricName"], dimensions
