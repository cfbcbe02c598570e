"""What holds for the Terraform examples of all transports, and in what else they differ.

`sns_fanout` is compared with the SAM template, value by value. Whatever another transport deploys
in another way stands here, so that no value of any branch can change unnoticed.
"""

import copy
import json

import pytest

from infra import parity_terraform
from infra.parity_facts import ABSENT, Facts
from infra.transport_facts import about, alarm, changed, gone
from infra.transport_rules import (
    RULES,
    everything_has_the_key,
    plain_transport_is_denied,
    policies_name_what_is_deployed,
    whatever_gives_up_has_a_dlq_that_takes_it,
)

pytestmark = [pytest.mark.slow, pytest.mark.infra]

TRANSPORTS = ("sns_fanout", "sns_fifo_fanout", "eventbridge_fanout", "pipes_fanout")
STREAM = "dynamodb:table/fanout-accounts/stream/2026-01-01T00:00:00.000"
READS_THE_STREAM = (
    "Allow dynamodb:DescribeStream dynamodb:GetRecords dynamodb:GetShardIterator "
    f"dynamodb:ListStreams on {STREAM}"
)
BUS = "events:event-bus/fanout-customer-status"
BUCKET = "s3:fanout-failures-123456789012-eu-west-1"
OF_ITS_TYPE = {"type": ["novapay.accounts.CustomerStatusChanged.v2"]}
PATTERN = {"detail": OF_ITS_TYPE, "detail-type": ["CustomerStatusChanged"]}
DEAD_LETTERS_OF_OURS = {
    "DLQ": [None, None],
    "kind": "standard",
    "retention": 1_209_600.0,
    "visibility": 30.0,
    "with the stack": "deleted",
}


BY_GROUP = {"by group": ["messageGroup", "perMessageGroupId"]}


def admits_the_rule(queue: str) -> Facts:
    """Of a queue's policy: the rule instead of the topic."""
    sends = f"sqs:SendMessage on sqs:{queue} if aws:SourceArn ArnEquals"
    return about(
        f"policy of sqs:{queue}",
        says=[
            f"- Allow sns.amazonaws.com {sends} sns:fanout-customer-status",
            (
                f"+ Allow events.amazonaws.com {sends} "
                "events:rule/fanout-customer-status/fanout-payments"
            ),
        ],
    )


def denies_plain_transport(queue: str) -> str:
    """What is added to a policy."""
    return f"+ Deny * sqs:* on sqs:{queue} if aws:SecureTransport Bool false"


def delivery_alarm(ending: str, metric: str) -> Facts:
    """An alarm on the rule of Payments."""
    return alarm(
        f"fanout-payments-{ending}",
        metric=["AWS/Events", metric],
        dimensions={"EventBusName": "fanout-customer-status", "RuleName": "fanout-payments"},
        runbook="docs/runbooks/delivery-failing.md",
    )


FIFO: Facts = (
    about("topic fanout-customer-status", FIFO=[False, "MessageGroup"])
    | about("queue fanout-payments", BY_GROUP, kind="FIFO")
    | about("queue fanout-payments-dlq", BY_GROUP, kind="FIFO")
    # A filter on a FIFO subscription would make delivery at most once.
    | about("subscription fanout-payments", filter=None)
    | about("parameter /fanout/bus", transport="sns-fifo")
    | about("parameter /fanout/subscribers/payments", filter=None)
)
EVENTBRIDGE: Facts = (
    about("bus fanout-customer-status", key="Key", DLQ="sqs:fanout-customer-status-bus-dlq")
    # Not the bus's key, which may be what is at fault.
    | about("queue fanout-customer-status-bus-dlq", DEAD_LETTERS_OF_OURS, key=[None, 0.0])
    | about(
        "policy of sqs:fanout-customer-status-bus-dlq",
        says=[
            (
                "+ Allow events.amazonaws.com sqs:SendMessage on "
                f"sqs:fanout-customer-status-bus-dlq if aws:SourceArn ArnEquals {BUS}"
            ),
            denies_plain_transport("fanout-customer-status-bus-dlq"),
        ],
    )
    | alarm(
        "fanout-bus-undecipherable",
        metric=["AWS/SQS", "ApproximateNumberOfMessagesVisible"],
        dimensions={"QueueName": "fanout-customer-status-bus-dlq"},
        statistic="Maximum",
        runbook="docs/runbooks/delivery-failing.md",
    )
    | about(
        "archive fanout-customer-status",
        of=BUS,
        days=14.0,
        pattern={"detail-type": ["CustomerStatusChanged"]},
    )
    | about(
        "key Key",
        policy=[
            (
                "- Allow sns.amazonaws.com kms:Decrypt kms:GenerateDataKey on * "
                "if aws:SourceArn ArnEquals sns:fanout-customer-status "
                "if aws:SourceAccount StringEquals 123456789012"
            ),
            (
                "+ Allow events.amazonaws.com kms:Decrypt kms:GenerateDataKey on * "
                f"if kms:EncryptionContext:aws:events:event-bus:arn ArnEquals {BUS}"
            ),
            (
                "+ Allow events.amazonaws.com kms:DescribeKey on * "
                "if aws:SourceAccount StringEquals 123456789012"
            ),
        ],
    )
    | about(
        "rule fanout-payments",
        {"target bus": "fanout-customer-status"},
        bus="fanout-customer-status",
        pattern=PATTERN,
        state="ENABLED",
        target="sqs:fanout-payments",
        passes="$.detail",
        DLQ="sqs:fanout-payments-dlq",
        retries=[86_400.0, 185.0],
    )
    | admits_the_rule("fanout-payments")
    | admits_the_rule("fanout-payments-dlq")
    | delivery_alarm("deliveries-failed", "FailedInvocations")
    | delivery_alarm("deliveries-dead-lettered", "InvocationsSentToDlq")
    | delivery_alarm("deliveries-lost", "InvocationsFailedToBeSentToDlq")
    | about(
        "alarm fanout-payments-receives-nothing",
        queries=[
            (
                '["arrived", null, false, "AWS/SQS", "NumberOfMessagesSent", '
                '{"QueueName": "fanout-payments"}, "Sum", 300.0]'
            ),
            (
                '["published", null, false, "CustomerStatusFanout", "EventsPublished", '
                '{"deployment": "fanout", "service": "publisher"}, "Sum", 300.0]'
            ),
            (
                '["silent", "IF(FILL(published, 0) > 0 AND FILL(arrived, 0) == 0, 1, 0)", true, '
                "null, null, {}, null, null]"
            ),
        ],
    )
    | about("environment fanout-publisher", BUS_ARN=BUS)
    | about(
        "role fanout-publisher-eu-west-1",
        may=[
            "- Allow sns:Publish on sns:fanout-customer-status",
            f"+ Allow events:DescribeEventBus events:PutEvents on {BUS}",
        ],
    )
    | about("parameter /fanout/bus", arn=BUS, transport="eventbridge")
    | about("parameter /fanout/subscribers/payments", filter=PATTERN)
)
PIPES: Facts = (
    about(
        "pipe fanout-publisher",
        {"from": STREAM},
        through="lambda:function:fanout-publisher:live",
        to=BUS,
        role="iam:role/fanout-publisher-pipe-eu-west-1",
        runs="RUNNING",
        start="TRIM_HORIZON",
        batch=[10.0, 0.0, 2.0],
        attempts=-1.0,
        age=43_200.0,
        bisects="AUTOMATIC_BISECT",
        DLQ="sqs:fanout-publisher-dlq",
        filters=[],
        sends={
            "detail_type": "CustomerStatusChanged",
            "source": "urn:novapay:accounts",
            "time": "$.time",
        },
    )
    | about("queue fanout-publisher-dlq", DEAD_LETTERS_OF_OURS, key=["Key", 300.0])
    | about(
        "policy of sqs:fanout-publisher-dlq", says=[denies_plain_transport("fanout-publisher-dlq")]
    )
    | about(
        "role fanout-publisher-pipe-eu-west-1",
        {"managed policies": []},
        trusts=[
            (
                "+ Allow pipes.amazonaws.com sts:AssumeRole if aws:SourceArn ArnEquals "
                "pipes:pipe/fanout-publisher if aws:SourceAccount StringEquals 123456789012"
            )
        ],
        policy="carry-status-changes",
        may=[
            f"+ {READS_THE_STREAM}",
            f"+ Allow events:PutEvents on {BUS}",
            "+ Allow kms:Decrypt kms:DescribeKey kms:GenerateDataKey on kms:key/Key",
            "+ Allow lambda:InvokeFunction on lambda:function:fanout-publisher:live",
            "+ Allow sqs:SendMessage on sqs:fanout-publisher-dlq",
        ],
    )
    | about(
        "role fanout-publisher-eu-west-1",
        policy="transform-status-changes",
        may=[
            f"- {READS_THE_STREAM}",
            f"- Allow events:DescribeEventBus events:PutEvents on {BUS}",
            "- Allow kms:Decrypt kms:DescribeKey kms:GenerateDataKey on kms:key/Key",
            f"- Allow s3:ListBucket on {BUCKET}",
            f"- Allow s3:PutObject on {BUCKET}/aws/lambda/* {BUCKET}/parked/*",
            "+ Allow kms:Decrypt kms:GenerateDataKey on kms:key/Key",
            f"+ Allow s3:PutObject on {BUCKET}/parked/*",
        ],
    )
    | about("bucket fanout-failures-123456789012-eu-west-1", counts=ABSENT)
    | about("function fanout-publisher", handler="publisher.pipe_entry.lambda_handler")
    | {
        "environment fanout-publisher: BUS_ARN": ABSENT,
        "environment fanout-publisher: PIPE_BATCH_SIZE": "10",
        "parameter /fanout/publisher: mapping_id": "fanout-publisher",
        "parameter /fanout/publisher: pipe_arn": "pipes:pipe/fanout-publisher",
    }
    | about(
        "alarm fanout-publisher-behind",
        metric=["CustomerStatusFanout", "StreamLagMilliseconds"],
        dimensions={"deployment": "fanout", "service": "publisher"},
    )
    | about(
        "alarm fanout-publisher-throttled",
        metric=["AWS/EventBridge/Pipes", "ExecutionThrottled"],
        dimensions={"PipeName": "fanout-publisher"},
    )
    | alarm(
        "fanout-publisher-failing",
        metric=["AWS/EventBridge/Pipes", "ExecutionFailed"],
        dimensions={"PipeName": "fanout-publisher"},
        periods=[5.0, 3.0],
        runbook="docs/runbooks/publisher-failing.md",
    )
    | alarm(
        "fanout-publisher-given-up",
        metric=["AWS/SQS", "ApproximateNumberOfMessagesVisible"],
        dimensions={"QueueName": "fanout-publisher-dlq"},
        statistic="Maximum",
        runbook="docs/runbooks/failure-store.md",
    )
)
DIFFERENCES = [
    ("sns_fanout", "sns_fifo_fanout", set(), FIFO),
    (
        "sns_fanout",
        "eventbridge_fanout",
        {
            "topic fanout-customer-status",
            "policy of sns:fanout-customer-status",
            "subscription fanout-payments",
            "alarm fanout-topic-deliveries-failed",
            "alarm fanout-topic-deliveries-dead-lettered",
            "alarm fanout-topic-deliveries-lost",
        },
        EVENTBRIDGE,
    ),
    (
        "eventbridge_fanout",
        "pipes_fanout",
        {
            "mapping fanout-publisher",
            "alarm fanout-publisher-bus-faults",
            # Its records were not counted by the filter: with one, the table's writes tell.
            "alarm fanout-publisher-selects-nothing",
            "alarm fanout-publisher-batches-given-up",
            "alarm fanout-publisher-given-up-batches-lost",
        },
        PIPES,
    ),
]


PIPES_DLQ = ("aws_sqs_queue", "name", "fanout-publisher-dlq")
PIPES_ROLE = ("aws_iam_role_policy", "name", "carry-status-changes")
PIPE = ("aws_pipes_pipe", "name", "fanout-publisher")
QUEUES = "arn:aws:sqs:eu-west-1:123456789012:"
URLS = "https://sqs.eu-west-1.amazonaws.com/123456789012/"
# An example, one of its resources by an attribute, a rule, and what is replaced in an attribute.
BROKEN = [
    ("pipes_fanout", PIPES_DLQ, everything_has_the_key, "kms_master_key_id", '"arn', '"no arn'),
    (
        "eventbridge_fanout",
        ("aws_cloudwatch_event_bus", "name", "fanout-customer-status"),
        everything_has_the_key,
        *("kms_key_identifier", '"arn', '"no arn'),
    ),
    (
        "eventbridge_fanout",
        ("aws_sqs_queue", "name", "fanout-customer-status-bus-dlq"),
        everything_has_the_key,
        *("sqs_managed_sse_enabled", "true", "false"),
    ),
    (
        "pipes_fanout",
        ("aws_sqs_queue_policy", "queue_url", f"{URLS}fanout-publisher-dlq"),
        plain_transport_is_denied,
        *("policy", "Deny", "Allow"),
    ),
    (
        "pipes_fanout",
        PIPES_ROLE,
        whatever_gives_up_has_a_dlq_that_takes_it,
        *("policy", "sqs:SendMessage", "sqs:ReceiveMessage"),
    ),
    (
        "pipes_fanout",
        PIPES_ROLE,
        policies_name_what_is_deployed,
        *("policy", "fanout-publisher-dlq", "fanout-publisher-dead"),
    ),
    (
        "pipes_fanout",
        PIPE,
        whatever_gives_up_has_a_dlq_that_takes_it,
        *("source_parameters", "fanout-publisher-dlq", "fanout-publisher-dead"),
    ),
    (
        "sns_fifo_fanout",
        ("aws_sqs_queue_policy", "queue_url", f"{URLS}fanout-payments-dlq.fifo"),
        whatever_gives_up_has_a_dlq_that_takes_it,
        *("policy", "sns.amazonaws.com", "events.amazonaws.com"),
    ),
    (
        "sns_fanout",
        ("aws_sns_topic_subscription", "endpoint", f"{QUEUES}fanout-payments"),
        whatever_gives_up_has_a_dlq_that_takes_it,
        *("redrive_policy", "payments-dlq", "payments-dlq.fifo"),
    ),
    (
        "eventbridge_fanout",
        ("aws_sqs_queue_policy", "queue_url", f"{URLS}fanout-payments-dlq"),
        policies_name_what_is_deployed,
        *("policy", "rule/fanout-customer-status/", "rule/"),
    ),
    (
        "eventbridge_fanout",
        ("aws_cloudwatch_event_target", "target_id", "queue"),
        whatever_gives_up_has_a_dlq_that_takes_it,
        *("dead_letter_config", "payments-dlq", "payments"),
    ),
]


@pytest.mark.parametrize(
    ("example", "other", "without", "facts"), DIFFERENCES, ids=[one[1] for one in DIFFERENCES]
)
def test_transports_differ_in_nothing_but_what_they_need_to(
    applied_example, example, other, without, facts
):
    before = parity_terraform.facts(applied_example(example))
    since = parity_terraform.facts(applied_example(other))
    assert changed(before, since) == facts
    assert gone(before, since) == without


def test_every_resource_that_terraform_deploys_is_compared(applied_example):
    """A kind that no transport deploys needs no reader; one without a reader fails them all."""
    kinds = {kind for example in TRANSPORTS for kind, _ in applied_example(example)}
    assert kinds == set(parity_terraform.READERS)


@pytest.mark.parametrize("example", TRANSPORTS)
@pytest.mark.parametrize("rule", RULES, ids=lambda rule: rule.__name__)
def test_every_transport_keeps_the_rule(applied_example, example, rule):
    assert list(rule(applied_example(example))) == []


@pytest.mark.parametrize(
    "broken", BROKEN, ids=[f"{one[0]}: {one[1][2]} {one[3]}" for one in BROKEN]
)
def test_the_rule_notices_when_one_transport_breaks_it(applied_example, broken):
    example, resource, rule, attribute, before, since = broken
    resources = copy.deepcopy(applied_example(example))
    kind, named_by, name = resource
    [values] = [it for what, it in resources if what == kind and it[named_by] == name]
    text = json.dumps(values[attribute])
    assert before in text
    values[attribute] = json.loads(text.replace(before, since))
    assert list(rule(resources)) != []


def test_every_rule_is_proved_by_a_broken_example():
    assert {one[2] for one in BROKEN} == set(RULES)
