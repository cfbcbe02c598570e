"""One log line and one metrics blob for each batch, of ids, codes and counts."""

import json
from datetime import UTC, date, datetime
from uuid import uuid4

import pytest

from customer_events import metrics
from customer_events.errors import SchemaViolation
from customer_events.registry import Registry, Version
from event_consumer.outcomes import (
    APPLIED,
    DUPLICATE,
    STALE,
    Cause,
    Delivery,
    Outcome,
    parked,
    retry,
)
from event_consumer.reporting import COUNTS, BatchReporter
from unit.event_consumer.consumer_samples import at, live, message, message_id, snapshot

DEPRECATED, LAG = metrics.DEPRECATED_EVENTS.name, metrics.END_TO_END_LAG.name
TRACE = "00-4bf92f3577b34da6a3ce929d0e0e4736-00f067aa0ba902b7-01"
REGISTRY = Registry(
    event="CustomerStatusChanged",
    versions=(
        Version(major=1, deprecated=True, sunset=date(2027, 6, 30)),
        Version(major=2, deprecated=False, sunset=None),
    ),
)
NOW = at(100)
VIOLATION = parked(SchemaViolation("expected text", field="data.status"))


@pytest.fixture
def tell(capsys):
    """Report a batch; answers the log lines and the metrics blob."""
    service = f"payments_consumer_{uuid4()}"  # Powertools keeps a handler for each name

    def batch(*deliveries, now=NOW):
        capsys.readouterr()
        reporter = BatchReporter(
            service=service, deployment="blue", namespace="CustomerStatusFanout", registry=REGISTRY
        )
        reporter.report(deliveries, request_id="r-1", now=now)
        written = [json.loads(line) for line in "".join(capsys.readouterr()).splitlines()]
        blob, *batch.by_code = [one for one in written if "_aws" in one]
        return [one for one in written if "_aws" not in one], blob

    return batch


@pytest.fixture
def report(tell):
    def batch(*deliveries):
        [line], blob = tell(*deliveries)
        return line, blob

    return batch


def delivery(number, handled, event=None, body="{}"):
    return Delivery(message=message(number, body), event=event, handled=handled)


def test_each_outcome_is_counted_under_its_name(report):
    ends = [APPLIED, APPLIED, DUPLICATE, STALE, STALE, STALE, VIOLATION, retry("Timeout")]
    line, blob = report(*[delivery(n, end, live(1)) for n, end in enumerate(ends)])
    counts = {outcome: sum(1 for end in ends if end.outcome is outcome) for outcome in Outcome}
    assert {outcome: blob[metric.name] for outcome, metric in COUNTS.items()} == {
        outcome: [float(count)] for outcome, count in counts.items()
    }
    assert line["outcomes"] == {outcome.value: count for outcome, count in counts.items()}
    assert line["messages"] == len(ends)
    assert line["function_request_id"] == "r-1"
    assert line["service"].startswith("payments_consumer")


def test_each_blob_is_embedded_metric_format_with_deployment_and_service_as_dimensions(report):
    report(delivery(1, APPLIED, live(1)))
    _, blob = report(delivery(2, APPLIED, live(2)))
    [directive] = blob["_aws"]["CloudWatchMetrics"]
    assert directive["Namespace"] == "CustomerStatusFanout"
    assert directive["Dimensions"] == [["deployment", "service"]]
    assert blob["deployment"] == "blue"
    assert blob["service"].startswith("payments_consumer")
    assert {one["Name"]: one["Unit"] for one in directive["Metrics"]} == {
        **{metric.name: "Count" for metric in COUNTS.values()},
        DEPRECATED: "Count",
        metrics.SUNSET_VERSION_EVENTS.name: "Count",
        metrics.DEPENDENCY_FAULTS.name: "Count",
        metrics.UNEXPECTED_EXCEPTIONS.name: "Count",
        LAG: "Milliseconds",
    }


def test_dependency_faults_are_counted_in_all_and_by_awss_error_code(tell):
    codes = ["AccessDeniedException", "ThrottlingException", "ThrottlingException"]
    ends = [retry(code, Cause.DEPENDENCY_FAULT) for code in codes]
    ends += [APPLIED, retry("KeyError", Cause.UNEXPECTED), retry("OutOfTime")]
    _, blob = tell(*[delivery(n, end) for n, end in enumerate(ends)])
    assert blob["DependencyFaults"] == [3.0]
    assert blob["UnexpectedExceptions"] == [1.0]
    by_code = metrics.DEPENDENCY_FAULTS_BY_CODE
    assert {one["error_code"]: one[by_code.name] for one in tell.by_code} == {
        "AccessDeniedException": [1.0],
        "ThrottlingException": [2.0],
    }
    for one in tell.by_code:
        [directive] = one["_aws"]["CloudWatchMetrics"]
        assert sorted(directive["Dimensions"][0]) == sorted(by_code.dimensions)
        assert one["deployment"] == "blue"
        assert one["service"].startswith("payments_consumer")
    _, blob = tell(delivery(1, APPLIED))
    assert (blob["DependencyFaults"], tell.by_code) == ([0.0], [])
    assert "error_code" not in blob


def test_the_lag_is_that_of_the_oldest_change_applied(report):
    deliveries = [
        delivery(1, APPLIED, live(1, seconds=90)),
        delivery(2, APPLIED, live(1, seconds=98.5, customer_id="c-2")),
        delivery(3, STALE, live(1, seconds=0, customer_id="c-3")),
    ]
    assert report(*deliveries)[1][LAG] == [10_000.0]


def test_a_clock_ahead_of_ours_makes_no_negative_lag(report):
    assert report(delivery(1, APPLIED, snapshot(seconds=200)))[1][LAG] == [0.0]


def test_without_an_applied_event_there_is_no_lag(report):
    assert LAG not in report(delivery(1, DUPLICATE, live(1)))[1]


def test_events_of_a_deprecated_version_are_counted_whatever_became_of_them(tell):
    old = live(1, schema_version=1)
    _, blob = tell(
        delivery(1, APPLIED, old), delivery(2, STALE, old), delivery(3, APPLIED, live(2))
    )
    assert blob[DEPRECATED] == [2.0]


def test_a_deprecated_version_is_warned_of_once_for_a_batch_with_the_day_on_which_it_ends(tell):
    old = live(1, schema_version=1)
    [line], _ = tell(*[delivery(n, APPLIED, old) for n in range(10)])
    assert (line["level"], line["message"]) == ("WARNING", "batch consumed")
    assert line["deprecated"] == [
        {
            "schema_version": 1,
            "events": 10,
            "current_version": 2,
            "sunset": "2027-06-30",
            "sunset_near": False,
            "sunset_passed": False,
        }
    ]


def test_a_version_that_still_comes_after_its_last_day_is_told_as_such(tell):
    old = delivery(1, APPLIED, live(1, schema_version=1))
    on_the_day, after = datetime(2027, 6, 30, 23, tzinfo=UTC), datetime(2027, 7, 1, tzinfo=UTC)
    told = [tell(old, now=now)[0][0]["deprecated"][0] for now in (on_the_day, after)]
    assert [one["sunset_passed"] for one in told] == [False, True]


def test_events_of_a_version_are_counted_apart_from_30_days_before_it_ends(tell):
    old = delivery(1, APPLIED, live(1, schema_version=1))
    days = (datetime(2027, 5, 31, 23, tzinfo=UTC), datetime(2027, 6, 1, tzinfo=UTC))
    assert [tell(old, now=now)[1]["SunsetVersionEvents"] for now in days] == [[0.0], [1.0]]


def test_a_batch_of_the_current_version_warns_of_nothing(tell):
    [line], blob = tell(delivery(1, APPLIED, live(1)), delivery(2, VIOLATION))
    assert line["level"] == "INFO"
    assert blob[DEPRECATED] == [0.0]


def test_each_batch_is_counted_on_its_own(report):
    report(delivery(1, APPLIED, live(1)))
    assert report(delivery(1, APPLIED, live(2)))[1]["EventsApplied"] == [1.0]


def test_what_was_parked_or_retried_is_logged_with_ids_and_codes(report):
    line, _ = report(
        delivery(1, APPLIED, live(1)),
        delivery(2, VIOLATION),
        delivery(3, retry("Timeout"), live(3)),
    )
    assert line["problems"] == [
        {
            "message_id": message_id(2),
            "event_id": None,
            "outcome": "PARKED",
            "reason": "SchemaViolation",
            "field": "data.status",
            "cause": "",
            "frames": [],
            "receive_count": 1,
        },
        {
            "message_id": message_id(3),
            "event_id": str(live(3).event_id),
            "outcome": "RETRY",
            "reason": "Timeout",
            "field": "",
            "cause": "WAITS",
            "frames": [],
            "receive_count": 1,
        },
    ]


def test_the_line_stays_bounded_in_a_batch_of_ten_thousand_problems(report):
    line, _ = report(*[delivery(n, VIOLATION) for n in range(10_000)])
    assert len(line["problems"]) == 100
    assert line["problems_left_out"] == 9_900
    assert len(json.dumps(line)) < 100_000


def test_the_traces_of_the_changes_are_logged_once_each(report):
    traced = live(1, traceparent=TRACE)
    line, _ = report(delivery(1, APPLIED, traced), delivery(2, DUPLICATE, traced))
    assert line["traces"] == [TRACE]
