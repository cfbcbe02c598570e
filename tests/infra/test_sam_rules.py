"""Every rule holds for the template, however it is deployed, and notices when it is broken."""

import copy
from typing import Any

import pytest

from infra import sam_rules
from infra.sam_rules import RULES, Rule
from infra.sam_template import DEPLOYMENTS, deployed

# Where in the deployed template one value breaks one rule: path, value (None removes).
BROKEN: list[tuple[Rule, str, Any]] = [
    (sam_rules.visibility_covers_six_timeouts, "PaymentsQueue VisibilityTimeout", 179),
    (sam_rules.everything_is_encrypted_with_the_key, "Topic KmsMasterKeyId", "alias/aws/sns"),
    (sam_rules.everything_is_encrypted_with_the_key, "PaymentsDlq KmsMasterKeyId", None),
    (sam_rules.everything_is_encrypted_with_the_key, "PaymentsTable SSESpecification", None),
    (sam_rules.everything_is_encrypted_with_the_key, "ConsumerFunction KmsKeyArn", None),
    (sam_rules.everything_is_encrypted_with_the_key, "PublisherLogs KmsKeyId", None),
    (
        sam_rules.everything_is_encrypted_with_the_key,
        "FailureBucket BucketEncryption ServerSideEncryptionConfiguration",
        [{"ServerSideEncryptionByDefault": {"SSEAlgorithm": "AES256"}}],
    ),
    (sam_rules.plain_transport_is_denied, "TopicPolicy PolicyDocument Statement", []),
    (sam_rules.plain_transport_is_denied, "PaymentsDlqPolicy PolicyDocument Statement 1", None),
    (sam_rules.plain_transport_is_denied, "FailureBucketPolicy PolicyDocument Statement", []),
    (sam_rules.key_admits_sns_and_eventbridge_to_the_queues, "Key KeyPolicy Statement 1", None),
    (sam_rules.key_admits_sns_and_eventbridge_to_the_queues, "Key KeyPolicy Statement 2", None),
    (
        sam_rules.key_admits_sns_and_eventbridge_to_the_queues,
        "Key KeyPolicy Statement 1 Condition StringEquals",
        None,
    ),
    (
        sam_rules.key_admits_sns_and_eventbridge_to_the_queues,
        "Key KeyPolicy Statement 1 Condition ArnEquals aws:SourceArn",
        "arn:aws:sns:eu-west-1:123456789012:other",
    ),
    (
        sam_rules.key_admits_sns_and_eventbridge_to_the_queues,
        "Key KeyPolicy Statement 2 Condition",
        {"StringEquals": {"aws:SourceAccount": "123456789012"}},
    ),
    (sam_rules.key_admits_the_log_groups, "Key KeyPolicy Statement 3", None),
    (sam_rules.key_admits_the_log_groups, "ConsumerLogs LogGroupName", "/somewhere/else"),
    (
        sam_rules.roles_name_what_they_touch,
        "PublisherRole Policies 0 PolicyDocument Statement 1 Resource",
        "*",
    ),
    (
        sam_rules.roles_name_what_they_touch,
        "ConsumerRole Policies 0 PolicyDocument Statement 2 Action",
        "dynamodb:*",
    ),
    (
        sam_rules.roles_name_what_they_touch,
        "PublisherRole Policies 0 PolicyDocument Statement 2 Resource",
        ["arn:aws:s3:::fanout-failures/*"],
    ),
    (
        sam_rules.each_function_writes_to_its_own_logs_only,
        "ConsumerFunction LoggingConfig LogGroup",
        "/aws/lambda/fanout-publisher",
    ),
    (sam_rules.dead_letters_leave_time_to_decide, "PaymentsDlq MessageRetentionPeriod", 604_800),
    (
        sam_rules.dead_letters_leave_time_to_decide,
        "DeadLettersExpireSoonAlarm Threshold",
        1_000_000,
    ),
    (sam_rules.stream_is_read_without_loss, "PublisherMapping StartingPosition", "LATEST"),
    (sam_rules.stream_is_read_without_loss, "PublisherMapping FunctionResponseTypes", None),
    (sam_rules.stream_is_read_without_loss, "PublisherMapping MaximumRetryAttempts", 3),
    (sam_rules.stream_is_read_without_loss, "PublisherMapping DestinationConfig", None),
    (
        sam_rules.dead_letter_queue_lets_in_who_needs_it,
        "PaymentsDlqPolicy PolicyDocument Statement 0",
        None,
    ),
    (sam_rules.dead_letter_queue_lets_in_who_needs_it, "PaymentsSubscription RedrivePolicy", None),
    (
        sam_rules.dead_letter_queue_lets_in_who_needs_it,
        "PaymentsQueue RedrivePolicy maxReceiveCount",
        3,
    ),
    (
        sam_rules.dead_letter_queue_lets_in_who_needs_it,
        "ConsumerFunction Environment Variables MAX_RECEIVE_COUNT",
        100,
    ),
    (
        sam_rules.failures_are_kept_until_a_person_decides,
        "FailureBucket VersioningConfiguration",
        None,
    ),
    (
        sam_rules.failures_are_kept_until_a_person_decides,
        "FailureBucket PublicAccessBlockConfiguration BlockPublicPolicy",
        False,
    ),
    (
        sam_rules.failures_are_kept_until_a_person_decides,
        "FailureBucket LifecycleConfiguration Rules 0 ExpirationInDays",
        30,
    ),
    (sam_rules.each_alarm_names_its_runbook, "BusFaultsAlarm AlarmDescription", "The bus failed."),
    (
        sam_rules.dead_letters_are_counted_by_what_is_visible,
        "DeadLettersAlarm MetricName",
        "NumberOfMessagesSent",
    ),
    (sam_rules.subscription_and_discovery_agree, "PaymentsSubscription FilterPolicy", {}),
    (sam_rules.subscription_and_discovery_agree, "PaymentsSubscription RawMessageDelivery", False),
]


@pytest.mark.parametrize("rule", RULES, ids=lambda rule: rule.__name__)
@pytest.mark.parametrize("parameters", DEPLOYMENTS.values(), ids=DEPLOYMENTS)
def test_the_template_keeps_the_rule(rule, parameters):
    assert list(rule(deployed(**parameters))) == []


@pytest.mark.parametrize(
    ("rule", "path", "value"), BROKEN, ids=[f"{rule.__name__}: {path}" for rule, path, _ in BROKEN]
)
def test_the_rule_notices_when_it_is_broken(rule, path, value):
    template = copy.deepcopy(deployed())
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
