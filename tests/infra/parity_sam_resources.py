"""Readers of the SAM template's resources that have many properties."""

import json
from typing import Any

from infra.parity_facts import Read, key_name, number, runbook, statements

Properties = dict[str, Any]


def alarm(it: Properties) -> Properties:
    """A CloudWatch alarm, on a metric or on an expression."""
    return {
        "metric": [it.get("Namespace"), it.get("MetricName")],
        "dimensions": {one["Name"]: one["Value"] for one in it.get("Dimensions", [])},
        "statistic": it.get("Statistic") or it.get("ExtendedStatistic"),
        "period": number(it.get("Period")),
        "periods": [
            number(it["EvaluationPeriods"]),
            number(it.get("DatapointsToAlarm", it["EvaluationPeriods"])),
        ],
        "condition": [it["ComparisonOperator"], number(it["Threshold"])],
        "without data": it["TreatMissingData"],
        "queries": sorted(map(_query, it.get("Metrics", []))),
        "notifies": [it.get("AlarmActions", []), it.get("OKActions", [])],
        "runbook": runbook(it["AlarmDescription"]),
    }


def composite(it: Properties) -> Properties:
    """An alarm on alarms."""
    return {
        "on": sorted(it["AlarmRule"].split(" OR ")),
        "notifies": [it.get("AlarmActions", []), it.get("OKActions", [])],
        "runbook": runbook(it["AlarmDescription"]),
    }


def _query(it: Properties) -> str:
    stat = it.get("MetricStat", {})
    metric = stat.get("Metric", {})
    return json.dumps(
        [
            it["Id"],
            it.get("Expression"),
            it["ReturnData"],
            metric.get("Namespace"),
            metric.get("MetricName"),
            {one["Name"]: one["Value"] for one in metric.get("Dimensions", [])},
            stat.get("Stat"),
            number(stat.get("Period")),
        ]
    )


def function(it: Properties) -> Read:
    """A function and its environment."""
    vpc = it.get("VpcConfig", {})
    yield (
        "function",
        it["FunctionName"],
        {
            "handler": it["Handler"],
            "runtime": [it["Runtime"], *it["Architectures"]],
            "timeout": number(it["Timeout"]),
            "memory": number(it["MemorySize"]),
            "concurrency": number(it.get("ReservedConcurrentExecutions")),
            "role": it["Role"],
            "key": key_name(it["KmsKeyArn"]),
            "logs": [it["LoggingConfig"]["LogGroup"], it["LoggingConfig"].get("LogFormat", "Text")],
            "tracing": it["TracingConfig"]["Mode"],
            "VPC": [vpc.get("SubnetIds", []), vpc.get("SecurityGroupIds", [])],
            "layers": it.get("Layers", []),
            "signed by": it.get("CodeSigningConfigArn"),
        },
    )
    variables = it["Environment"]["Variables"]
    yield "environment", it["FunctionName"], {key: str(value) for key, value in variables.items()}


def mapping(it: Properties) -> Properties:
    """An event source mapping, by the function that it runs."""
    return {
        "runs": it["FunctionName"],
        "source": it["EventSourceArn"],
        "enabled": it["Enabled"],
        "batch": [number(it["BatchSize"]), number(it.get("MaximumBatchingWindowInSeconds", 0))],
        "answers": it["FunctionResponseTypes"],
        "start": it.get("StartingPosition"),
        "parallel batches": number(it.get("ParallelizationFactor")),
        "bisects": bool(it.get("BisectBatchOnFunctionError")),
        "attempts": number(it.get("MaximumRetryAttempts")),
        "age": number(it.get("MaximumRecordAgeInSeconds")),
        "gives up to": it.get("DestinationConfig", {}).get("OnFailure", {}).get("Destination"),
        "concurrency": number(it.get("ScalingConfig", {}).get("MaximumConcurrency")),
        "counts": it.get("MetricsConfig", {}).get("Metrics", []),
        "filters": it.get("FilterCriteria", {}).get("Filters", []),
    }


def queue(it: Properties) -> Properties:
    """A queue or DLQ."""
    redrive = it.get("RedrivePolicy", {})
    return {
        "kind": "FIFO" if it.get("FifoQueue") else "standard",
        "visibility": number(it.get("VisibilityTimeout", 30)),
        "retention": number(it["MessageRetentionPeriod"]),
        "key": "SQS's own"
        if it.get("SqsManagedSseEnabled")
        else [key_name(it.get("KmsMasterKeyId")), number(it.get("KmsDataKeyReusePeriodSeconds"))],
        "DLQ": [redrive.get("deadLetterTargetArn"), number(redrive.get("maxReceiveCount"))],
        "is the DLQ of": it.get("RedriveAllowPolicy"),
        "by group": None,
    }


def subscription(it: Properties) -> Properties:
    """A subscription, by its queue."""
    return {
        "from": [it["TopicArn"], it["Protocol"]],
        "raw": it["RawMessageDelivery"],
        "filter": [it["FilterPolicyScope"], it["FilterPolicy"]],
        "DLQ": it["RedrivePolicy"]["deadLetterTargetArn"],
    }


def event_rule(it: Properties) -> Properties:
    """A rule with its one target, on a bus or on a schedule."""
    [target] = it["Targets"]
    retry = target.get("RetryPolicy", {})
    return {
        "bus": it.get("EventBusName"),
        "pattern": it.get("EventPattern"),
        "schedule": it.get("ScheduleExpression"),
        "state": it.get("State", "ENABLED"),
        "target": target["Arn"],
        "target bus": it.get("EventBusName"),
        "passes": target.get("InputPath"),
        "DLQ": target.get("DeadLetterConfig", {}).get("Arn"),
        "retries": [
            number(retry.get("MaximumEventAgeInSeconds")),
            number(retry.get("MaximumRetryAttempts")),
        ],
    }


def table(it: Properties) -> Properties:
    """A table."""
    return {
        "kind": it["BillingMode"],
        "keys": {one["AttributeName"]: one["KeyType"] for one in it["KeySchema"]},
        "key": key_name(it["SSESpecification"]["KMSMasterKeyId"]),
        "recovery": it["PointInTimeRecoverySpecification"]["PointInTimeRecoveryEnabled"],
        "protected": it["DeletionProtectionEnabled"],
        "stream": it.get("StreamSpecification", {}).get("StreamViewType"),
    }


def bucket(it: Properties) -> Properties:
    """A bucket with all of its settings."""
    [encryption] = it["BucketEncryption"]["ServerSideEncryptionConfiguration"]
    default = encryption["ServerSideEncryptionByDefault"]
    rules = {one["Id"]: one for one in it["LifecycleConfiguration"]["Rules"]}
    return {
        "kind": it["OwnershipControls"]["Rules"][0]["ObjectOwnership"],
        "versions": it["VersioningConfiguration"]["Status"],
        "private": sorted(key for key, on in it["PublicAccessBlockConfiguration"].items() if on),
        "key": [
            default["SSEAlgorithm"],
            key_name(default["KMSMasterKeyID"]),
            encryption["BucketKeyEnabled"],
        ],
        "forgets": {
            name: [
                number(rule.get("NoncurrentVersionExpiration", {}).get("NoncurrentDays")),
                rule.get("ExpiredObjectDeleteMarker"),
                number(rule.get("AbortIncompleteMultipartUpload", {}).get("DaysAfterInitiation")),
            ]
            for name, rule in rules.items()
        },
        "forgets what is current": sorted(
            name for name, rule in rules.items() if "ExpirationInDays" in rule
        ),
        "tells": [
            [one["Queue"], [one["Event"]], rule["Value"]]
            for one in it["NotificationConfiguration"]["QueueConfigurations"]
            for rule in one["Filter"]["S3Key"]["Rules"]
        ],
    }


def role(it: Properties) -> Properties:
    """A role with its one policy."""
    [policy] = it["Policies"]
    return {
        "trusts": statements(it["AssumeRolePolicyDocument"]),
        "policy": policy["PolicyName"],
        "may": statements(policy["PolicyDocument"]),
        "managed policies": it.get("ManagedPolicyArns", []),
        "path": it.get("Path", "/"),
        "boundary": it.get("PermissionsBoundary"),
    }


def key(it: Properties) -> Properties:
    """The key."""
    return {
        "kind": "rotated" if it["EnableKeyRotation"] else "not rotated",
        "waits": number(it["PendingWindowInDays"]),
        "policy": statements(it["KeyPolicy"]),
    }
