"""Who may do what, and with which key: the rules of `sam_rules` about permissions."""

from collections.abc import Iterator
from fnmatch import fnmatch
from typing import Any

from infra.sam_template import ACCOUNT, PARTITION, REGION, of_type

# X-Ray has no resources; the rest name everything below one address.
WILDCARD_RESOURCES = {"*": {"xray:PutTelemetryRecords", "xray:PutTraceSegments"}}
WILDCARD_SUFFIXES = {
    "/parked/*": {"s3:PutObject"},
    "/aws/lambda/*": {"s3:PutObject"},
    ":*": {"logs:CreateLogStream", "logs:PutLogEvents"},
}


def plain_transport_is_denied(template: dict[str, Any]) -> Iterator[str]:
    """Each bucket, queue and topic is named by a denial of what is not TLS."""
    denied = set()
    for kind in ("AWS::S3::BucketPolicy", "AWS::SQS::QueuePolicy", "AWS::SNS::TopicPolicy"):
        for policy in of_type(template, kind).values():
            for statement in policy["PolicyDocument"]["Statement"]:
                condition = statement.get("Condition", {}).get("Bool", {})
                if (
                    statement["Effect"] == "Deny"
                    and condition.get("aws:SecureTransport") == "false"
                ):
                    assert statement["Principal"] == "*"
                    denied |= set(_listed(statement["Resource"]))
    for kind, name_property in (
        ("AWS::S3::Bucket", "BucketName"),
        ("AWS::SQS::Queue", "QueueName"),
        ("AWS::SNS::Topic", "TopicName"),
    ):
        for name, properties in of_type(template, kind).items():
            if not any(arn.rpartition(":")[2] == properties[name_property] for arn in denied):
                yield f"{name}: accepts plain HTTP"


def key_admits_sns_and_eventbridge_to_the_queues(template: dict[str, Any]) -> Iterator[str]:
    """Without it delivery fails on AWS and nowhere else; without conditions, others may use it."""
    statements = {
        statement["Principal"]["Service"]: statement
        for statement in of_type(template, "AWS::KMS::Key")["Key"]["KeyPolicy"]["Statement"]
        if "Service" in statement["Principal"]
    }
    queues = [one["QueueName"] for one in of_type(template, "AWS::SQS::Queue").values()]
    topic = of_type(template, "AWS::SNS::Topic")["Topic"]["TopicName"]
    for service in ("sns.amazonaws.com", "events.amazonaws.com"):
        actions = set(_listed(statements.get(service, {}).get("Action", [])))
        if actions != {"kms:Decrypt", "kms:GenerateDataKey"}:
            yield f"{service}: may {sorted(actions)}"
    sns = statements.get("sns.amazonaws.com", {}).get("Condition", {})
    if sns.get("StringEquals", {}).get("aws:SourceAccount") != ACCOUNT:
        yield "sns.amazonaws.com: for any account"
    if not sns.get("ArnEquals", {}).get("aws:SourceArn", "").endswith(f":{ACCOUNT}:{topic}"):
        yield "sns.amazonaws.com: not for this topic alone"
    # EventBridge sends neither aws:SourceArn nor aws:SourceAccount to KMS.
    events = statements.get("events.amazonaws.com", {}).get("Condition", {})
    pattern = events.get("ArnLike", {}).get("kms:EncryptionContext:aws:sqs:arn", "")
    if set(events) != {"ArnLike"} or f":{ACCOUNT}:" not in pattern:
        yield f"events.amazonaws.com: conditions {sorted(events)}"
    if not all(fnmatch(queue, pattern.rpartition(":")[2]) for queue in queues):
        yield "events.amazonaws.com: not for each queue"


def key_admits_the_log_groups(template: dict[str, Any]) -> Iterator[str]:
    """CloudWatch Logs refuses to create a group that it cannot encrypt."""
    for statement in of_type(template, "AWS::KMS::Key")["Key"]["KeyPolicy"]["Statement"]:
        if str(statement["Principal"].get("Service", "")).startswith("logs."):
            pattern = statement["Condition"]["ArnLike"]["kms:EncryptionContext:aws:logs:arn"]
            for name, group in of_type(template, "AWS::Logs::LogGroup").items():
                arn = f"arn:{PARTITION}:logs:{REGION}:{ACCOUNT}:log-group:{group['LogGroupName']}"
                if not fnmatch(arn, pattern):
                    yield f"{name}: the key is not for {group['LogGroupName']}"
            return
    yield "the key is for no log group"


def roles_name_what_they_touch(template: dict[str, Any]) -> Iterator[str]:
    """No wildcard but those listed above, and no managed policy."""
    for name, role in of_type(template, "AWS::IAM::Role").items():
        if role.get("ManagedPolicyArns"):
            yield f"{name}: has managed policies"
        for policy in role["Policies"]:
            for statement in policy["PolicyDocument"]["Statement"]:
                actions = set(_listed(statement["Action"]))
                yield from (f"{name}: may {action}" for action in actions if "*" in action)
                for resource in _listed(statement["Resource"]):
                    allowed = WILDCARD_RESOURCES.get(resource, set()).union(
                        *(may for end, may in WILDCARD_SUFFIXES.items() if resource.endswith(end))
                    )
                    if "*" in resource and not actions <= allowed:
                        yield f"{name}: {sorted(actions)} on {resource}"


def each_function_writes_to_its_own_logs_only(template: dict[str, Any]) -> Iterator[str]:
    """The role's log permission and the function's setting name the same group."""
    for name, function in of_type(template, "AWS::Lambda::Function").items():
        group = function["LoggingConfig"]["LogGroup"]
        role = next(
            role
            for role in of_type(template, "AWS::IAM::Role").values()
            if function["Role"].endswith(f"/{role['RoleName']}")
        )
        granted = {
            resource
            for policy in role["Policies"]
            for statement in policy["PolicyDocument"]["Statement"]
            if any(action.startswith("logs:") for action in _listed(statement["Action"]))
            for resource in _listed(statement["Resource"])
        }
        if {one.partition("log-group:")[2] for one in granted} != {f"{group}:*"}:
            yield f"{name}: logs to {group}, may write to {sorted(granted)}"


# Private functions


def _listed(value: str | list[str]) -> list[str]:
    return value if isinstance(value, list) else [value]
