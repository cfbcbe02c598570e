"""Everything that is done differently because of a fault of the emulator, in one place.

Each entry names the emulator's version and the fault, and `tests/e2e/test_local_shims.py` holds a
test of the fault itself: once that test fails, the fault is gone and the entry with it.
"""

import copy
from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any

EMULATOR_VERSION = "1.5.33"

STREAM_MAPPING_DISABLED: Mapping[str, str] = {"StreamMappingEnabled": "false"}
"""MiniStack 1.5.33: its stream event source mapping ignores `batchItemFailures` (the records are
lost), retries an exception for ever, never bisects and never uses the on-failure destination. The
template's mapping is deployed disabled, and `stream_poller` follows its settings instead."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Refused:
    """Resources of `type` that MiniStack's CloudFormation refuses if they have `property`.

    They are left out, so nothing else in the template may refer to them. `lost` tells what a local
    run can't show because of it.
    """

    type: str
    property: str
    lost: str


REFUSED = (
    Refused(
        type="AWS::CloudWatch::Alarm",
        property="Metrics",
        lost="alarms on a metric expression; MiniStack evaluates none of ours faithfully anyway",
    ),
)
"""MiniStack 1.5.33: an alarm on a metric expression fails the whole stack."""


TRANSPORT_RULE = "OnlyEncryptedTransport"
"""The Sid of the template's statements that deny whatever is not TLS."""


def without_refused(template: Mapping[str, Any]) -> dict[str, Any]:
    """The template less the resources that the emulator refuses; the input stays as it is."""
    result = copy.deepcopy(dict(template))
    result["Resources"] = {
        name: resource
        for name, resource in result["Resources"].items()
        if not any(
            resource["Type"] == refused.type and refused.property in resource.get("Properties", {})
            for refused in REFUSED
        )
    }
    return result


def without_transport_rules(template: Mapping[str, Any]) -> dict[str, Any]:
    """The template less its denials of plain HTTP; the input stays as it is.

    Not a fault of the emulator: it speaks plain HTTP, so once it checks permissions these
    statements would deny everything.
    """
    result = copy.deepcopy(dict(template))
    resources = result["Resources"]
    for name, resource in list(resources.items()):
        policy = resource.get("Properties", {}).get("PolicyDocument")
        if policy is not None:
            policy["Statement"] = [
                statement
                for statement in policy["Statement"]
                if statement.get("Sid") != TRANSPORT_RULE
            ]
            if not policy["Statement"]:
                del resources[name]
    return result


def with_mapping_numbers(template: Mapping[str, Any], values: Mapping[str, str]) -> dict[str, Any]:
    """The template with the numbers of event source mappings in place of their parameters.

    MiniStack 1.5.33: a number that comes from a parameter stays a string in a mapping's nested
    properties; with a MaximumConcurrency of "5" its SQS poller fails at each pass, for every queue.

    Args:
        template: The template in its long form; it stays as it is.
        values: Chosen values by parameter; the others have their defaults.
    """
    result = copy.deepcopy(dict(template))
    numbers = {
        name: int(values.get(name, declared.get("Default", 0)))
        for name, declared in template.get("Parameters", {}).items()
        if declared["Type"] == "Number"
    }
    for resource in result["Resources"].values():
        if resource["Type"] == "AWS::Lambda::EventSourceMapping":
            resource["Properties"] = _with_numbers(resource["Properties"], numbers)
    return result


BATCH_ACTIONS: Mapping[str, str] = {
    "sns:Publish": "sns:PublishBatch",
    "sqs:ChangeMessageVisibility": "sqs:ChangeMessageVisibilityBatch",
    "sqs:DeleteMessage": "sqs:DeleteMessageBatch",
    "sqs:SendMessage": "sqs:SendMessageBatch",
}
"""MiniStack 1.5.33: where it checks permissions, a batch call asks for an action of its own. On AWS
there is none: the permission for one entry is the permission for ten."""


def with_batch_actions(template: Mapping[str, Any]) -> dict[str, Any]:
    """The template with the batch actions granted to each role that may do the single one."""
    result = copy.deepcopy(dict(template))
    for resource in result["Resources"].values():
        if resource["Type"] == "AWS::IAM::Role":
            for policy in resource["Properties"].get("Policies", []):
                for statement in policy["PolicyDocument"]["Statement"]:
                    _grant_batch_actions(statement)
    return result


# Private functions


def _grant_batch_actions(statement: dict[str, Any]) -> None:
    if "Action" not in statement:
        return  # an Fn::If around a statement; the template has none around these actions
    actions = statement["Action"]
    granted = actions if isinstance(actions, list) else [actions]
    statement["Action"] = granted + [
        BATCH_ACTIONS[action] for action in granted if action in BATCH_ACTIONS
    ]


def _with_numbers(value: Any, numbers: Mapping[str, int]) -> Any:
    if isinstance(value, dict):
        if set(value) == {"Ref"} and value["Ref"] in numbers:
            return numbers[value["Ref"]]
        return {key: _with_numbers(inner, numbers) for key, inner in value.items()}
    if isinstance(value, list):
        return [_with_numbers(inner, numbers) for inner in value]
    return value
