"""The simulated CloudWatch against the examples of Amazon CloudWatch's user guide."""

from dataclasses import replace

import pytest

from simulation.cloudwatch import (
    Alarm,
    Alarms,
    Composite,
    Metrics,
    Query,
    State,
    Watch,
    judge,
    statistic,
)

METRIC = ("AWS/X", "Failures", frozenset({("Name", "a")}))
ON, OFF, NO_DATA = State.ALARM, State.OK, State.INSUFFICIENT_DATA
KEPT = None
"""Retain current state."""


def alarm(**given):
    settings = {
        "name": "a",
        "description": "",
        "queries": {"m": Query(metric=METRIC, statistic="Sum")},
        "returned": "m",
        "period_minutes": 1,
        "periods": 3,
        "datapoints": 3,
        "comparison": "GreaterThanThreshold",
        "threshold": 0.0,
    }
    return Alarm(**{**settings, **given})


def expression(text, *names, **given):
    queries = {one: Query(metric=("N", one, frozenset()), statistic="Sum") for one in names}
    return alarm(queries={"e": Query(expression=text), **queries}, returned="e", **given)


# "How alarm state is evaluated when data is missing": both tables, oldest point first.
# Columns: missing, ignore, breaching, notBreaching.
ALL_OF_THREE = [
    ("0 - X - X", OFF, OFF, OFF, OFF),
    ("0 - - - -", OFF, OFF, OFF, OFF),
    ("- - - - -", NO_DATA, KEPT, ON, OFF),
    ("0 X X - X", ON, ON, ON, ON),
    ("- - X - -", ON, KEPT, ON, OFF),
]
TWO_OF_THREE = [
    ("0 - X - X", ON, ON, ON, ON),
    ("0 0 X 0 X", ON, ON, ON, ON),
    ("0 - X - -", OFF, OFF, ON, OFF),
    ("- - - - 0", OFF, OFF, ON, OFF),
    ("- - - X -", ON, KEPT, ON, OFF),
]
TREATMENTS = ("missing", "ignore", "breaching", "notBreaching")
CASES = [
    (datapoints, row, treatment, expected)
    for datapoints, table in ((3, ALL_OF_THREE), (2, TWO_OF_THREE))
    for row, *columns in table
    for treatment, expected in zip(TREATMENTS, columns, strict=True)
]


@pytest.mark.parametrize(("datapoints", "row", "treatment", "expected"), CASES)
def test_missing_data_is_treated_as_in_the_tables_of_the_guide(
    datapoints, row, treatment, expected
):
    points = [{"0": False, "X": True, "-": None}[one] for one in reversed(row.split())]
    one = alarm(datapoints=datapoints, missing=treatment)
    for before in State:
        assert judge(one, points, before) is (before if expected is KEPT else expected)


@pytest.mark.parametrize("row", ["- - - - X", "- - - X -"])
def test_one_breaching_point_that_is_too_young_is_no_alarm_yet(row):
    points = [{"X": True, "-": None}[one] for one in reversed(row.split())]
    assert judge(alarm(missing="missing"), points, OFF) is not ON


@pytest.mark.parametrize("minutes", [5, 60])
def test_a_period_ends_with_each_minute(minutes):
    """ "At the end of minute 6, the alarm is evaluated based on the data from minutes 2 to 6." """
    metrics = Metrics()
    metrics.put(*named(), 1, 1.0)
    once = alarm(period_minutes=minutes, periods=1, datapoints=1, missing="notBreaching")
    watch = Watch(once, metrics)
    assert watch.look(minutes) is ON
    metrics.put(*named(), minutes + 1, 0.0)
    assert watch.look(minutes + 1) is OFF


def test_a_day_has_each_value_once_as_far_as_it_has_come():
    metrics = Metrics()
    for minute in range(1, 2000):
        metrics.put("N", "m", {}, minute, float(minute), late=minute % 16)
    for now in (60, 1439, 1500, 1999):
        came = [one for one in range(max(1, now - 1439), now + 1) if one + one % 16 <= now]
        assert metrics.values(("N", "m", frozenset()), now, 1440, now) == came


def named():
    namespace, name, dimensions = METRIC
    return namespace, name, dict(dimensions)


def test_a_late_value_is_seen_when_it_comes_and_fill_has_taken_it_for_missing_before():
    metrics = Metrics()
    metrics.put("N", "m", {}, 1, 5.0, late=2)
    plain = alarm(
        queries={"m": Query(metric=("N", "m", frozenset()), statistic="Sum")},
        periods=1,
        datapoints=1,
        missing="notBreaching",
    )
    filled = expression("FILL(m, 0) < 1", "m", periods=1, datapoints=1)
    assert [Watch(plain, metrics).look(minute) for minute in (1, 2, 3)] == [OFF, OFF, ON]
    assert Watch(filled, metrics).look(1) is ON
    assert judge(filled, [False], ON) is OFF


@pytest.mark.parametrize(
    ("text", "values", "expected"),
    [
        ("a + b", {"a": 1, "b": 2}, 3),
        ("a + b", {"a": 1}, 1),
        ("a + b", {}, None),
        ("a + 1", {"b": 1}, None),
        ("a > 15 AND b > 15", {"a": 20}, 0),
        ("IF(a, b, 5)", {"a": 1}, 0),
        ("IF(a, 5, b)", {"a": 0}, None),
        ("FILL(a, 0) + FILL(b, 0)", {"a": 1}, 1),
        ("IF(FILL(a, 0) > 0 AND FILL(b, 0) == 0, 1, 0)", {"a": 3}, 1),
        ("IF(FILL(a, 0) > 0 AND FILL(b, 0) == 0, 1, 0)", {"a": 3, "b": 1}, 0),
        ("IF(a > 1 OR b > 1, 7, 8)", {"a": 2, "b": 0}, 7),
        ("100 * a / b", {"a": 1, "b": 4}, 25),
        ("a / b", {"a": 1, "b": 0}, None),
        ("a - b", {"a": 1, "b": 4}, -3),
        ("IF(a, 1, 0)", {"b": 1}, None),
    ],
)
def test_an_expression_is_evaluated_point_by_point(text, values, expected):
    metrics = Metrics()
    for name, value in values.items():
        metrics.put("N", name, {}, 1, value)
    assert Watch(expression(text, "a", "b"), metrics)._value(metrics, 1, 1) == expected


def test_diff_needs_the_point_before():
    metrics = Metrics()
    for minute, value in ((1, 4.0), (2, 6.0), (4, 9.0)):
        metrics.put("N", "a", {}, minute, value)
    watch = Watch(expression("DIFF(a)", "a"), metrics)
    assert [watch._value(metrics, minute, 9) for minute in range(1, 5)] == [None, 2.0, None, None]


@pytest.mark.parametrize(
    ("name", "expected"),
    [
        *(("Sum", 10.0), ("SampleCount", 4.0), ("Maximum", 4.0), ("Minimum", 1.0)),
        *(("Average", 2.5), ("p99", 4.0), ("p50", 2.0), ("PR(0:3)", 75.0)),
    ],
)
def test_a_statistic_of_a_period(name, expected):
    assert statistic(name, [4.0, 1.0, 3.0, 2.0]) == expected
    assert statistic(name, []) is None


def test_what_is_no_statistic_and_no_expression_is_refused():
    with pytest.raises(ValueError, match="no statistic"):
        statistic("sum", [1.0])
    with pytest.raises(ValueError, match="unexpected"):
        Watch(expression("[a, b]", "a", "b"), Metrics())


def test_a_composite_is_on_with_its_children_and_only_who_has_an_action_notifies():
    child, other = alarm(missing="breaching"), alarm(name="b", missing="notBreaching")
    page = Composite(
        name="page", description="", rule='ALARM("a") AND NOT ALARM("b")', actions=("topic",)
    )
    alone = replace(child, name="alone")
    alarms = Alarms(alarms=[child, other, alone], composites=[page])
    assert alarms.look(1) == {"a", "alone", "page"}
    assert alarms.notifying == {"page"}
    assert alarms.history == [(1, "a", True), (1, "alone", True), (1, "page", True)]
