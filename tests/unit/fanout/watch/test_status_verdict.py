"""What `fanout status` says of the facts: what is wrong, for how many messages, and what to do."""

import re
from dataclasses import replace
from datetime import UTC, datetime, timedelta

import pytest

from customer_events import metrics
from fanout.sqs.queue import QueueDepth, QueueFacts
from fanout.watch.status import (
    PublisherFacts,
    Status,
    SubscriberFacts,
    failing_metric,
    judge,
    newest_failures,
)
from infra.sam_template import deployed, of_type
from sentinel.discovery import Bus, Pause, is_ours
from sentinel.findings import Severity
from sentinel.rules import MappingFacts

NOW = datetime(2026, 11, 27, 9, 30, tzinfo=UTC)
TOPIC = "arn:aws:sns:eu-west-1:123456789012:fanout-customer-status"
MAPPING = "47bd6eae-828b-45af-a5a7-f1ac970fcd1e"
ENABLED = MappingFacts(mapping_id=MAPPING, state="Enabled", last_result="OK - 3 records")
COUNTS = {
    one.name: 0
    for one in (
        *(metrics.RECORDS_FAILED, metrics.RECORDS_HELD, metrics.BUS_FAULTS),
        *(metrics.DEPENDENCY_FAULTS, metrics.UNEXPECTED_EXCEPTIONS),
    )
} | {"Errors": None, "Throttles": None}
PUBLISHER = PublisherFacts(
    name="publisher",
    function="fanout-publisher",
    mapping=ENABLED,
    lag_seconds=1.0,
    counts=COUNTS,
    failing="",
    codes={},
    is_failing=False,
    failures=0,
)


def queue(waiting):
    return QueueFacts(
        arn="arn:aws:sqs:eu-west-1:123456789012:q",
        fifo=False,
        retention_seconds=604_800,
        size_bytes_max=262_144,
        depth=QueueDepth(waiting=waiting, in_flight=0, delayed=0),
        asked_at=NOW,
    )


PAYMENTS = SubscriberFacts(
    name="payments",
    function="fanout-payments-consumer",
    table="fanout-payments",
    mapping=ENABLED,
    pause=None,
    queue=queue(0),
    dlq=queue(0),
    oldest_age_seconds=None,
    counts=COUNTS,
    failing="",
    codes={},
    is_failing=True,
    lag_seconds=None,
)


def found(*, publisher=None, payments=None, **other):
    status = Status(
        **{
            "at": NOW,
            "source": "CloudWatch",
            "bus": Bus(transport="sns", arn=TOPIC),
            "publisher": replace(PUBLISHER, **(publisher or {})),
            "subscribers": [replace(PAYMENTS, **(payments or {}))],
            "alarms": {},
        }
        | other
    )
    return list(judge(status))


def counted(**values):
    return COUNTS | {getattr(metrics, name).name: value for name, value in values.items()}


def test_nothing_is_wrong_with_a_healthy_deployment():
    assert found() == []


@pytest.mark.parametrize(
    ("facts", "subject", "words"),
    [
        pytest.param(
            {
                "publisher": {
                    "counts": counted(RECORDS_FAILED=7, BUS_FAULTS=7),
                    "codes": {"AuthorizationError": 7},
                    "is_failing": True,
                }
            },
            "publisher",
            ["fanout-publisher", "AuthorizationError (7)", "sns:Publish", TOPIC, "12 hours"],
            id="the bus refuses",
        ),
        pytest.param(
            {"publisher": {"mapping": replace(ENABLED, state="Disabled", state_reason="by Ada")}},
            "publisher",
            ["is disabled (by Ada)", "24 hours", f"--enabled --uuid {MAPPING}"],
            id="the publisher is off",
        ),
        pytest.param(
            {"publisher": {"mapping": replace(ENABLED, last_result="PROBLEM: It failed")}},
            "publisher",
            ["PROBLEM: It failed"],
            id="Lambda sees a problem",
        ),
        pytest.param(
            {"publisher": {"mapping": MappingFacts(mapping_id="fanout-pipe", state="STOPPED")}},
            "publisher",
            ["its pipe is stopped", "start-pipe --name fanout-pipe"],
            id="the pipe is off",
        ),
        pytest.param(
            {"publisher": {"failures": 3}},
            "publisher",
            ["the failure store is not empty (3)", "fanout failures list"],
            id="failure store",
        ),
        pytest.param(
            {"publisher": {"lag_seconds": 1_200.0}},
            "publisher",
            ["20 min old"],
            id="the publisher is late",
        ),
        pytest.param(
            {
                "payments": {
                    "counts": counted(DEPENDENCY_FAULTS=4),
                    "codes": {"ResourceNotFoundException": 4},
                    "queue": queue(2),
                }
            },
            "payments",
            [
                *("fanout-payments-consumer", "ResourceNotFoundException (4)"),
                *("2 messages wait", "Deploy its table (fanout-payments) again"),
            ],
            id="the table is gone",
        ),
        pytest.param(
            {"payments": {"mapping": replace(ENABLED, state="Disabled"), "queue": queue(5)}},
            "payments",
            ["is disabled", "Nothing is consumed", "5 messages wait"],
            id="the consumer is off",
        ),
        pytest.param(
            {"payments": {"counts": COUNTS | {"Errors": 2}, "queue": queue(2)}},
            "payments",
            [
                "fanout-payments-consumer ended with an error 2 times",
                "2 messages wait",
                "logs tail",
            ],
            id="the function fails",
        ),
        pytest.param(
            {"payments": {"dlq": queue(1)}},
            "payments",
            ["1 message is dead", "fanout dlq show payments"],
            id="dead",
        ),
        pytest.param(
            {"payments": {"queue": None}}, "payments", ["its queue does not exist"], id="no queue"
        ),
        pytest.param(
            {"payments": {"oldest_age_seconds": 900, "queue": queue(1)}},
            "payments",
            ["oldest message waits for 15 min"],
            id="behind",
        ),
    ],
)
def test_a_finding_names_what_is_wrong_and_what_to_do(facts, subject, words):
    [finding] = found(**facts)
    text = f"{finding.what} {finding.harm} {finding.fix}"
    assert (finding.severity, finding.subject) == (Severity.WRONG, subject)
    assert [word for word in words if word not in text] == []


@pytest.mark.parametrize(
    ("newest", "words", "page"),
    [
        (metrics.DEPENDENCY_FAULTS, "is down: Code (2)", "consumer-dependency-faults.md"),
        (metrics.UNEXPECTED_EXCEPTIONS, "has a bug: Code (2)", "consumer-failing.md"),
    ],
)
def test_of_two_causes_in_the_last_minutes_the_newest_is_named(newest, words, page):
    counts = counted(DEPENDENCY_FAULTS=9, UNEXPECTED_EXCEPTIONS=2)
    [finding] = found(payments={"counts": counts, "failing": newest.name, "codes": {"Code": 2}})
    assert words in finding.what
    assert page in finding.fix


def test_the_newest_failures_are_those_since_the_cause_changed():
    failures = [
        ("down", {"a": 1}),
        ("bug", {"b": 1}),
        ("down", {"c": 1, "d": 1}),
        ("down", {"c": 2}),
    ]
    metric, codes = newest_failures(failures)
    assert (metric, [*codes.items()]) == ("down", [("d", 1), ("c", 3)])
    assert newest_failures([]) == ("", {})


def test_of_two_codes_the_newest_says_what_to_do():
    codes = {"AccessDeniedException": 9, "ResourceNotFoundException": 1}
    [finding] = found(payments={"counts": counted(DEPENDENCY_FAULTS=10), "codes": codes})
    assert "ResourceNotFoundException (1), AccessDeniedException (9)" in finding.what
    assert "Deploy its table (fanout-payments) again" in finding.fix


@pytest.mark.parametrize(
    ("line", "metric"),
    [
        ({"failed": {"KMSDisabled": 3}, "bus_faults": 3}, metrics.BUS_FAULTS),
        ({"failed": {"BadDeployment:MissingStatus": 5}}, metrics.RECORDS_HELD),
        ({"failed": {"InternalError": 1}}, metrics.RECORDS_FAILED),
    ],
)
def test_a_line_of_the_publisher_tells_what_counted_it(line, metric):
    assert failing_metric(line) == metric.name


def test_an_alarm_that_is_on_says_what_it_means_what_to_type_and_its_page():
    alarms = of_type(deployed(Prefix="fanout"), "AWS::CloudWatch::Alarm").values()
    alarms = {each["AlarmName"]: " ".join(each["AlarmDescription"].split()) for each in alarms}
    shown = found(alarms=alarms)
    assert [finding.what for finding in shown] == [f"{name} is on." for name in alarms]
    assert [each.harm for each in shown if not each.harm or "Type" in each.harm] == []
    wanted = re.compile(r"fanout --prefix fanout [a-z ]+: docs/runbooks/(?!README)[a-z-]+\.md")
    assert [each.fix for each in shown if not wanted.fullmatch(each.fix)] == []


def test_what_has_recovered_is_noted_and_is_not_wrong():
    noted = found(
        publisher={"counts": counted(RECORDS_FAILED=7, BUS_FAULTS=7), "codes": {"NotFound": 7}},
        payments={
            "counts": counted(DEPENDENCY_FAULTS=4),
            "codes": {"Throttled": 4},
            "is_failing": False,
        },
    )
    assert [finding.severity for finding in noted] == [Severity.NOTE] * 2
    assert "recovered: NotFound (7)" in noted[0].what


def test_an_alarm_of_another_deployment_whose_prefix_begins_alike_is_not_ours():
    assert is_ours("fanout-payments-drift", "fanout", ["payments"])
    assert is_ours("fanout-payments", "fanout", ["payments"])
    assert not is_ours("fanout-eu-publisher-errors", "fanout", ["payments"])
    assert not is_ours("fanout-paymentsx-drift", "fanout", ["payments"])


def test_an_alarm_of_a_subscriber_whose_name_goes_on_is_not_the_shorter_ones():
    names = ["payments", "payments-eu"]
    assert not is_ours("fanout-payments-eu-drift", "fanout", ["payments"], names)
    assert is_ours("fanout-payments-eu-drift", "fanout", ["payments-eu"], names)
    assert is_ours("fanout-payments-drift", "fanout", ["payments"], names)


def test_a_pause_is_noted_until_it_is_over():
    mark = Pause(
        since=NOW,
        until=NOW + timedelta(hours=1),
        loses_at=NOW + timedelta(days=7),
        because="moving",
    )
    off = {"mapping": replace(ENABLED, state="Disabled"), "pause": mark, "queue": queue(5)}
    [noted] = found(payments=off)
    assert noted.severity is Severity.NOTE
    assert "is paused until 2026-11-27 10:30:00 UTC (moving)" in noted.what
    assert "5 messages wait" in noted.harm
    assert "2026-12-04 09:30:00" in noted.harm
    [over] = found(payments=off, at=NOW + timedelta(hours=2))
    assert over.severity is Severity.WRONG
    assert "still off" in over.what
    assert over.fix == "fanout subscribers resume payments --execute"
    [mute] = found(payments=off | {"mapping": ENABLED})
    assert mute.severity is Severity.WRONG
    assert "marked as paused until 2026-11-27 10:30:00 UTC, and runs" in mute.what
    assert mute.fix == over.fix
