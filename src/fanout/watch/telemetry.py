"""What a deployment said of itself lately: its metrics minute by minute, and its log lines.

On AWS the metrics come from CloudWatch. The embedded AWS keeps none, so there they are read from
the embedded metric format (EMF) in the functions' logs, and AWS's own metrics are not known.
"""

from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass, field
from datetime import UTC, datetime, timedelta
from itertools import islice
from typing import Any

from customer_events.metrics import NAMESPACE
from fanout.aws import AwsTarget
from fanout.runs.function import log_lines
from sentinel.discovery import is_embedded

WINDOW_MINUTES = 15
_LINES_MAX = 10_000
Series = Sequence[float | None]
"""A value for each minute of the window, the oldest first; None where none was written."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Wanted:
    """A metric to ask for; values of a minute are added up, or else their maximum is taken."""

    name: str
    dimensions: Mapping[str, str]
    is_sum: bool = True
    namespace: str = NAMESPACE


@dataclass(slots=True)
class Telemetry:
    """Reads what was written in the `WINDOW_MINUTES` up to an instant."""

    target: AwsTarget
    now: datetime
    _logs: dict[str, list[dict[str, Any]]] = field(default_factory=dict)

    @property
    def source(self) -> str:
        """Where the numbers come from, for a person."""
        return "the functions' logs" if is_embedded(self.target) else "CloudWatch"

    def series(self, function: str | None, wanted: Sequence[Wanted]) -> dict[str, Series]:
        """The values of a function's metrics, by their names."""
        read = self._embedded(function, wanted) if is_embedded(self.target) else self._kept(wanted)
        minutes: dict[str, list[float | None]] = {
            one.name: [None] * WINDOW_MINUTES for one in wanted
        }
        for one, at, value in read:
            index = int((at - self._start) / timedelta(minutes=1))
            if 0 <= index < WINDOW_MINUTES:
                known = minutes[one.name][index] or 0
                minutes[one.name][index] = known + value if one.is_sum else max(known, value)
        return dict(minutes)

    def lines(self, function: str, term: str) -> list[Mapping[str, Any]]:
        """The lines of a function's log that hold a word, oldest first; not all of very many."""
        if is_embedded(self.target):
            return [line for line in self._log(function) if term in str(line)]
        lines = log_lines(self.target, function, since=self._start, pattern=f'"{term}"')
        return list(islice(lines, _LINES_MAX))

    # Private functions

    @property
    def _start(self) -> datetime:
        return self.now.replace(second=0, microsecond=0) - timedelta(minutes=WINDOW_MINUTES - 1)

    def _log(self, function: str) -> list[dict[str, Any]]:
        if function and function not in self._logs:
            self._logs[function] = list(log_lines(self.target, function, since=self._start))
        return self._logs.get(function, [])

    def _kept(self, wanted: Sequence[Wanted]) -> Iterator[tuple[Wanted, datetime, float]]:
        """What CloudWatch has; a call takes 500 metrics."""
        pages = self.target.client("cloudwatch").get_paginator("get_metric_data").paginate(
            MetricDataQueries=[_query(index, one) for index, one in enumerate(wanted)],
            StartTime=self._start,
            EndTime=self._start + timedelta(minutes=WINDOW_MINUTES),
        )  # fmt: skip
        for result in (result for page in pages for result in page["MetricDataResults"]):
            for at, value in zip(result["Timestamps"], result["Values"], strict=True):
                yield wanted[int(result["Id"][1:])], at, value

    def _embedded(
        self, function: str | None, wanted: Sequence[Wanted]
    ) -> Iterator[tuple[Wanted, datetime, float]]:
        for line in (line for line in self._log(function or "") if "_aws" in line):
            at = datetime.fromtimestamp(line["_aws"]["Timestamp"] / 1000, UTC)
            for group in line["_aws"]["CloudWatchMetrics"]:
                given = {name: line.get(name) for name in group["Dimensions"][0]}
                names = {metric["Name"] for metric in group["Metrics"]}
                for one in wanted:
                    if one.name in names and one.dimensions == given:
                        value = line[one.name]
                        for each in value if isinstance(value, list) else [value]:
                            yield one, at, each


def total(series: Series) -> int | None:
    """The sum; None where nothing was written."""
    values = [value for value in series if value is not None]
    return int(sum(values)) if values else None


def latest(series: Series) -> float | None:
    """The newest value; None where nothing was written."""
    return next((value for value in reversed(series) if value is not None), None)


def added(many: Sequence[Series]) -> Series:
    """The sum of several, minute by minute."""
    return [total(minute) for minute in zip(*many, strict=True)]


_BARS = "▁▂▃▄▅▆▇█"


def sparkline(series: Series) -> str:
    """A bar for each minute, a blank where nothing was written."""
    top = max((value for value in series if value), default=1)
    return "".join(" " if value is None else _BARS[int(value / top * 7)] for value in series)


# Private functions


def _query(index: int, wanted: Wanted) -> dict[str, Any]:
    dimensions = [{"Name": name, "Value": value} for name, value in wanted.dimensions.items()]
    metric = {"Namespace": wanted.namespace, "MetricName": wanted.name, "Dimensions": dimensions}
    statistic = "Sum" if wanted.is_sum else "Maximum"
    return {"Id": f"m{index}", "MetricStat": {"Metric": metric, "Period": 60, "Stat": statistic}}
