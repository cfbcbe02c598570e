"""What a deployment said of itself lately: its metrics minute by minute, and its log lines.

On AWS the metrics come from CloudWatch. The embedded AWS keeps none, so there they are read from
the embedded metric format (EMF) in the functions' logs, and AWS's own metrics are not known.
"""

from collections.abc import Collection, Iterable, Iterator, Mapping, Sequence
from dataclasses import dataclass
from datetime import UTC, datetime, timedelta
from itertools import islice
from typing import Any, Protocol

from customer_events.metrics import NAMESPACE, Metric
from fanout.aws import AwsTarget
from fanout.runs.function import log_lines
from fanout.sqs.queue import batches

WINDOW_MINUTES = 15
_WINDOW = timedelta(minutes=WINDOW_MINUTES)
_QUERIES_MAX = 500
"""In one GetMetricData."""
_LINES_MAX = 1_000
Series = tuple[float | None, ...]
"""A value for each minute of the window, the oldest first; None where none was written."""
NOTHING: Series = (None,) * WINDOW_MINUTES


@dataclass(frozen=True, slots=True, kw_only=True)
class Wanted:
    """A metric to ask for; `statistic` is `Sum` or `Maximum`."""

    name: str
    dimensions: tuple[tuple[str, str], ...]
    statistic: str = "Sum"
    namespace: str = NAMESPACE


def ours(metric: Metric, deployment: str, service: str) -> Wanted:
    """One of our own metrics, of the publisher or of a consumer."""
    return Wanted(
        name=metric.name,
        dimensions=(("deployment", deployment), ("service", service)),
        statistic="Sum" if metric.unit == "Count" else "Maximum",
    )


class Telemetry(Protocol):
    """Reads what was written in the `WINDOW_MINUTES` up to an instant."""

    source: str
    """Where the numbers come from, for a person."""

    def series(self, wanted: Collection[Wanted]) -> dict[Wanted, Series]:
        """Each metric's values."""

    def lines(self, function_name: str, term: str) -> list[Mapping[str, Any]]:
        """The log lines of a function that hold a word, oldest first; not all of very many."""


class CloudWatch:
    """CloudWatch's metrics and logs, as AWS keeps them."""

    source = "CloudWatch"

    def __init__(self, target: AwsTarget, now: datetime) -> None:
        self._target = target
        self._start = now.replace(second=0, microsecond=0) - _WINDOW + timedelta(minutes=1)

    def series(self, wanted: Collection[Wanted]) -> dict[Wanted, Series]:
        """See `Telemetry`."""
        found: dict[Wanted, Series] = {}
        for batch in batches(wanted, count_max=_QUERIES_MAX):
            pages = self._target.client("cloudwatch").get_paginator("get_metric_data")
            answers = pages.paginate(
                MetricDataQueries=[_query(index, one) for index, one in enumerate(batch)],
                StartTime=self._start,
                EndTime=self._start + _WINDOW,
            )
            values: dict[str, list[tuple[datetime, float]]] = {}
            for result in (result for page in answers for result in page["MetricDataResults"]):
                points = zip(result["Timestamps"], result["Values"], strict=True)
                values.setdefault(result["Id"], []).extend(points)
            for index, one in enumerate(batch):
                found[one] = _series(values.get(f"m{index}", []), one, self._start)
        return found

    def lines(self, function_name: str, term: str) -> list[Mapping[str, Any]]:
        """See `Telemetry`."""
        lines = log_lines(self._target, function_name, since=self._start, pattern=f'"{term}"')
        return list(islice(lines, _LINES_MAX))


class Logs:
    """The functions' logs alone, as the embedded AWS keeps them."""

    source = "the functions' logs"

    def __init__(self, target: AwsTarget, now: datetime, functions: Iterable[str]) -> None:
        self._start = now.replace(second=0, microsecond=0) - _WINDOW + timedelta(minutes=1)
        self._lines = {name: list(log_lines(target, name, since=self._start)) for name in functions}

    def series(self, wanted: Collection[Wanted]) -> dict[Wanted, Series]:
        """See `Telemetry`."""
        points: dict[tuple[str, str, tuple[tuple[str, str], ...]], list[tuple[datetime, float]]]
        points = {}
        for line in (line for lines in self._lines.values() for line in lines if "_aws" in line):
            for namespace, name, dimensions, value in _embedded(line):
                at = datetime.fromtimestamp(line["_aws"]["Timestamp"] / 1000, UTC)
                points.setdefault((namespace, name, dimensions), []).append((at, value))
        return {
            one: _series(
                points.get((one.namespace, one.name, tuple(sorted(one.dimensions))), []),
                one,
                self._start,
            )
            for one in wanted
        }

    def lines(self, function_name: str, term: str) -> list[Mapping[str, Any]]:
        """See `Telemetry`."""
        return [line for line in self._lines.get(function_name, []) if term in str(line)]


def total(series: Series) -> int | None:
    """The sum; None where nothing was written."""
    values = [value for value in series if value is not None]
    return int(sum(values)) if values else None


def latest(series: Series) -> float | None:
    """The newest value; None where nothing was written."""
    return next((value for value in reversed(series) if value is not None), None)


def added(many: Sequence[Series]) -> Series:
    """The sum of several, minute by minute."""
    minutes = (
        [value for value in minute if value is not None] for minute in zip(*many, strict=True)
    )
    return tuple(sum(known) if known else None for known in minutes)


_BARS = "▁▂▃▄▅▆▇█"


def sparkline(series: Series) -> str:
    """A bar for each minute, a blank where nothing was written."""
    top = max((value for value in series if value), default=1)
    return "".join(
        " " if value is None else _BARS[min(int(value / top * 7.999), 7)] for value in series
    )


# Private functions


def _query(index: int, wanted: Wanted) -> dict[str, Any]:
    dimensions = [{"Name": name, "Value": value} for name, value in wanted.dimensions]
    metric = {"Namespace": wanted.namespace, "MetricName": wanted.name, "Dimensions": dimensions}
    stat = {"Metric": metric, "Period": 60, "Stat": wanted.statistic}
    return {"Id": f"m{index}", "MetricStat": stat}


def _series(points: Sequence[tuple[datetime, float]], wanted: Wanted, start: datetime) -> Series:
    """The points by their minute, those of one minute as the statistic says."""
    minutes: list[float | None] = [None] * WINDOW_MINUTES
    for at, value in points:
        index = int((at - start) / timedelta(minutes=1))
        if 0 <= index < WINDOW_MINUTES:
            known = minutes[index] or 0
            minutes[index] = max(known, value) if wanted.statistic == "Maximum" else known + value
    return tuple(minutes)


def _embedded(
    line: Mapping[str, Any],
) -> Iterator[tuple[str, str, tuple[tuple[str, str], ...], float]]:
    """Namespace, name, sorted dimensions and value of each metric that a line of EMF holds."""
    for group in line["_aws"].get("CloudWatchMetrics", []):
        for names in group["Dimensions"]:
            dimensions = tuple(sorted((name, str(line.get(name))) for name in names))
            for metric in group["Metrics"]:
                value = line.get(metric["Name"], 0)
                for each in value if isinstance(value, list) else [value]:
                    yield group["Namespace"], metric["Name"], dimensions, float(each)
