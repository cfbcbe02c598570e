"""Every alarm and widget, of both tools, watches a metric that is written as it expects."""

import copy
import json
import re
from datetime import UTC, datetime
from typing import Any
from uuid import uuid4

import pytest

import dashboard
from customer_events.event import EVENT_NAME
from customer_events.metrics import NAMESPACE
from customer_events.registry import load
from event_consumer import reporting
from event_consumer.failures import DependencyFault, failed
from event_consumer.outcomes import APPLIED, Delivery
from fanout.accounts.reconcile import put_drifted_rows
from fanout.subscribers.creation import RuleKind
from infra import parity_sam, parity_terraform
from infra.sam_template import DEPLOYMENTS, deployed, of_type, read
from infra.scaffolds import scaffolded
from infra.terraform_workspace import MODULES, TERRAFORM
from infra.watched_metrics import (
    AWS,
    OURS,
    by_alarms,
    by_widgets,
    dashboard_problems,
    names_of,
    problems,
)
from publisher.batch_result import BatchResult
from publisher.reporting import BatchReporter
from publisher.stream_records import StreamRecord
from sentinel.compare import Drift
from sentinel.contract.filters import Transport
from sentinel.reporting import RunReporter
from sentinel.rounds import Run, Slice
from unit.event_consumer.consumer_samples import live, message
from unit.publisher.stream_record_samples import record

FANOUTS = ("sns_fanout", "sns_fifo_fanout", "eventbridge_fanout", "pipes_fanout")
"""The examples, one for each transport."""
RUN = "run .venv/bin/python scripts/dashboard.py"


def body_of(template: dict[str, Any]) -> str:
    """The dashboard of SAM's template."""
    [found] = of_type(template, "AWS::CloudWatch::Dashboard").values()
    return found["DashboardBody"]


@pytest.fixture
def metrics_of(capsys):
    """The unit of each metric that a deployment writes, by its name and its dimensions."""
    service = f"metrics-{uuid4()}"

    def write(deployment: str) -> dict[tuple[str, frozenset[tuple[str, str]]], str]:
        _report(service, deployment)
        found = {}
        for line in capsys.readouterr().out.splitlines():
            blob = json.loads(line)
            for directive in blob.get("_aws", {}).get("CloudWatchMetrics", []):
                assert directive["Namespace"] == NAMESPACE
                [names] = directive["Dimensions"]
                dimensions = frozenset((name, blob[name]) for name in names)
                found |= {(one["Name"], dimensions): one["Unit"] for one in directive["Metrics"]}
        cloudwatch = _CloudWatch()
        put_drifted_rows(cloudwatch, 0, deployment=deployment, subscriber="payments")
        [drift] = cloudwatch.data
        dimensions = frozenset((one["Name"], one["Value"]) for one in drift["Dimensions"])
        assert found[drift["MetricName"], dimensions] == drift["Unit"]  # as the sentinel has it
        return found

    return write


def _report(service: str, deployment: str) -> None:
    """What publisher, consumer and sentinel write of one batch or run."""
    named: dict[str, Any] = {"service": service, "deployment": deployment, "namespace": NAMESPACE}
    BatchReporter(**named).report(
        BatchResult(records=[StreamRecord(record("ACTIVE", "CLOSED"))]),
        request_id="r",
        now_seconds=2e9,
    )
    reporting.BatchReporter(**named, registry=load(EVENT_NAME)).report(
        [
            Delivery(message=message(number, "{}"), event=live(1), handled=handled)
            for number, handled in enumerate((APPLIED, failed(DependencyFault())))
        ],
        request_id="r",
        now=datetime.now(UTC),
    )
    RunReporter(**named).report(
        Run(slice=Slice(number=0, of=48), drifted={"payments": {Drift.STALE: 1}}), request_id="r"
    )


class _CloudWatch:
    def put_metric_data(self, **request: Any) -> None:
        assert request["Namespace"] == NAMESPACE
        self.data = request["MetricData"]


def test_what_is_declared_is_what_is_written(metrics_of):
    written = {
        name: (unit, {dimension for dimension, _ in dimensions})
        for (name, dimensions), unit in metrics_of("fanout").items()
    }
    assert written == {name: (one.unit, set(one.dimensions)) for name, one in OURS.items()}


def test_two_deployments_in_one_account_share_no_number(metrics_of):
    blue, green = metrics_of("blue"), metrics_of("green")
    assert len(blue) == len(green) == len(OURS)
    assert not blue.keys() & green.keys()
    watched_by_blue, watched_by_green = (
        {
            (one.namespace, one.name, *sorted(one.dimensions.items()))
            for one in by_alarms(parity_sam.facts(deployed(Prefix=prefix)))
            if "EventSourceMappingUUID" not in one.dimensions  # AWS makes these unique
        }
        for prefix in ("blue", "green")
    )
    assert len(watched_by_blue) > 20
    assert not watched_by_blue & watched_by_green


def test_every_metric_says_what_it_means_and_carries_its_deployment():
    for one in OURS.values():
        assert one.meaning
        assert one.dimensions[0] == "deployment"
        assert one.name.endswith("Milliseconds") is (one.unit == "Milliseconds")


@pytest.mark.parametrize("parameters", DEPLOYMENTS.values(), ids=DEPLOYMENTS)
def test_every_alarm_of_sam_watches_what_is_written(parameters):
    facts = parity_sam.facts(deployed(**parameters))
    assert problems(by_alarms(facts), names_of(facts)) == []


@pytest.mark.parametrize("parameters", DEPLOYMENTS.values(), ids=DEPLOYMENTS)
def test_sams_dashboard_shows_what_is_written_beside_every_alarm_and_its_limit(parameters):
    template = deployed(**parameters)
    facts = parity_sam.facts(template)
    body = body_of(template)
    assert len(list(by_widgets(body))) > 20
    assert problems(by_widgets(body), names_of(facts)) == []
    assert list(dashboard_problems(body, facts)) == []


@pytest.mark.parametrize("left_out", ["DeployPayments", "DeploySentinel"])
def test_sams_dashboard_shows_no_alarm_of_what_is_left_out(left_out):
    template = deployed(**{left_out: "false"})
    assert list(dashboard_problems(body_of(template), parity_sam.facts(template))) == []


@pytest.mark.parametrize(
    ("shown", "instead", "problem"),
    [
        ('"BusFaults"', '"BusFault"', "BusFault: nobody writes it in CustomerStatusFanout"),
        ("fanout-payments-dlq", "fanout-dlq", "no queue is called 'fanout-dlq'"),
        ("alarm:fanout-publisher-behind", "alarm:behind", "no alarm is called behind"),
        ("alarm:fanout-payments-page", "alarm:x", "fanout-payments-page is not shown"),
        ('"value": 900', '"value": 901', "oldest message (seconds, maximum): no alarm has the"),
        ('"value": 60000', '"value": 85.5', "lag (milliseconds, p99): no alarm has the limit"),
        ('"x": 6, "y": 4', '"x": 5, "y": 4', "Publisher: failures: overlaps another widget"),
        ('"x": 18, "y": 4', '"x": 19, "y": 4', "Sentinel: findings: overlaps another widget"),
    ],
)
def test_a_widget_that_shows_something_else_is_noticed(shown, instead, problem):
    facts = parity_sam.facts(deployed())
    body = body_of(deployed()).replace(shown, instead)
    assert body != body_of(deployed())
    found = [*problems(by_widgets(body), names_of(facts)), *dashboard_problems(body, facts)]
    assert problem in "\n".join(found)


def test_what_is_generated_of_the_dashboard_is_current():
    assert dashboard.sam(dashboard.TEMPLATE.read_text()) == dashboard.TEMPLATE.read_text(), RUN
    for name, text in dashboard.terraform().items():
        assert dashboard.MODULE.joinpath(name).read_text() == text, RUN


@pytest.mark.slow
@pytest.mark.infra
@pytest.mark.parametrize("example", FANOUTS)
def test_every_alarm_and_widget_of_terraform_watches_what_is_written(example, planned_example):
    resources = planned_example(example)
    facts = parity_terraform.facts(resources)
    [body] = [it["dashboard_body"] for kind, it in resources if kind == "aws_cloudwatch_dashboard"]
    watched = [*by_alarms(facts), *by_widgets(body)]
    assert len(watched) > 20
    assert problems(watched, names_of(facts)) == []
    assert list(dashboard_problems(body, facts)) == []


@pytest.mark.parametrize("bus", Transport)
@pytest.mark.parametrize("rule", RuleKind)
def test_every_alarm_of_a_scaffolded_subscriber_watches_what_is_written(bus, rule):
    facts = scaffolded(bus, name="fraud", rule=rule)
    watched = list(by_alarms(facts))
    assert len(watched) >= 5
    assert problems(watched, None) == []
    names = names_of(facts)
    ours = [one.dimensions for one in watched if one.namespace == NAMESPACE]
    assert {one["deployment"] for one in ours} == names["deployment"]
    assert {one["service"] for one in ours if "service" in one} - {"publisher"} == names["service"]
    subscribers = {one["subscriber"] for one in ours if "subscriber" in one}
    assert subscribers == (names["subscriber"] if rule is RuleKind.LATEST_STATE else set())


@pytest.mark.parametrize(
    ("alarm", "path", "value", "problem"),
    [
        ("BusFaultsAlarm", "MetricName", "BusFault", "nobody writes it in CustomerStatusFanout"),
        ("BusFaultsAlarm", "Namespace", "Fanout", "nobody writes it in Fanout"),
        ("BusFaultsAlarm", "Dimensions 0 Value", "green", "no deployment is called 'green'"),
        ("BusFaultsAlarm", "Dimensions 1 Value", "consumer", "no service is called 'consumer'"),
        ("BusFaultsAlarm", "Dimensions 1 Name", "subscriber", "has the dimensions"),
        ("BusFaultsAlarm", "Statistic", "Average", "Average of it means nothing"),
        ("BusFaultsAlarm", "Period", 10, "read every 10.0 seconds"),
        ("PaymentsDriftAlarm", "Statistic", "Sum", "Sum of it means nothing"),
        ("PublisherErrorsAlarm", "MetricName", "OffsetLag", "nobody writes it in AWS/Lambda"),
        (
            "GivenUpBatchesLostAlarm",
            "Dimensions 0 Value",
            "fanout-payments-consumer",
            "no stream function is called 'fanout-payments-consumer'",
        ),
        ("PublisherStoppedAlarm", "Dimensions 0 Value", "x", "no counting mapping is called 'x'"),
        ("BatchesGivenUpAlarm", "Dimensions 0 Value", "fanout-dlq", "no queue is called"),
        ("DeliveriesLostAlarm", "Dimensions 0 Name", "QueueName", "has the dimensions"),
        (
            "PaymentsReceivesNothingAlarm",
            "Metrics 1 MetricStat Metric MetricName",
            "MessagesPublished",
            "nobody writes it in AWS/SNS",
        ),
    ],
)
def test_an_alarm_on_what_nobody_writes_is_noticed(alarm, path, value, problem):
    template = copy.deepcopy(deployed())
    *steps, last = [int(step) if step.isdigit() else step for step in path.split()]
    place: Any = template["Resources"][alarm]["Properties"]
    for step in steps:
        place = place[step]
    place[last] = value
    [found] = problems(
        by_alarms(parity_sam.facts(template)), names_of(parity_sam.facts(deployed()))
    )
    assert problem in found


def test_a_threshold_of_sam_has_the_unit_of_its_metric():
    for alarm in of_type(read(), "AWS::CloudWatch::Alarm").values():
        if "PR(" in str(alarm.get("ExtendedStatistic")):
            continue  # a percentage, whatever its metric measures
        threshold = alarm["Threshold"]
        named = threshold["Ref"] if isinstance(threshold, dict) else ""
        assert _unit_of_threshold(named, threshold) == _unit(alarm.get("MetricName")), alarm


@pytest.mark.parametrize("module", MODULES)
def test_a_threshold_of_terraform_has_the_unit_of_its_metric(module):
    """In each block that names both: the variable's unit is the last word of its name."""
    for metric, threshold in _thresholds(module):
        assert _unit_of_threshold(threshold, threshold) == _unit(metric), (metric, threshold)


@pytest.mark.parametrize("module", MODULES)
def test_every_alarm_of_a_module_names_what_is_written(module):
    """As text: variants that no example deploys too, such as a pipe's with an entity filter."""
    path = TERRAFORM / "modules" / module / "alarms.tf"
    text = path.read_text() if path.exists() else ""
    for line in re.findall(r'^ *metric(?:_name)? += (.*"\w+".*)$', text, re.MULTILINE):
        for name in re.findall(r'"(\w+)"', line):
            assert _unit(name) is not None, line
    for namespace, name, dimensions in re.findall(
        r'namespace += "([\w/]+)"\n *metric(?:_name)? += "(\w+)"\n *dimensions += \{(.*)\}$',
        text,
        re.MULTILINE,
    ):
        keys = set(re.findall(r"(\w+) = ", dimensions))
        if namespace == NAMESPACE:
            assert keys == set(OURS[name].dimensions), name
        else:
            assert keys == set(AWS[namespace, name].dimensions), name


def test_thresholds_are_found_in_every_module_that_has_alarms():
    found = {module: len(_thresholds(module)) for module in MODULES if _thresholds(module)}
    modules = {"event_bus", "queue_consumer", "sentinel", "stream_publisher", "subscriber"}
    assert set(found) == modules
    assert sum(found.values()) >= 20


def test_a_widget_says_the_unit_of_what_is_no_count():
    for one in by_widgets(body_of(deployed())):
        unit = _unit(one.name).lower()
        assert f"({unit}, {one.statistic.lower()})" in one.by if unit else "(" not in one.by


# Private functions


def _unit(metric: str | None) -> str:
    """A unit that has to show in a threshold's name; none where the threshold is a number."""
    units = [one.unit for (_, name), one in AWS.items() if name == metric]
    units += [OURS[metric].unit] if metric in OURS else []
    assert metric is None or units, f"nobody writes {metric}"
    return "" if not units or units[0] == "Count" else units[0]


def _unit_of_threshold(name: str, value: Any) -> str:
    """From a variable's name, or of a number: small ones count something, others are seconds."""
    for unit in ("Milliseconds", "Seconds"):
        if name.lower().endswith(unit.lower()):
            return unit
    return "" if re.fullmatch(r"\d\d?(\.\d)?", str(value)) else "Seconds"


def _thresholds(module: str) -> list[tuple[str, str]]:
    path = TERRAFORM / "modules" / module / "alarms.tf"
    found = []
    for block in _blocks(path.read_text()) if path.exists() else ():
        metric = re.search(r'^ *metric(?:_name)? *= *"(\w+)"', block, re.MULTILINE)
        threshold = re.search(r"^ *threshold *= *(?:var\.)?(\w+)$", block, re.MULTILINE)
        is_of_a_query = re.search(r"^ *stat +=", block, re.MULTILINE)
        if metric and "PR(" not in block and not is_of_a_query:
            found.append((metric[1], threshold[1] if threshold else "0"))
    return found


def _blocks(text: str) -> list[str]:
    """The innermost blocks of more than one line."""
    flat = re.sub(r"\$?\{[^{}\n]*\}", "", text)
    return re.findall(r"\{[^{}]*\}", flat)
