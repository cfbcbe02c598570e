"""What must hold for what any transport deploys; each rule lists its violations.

They read Terraform's resources, in the example of each transport.
"""

import json
import re
from collections.abc import Callable, Iterator
from typing import Any

from infra.parity_terraform_resources import first
from infra.watched_metrics import Resources

Rule = Callable[[Resources], Iterator[str]]

# The queue for what the bus can't encrypt or decrypt: the bus's key is what may be at fault.
WITHOUT_THE_KEY = {"fanout-customer-status-bus-dlq", "fanout-failure-notices"}
# What a policy may name that is not deployed beside it, or has no ARN of its own.
_BELOW = (":*", "/*", "/parked/*", "/aws/lambda/*")


def everything_has_the_key(resources: Resources) -> Iterator[str]:
    """Topics, buses, queues, tables, buckets, log groups and the functions' environment."""
    keys = {it["arn"] for kind, it in resources if kind == "aws_kms_key"}
    for kind, it in resources:
        if kind in KEY_OF:
            name, key_of = KEY_OF[kind]
            if key_of(it) not in keys and it[name] not in WITHOUT_THE_KEY:
                yield f"{kind} {it[name]}: has the key {key_of(it)}"
            if it[name] in WITHOUT_THE_KEY and not it["sqs_managed_sse_enabled"]:
                yield f"{kind} {it[name]}: is not encrypted"


def _bucket_key(it: dict[str, Any]) -> Any:
    return first(it["rule"][0]["apply_server_side_encryption_by_default"])["kms_master_key_id"]


KEY_OF: dict[str, tuple[str, Callable[[dict[str, Any]], Any]]] = {
    "aws_sns_topic": ("name", lambda it: it["kms_master_key_id"]),
    "aws_cloudwatch_event_bus": ("name", lambda it: it["kms_key_identifier"]),
    "aws_sqs_queue": ("name", lambda it: it["kms_master_key_id"]),
    "aws_dynamodb_table": ("name", lambda it: first(it["server_side_encryption"])["kms_key_arn"]),
    "aws_cloudwatch_log_group": ("name", lambda it: it["kms_key_id"]),
    "aws_lambda_function": ("function_name", lambda it: it["kms_key_arn"]),
    "aws_s3_bucket_server_side_encryption_configuration": ("bucket", _bucket_key),
}


def plain_transport_is_denied(resources: Resources) -> Iterator[str]:
    """Each queue, topic and bucket denies what is not TLS, to all, itself by its ARN."""
    denied = {
        resource
        for statement in _statements(resources)
        if statement["Effect"] == "Deny"
        and statement["Principal"] == "*"
        and statement["Condition"] == {"Bool": {"aws:SecureTransport": "false"}}
        for resource in _listed(statement["Resource"])
    }
    for kind, it in resources:
        if kind in {"aws_sqs_queue", "aws_sns_topic", "aws_s3_bucket"} and it["arn"] not in denied:
            yield f"{it['arn']}: accepts plain HTTP"


def whatever_gives_up_has_a_dlq_that_takes_it(resources: Resources) -> Iterator[str]:
    """Queue by redrive, topic and rule and bus by the DLQ's policy, pipe by its role."""
    queues = {it["arn"]: it for kind, it in resources if kind == "aws_sqs_queue"}
    for name, dlq, is_fifo, admitted in _giving_up(resources, queues):
        if dlq not in queues:
            yield f"{name}: gives up to {dlq}"
        elif bool(queues[dlq]["fifo_queue"]) is not is_fifo:
            yield f"{name}: its DLQ is of another kind"
        elif not admitted:
            yield f"{name}: its DLQ does not let it in"
        elif queues[dlq]["message_retention_seconds"] != 14 * 86_400:
            yield f"{name}: its DLQ forgets before the longest time"


def _giving_up(
    resources: Resources, queues: dict[str, dict[str, Any]]
) -> Iterator[tuple[str, Any, bool, bool]]:
    """Name, DLQ, whether that has to be FIFO, and whether it lets this in."""
    admits = _admitted(resources)
    for kind, it in resources:
        if kind == "aws_sqs_queue" and "deadLetterTargetArn" in str(it["redrive_policy"]):
            dlq = json.loads(it["redrive_policy"])["deadLetterTargetArn"]
            allows = json.loads(queues[dlq]["redrive_allow_policy"]) if dlq in queues else {}
            taken = it["arn"] in allows.get("sourceQueueArns", [])
            yield it["name"], dlq, bool(it["fifo_queue"]), taken
        if kind == "aws_sns_topic_subscription":
            dlq = json.loads(it["redrive_policy"] or "{}").get("deadLetterTargetArn")
            taken = ("sns.amazonaws.com", dlq, it["topic_arn"]) in admits
            yield f"subscription of {it['endpoint']}", dlq, it["topic_arn"].endswith(".fifo"), taken
        # A run that a schedule could not start is missed by an alarm, and worth nothing later.
        if kind == "aws_cloudwatch_event_target" and it["target_id"] != "sentinel":
            dlq = first(it["dead_letter_config"]).get("arn")
            [rule] = [
                one["arn"]
                for what, one in resources
                if what == "aws_cloudwatch_event_rule" and one["name"] == it["rule"]
            ]
            yield it["rule"], dlq, False, ("events.amazonaws.com", dlq, rule) in admits
        if kind == "aws_cloudwatch_event_bus":
            dlq = first(it["dead_letter_config"]).get("arn")
            yield it["name"], dlq, False, ("events.amazonaws.com", dlq, it["arn"]) in admits
        if kind == "aws_pipes_pipe":
            source = first(first(it["source_parameters"])["dynamodb_stream_parameters"])
            dlq = first(source["dead_letter_config"]).get("arn")
            role = it["role_arn"].rpartition("/")[2]
            key = queues.get(dlq, {}).get("kms_master_key_id")
            may = _may(resources, role)
            yield (
                it["name"],
                dlq,
                False,
                {
                    ("sqs:SendMessage", dlq),
                    ("kms:GenerateDataKey", key),
                    ("kms:Decrypt", key),
                }
                <= may,
            )


def policies_name_what_is_deployed(resources: Resources) -> Iterator[str]:
    """Each ARN in a policy, of what it permits and of whom it lets in, belongs to a resource."""
    deployed = {it["arn"] for _, it in resources if it.get("arn")}
    deployed |= {it["stream_arn"] for _, it in resources if it.get("stream_arn")}
    for statement in _statements(resources):
        sources = [
            arn
            for operator in ("ArnEquals", "StringEquals")
            for key, arns in statement.get("Condition", {}).get(operator, {}).items()
            if key == "aws:SourceArn"
            for arn in _listed(arns)
        ]
        for arn in [*_listed(statement.get("Resource", [])), *sources]:
            whole = next((arn.removesuffix(end) for end in _BELOW if arn.endswith(end)), arn)
            whole = next((arn.removesuffix(end) for end in _BELOW[2:] if arn.endswith(end)), whole)
            if arn != "*" and whole not in deployed and not _OF_THE_SENTINEL.search(arn):
                yield f"{statement.get('Sid')}: nothing is called {arn}"


_OF_THE_SENTINEL = re.compile(
    r"[:/]fanout[-/]\*$|:(alarm|event-source-mapping):\*$|:rule/fanout-customer-status/\*$"
)
"""What it may look at whoever deploys it: names that start with the prefix, and what has none."""


RULES: tuple[Rule, ...] = (
    everything_has_the_key,
    plain_transport_is_denied,
    whatever_gives_up_has_a_dlq_that_takes_it,
    policies_name_what_is_deployed,
)


# Private functions


def _statements(resources: Resources) -> Iterator[dict[str, Any]]:
    for _, it in resources:
        for attribute in ("policy", "assume_role_policy", "policy_document"):
            if str(it.get(attribute)).startswith('{"'):
                yield from json.loads(it[attribute])["Statement"]


def _admitted(resources: Resources) -> set[tuple[str, Any, Any]]:
    """Who may send what to which queue: service, queue and source."""
    return {
        (statement["Principal"]["Service"], statement["Resource"], source)
        for statement in _statements(resources)
        if statement["Effect"] == "Allow" and statement["Action"] == "sqs:SendMessage"
        if "Principal" in statement
        for source in _listed(statement["Condition"]["ArnEquals"]["aws:SourceArn"])
    }


def _may(resources: Resources, role: str) -> set[tuple[str, Any]]:
    return {
        (action, resource)
        for kind, it in resources
        if kind == "aws_iam_role_policy" and it["role"] == role
        for statement in json.loads(it["policy"])["Statement"]
        for action in _listed(statement["Action"])
        for resource in _listed(statement["Resource"])
    }


def _listed(value: Any) -> list[Any]:
    return value if isinstance(value, list) else [value]
