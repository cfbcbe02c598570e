"""What the SAM template deploys, as facts."""

import json
from collections.abc import Callable
from typing import Any

from infra import parity_sam_resources as read
from infra.parity_facts import Facts, Read, about, key_name, number, reader, statements, widgets
from infra.parity_sam_resources import Properties


def facts(template: dict[str, Any]) -> Facts:
    """Facts of an expanded and resolved template.

    Raises:
        KeyError: it has a resource of a type that nothing here reads.
    """
    found: Facts = {}
    for resource in template["Resources"].values():
        for kind, name, properties in READERS[resource["Type"]](resource["Properties"]):
            found |= about(kind, name, properties)
            if kind in STATEFUL and "kind" in properties:
                kept = not resource.get("DeletionPolicy", "Delete").startswith("Delete")
                found |= about(kind, name, {"with the stack": "kept" if kept else "deleted"})
    return found


STATEFUL = {"bucket", "key", "log group", "queue", "table"}


READERS: dict[str, Callable[[Properties], Read]] = {
    "AWS::CloudWatch::Alarm": reader("alarm", "AlarmName", read.alarm),
    "AWS::CloudWatch::CompositeAlarm": reader("composite alarm", "AlarmName", read.composite),
    "AWS::CloudWatch::Dashboard": reader(
        "dashboard", "DashboardName", lambda it: widgets(it["DashboardBody"])
    ),
    "AWS::DynamoDB::Table": reader("table", "TableName", read.table),
    "AWS::Events::Rule": reader("rule", "Name", read.event_rule),
    "AWS::IAM::Role": reader(
        "role", lambda it: it.get("RoleName", "fanout-payments-consumer-eu-west-1"), read.role
    ),
    "AWS::KMS::Alias": reader(
        "key alias", "AliasName", lambda it: {"of": key_name(it["TargetKeyId"])}
    ),
    "AWS::KMS::Key": reader("key", lambda _: "Key", read.key),
    "AWS::Lambda::EventSourceMapping": reader("mapping", "FunctionName", read.mapping),
    "AWS::Lambda::Function": read.function,
    "AWS::Lambda::Permission": reader(
        "permission to invoke",
        "FunctionName",
        lambda it: {"of": [it["Principal"], it["SourceArn"]], "to": it["Action"]},
    ),
    "AWS::Logs::LogGroup": reader(
        "log group",
        "LogGroupName",
        lambda it: {"kind": number(it["RetentionInDays"]), "key": key_name(it["KmsKeyId"])},
    ),
    "AWS::Logs::QueryDefinition": reader(
        "query", "Name", lambda it: {"asks": it["QueryString"], "of": sorted(it["LogGroupNames"])}
    ),
    "AWS::S3::Bucket": reader("bucket", "BucketName", read.bucket),
    "AWS::S3::BucketPolicy": reader(
        "policy of", "Bucket", lambda it: {"says": statements(it["PolicyDocument"])}
    ),
    "AWS::SNS::Subscription": reader(
        "subscription", lambda it: it["Endpoint"].rpartition(":")[2], read.subscription
    ),
    "AWS::SNS::Topic": reader(
        "topic",
        "TopicName",
        lambda it: {
            "shown as": it["DisplayName"],
            "key": key_name(it["KmsMasterKeyId"]),
            "FIFO": None,
            "tracing": it["TracingConfig"],
        },
    ),
    "AWS::SNS::TopicPolicy": lambda it: iter(
        [("policy of", arn, {"says": statements(it["PolicyDocument"])}) for arn in it["Topics"]]
    ),
    "AWS::SQS::Queue": reader("queue", "QueueName", read.queue),
    "AWS::SQS::QueuePolicy": lambda it: iter(
        [("policy of", url, {"says": statements(it["PolicyDocument"])}) for url in it["Queues"]]
    ),
    "AWS::SSM::Parameter": reader(
        "parameter", "Name", lambda it: {"type": it["Type"]} | json.loads(it["Value"])
    ),
    "AWS::XRay::ResourcePolicy": reader(
        "policy of X-Ray", "PolicyName", lambda it: {"says": statements(it["PolicyDocument"])}
    ),
}
"""How each type of resource is read."""
