"""What a subscriber that is scaffolded for SAM deploys, as facts."""

from customer_events.event import EVENT_NAME
from fanout.subscribers.creation import Choices, RuleKind, infrastructure_files
from infra import parity_sam
from infra.parity_facts import Facts
from infra.sam_template import deployed_subscriber
from sentinel.contract.filters import Transport
from sentinel.contract.folder import read_contract

BUSES = {
    Transport.SNS: "arn:aws:sns:eu-west-1:123456789012:fanout-customer-status",
    Transport.EVENTBRIDGE: "arn:aws:events:eu-west-1:123456789012:event-bus/fanout-customer-status",
}


def scaffolded(
    bus: Transport, *, name: str = "payments", rule: RuleKind = RuleKind.LATEST_STATE
) -> Facts:
    """A subscriber's template, in front of a bus that was discovered."""
    choices = Choices(
        name=name,
        rule=rule,
        versions=(2,),
        statuses=(),
        bus=bus,
        external=False,
    )
    files = infrastructure_files(choices, read_contract().event(EVENT_NAME))
    [text] = [text for path, text in files.items() if path.endswith(".yaml")]
    found = {"arn": BUSES[bus], "kms_key_arn": "arn:aws:kms:eu-west-1:123456789012:key/Key"}
    return parity_sam.facts(deployed_subscriber(text, found))
