"""What holds for the Terraform examples of all transports, and in what else they differ.

`sns_fanout` is compared with the SAM template, value by value. Whatever another transport deploys
in another way stands in `transport_differences.json`, so that no value of any branch can change
unnoticed.
"""

import copy
import json
import re
from pathlib import Path

import pytest

from infra import parity_terraform
from infra.terraform_workspace import TERRAFORM
from infra.transport_facts import changed, gone
from infra.transport_rules import (
    RULES,
    everything_has_the_key,
    plain_transport_is_denied,
    policies_name_what_is_deployed,
    whatever_gives_up_has_a_dlq_that_takes_it,
)

pytestmark = [pytest.mark.slow, pytest.mark.infra]

TRANSPORTS = ("sns_fanout", "sns_fifo_fanout", "eventbridge_fanout", "pipes_fanout")
DIFFERENCES = json.loads(Path(__file__).with_name("transport_differences.json").read_text())
"""By the example: with which it is compared, which resources it lacks, and what else differs."""


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


@pytest.mark.parametrize("example", DIFFERENCES)
def test_transports_differ_in_nothing_but_what_they_need_to(planned_example, example):
    expected = DIFFERENCES[example]
    before = parity_terraform.facts(planned_example(expected["compared_with"]))
    since = parity_terraform.facts(planned_example(example))
    assert changed(before, since) == expected["changed"]
    assert sorted(gone(before, since)) == expected["gone"]


def test_every_resource_that_terraform_deploys_is_compared(planned_example):
    """A kind that no transport deploys needs no reader; one without a reader fails them all."""
    kinds = {kind for example in TRANSPORTS for kind, _ in planned_example(example)}
    assert kinds == set(parity_terraform.READERS)


@pytest.mark.parametrize("example", TRANSPORTS)
@pytest.mark.parametrize("rule", RULES, ids=lambda rule: rule.__name__)
def test_every_transport_keeps_the_rule(planned_example, example, rule):
    assert list(rule(planned_example(example))) == []


@pytest.mark.parametrize(
    "broken", BROKEN, ids=[f"{one[0]}: {one[1][2]} {one[3]}" for one in BROKEN]
)
def test_the_rule_notices_when_one_transport_breaks_it(planned_example, broken):
    example, resource, rule, attribute, before, since = broken
    resources = copy.deepcopy(planned_example(example))
    kind, named_by, name = resource
    [values] = [it for what, it in resources if what == kind and it[named_by] == name]
    text = json.dumps(values[attribute])
    assert before in text
    values[attribute] = json.loads(text.replace(before, since))
    assert list(rule(resources)) != []


def test_every_rule_is_proved_by_a_broken_example():
    assert {one[2] for one in BROKEN} == set(RULES)


def test_a_copy_of_an_older_example_loses_nothing(planned_state):
    """Each address that the examples had before the module `fanout` moves to one that they have."""
    old = Path(__file__).with_name("addresses_of_older_examples.txt").read_text().split()
    have = {it["address"] for example in TRANSPORTS for it in planned_state(example)}
    moves = moves_of("modules/stream_publisher", "module.publisher.")
    assert {text_of(f"examples/{example}/moved.tf") for example in TRANSPORTS} == {
        text_of("examples/sns_fanout/moved.tf")
    }
    moves += moves_of("examples/sns_fanout")
    payments = 'module.fanout.module.subscriber["payments"].module.subscriber.'
    moves += moves_of("modules/subscriber", payments)
    assert [address for address in old if moved(address, moves) not in have] == []


def text_of(path):
    return (TERRAFORM / path).read_text()


def moves_of(folder, leading=""):
    """From where to where the `moved` blocks of a folder lead."""
    blocks = re.findall(
        r"moved \{\n  from = (.*)\n  to   = (.*)\n\}", text_of(f"{folder}/moved.tf")
    )
    return [(leading + before, leading + since) for before, since in blocks]


def moved(address, moves):
    for before, since in moves:
        if address == before or address.startswith((f"{before}.", f"{before}[")):
            address = since + address.removeprefix(before)
    return address
