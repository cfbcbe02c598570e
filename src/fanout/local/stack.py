"""Deploy the SAM template through the emulator's CloudFormation, as `sam deploy` does on AWS."""

import copy
import hashlib
import json
import platform
from collections.abc import Mapping
from contextlib import suppress
from pathlib import Path
from typing import Any

from botocore.exceptions import ClientError, WaiterError

from customer_events.shipped import project_root
from fanout.errors import Refused, WrongUse
from fanout.local.state_folder import StateFolder
from sentinel.contract.folder import read_text

TEMPLATE = project_root() / "infra" / "sam" / "template.yaml"
_FUNCTION_TYPE = "AWS::Serverless::Function"
_POLL_INTERVAL_SECONDS = 0.05
_POLLS_MAX = 6_000
_REASONS_MAX = 5

# Everything that is done differently because of the emulator

EMULATOR_VERSION = "1.5.33"
"""The version of MiniStack whose faults these are."""
_STATEMENTS = "dynamodb:BatchExecuteStatement"
"""It finds no table in the statements, so it asks for this action on everything."""
BATCH_ACTIONS: Mapping[str, str] = {
    "dynamodb:PartiQLUpdate": _STATEMENTS,
    "sns:Publish": "sns:PublishBatch",
    "sqs:ChangeMessageVisibility": "sqs:ChangeMessageVisibilityBatch",
    "sqs:DeleteMessage": "sqs:DeleteMessageBatch",
    "sqs:SendMessage": "sqs:SendMessageBatch",
}
"""Where it checks permissions, a batch call asks for an action of its own. On AWS there is none:
the permission for one entry is the permission for ten."""
_STREAM_MAPPING_ENABLED = "false"
"""Its stream event source mapping ignores `batchItemFailures` (the records are lost), retries an
exception for ever, never bisects and never uses the on-failure destination. So the template's
mapping is deployed disabled, and `fanout.streams.poller` follows its settings instead."""
_FAILING = {
    *("AWS::CloudWatch::CompositeAlarm", "AWS::Logs::QueryDefinition", "AWS::XRay::ResourcePolicy")
}
"""Each fails the whole stack, and so does an alarm on a metric expression (with `Metrics`)."""
_NOT_ON_THE_EMULATOR = {"DeploySentinel": "false"}
"""It keeps no metrics; `fanout doctor` and `fanout reconcile` check the same by hand."""
_TRANSPORT_RULE = "OnlyEncryptedTransport"
"""The Sid of the template's statements that deny whatever is not TLS. Not a fault: the emulator
speaks plain HTTP, so once it checks permissions these statements would deny everything."""


def for_emulator(template: Mapping[str, Any], values: Mapping[str, str]) -> dict[str, Any]:
    """A copy of the template, in its long form, as the emulator can deploy it.

    `values` are the chosen ones by parameter; the others have their defaults.
    """
    result = copy.deepcopy(dict(template))
    numbers = {
        name: int(values.get(name, declared.get("Default", 0)))
        for name, declared in template.get("Parameters", {}).items()
        if declared["Type"] == "Number"
    }
    for name, resource in list(result["Resources"].items()):
        properties = resource.get("Properties", {})
        if resource["Type"] in _FAILING or "Metrics" in properties:
            del result["Resources"][name]
            continue
        match resource["Type"]:
            case "AWS::Lambda::EventSourceMapping":
                # A number from a parameter stays a string in nested properties; with a
                # MaximumConcurrency of "5" the SQS poller fails at each pass, for every queue.
                resource["Properties"] = _with_numbers(properties, numbers)
            case "AWS::IAM::Role":
                for policy in properties.get("Policies", []):
                    _grant_batch_actions(policy["PolicyDocument"])
        if "PolicyDocument" in properties and not _allow_plain_http(properties["PolicyDocument"]):
            del result["Resources"][name]
    return result


def _allow_plain_http(policy: dict[str, Any]) -> bool:
    """Whether any statement is left once the denial of plain HTTP is gone."""
    policy["Statement"] = [
        statement for statement in policy["Statement"] if statement.get("Sid") != _TRANSPORT_RULE
    ]
    return bool(policy["Statement"])


def _grant_batch_actions(policy: dict[str, Any]) -> None:
    for statement in list(policy["Statement"]):
        if "Action" not in statement:
            continue  # an Fn::If around a statement; the template has none around these actions
        actions = statement["Action"]
        granted = actions if isinstance(actions, list) else [actions]
        batches = [BATCH_ACTIONS[action] for action in granted if action in BATCH_ACTIONS]
        statement["Action"] = granted + batches
        if _STATEMENTS in batches:
            on_all = {"Effect": "Allow", "Action": _STATEMENTS, "Resource": "*"}
            policy["Statement"].append({"Sid": "BatchExecuteStatement", **on_all})


def _with_numbers(value: Any, numbers: Mapping[str, int]) -> Any:
    if isinstance(value, dict):
        if set(value) == {"Ref"} and value["Ref"] in numbers:
            return numbers[value["Ref"]]
        return {key: _with_numbers(inner, numbers) for key, inner in value.items()}
    if isinstance(value, list):
        return [_with_numbers(inner, numbers) for inner in value]
    return value


# The template, its packages and its deployment


def load_template(path: Path = TEMPLATE) -> dict[str, Any]:
    """Read the template; CloudFormation's short tags become their long form.

    Raises: WrongUse: there is no such template.
    """
    from samtranslator.yaml_helper import yaml_parse

    template: dict[str, Any] = yaml_parse(read_text(path, f"The template {path}"))
    return template


def services(template: Mapping[str, Any], parameters: Mapping[str, str]) -> list[str]:
    """The services whose packages the template's functions run, by name."""
    return sorted(
        _service(resource)
        for resource in template["Resources"].values()
        if resource["Type"] == _FUNCTION_TYPE and _is_deployed(resource, template, parameters)
    )


def build_packages(
    template: Mapping[str, Any], folder: StateFolder, parameters: Mapping[str, str]
) -> dict[str, Path]:
    """Build the packages that are deployed, for this machine; zip file by service."""
    from fanout.packaging.build import build_package

    return {
        service: build_package(service, output=folder.packages).path
        for service in services(template, {**_NOT_ON_THE_EMULATOR, **parameters})
    }


def with_code_at(
    template: Mapping[str, Any], bucket: str, packages: Mapping[str, str]
) -> dict[str, Any]:
    """A copy of the template, each function's CodeUri an object of the bucket, by service."""
    result = copy.deepcopy(dict(template))
    for resource in result["Resources"].values():
        if resource["Type"] == _FUNCTION_TYPE:
            key = packages.get(_service(resource), "of-a-function-that-is-not-deployed")
            resource["Properties"]["CodeUri"] = f"s3://{bucket}/{key}"
    return result


def deploy(
    target: Any,
    *,
    packages: Mapping[str, Path],
    parameters: Mapping[str, str],
    template: Mapping[str, Any],
    stack: str | None = None,
) -> None:
    """Upload the packages (a zip file by service), create or update the stack, and await its end.

    The target's prefix names the bucket of packages, and the stack unless that has a name.

    Raises:
        WrongUse: the template has no such parameter.
        Refused: a resource could not be created; gives the reasons of the first few.
    """
    bucket = f"{target.prefix}-local-packages"
    stack = stack or f"{target.prefix}-local"
    _create_bucket(target, bucket)
    s3 = target.client("s3")
    keys = {}
    for service, path in packages.items():
        body = path.read_bytes()
        # Other contents have another key, so that an update notices them.
        keys[service] = f"{service}-{hashlib.sha256(body).hexdigest()[:16]}.zip"
        s3.put_object(Bucket=bucket, Key=keys[service], Body=body)
    chosen = _parameters(template, target.prefix, parameters)
    document = for_emulator(with_code_at(template, bucket, keys), chosen)
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
    work = "update" if _exists(cloudformation, stack) else "create"
    try:
        getattr(cloudformation, f"{work}_stack")(**request)
        cloudformation.get_waiter(f"stack_{work}_complete").wait(
            StackName=stack,
            WaiterConfig={"Delay": _POLL_INTERVAL_SECONDS, "MaxAttempts": _POLLS_MAX},
        )
    except WaiterError as error:
        answer: Any = error.last_response
        status = answer["Stacks"][0]["StackStatus"]
        raise Refused(
            f"The deployment of the template ended as {status}:\n{_reasons(cloudformation, stack)}"
        ) from None
    except ClientError as error:
        if "No updates are to be performed" not in str(error):
            said = error.response["Error"]["Message"]
            raise Refused(f"The template was refused: {said}") from None


def _is_deployed(
    resource: Mapping[str, Any], template: Mapping[str, Any], parameters: Mapping[str, str]
) -> bool:
    """Whether its condition, if any, holds: a parameter that has to have a value."""
    if "Condition" not in resource:
        return True
    parameter, wanted = template["Conditions"][resource["Condition"]]["Fn::Equals"]
    name = parameter["Ref"]
    return bool(parameters.get(name, template["Parameters"][name]["Default"]) == wanted)


def _service(function: Mapping[str, Any]) -> str:
    """The first part of a function's Handler is the name of its service."""
    handler: str = function["Properties"]["Handler"]
    return handler.partition(".")[0]


def _exists(cloudformation: Any, stack: str) -> bool:
    stacks = cloudformation.get_paginator("describe_stacks").paginate().search("Stacks[]")
    return any(
        known["StackName"] == stack and known["StackStatus"] != "DELETE_COMPLETE"
        for known in stacks
    )


def _create_bucket(target: Any, bucket: str) -> None:
    s3 = target.client("s3")
    region = s3.meta.region_name
    request: dict[str, Any] = {"Bucket": bucket}
    if region != "us-east-1":
        request["CreateBucketConfiguration"] = {"LocationConstraint": region}
    with suppress(s3.exceptions.BucketAlreadyOwnedByYou):
        s3.create_bucket(**request)


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
        "CreateAccountsTable": str("AccountsStreamArn" not in overrides).lower(),
        # Each concurrent batch is an interpreter here: ten that start at once on a small machine
        # take seconds, and two keep up with the emulator.
        "ConsumerMaximumConcurrency": "2",
        "StreamMappingEnabled": _STREAM_MAPPING_ENABLED,
        **_NOT_ON_THE_EMULATOR,
    }
    return {name: value for name, value in ours.items() if name in known} | dict(overrides)


def _reasons(cloudformation: Any, stack: str) -> str:
    """Why resources failed, the first failure first: the others often only follow from it."""
    pages = cloudformation.get_paginator("describe_stack_events").paginate(StackName=stack)
    failed = [
        f"  {event['LogicalResourceId']} ({event['ResourceType']}): "
        f"{event.get('ResourceStatusReason') or 'no reason given'}"
        for event in pages.search("StackEvents[]")
        if event["ResourceStatus"].endswith("_FAILED")
    ]
    return "\n".join(failed[::-1][:_REASONS_MAX])
