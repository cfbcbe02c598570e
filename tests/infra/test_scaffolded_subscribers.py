"""A subscriber that is scaffolded for SAM is deployed as Payments is, on SNS and on EventBridge."""

import pytest

from customer_events.event import EVENT_NAME
from fanout.contract.filters import Transport
from fanout.contract.folder import read_contract
from fanout.subscribers.creation import Choices, RuleKind, infrastructure_files
from infra import parity_sam, parity_terraform
from infra.parity_exceptions import MEANT
from infra.parity_facts import ABSENT, Facts, differences
from infra.sam_template import deployed, deployed_subscriber

BUSES = {
    Transport.SNS: "arn:aws:sns:eu-west-1:123456789012:fanout-customer-status",
    Transport.EVENTBRIDGE: "arn:aws:events:eu-west-1:123456789012:event-bus/fanout-customer-status",
}
OF_ITS_OWN = {
    # CloudFormation names the role, as the longest names would not fit.
    "function fanout-payments-consumer: role": (
        "arn:aws:iam::123456789012:role/fanout-payments-consumer-eu-west-1",
        "arn:aws:iam::123456789012:role/Role",
    ),
    "role fanout-payments-consumer-eu-west-1: policy": ("keep-payments-standing", "consume"),
    # By which `subscribers remove` finds the stack to delete.
    "parameter /fanout/subscribers/payments: stack": (ABSENT, "a-stack"),
}


def scaffolded(bus: Transport) -> Facts:
    choices = Choices(
        name="payments",
        rule=RuleKind.LATEST_STATE,
        versions=(2,),
        statuses=(),
        bus=bus,
        external=False,
    )
    files = infrastructure_files(choices, read_contract().event(EVENT_NAME))
    [text] = [text for path, text in files.items() if path.suffix == ".yaml"]
    found = {"arn": BUSES[bus], "kms_key_arn": "arn:aws:kms:eu-west-1:123456789012:key/Key"}
    return parity_sam.facts(deployed_subscriber(text, found))


def of_payments(facts: Facts) -> Facts:
    return {name: value for name, value in facts.items() if "payments" in name.partition(": ")[0]}


def test_on_sns_it_is_what_the_template_deploys_for_payments():
    assert (
        differences(of_payments(parity_sam.facts(deployed())), scaffolded(Transport.SNS))
        == OF_ITS_OWN
    )


@pytest.mark.slow
@pytest.mark.infra
def test_on_eventbridge_it_is_what_terraform_deploys_for_payments(applied_example):
    terraform = parity_terraform.facts(applied_example("eventbridge_fanout"))
    meant = {
        name: (one.terraform, one.sam) for name, one in MEANT.items() if "fanout-payments" in name
    }
    found = differences(of_payments(terraform), scaffolded(Transport.EVENTBRIDGE))
    assert found == OF_ITS_OWN | meant
