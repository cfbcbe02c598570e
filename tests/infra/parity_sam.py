"""What the SAM template deploys, as facts."""

import json
from collections.abc import Callable
from typing import Any

from infra import parity_sam_resources
from infra.parity_facts import Facts, about, key_name, number, statements
from infra.parity_sam_resources import Properties, Read


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
    "AWS::CloudWatch::Alarm": parity_sam_resources.alarm,
    "AWS::DynamoDB::Table": parity_sam_resources.table,
    "AWS::Events::Rule": parity_sam_resources.event_rule,
    "AWS::IAM::Role": parity_sam_resources.role,
    "AWS::KMS::Alias": lambda it: iter(
        [("key alias", it["AliasName"], {"of": key_name(it["TargetKeyId"])})]
    ),
    "AWS::KMS::Key": parity_sam_resources.key,
    "AWS::Lambda::EventSourceMapping": parity_sam_resources.mapping,
    "AWS::Lambda::Function": parity_sam_resources.function,
    "AWS::Logs::LogGroup": lambda it: iter(
        [
            (
                "log group",
                it["LogGroupName"],
                {"kind": number(it["RetentionInDays"]), "key": key_name(it["KmsKeyId"])},
            )
        ]
    ),
    "AWS::S3::Bucket": parity_sam_resources.bucket,
    "AWS::S3::BucketPolicy": lambda it: iter(
        [("policy of", it["Bucket"], {"says": statements(it["PolicyDocument"])})]
    ),
    "AWS::SNS::Subscription": parity_sam_resources.subscription,
    "AWS::SNS::Topic": lambda it: iter(
        [
            (
                "topic",
                it["TopicName"],
                {
                    "shown as": it["DisplayName"],
                    "key": key_name(it["KmsMasterKeyId"]),
                    "FIFO": None,
                },
            )
        ]
    ),
    "AWS::SNS::TopicPolicy": lambda it: iter(
        [("policy of", arn, {"says": statements(it["PolicyDocument"])}) for arn in it["Topics"]]
    ),
    "AWS::SQS::Queue": parity_sam_resources.queue,
    "AWS::SQS::QueuePolicy": lambda it: iter(
        [("policy of", url, {"says": statements(it["PolicyDocument"])}) for url in it["Queues"]]
    ),
    "AWS::SSM::Parameter": lambda it: iter(
        [("parameter", it["Name"], {"type": it["Type"]} | json.loads(it["Value"]))]
    ),
}
"""How each type of resource is read."""
