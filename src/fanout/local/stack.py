"""Deploy the SAM template through the emulator's CloudFormation, as `sam deploy` does on AWS."""

import copy
import hashlib
import json
import platform
import time
from collections.abc import Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from botocore.exceptions import ClientError

from fanout.errors import Refused, WrongUse

# Everything that is done differently because of a fault of the emulator, in one place


EMULATOR_VERSION = "1.5.33"

STREAM_MAPPING_DISABLED: Mapping[str, str] = {"StreamMappingEnabled": "false"}
"""MiniStack 1.5.33: its stream event source mapping ignores `batchItemFailures` (the records are
lost), retries an exception for ever, never bisects and never uses the on-failure destination. The
template's mapping is deployed disabled, and `stream_poller` follows its settings instead."""


@dataclass(frozen=True, slots=True, kw_only=True)
class RefusedByEmulator:
    """Resources of `type` that MiniStack's CloudFormation refuses if they have `property`.

    They are left out, so nothing else in the template may refer to them. `lost` tells what a local
    run can't show because of it.
    """

    type: str
    property: str
    lost: str


REFUSED = (
    RefusedByEmulator(
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


TEMPLATE = Path(__file__).resolve().parents[3] / "infra" / "sam" / "template.yaml"
_FUNCTION_TYPE = "AWS::Serverless::Function"
_DEPLOY_TIMEOUT_SECONDS = 300
_POLL_INTERVAL_SECONDS = 0.05
_REASONS_MAX = 5


def load_template(path: Path = TEMPLATE) -> dict[str, Any]:
    """Read the template; CloudFormation's short tags become their long form.

    Raises:
        WrongUse: there is no template; the project is not installed from a checkout.
    """
    from samtranslator.yaml_helper import yaml_parse

    try:
        text = path.read_text(encoding="utf-8")
    except OSError as error:
        raise WrongUse(
            f"The template {path} can't be read ({error.strerror}): "
            "`fanout local` works from a checkout of the project."
        ) from None
    template: dict[str, Any] = yaml_parse(text)
    return template


def services(template: Mapping[str, Any]) -> list[str]:
    """The services whose packages the template's functions run, by name."""
    return sorted(
        _service(resource)
        for resource in template["Resources"].values()
        if resource["Type"] == _FUNCTION_TYPE
    )


def with_code_at(
    template: Mapping[str, Any], bucket: str, packages: Mapping[str, str]
) -> dict[str, Any]:
    """The template with each function's CodeUri pointing into the bucket.

    Args:
        template: The template in its long form; it stays as it is.
        bucket: Where the packages are.
        packages: Object key by service.
    """
    result = copy.deepcopy(dict(template))
    for resource in result["Resources"].values():
        if resource["Type"] == _FUNCTION_TYPE:
            resource["Properties"]["CodeUri"] = f"s3://{bucket}/{packages[_service(resource)]}"
    return result


def deploy(
    target: Any,
    *,
    packages: Mapping[str, Path],
    parameters: Mapping[str, str],
    template: Mapping[str, Any],
    stack: str | None = None,
) -> None:
    """Upload the packages, create the stack or update it, and wait until it is there.

    Args:
        target: The `AwsTarget` of the emulator; its prefix names the bucket of packages.
        packages: Zip file by service.
        parameters: Overrides of the template's parameters.
        template: What `load_template` returns.
        stack: The stack's name; that of the whole system if left out.

    Raises:
        WrongUse: the template has no such parameter.
        Refused: a resource could not be created; tells the reasons of the first few.
    """
    bucket = f"{target.prefix}-local-packages"
    stack = stack or f"{target.prefix}-local"
    _create_bucket(target, bucket)
    s3 = target.client("s3")
    keys = {service: _key(service, path) for service, path in packages.items()}
    for service, path in packages.items():
        s3.put_object(Bucket=bucket, Key=keys[service], Body=path.read_bytes())
    chosen = _parameters(template, target.prefix, parameters)
    document = with_code_at(template, bucket, keys)
    document = with_mapping_numbers(without_refused(document), chosen)
    document = with_batch_actions(document)
    document = without_transport_rules(document)
    # From S3, as the body in a call may have 51,200 bytes only.
    template_key = f"{stack}.json"
    s3.put_object(Bucket=bucket, Key=template_key, Body=json.dumps(document).encode())
    cloudformation = target.client("cloudformation")
    request = {
        "StackName": stack,
        "TemplateURL": f"{s3.meta.endpoint_url}/{bucket}/{template_key}",
        "Parameters": [{"ParameterKey": k, "ParameterValue": v} for k, v in chosen.items()],
        "Capabilities": ["CAPABILITY_IAM", "CAPABILITY_NAMED_IAM", "CAPABILITY_AUTO_EXPAND"],
    }
    exists = _exists(cloudformation, stack)
    try:
        (cloudformation.update_stack if exists else cloudformation.create_stack)(**request)
    except ClientError as error:
        if "No updates are to be performed" in str(error):
            return
        raise Refused(f"The template was refused: {error.response['Error']['Message']}") from None
    _await_done(cloudformation, stack, "UPDATE_COMPLETE" if exists else "CREATE_COMPLETE")


def _service(function: Mapping[str, Any]) -> str:
    """The first part of a function's Handler is the name of its service."""
    handler: str = function["Properties"]["Handler"]
    return handler.partition(".")[0]


def _key(service: str, path: Path) -> str:
    """Where a package goes: other contents elsewhere, so that an update notices them."""
    return f"{service}-{hashlib.sha256(path.read_bytes()).hexdigest()[:16]}.zip"


def _exists(cloudformation: Any, stack: str) -> bool:
    pages = cloudformation.get_paginator("describe_stacks").paginate()
    found = [one for page in pages for one in page["Stacks"] if one["StackName"] == stack]
    return any(one["StackStatus"] != "DELETE_COMPLETE" for one in found)


def _create_bucket(target: Any, bucket: str) -> None:
    s3 = target.client("s3")
    if bucket in {one["Name"] for one in s3.list_buckets()["Buckets"]}:
        return
    if s3.meta.region_name == "us-east-1":
        s3.create_bucket(Bucket=bucket)
    else:
        where = {"LocationConstraint": s3.meta.region_name}
        s3.create_bucket(Bucket=bucket, CreateBucketConfiguration=where)


def _parameters(
    template: Mapping[str, Any], prefix: str, overrides: Mapping[str, str]
) -> dict[str, str]:
    known = template.get("Parameters", {})
    unknown = sorted(set(overrides) - set(known))
    if unknown:
        names = ", ".join(sorted(known)) or "none"
        raise WrongUse(f"The template has no parameter {unknown[0]!r}; it has: {names}.")
    machine = "arm64" if platform.machine() in {"arm64", "aarch64"} else "x86_64"
    ours = {
        "Prefix": prefix,
        "Bus": f"/{prefix}/bus",  # where a subscriber's own stack finds the bus
        "Architecture": machine,
        # Each concurrent batch is an interpreter here: ten that start at once on a small machine
        # take seconds, and two keep up with the emulator.
        "ConsumerMaximumConcurrency": "2",
        **STREAM_MAPPING_DISABLED,
    }
    return {name: value for name, value in ours.items() if name in known} | dict(overrides)


def _await_done(cloudformation: Any, stack: str, wanted: str) -> None:
    deadline = time.monotonic() + _DEPLOY_TIMEOUT_SECONDS
    while True:
        status = cloudformation.describe_stacks(StackName=stack)["Stacks"][0]["StackStatus"]
        if status == wanted:
            return
        if not status.endswith("_IN_PROGRESS"):
            raise Refused(
                f"The deployment of the template ended as {status}:\n"
                f"{_reasons(cloudformation, stack)}"
            )
        if time.monotonic() > deadline:
            raise Refused(
                f"The stack {stack} is still {status} after {_DEPLOY_TIMEOUT_SECONDS} seconds."
            )
        time.sleep(_POLL_INTERVAL_SECONDS)


def _reasons(cloudformation: Any, stack: str) -> str:
    """Why resources failed, the first one first: the others often only follow from it."""
    pages = cloudformation.get_paginator("describe_stack_events").paginate(StackName=stack)
    failed = [
        f"  {event['LogicalResourceId']} ({event['ResourceType']}): "
        f"{event.get('ResourceStatusReason') or 'no reason given'}"
        for page in pages
        for event in page["StackEvents"]
        if event["ResourceStatus"].endswith("_FAILED")
    ]
    return "\n".join(failed[::-1][:_REASONS_MAX])
