"""SAM and Terraform deploy the same, but for what `parity_exceptions` lists."""

import copy
from typing import Any

import pytest

from infra import parity_sam, parity_terraform
from infra.parity_exceptions import MEANT
from infra.parity_facts import differences
from infra.parity_settings import DEPLOYMENTS, OF_SINGLE_MODULES, TAGS
from infra.sam_template import deployed, read

_PUBLISHER = "function fanout-publisher"
_ROLE = "role fanout-publisher-eu-west-1"
# Where one value of the SAM template is changed, to what, and the one fact that then differs.
CHANGED: list[tuple[str, str, Any, str]] = [
    ("a timeout", "PublisherFunction Timeout", 61, f"{_PUBLISHER}: timeout"),
    ("a VPC", "PublisherFunction VpcConfig", {"SubnetIds": ["subnet-1"]}, f"{_PUBLISHER}: VPC"),
    ("layers", "PublisherFunction Layers", ["arn"], f"{_PUBLISHER}: layers"),
    ("signing", "PublisherFunction CodeSigningConfigArn", "arn", f"{_PUBLISHER}: signed by"),
    ("a log format", "PublisherFunction LoggingConfig LogFormat", "JSON", f"{_PUBLISHER}: logs"),
    ("a path", "PublisherRole Path", "/a/", f"{_ROLE}: path"),
    ("a boundary", "PublisherRole PermissionsBoundary", "arn", f"{_ROLE}: boundary"),
    ("retries", "PublisherMapping MaximumRetryAttempts", 3, "mapping fanout-publisher: attempts"),
    ("a batch size", "ConsumerMapping BatchSize", 11, "mapping fanout-payments-consumer: batch"),
    (
        "a DLQ",
        "PaymentsQueue RedrivePolicy maxReceiveCount",
        5,
        "queue fanout-payments: DLQ",
    ),
    (
        "a subscription's DLQ",
        "PaymentsSubscription RedrivePolicy deadLetterTargetArn",
        "arn:aws:sqs:eu-west-1:123456789012:other",
        "subscription fanout-payments: DLQ",
    ),
    ("encryption", "Topic KmsMasterKeyId", "alias/aws/sns", "topic fanout-customer-status: key"),
    (
        "a permission",
        "ConsumerRole Policies 0 PolicyDocument Statement 1 Action",
        "sqs:*",
        "role fanout-payments-consumer-eu-west-1: may",
    ),
    (
        "who may write into a queue",
        "PaymentsQueuePolicy PolicyDocument Statement 0 Condition",
        {},
        "policy of https://sqs.eu-west-1.amazonaws.com/123456789012/fanout-payments: says",
    ),
    (
        "a filter",
        "PaymentsSubscription FilterPolicy",
        {"schema_version": ["2"]},
        "subscription fanout-payments: filter",
    ),
    (
        "an alarm",
        "EndToEndLagAlarm Threshold",
        1,
        "alarm fanout-payments-end-to-end-lag: condition",
    ),
    (
        "an alarm's query",
        "PaymentsReceivesNothingAlarm Metrics 0 Expression",
        "1",
        "alarm fanout-payments-receives-nothing: queries",
    ),
    ("a saved query", "ErrorsQuery QueryString", "fields @message", "query fanout/errors: asks"),
    (
        "an environment variable",
        "ConsumerFunction Environment Variables TABLE_NAME",
        "other",
        "environment fanout-payments-consumer: TABLE_NAME",
    ),
]


@pytest.mark.slow
@pytest.mark.infra
@pytest.mark.parametrize("name", DEPLOYMENTS)
def test_sam_and_terraform_deploy_the_same_but_for_what_is_meant(planned_example, name):
    terraform = parity_terraform.facts(planned_example("sns_fanout", name))
    found = differences(parity_sam.facts(deployed(**DEPLOYMENTS[name].sam)), terraform)
    meant = {fact: (one.sam, one.terraform) for fact, one in MEANT.items()}
    assert [
        f"{fact}: SAM {said[0]!r}, Terraform {said[1]!r}"
        for fact, said in found.items()
        if meant.get(fact) != said
    ] == []
    gone = meant.keys() - found.keys() if name == "to try it" else []
    assert sorted(gone) == [], "no longer different: take these out of the list"


@pytest.mark.slow
@pytest.mark.infra
def test_terraform_tags_all_that_takes_tags(planned_state):
    resources = planned_state("sns_fanout", "with every setting")
    tagged = [it for it in resources if "tags" in it["values"]]
    assert len(tagged) > len(resources) / 2
    assert [it["address"] for it in tagged if it["values"]["tags"] != TAGS] == []


def test_every_setting_of_sam_is_compared_but_what_takes_a_single_module():
    parameters = read()["Parameters"]
    compared = {
        name
        for deployment in DEPLOYMENTS.values()
        for name, value in deployment.sam.items()
        if value != str(parameters[name]["Default"])
    }
    # Every name depends on the prefix, and a test of its own puts in the longest.
    assert parameters.keys() - compared == OF_SINGLE_MODULES | {"Prefix"}


def test_every_resource_that_sam_deploys_is_compared():
    kinds = {resource["Type"] for resource in deployed()["Resources"].values()}
    assert kinds == set(parity_sam.READERS)


@pytest.mark.parametrize(
    ("path", "value", "fact"), [one[1:] for one in CHANGED], ids=[one[0] for one in CHANGED]
)
def test_a_difference_is_named(path, value, fact):
    template = copy.deepcopy(deployed())
    resource, *steps, last = path.split()
    place: Any = template["Resources"][resource]["Properties"]
    for step in steps:
        place = place[int(step) if step.isdigit() else step]
    place[last] = value
    assert list(differences(parity_sam.facts(deployed()), parity_sam.facts(template))) == [fact]


def test_a_resource_that_only_one_tool_deploys_is_named():
    template = deployed()
    less = {**template, "Resources": dict(template["Resources"])}
    del less["Resources"]["DeliveriesLostAlarm"]
    found = differences(parity_sam.facts(template), parity_sam.facts(less))
    assert {name.partition(":")[0] for name in found} == {"alarm fanout-topic-deliveries-lost"}
    assert {said[1] for said in found.values()} == {"absent"}


@pytest.mark.parametrize("name", MEANT)
def test_a_difference_that_is_meant_says_why(name):
    one = MEANT[name]
    assert one.sam != one.terraform
    assert len(one.reason.split()) > 10
