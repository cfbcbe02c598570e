"""CloudWatch: what alarms make of metrics that are late, sparse or missing.

Amazon CloudWatch User Guide, read in November 2026: "Alarm evaluation" (once a minute, over periods
that end now, however long they are; none of ours spans more than a day, from where on it is once an
hour), "Configuring how CloudWatch alarms treat missing data" (the evaluation range, "Avoiding
premature transitions to alarm state", and two tables, which `test_cloudwatch.py` repeats), "Using
math expressions with CloudWatch metrics" (a missing value counts as 0 beside one that is there;
`FILL` takes a value that is still on its way for missing), "Combining alarms". Time is counted in
minutes, since no metric here is finer.
"""

import ast
import re
from collections.abc import Callable, Mapping, Sequence
from collections.abc import Set as AbstractSet
from dataclasses import dataclass, field
from enum import Enum
from functools import cache
from math import ceil
from typing import Any

LATE_MINUTES_MAX = 15
"""What came later than this is not looked at again; AWS/SQS may be as late."""
_HOUR_MINUTES = 60
SPARE_PERIODS = 2
"""How many periods the evaluation range holds beyond those evaluated. AWS documents the number only
by examples; `Alarms` takes it, so that histories can vary it."""
Identity = tuple[str, str, frozenset[tuple[str, str]]]
"""Of a metric: namespace, name, and dimensions."""


class State(Enum):
    OK = "OK"
    ALARM = "ALARM"
    INSUFFICIENT_DATA = "INSUFFICIENT_DATA"


class Metrics:
    """What has been written: for each metric and minute, values and when they came."""

    def __init__(self) -> None:
        self.written: dict[Identity, dict[int, list[tuple[int, float]]]] = {}
        self.last_above_zero: dict[Identity, int] = {}
        """The minute in which anything but a zero last came."""
        self.awaits = False
        """Whether something that was asked for has not come yet; reset by who wants to know."""
        self._hours: dict[tuple[Identity, int], list[float]] = {}
        """What is in an hour, by its first minute, to which nothing is added any more."""

    def put(
        self,
        namespace: str,
        name: str,
        dimensions: Mapping[str, str],
        minute: int,
        value: float,
        *,
        late: int = 0,
    ) -> None:
        """Write one value; it can be read `late` minutes after its minute ended."""
        identity = (namespace, name, frozenset(dimensions.items()))
        minutes = self.written.setdefault(identity, {})
        minutes.setdefault(minute, []).append((minute + late, value))
        if value:
            self.last_above_zero[identity] = minute + late

    def values(self, identity: Identity, last: int, minutes: int, now: int) -> list[float]:
        """The values of the minutes that end with `last`, as far as they have come by `now`."""
        found = self.written.get(identity)
        if not found:
            return []
        values: list[float] = []
        minute = last - minutes + 1
        while minute <= last:
            ends = minute + _HOUR_MINUTES - 1
            if minute % _HOUR_MINUTES == 0 and ends <= min(last, now - LATE_MINUTES_MAX - 1):
                if (identity, minute) not in self._hours:
                    hour = (found.get(one, ()) for one in range(minute, ends + 1))
                    self._hours[identity, minute] = [value for part in hour for _, value in part]
                values += self._hours[identity, minute]
                minute = ends
            elif minute in found:
                for came, value in found[minute]:
                    if came <= now:
                        values.append(value)
                    else:
                        self.awaits = True
            minute += 1
        return values


@dataclass(frozen=True, slots=True, kw_only=True)
class Query:
    """One line of an alarm: a metric with its statistic, or an expression on other lines."""

    metric: Identity | None = None
    statistic: str = ""
    expression: str = ""


@dataclass(frozen=True, slots=True, kw_only=True)
class Alarm:
    """A metric alarm as it is deployed. `returned` is the query whose value is compared."""

    name: str
    description: str
    queries: Mapping[str, Query]
    returned: str
    period_minutes: int
    periods: int
    datapoints: int
    comparison: str
    threshold: float
    missing: str = "missing"
    actions: tuple[str, ...] = ()

    def breaches(self, value: float) -> bool:
        return _COMPARISONS[self.comparison](value, self.threshold)


@dataclass(frozen=True, slots=True, kw_only=True)
class Composite:
    """An alarm on alarms; `rule` is CloudWatch's, of ALARM("name"), AND, OR and NOT."""

    name: str
    description: str
    rule: str
    actions: tuple[str, ...] = ()

    def is_on(self, on: AbstractSet[str]) -> bool:
        return _holds(_parsed(self.rule), on)


class Watch:
    """One alarm, from minute to minute; it remembers what no later value can change."""

    def __init__(self, alarm: Alarm, metrics: Metrics, spare: int = SPARE_PERIODS) -> None:
        self.alarm = alarm
        self.state = State.INSUFFICIENT_DATA
        self._metrics = metrics
        self._range = alarm.periods + spare
        self._final: dict[int, bool | None] = {}
        self._value = _compiled(alarm)
        self._inputs = [one.metric for one in alarm.queries.values() if one.metric]
        self._is_off_at_rest = self._judge_rest()

    def look(self, now: int) -> State:
        """Evaluate the periods that end with this minute."""
        period = self.alarm.period_minutes
        if self._is_off_at_rest and self._is_at_rest(now):
            self.state = State.OK
            return self.state
        points = [self.point(now - period * back, now) for back in range(self._range)]
        self.state = judge(self.alarm, points, self.state)
        return self.state

    def point(self, end: int, now: int) -> bool | None:
        """Whether the period that ends with a minute breaches, as far as is known now."""
        if end in self._final:
            return self._final[end]
        self._metrics.awaits = False
        value = self._value(self._metrics, end, now)
        breaches = None if value is None else self.alarm.breaches(value)
        if end < now and not self._metrics.awaits:  # what is late has been written in its minute
            self._final[end] = breaches
        return breaches

    # Private functions

    def _is_at_rest(self, now: int) -> bool:
        """Only zeros, or nothing, came within the range: then most alarms need no closer look."""
        since = now - (self._range + 1) * self.alarm.period_minutes
        latest = self._metrics.last_above_zero
        return all(latest.get(one, since) <= since for one in self._inputs)

    def _judge_rest(self) -> bool:
        """Whether it is off wherever its metrics are zero or missing."""
        if self.alarm.missing != "notBreaching":
            return False
        zeros = Metrics()
        for namespace, name, dimensions in self._inputs:
            for minute in range(2 * self.alarm.period_minutes):
                zeros.put(namespace, name, dict(dimensions), minute, 0.0)
        ends = 2 * self.alarm.period_minutes - 1
        values = (self._value(metrics, ends, ends) for metrics in (zeros, Metrics()))
        return not any(one is not None and self.alarm.breaches(one) for one in values)


def judge(alarm: Alarm, points: Sequence[bool | None], before: State) -> State:
    """What a range of data points means: newest first, whether each breaches, None where missing.

    Real points come first, from as far back as the range goes; missing ones are filled in only
    where there are fewer real ones than the alarm has periods.
    """
    real = [one for one in points if one is not None]
    if not real and alarm.missing in {"missing", "ignore"}:
        return State.INSUFFICIENT_DATA if alarm.missing == "missing" else before
    filled = max(0, alarm.periods - len(real))
    count = sum(real[: alarm.periods]) + (filled if alarm.missing == "breaching" else 0)
    if count >= alarm.datapoints:
        return State.ALARM
    if len(real) < alarm.datapoints and _is_premature(alarm, points):
        return {"missing": State.ALARM, "ignore": before}.get(alarm.missing, State.OK)
    return State.OK


# Private functions


def _is_premature(alarm: Alarm, points: Sequence[bool | None]) -> bool:
    """The oldest breaching point is as old as the alarm needs, and nothing since was well."""
    oldest = max((age for age, breaches in enumerate(points, 1) if breaches), default=0)
    return oldest >= alarm.datapoints and False not in points[:oldest]


_COMPARISONS: Mapping[str, Callable[[float, float], bool]] = {
    "GreaterThanThreshold": lambda value, threshold: value > threshold,
    "GreaterThanOrEqualToThreshold": lambda value, threshold: value >= threshold,
    "LessThanThreshold": lambda value, threshold: value < threshold,
    "LessThanOrEqualToThreshold": lambda value, threshold: value <= threshold,
}
_STATISTICS: Mapping[str, Callable[[list[float]], float]] = {
    "Sum": sum,
    "SampleCount": len,
    "Maximum": max,
    "Minimum": min,
    "Average": lambda values: sum(values) / len(values),
}
Value = Callable[[Metrics, int, int], float | None]
"""Of a query: what it is in the period that ends with a minute, as far as is known by another."""


def statistic(name: str, values: list[float]) -> float | None:
    """A statistic of the values of one period; None of none."""
    if not values:
        return None
    if name in _STATISTICS:
        return float(_STATISTICS[name](values))
    if found := re.fullmatch(r"PR\(0:([0-9.]+)\)", name):
        return 100.0 * sum(one <= float(found[1]) for one in values) / len(values)
    if found := re.fullmatch(r"p([0-9.]+)", name):
        return sorted(values)[max(0, ceil(float(found[1]) / 100 * len(values)) - 1)]
    raise ValueError(f"no statistic is called {name!r}")


def _compiled(alarm: Alarm) -> Value:
    values: dict[str, Value] = {}

    def of(name: str) -> Value:
        if name not in values:
            query = alarm.queries[name]
            values[name] = (
                _expression(_parsed(query.expression), of, alarm.period_minutes)
                if query.expression
                else _metric(query, alarm.period_minutes)
            )
        return values[name]

    return of(alarm.returned)


def _metric(query: Query, minutes: int) -> Value:
    identity = query.metric
    assert identity is not None
    return lambda metrics, end, now: statistic(
        query.statistic, metrics.values(identity, end, minutes, now)
    )


@cache
def _parsed(text: str) -> ast.expr:
    """CloudWatch's words in Python's; both bind NOT before AND before OR."""
    source = re.sub(r"\b(AND|OR|NOT)\b", lambda found: found[0].lower(), " ".join(text.split()))
    return ast.parse(source, mode="eval").body


_OPERATORS: Mapping[type[ast.AST], Callable[[float, float], float | None]] = {
    ast.Add: lambda one, other: one + other,
    ast.Sub: lambda one, other: one - other,
    ast.Mult: lambda one, other: one * other,
    ast.Div: lambda one, other: one / other if other else None,
    ast.Gt: lambda one, other: float(one > other),
    ast.GtE: lambda one, other: float(one >= other),
    ast.Lt: lambda one, other: float(one < other),
    ast.LtE: lambda one, other: float(one <= other),
    ast.Eq: lambda one, other: float(one == other),
    ast.NotEq: lambda one, other: float(one != other),
    ast.And: lambda one, other: float(bool(one and other)),
    ast.Or: lambda one, other: float(bool(one or other)),
}


def _expression(node: ast.expr, of: Callable[[str], Value], period: int) -> Value:
    """A math expression, point by point; beside a number, a point that is missing stays missing."""

    def inner(part: ast.expr) -> Value:
        return _expression(part, of, period)

    match node:
        case ast.Constant(value=number):
            return lambda *_: float(number)
        case ast.Name(id=name):
            return of(name)
        case (
            ast.BinOp(left=left, op=sign, right=right)
            | ast.Compare(left=left, ops=[sign], comparators=[right])
        ):
            series = not any(isinstance(part, ast.Constant) for part in (left, right))
            return _pointwise(_OPERATORS[type(sign)], inner(left), inner(right), series=series)
        case ast.BoolOp(op=sign, values=[first, *rest]):
            value = inner(first)
            for part in rest:
                value = _pointwise(_OPERATORS[type(sign)], value, inner(part), series=True)
            return value
        case ast.Call(func=ast.Name(id=name), args=arguments):
            return _FUNCTIONS[name](period, *map(inner, arguments))
    raise ValueError(f"unexpected {ast.unparse(node)}")


def _pointwise(
    apply: Callable[[float, float], float | None], left: Value, right: Value, *, series: bool
) -> Value:
    """Of two `series`, the value that one lacks and the other has counts as 0."""

    def value(*at: Any) -> float | None:
        one, other = left(*at), right(*at)
        lacks = one is None and other is None if series else one is None or other is None
        return None if lacks else apply(one or 0.0, other or 0.0)

    return value


def _if(_: int, condition: Value, yes: Value, no: Value) -> Value:
    def value(*at: Any) -> float | None:
        holds = condition(*at)
        if holds is None:
            return None
        return (yes(*at) or 0.0) if holds else no(*at)

    return value


def _fill(_: int, series: Value, filling: Value) -> Value:
    def value(*at: Any) -> float | None:
        found = series(*at)
        return filling(*at) if found is None else found

    return value


def _difference(period: int, series: Value) -> Value:
    def value(metrics: Metrics, end: int, now: int) -> float | None:
        one, before = series(metrics, end, now), series(metrics, end - period, now)
        return None if one is None or before is None else one - before

    return value


_FUNCTIONS: Mapping[str, Callable[..., Value]] = {"IF": _if, "FILL": _fill, "DIFF": _difference}


def _holds(node: ast.expr, on: AbstractSet[str]) -> bool:
    match node:
        case ast.Call(func=ast.Name(id="ALARM"), args=[ast.Constant(value=name)]):
            return name in on
        case ast.UnaryOp(op=ast.Not(), operand=part):
            return not _holds(part, on)
        case ast.BoolOp(op=sign, values=parts):
            combined = all if isinstance(sign, ast.And) else any
            return combined(_holds(part, on) for part in parts)
    raise ValueError(f"unexpected {ast.unparse(node)}")


@dataclass(slots=True, kw_only=True)
class Alarms:
    """Everything that watches, and since which minute each of them has been on."""

    alarms: Sequence[Alarm]
    composites: Sequence[Composite] = ()
    metrics: Metrics = field(default_factory=Metrics)
    spare: int = SPARE_PERIODS
    history: list[tuple[int, str, bool]] = field(default_factory=list)
    """When which alarm went on or off."""
    on: frozenset[str] = frozenset()
    _watches: list[Watch] = field(default_factory=list)

    def __post_init__(self) -> None:
        self._watches = [Watch(one, self.metrics, self.spare) for one in self.alarms]

    @property
    def notifying(self) -> frozenset[str]:
        """The alarms that tell somebody when they go on; the others show in composites alone."""
        return frozenset(one.name for one in (*self.alarms, *self.composites) if one.actions)

    def look(self, now: int) -> frozenset[str]:
        """The names of what is on after this minute."""
        on = {one.alarm.name for one in self._watches if one.look(now) is State.ALARM}
        for composite in self.composites:
            if composite.is_on(on):
                on.add(composite.name)
        for name in sorted(on ^ self.on):
            self.history.append((now, name, name in on))
        self.on = frozenset(on)
        return self.on
