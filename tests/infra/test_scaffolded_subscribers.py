"""A subscriber that is scaffolded for SAM is deployed as Payments is, on SNS and on EventBridge."""

import pytest

from infra import parity_sam, parity_terraform
from infra.parity_exceptions import MEANT
from infra.parity_facts import ABSENT, Facts, differences
from infra.sam_template import NOTIFYING, deployed
from infra.scaffolds import scaffolded
from sentinel.contract.filters import Transport

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


def of_payments(facts: Facts) -> Facts:
    return {name: value for name, value in facts.items() if "payments" in name.partition(": ")[0]}


def test_on_sns_it_is_what_the_template_deploys_for_payments():
    assert (
        differences(of_payments(parity_sam.facts(deployed(**NOTIFYING))), scaffolded(Transport.SNS))
        == OF_ITS_OWN
    )


@pytest.mark.slow
@pytest.mark.infra
def test_on_eventbridge_it_is_what_terraform_deploys_for_payments(planned_example):
    terraform = parity_terraform.facts(planned_example("eventbridge_fanout"))
    meant = {
        name: (one.terraform, one.sam) for name, one in MEANT.items() if "fanout-payments" in name
    }
    found = differences(of_payments(terraform), scaffolded(Transport.EVENTBRIDGE))
    assert found == OF_ITS_OWN | meant
