"""Every rule holds for the template, however it is deployed, and notices when it is broken."""

import copy
from typing import Any

import pytest

from infra import sam_rules
from infra.sam_rules import RULES, Rule
from infra.sam_template import DEPLOYMENTS, deployed

NOTIFIED = {"AlarmTopicArn": "arn:aws:sns:eu-west-1:123456789012:on-call"}

# Where in the deployed template one value breaks one rule: path, value (None removes).
BROKEN: list[tuple[Rule, str, Any]] = [
    (sam_rules.visibility_covers_six_timeouts, "PaymentsQueue VisibilityTimeout", 179),
    (sam_rules.key_admits_the_log_groups, "Key KeyPolicy Statement 3", None),
    (sam_rules.key_admits_the_log_groups, "ConsumerLogs LogGroupName", "/somewhere/else"),
    (sam_rules.dead_letters_leave_time_to_decide, "PaymentsDlq MessageRetentionPeriod", 604_800),
    (
        sam_rules.dead_letters_leave_time_to_decide,
        "DeadLettersExpireSoonAlarm Threshold",
        1_000_000,
    ),
    (sam_rules.each_alarm_names_its_runbook, "BusFaultsAlarm AlarmDescription", "The bus failed."),
    (
        sam_rules.each_alarm_names_its_runbook,
        "ConsumerStoppedAlarm TreatMissingData",
        "notBreaching",
    ),
    (sam_rules.each_alarm_reaches_somebody_once, "PublisherPage AlarmRule", 'ALARM("other")'),
    (sam_rules.each_alarm_reaches_somebody_once, "BusFaultsAlarm AlarmActions", ["arn:topic"]),
    (sam_rules.subscription_and_discovery_agree, "PaymentsSubscription FilterPolicy", {}),
    (sam_rules.subscription_and_discovery_agree, "PaymentsSubscription RawMessageDelivery", False),
]


@pytest.mark.parametrize("rule", RULES, ids=lambda rule: rule.__name__)
@pytest.mark.parametrize("parameters", DEPLOYMENTS.values(), ids=DEPLOYMENTS)
def test_the_template_keeps_the_rule(rule, parameters):
    assert list(rule(deployed(**NOTIFIED | parameters))) == []


@pytest.mark.parametrize(
    ("rule", "path", "value"), BROKEN, ids=[f"{rule.__name__}: {path}" for rule, path, _ in BROKEN]
)
def test_the_rule_notices_when_it_is_broken(rule, path, value):
    template = copy.deepcopy(deployed(**NOTIFIED))
    logical_id, *steps, last = path.split()
    node = template["Resources"][logical_id]["Properties"]
    for step in steps:
        node = node[int(step)] if isinstance(node, list) else node[step]
    key = int(last) if isinstance(node, list) else last
    if value is None:
        del node[key]
    else:
        node[key] = value
    assert list(rule(template)) != []


@pytest.mark.parametrize("name", sorted(sam_rules.OUTLIVE_THE_STACK))
def test_data_that_would_go_with_the_stack_is_noticed(name):
    template = copy.deepcopy(deployed())
    template["Resources"][name]["DeletionPolicy"] = "Delete"
    assert list(sam_rules.data_outlives_the_stack(template)) == [f"{name}: goes with the stack"]


def test_every_rule_is_proved_by_a_broken_template():
    proved = {rule for rule, _, _ in BROKEN} | {sam_rules.data_outlives_the_stack}
    assert proved == set(RULES)
