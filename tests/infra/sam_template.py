"""Reads infra/sam/template.yaml, expands it as AWS does, and resolves it for one deployment."""

import copy
import json
import re
from collections.abc import Mapping
from functools import cache
from pathlib import Path
from types import SimpleNamespace
from typing import Any

import pytest
import yaml
from samtranslator.yaml_helper import yaml_parse

ROOT = Path(__file__).resolve().parents[2]
FOLDER = ROOT / "infra" / "sam"
EXISTING_TABLE = {
    "AccountsTableName": "accounts",
    "AccountsStreamArn": (
        "arn:aws:dynamodb:eu-west-1:123456789012:table/accounts/stream/2026-01-01T00:00:00.000"
    ),
    "AccountsTableKmsKeyArn": "arn:aws:kms:eu-west-1:123456789012:key/0f0f",
}
TO_TRY = {"CreateAccountsTable": "true"}
PAGES, TICKETS = (f"arn:aws:sns:eu-west-1:123456789012:{one}" for one in ("pages", "tickets"))
NOTIFYING = {"AlarmTopicArn": PAGES, "TicketTopicArn": TICKETS}
IN_A_VPC = {"VpcSubnetIds": "subnet-1,subnet-2", "VpcSecurityGroupIds": "sg-1"}
EVERY_SETTING = (
    EXISTING_TABLE
    | IN_A_VPC
    | {
        "Architecture": "x86_64",
        "Runtime": "python3.12",
        "LogLevel": "WARNING",
        "LogFormat": "JSON",
        "LogRetentionDays": "30",
        "Tracing": "PassThrough",
        "LayerArns": "arn:aws:lambda:eu-west-1:123456789012:layer:agent:3",
        "ExecWrapper": "/opt/otel-instrument",
        "CodeSigningConfigArn": (
            "arn:aws:lambda:eu-west-1:123456789012:code-signing-config:csc-0123456789abcdef0"
        ),
        "PermissionsBoundaryArn": "arn:aws:iam::123456789012:policy/boundary",
        "RolePath": "/fanout/",
        "AlarmTopicArn": "arn:aws:sns:eu-west-1:123456789012:on-call",
        "TicketTopicArn": "arn:aws:sns:eu-west-1:123456789012:tickets",
        "RunbookBaseUrl": "https://wiki.example.com/runbooks",
        "CustomerIdAttribute": "accountId",
        "StatusAttribute": "state",
        "ReasonAttribute": "why",
        "ChangedAtAttribute": "changedAt",
        "TraceparentAttribute": "trace",
        "EntityFilter": "type=CUSTOMER",
        "TableStatusMap": "active=ACTIVE,frozen=SUSPENDED",
        "SequenceAttribute": "version",
        "SequenceEpoch": "2",
        "EventSource": "urn:bank:accounts",
        "PublishVersions": "1,2",
        "PaymentsSchemaVersion": "1",
        "SentinelHours": "24",
        "SentinelReadUnits": "500",
        "PaymentsSubscribedSince": "2026-01-31T12:00:00Z",
        "StreamMappingEnabled": "false",
        "TableDeletionProtection": "false",
    }
)
"""All that the module `fanout` of Terraform takes too; `parity_settings` calls it as that does."""
DEPLOYMENTS = {
    "with a table to try it": TO_TRY,
    "another prefix": TO_TRY | {"Prefix": "a"},
    "an existing Accounts table": EXISTING_TABLE,
    "larger batches": TO_TRY | {"ConsumerBatchSize": "100"},
    "the longest queue retention": TO_TRY | {"QueueRetentionSeconds": "864000"},
    "the old version of the event": TO_TRY
    | {"PublishVersions": "1,2", "PaymentsSchemaVersion": "1"},
    "tables without protection": TO_TRY | {"TableDeletionProtection": "false"},
    "with every setting": EVERY_SETTING,
}
ACCOUNT, REGION, PARTITION = "123456789012", "eu-west-1", "aws"
_NO_VALUE = object()
_NAMES = {
    "AWS::CloudWatch::Alarm": ("AlarmName", "cloudwatch", "alarm:"),
    "AWS::DynamoDB::Table": ("TableName", "dynamodb", "table/"),
    "AWS::Events::Rule": ("Name", "events", "rule/"),
    "AWS::IAM::Role": ("RoleName", "iam", "role/"),
    "AWS::KMS::Key": ("", "kms", "key/"),
    "AWS::Lambda::Function": ("FunctionName", "lambda", "function:"),
    "AWS::Logs::LogGroup": ("LogGroupName", "logs", "log-group:"),
    "AWS::S3::Bucket": ("BucketName", "s3", ""),
    "AWS::SNS::Topic": ("TopicName", "sns", ""),
    "AWS::SQS::Queue": ("QueueName", "sqs", ""),
}


def read() -> dict[str, Any]:
    """The template as it is written, short tags in their long form; the caller's own copy."""
    return copy.deepcopy(_written())


@cache
def _written() -> dict[str, Any]:
    with pytest.MonkeyPatch.context() as patch:
        patch.setattr(yaml, "SafeLoader", yaml.CSafeLoader)  # a tenth of the time
        return dict(yaml_parse((FOLDER / "template.yaml").read_text(encoding="utf-8")))


@cache
def _expanded() -> dict[str, Any]:
    return _transformed(read())


def _transformed(template: dict[str, Any]) -> dict[str, Any]:
    from samtranslator.translator.transform import transform  # half a second

    for resource in template["Resources"].values():
        if resource["Type"] == "AWS::Serverless::Function":
            resource["Properties"]["CodeUri"] = "s3://packages/package.zip"
    with pytest.MonkeyPatch.context() as patch:
        patch.setenv("AWS_DEFAULT_REGION", REGION)
        result: dict[str, Any] = transform(template, {}, SimpleNamespace(load=dict))
    return result


def deployed(**parameters: str) -> dict[str, Any]:
    """The expanded template with every function resolved; resources left out by a condition gone.

    Args:
        parameters: Overrides of the template's parameters.
    """
    return _Deployment(_expanded(), parameters).resolve()


def deployed_subscriber(text: str, bus: Mapping[str, Any]) -> dict[str, Any]:
    """The same of a scaffolded subscriber's template, in front of a bus that was discovered."""
    return _Deployment(
        _transformed(yaml_parse(text)), {"Bus": json.dumps(bus)} | NOTIFYING
    ).resolve()


def refusals(**parameters: str) -> list[str]:
    """What CloudFormation would say about parameters that contradict each other."""
    return _Deployment(_expanded(), parameters).refusals()


def of_type(template: Mapping[str, Any], kind: str) -> dict[str, dict[str, Any]]:
    """Properties by logical id of the resources of a type."""
    return {
        name: resource["Properties"]
        for name, resource in template["Resources"].items()
        if resource["Type"] == kind
    }


# Private functions


class _Deployment:
    """Evaluates the functions that the template uses; any other one fails with a KeyError."""

    def __init__(self, template: dict[str, Any], overrides: Mapping[str, str]) -> None:
        unknown = set(overrides) - set(template["Parameters"])
        assert not unknown, f"no such parameters: {unknown}"
        self._template = template
        self._values = {
            name: overrides.get(name, parameter.get("Default"))
            for name, parameter in template["Parameters"].items()
        } | {
            "AWS::AccountId": ACCOUNT,
            "AWS::Region": REGION,
            "AWS::Partition": PARTITION,
            "AWS::URLSuffix": "amazonaws.com",
            "AWS::NoValue": _NO_VALUE,
            "AWS::StackName": "a-stack",
        }

    def resolve(self) -> dict[str, Any]:
        result = self._value(
            {section: self._present(section) for section in ("Resources", "Outputs")}
        )
        assert isinstance(result, dict)
        return result

    def _present(self, section: str) -> dict[str, Any]:
        return {
            name: entry
            for name, entry in self._template[section].items()
            if "Condition" not in entry or self._condition(entry["Condition"])
        }

    def refusals(self) -> list[str]:
        return [
            assertion["AssertDescription"]
            for rule in self._template["Rules"].values()
            if self._value(rule["RuleCondition"])
            for assertion in rule["Assertions"]
            if not self._value(assertion["Assert"])
        ]

    def _condition(self, name: str) -> bool:
        return bool(self._value(self._template["Conditions"][name]))

    def _value(self, node: Any) -> Any:
        if isinstance(node, list):
            return [one for one in map(self._value, node) if one is not _NO_VALUE]
        if not isinstance(node, dict):
            return node
        if len(node) == 1:
            [(function, argument)] = node.items()
            if function == "Ref" or function.startswith("Fn::"):
                return self._call(function, argument)
        found = {key: self._value(value) for key, value in node.items()}
        return {key: value for key, value in found.items() if value is not _NO_VALUE}

    def _call(self, function: str, argument: Any) -> Any:
        found: Any
        match function, argument:
            case "Ref", name:
                found = self._reference(name)
            case "Fn::GetAtt", [name, attribute]:
                found = self._attribute(name, attribute)
            case "Fn::If", [condition, yes, no]:
                found = self._value(yes if self._condition(condition) else no)
            case "Fn::Equals", [one, other]:
                found = str(self._value(one)) == str(self._value(other))
            case "Fn::Not", [one]:
                found = not self._value(one)
            case "Fn::Or", choices:
                found = any(self._value(choice) for choice in choices)
            case "Fn::Select", [index, choices]:
                found = self._value(choices)[index]
            case "Fn::Split", [separator, text]:
                found = self._value(text).split(separator)
            case "Fn::Sub", _:
                text, given = argument if isinstance(argument, list) else (argument, {})
                found = self._substituted(text, {k: self._value(v) for k, v in given.items()})
            case _:
                raise KeyError(function)
        return found

    def _substituted(self, text: str, given: Mapping[str, Any]) -> str:
        def one(match: re.Match[str]) -> str:
            name, _, attribute = match[1].partition(".")
            if match[1] in given:
                return str(given[match[1]])
            return str(self._attribute(name, attribute) if attribute else self._reference(name))

        return re.sub(r"\$\{([^}]+)\}", one, text)

    def _reference(self, name: str) -> Any:
        if name in self._values:
            return self._values[name]
        kind = self._template["Resources"][name]["Type"]
        if kind == "AWS::SNS::Topic":
            return self._attribute(name, "Arn")
        if kind == "AWS::SQS::Queue":
            return f"https://sqs.{REGION}.amazonaws.com/{ACCOUNT}/{self._name(name)}"
        return self._name(name)

    def _attribute(self, name: str, attribute: str) -> str:
        kind = self._template["Resources"][name]["Type"]
        if attribute == "StreamArn":
            return f"{self._attribute(name, 'Arn')}/stream/2026-01-01T00:00:00.000"
        if attribute in {"QueueName", "TopicName"}:
            return self._name(name)
        assert attribute == "Arn", attribute
        _, service, leading = _NAMES[kind]
        where = "::" if service == "s3" else f"{REGION}:{ACCOUNT}"
        where = f":{ACCOUNT}" if service == "iam" else where.replace("::", ":")
        return f"arn:{PARTITION}:{service}:{where}:{leading}{self._name(name)}"

    def _name(self, name: str) -> str:
        resource = self._template["Resources"][name]
        property_name = _NAMES.get(resource["Type"], ("",))[0]
        return str(self._value(resource["Properties"].get(property_name, name)))
