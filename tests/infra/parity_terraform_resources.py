"""Readers of Terraform's resources that have many properties."""

import json
from typing import Any

from infra.parity_facts import Read, key_name, number, runbook, statements

Values = dict[str, Any]


def first(blocks: list[Values] | None) -> Values:
    """The values of a nested block that there is once at most, {} without it."""
    return blocks[0] if blocks else {}


def alarm(it: Values) -> Values:
    """A CloudWatch alarm, on a metric or on an expression."""
    return {
        "metric": [it["namespace"], it["metric_name"]],
        "dimensions": it["dimensions"] or {},
        "statistic": it["statistic"] or it["extended_statistic"],
        "period": number(it["period"]),
        "periods": [number(it["evaluation_periods"]), number(it["datapoints_to_alarm"])],
        "condition": [it["comparison_operator"], number(it["threshold"])],
        "without data": it["treat_missing_data"],
        "queries": sorted(map(_query, it["metric_query"])),
        "notifies": [it["alarm_actions"] or [], it["ok_actions"] or []],
        "runbook": runbook(it["alarm_description"]),
    }


def composite(it: Values) -> Values:
    """An alarm on alarms."""
    return {
        "on": sorted(it["alarm_rule"].split(" OR ")),
        "notifies": [it["alarm_actions"] or [], it["ok_actions"] or []],
        "runbook": runbook(it["alarm_description"]),
    }


def _query(it: Values) -> str:
    metric = first(it["metric"])
    return json.dumps(
        [
            it["id"],
            it["expression"] or None,
            bool(it["return_data"]),
            metric.get("namespace"),
            metric.get("metric_name"),
            metric.get("dimensions") or {},
            metric.get("stat"),
            number(metric.get("period")),
        ]
    )


def function(it: Values) -> Read:
    """A function and its environment."""
    name = it["function_name"]
    limit = number(it["reserved_concurrent_executions"])
    logs, vpc = first(it["logging_config"]), first(it["vpc_config"])
    yield (
        "function",
        name,
        {
            "handler": it["handler"],
            "runtime": [it["runtime"], *it["architectures"]],
            "timeout": number(it["timeout"]),
            "memory": number(it["memory_size"]),
            "concurrency": None if limit == -1 else limit,
            "role": it["role"],
            "key": key_name(it["kms_key_arn"]),
            "logs": [logs["log_group"], logs["log_format"]],
            "tracing": first(it["tracing_config"])["mode"],
            "VPC": [sorted(vpc.get(key, [])) for key in ("subnet_ids", "security_group_ids")],
            "layers": it["layers"] or [],
            "signed by": it["code_signing_config_arn"],
        },
    )
    yield "environment", name, first(it["environment"])["variables"]


def mapping(it: Values) -> Values:
    """An event source mapping, by the function that it runs."""
    arn = it["function_name"]
    given_up = first(first(it["destination_config"]).get("on_failure"))
    return {
        "runs": arn.split(":function:")[1],
        "source": it["event_source_arn"],
        "enabled": it["enabled"],
        "batch": [number(it["batch_size"]), number(it["maximum_batching_window_in_seconds"])],
        "answers": it["function_response_types"],
        "start": it["starting_position"],
        "parallel batches": _chosen(it, "parallelization_factor"),
        "bisects": bool(it["bisect_batch_on_function_error"]),
        "attempts": _chosen(it, "maximum_retry_attempts"),
        "age": _chosen(it, "maximum_record_age_in_seconds"),
        "gives up to": given_up.get("destination_arn"),
        "concurrency": number(first(it["scaling_config"]).get("maximum_concurrency")),
        "counts": first(it["metrics_config"]).get("metrics", []),
        "filters": first(it["filter_criteria"]).get("filter", []),
    }


def _chosen(it: Values, name: str) -> float | None:
    """A setting of stream mappings; for a queue's the mocked answer means nothing."""
    return number(it[name]) if it["starting_position"] else None


_VISIBILITY_OF_AWS = 30


def queue(it: Values) -> Values:
    """A queue or DLQ."""
    redrive = json.loads(it["redrive_policy"]) if _is_json(it["redrive_policy"]) else {}
    allow = it["redrive_allow_policy"]
    return {
        "kind": "FIFO" if it["fifo_queue"] else "standard",
        "visibility": number(it["visibility_timeout_seconds"] or _VISIBILITY_OF_AWS),
        "retention": number(it["message_retention_seconds"]),
        "key": [key_name(it["kms_master_key_id"]), number(it["kms_data_key_reuse_period_seconds"])]
        if it["kms_master_key_id"]
        else "SQS's own",
        "DLQ": [redrive.get("deadLetterTargetArn"), number(redrive.get("maxReceiveCount"))],
        "is the DLQ of": json.loads(allow) if _is_json(allow) else None,
        "by group": [it["deduplication_scope"], it["fifo_throughput_limit"]]
        if it["fifo_queue"]
        else None,
        "with the stack": "deleted",
    }


def _is_json(text: str | None) -> bool:
    """Whether the configuration set it: what is left to AWS has a mocked answer."""
    return bool(text) and str(text).startswith("{")


def subscription(it: Values) -> Values:
    """A subscription, by its queue."""
    return {
        "from": [it["topic_arn"], it["protocol"]],
        "raw": it["raw_message_delivery"],
        "filter": [it["filter_policy_scope"], json.loads(it["filter_policy"])]
        if it["filter_policy"]
        else None,
        "DLQ": json.loads(it["redrive_policy"])["deadLetterTargetArn"],
    }


def table(it: Values) -> Values:
    """A table."""
    return {
        "kind": it["billing_mode"],
        "keys": {it["hash_key"]: "HASH"} | ({it["range_key"]: "RANGE"} if it["range_key"] else {}),
        "key": key_name(first(it["server_side_encryption"])["kms_key_arn"]),
        "recovery": first(it["point_in_time_recovery"])["enabled"],
        "protected": it["deletion_protection_enabled"],
        "stream": it["stream_view_type"] if it["stream_enabled"] else None,
        "with the stack": "refused while it is protected",
    }


def lifecycle(it: Values) -> Values:
    """What a bucket forgets, and when."""
    return {
        "forgets": {
            rule["id"]: [
                number(first(rule["noncurrent_version_expiration"]).get("noncurrent_days")),
                first(rule["expiration"]).get("expired_object_delete_marker"),
                number(
                    first(rule["abort_incomplete_multipart_upload"]).get("days_after_initiation")
                ),
            ]
            for rule in it["rule"]
        },
        "forgets what is current": sorted(
            rule["id"] for rule in it["rule"] if first(rule["expiration"]).get("days")
        ),
    }


def bucket_encryption(it: Values) -> Values:
    """What a bucket encrypts with."""
    rule = it["rule"][0]
    default = first(rule["apply_server_side_encryption_by_default"])
    return {
        "key": [
            default["sse_algorithm"],
            key_name(default["kms_master_key_id"]),
            rule["bucket_key_enabled"],
        ]
    }


def role_policy(it: Values) -> Values:
    """A role's one policy."""
    return {"policy": it["name"], "may": statements(it["policy"])}


def event_rule(it: Values) -> Values:
    """A rule, by its name."""
    return {
        "bus": None if it["schedule_expression"] else it["event_bus_name"],
        "pattern": json.loads(it["event_pattern"]) if _is_json(it["event_pattern"]) else None,
        "schedule": it["schedule_expression"],
        "state": it["state"] or "ENABLED",
    }


def event_target(it: Values) -> Values:
    """A rule's one target."""
    retry = first(it["retry_policy"])
    return {
        "target": it["arn"],
        "target bus": None if it["target_id"] == "sentinel" else it["event_bus_name"],
        "passes": it["input_path"],
        "DLQ": first(it["dead_letter_config"]).get("arn"),
        "retries": [
            number(retry.get("maximum_event_age_in_seconds")),
            number(retry.get("maximum_retry_attempts")),
        ],
    }


def pipe(it: Values) -> Values:
    """A pipe from a DynamoDB stream to a bus."""
    source = first(first(it["source_parameters"])["dynamodb_stream_parameters"])
    target = first(first(it["target_parameters"])["eventbridge_event_bus_parameters"])
    filters = first(first(it["source_parameters"])["filter_criteria"])
    logs = first(it["log_configuration"])
    return {
        "from": it["source"],
        "through": it["enrichment"],
        "to": it["target"],
        "role": it["role_arn"],
        "runs": it["desired_state"],
        "start": source["starting_position"],
        "batch": [
            number(source["batch_size"]),
            number(source["maximum_batching_window_in_seconds"]),
            number(source["parallelization_factor"]),
        ],
        "attempts": number(source["maximum_retry_attempts"]),
        "age": number(source["maximum_record_age_in_seconds"]),
        "bisects": source["on_partial_batch_item_failure"],
        "DLQ": first(source["dead_letter_config"]).get("arn"),
        "filters": [one["pattern"] for one in filters.get("filter", [])],
        "sends": {name: target[name] for name in ("detail_type", "source", "time")},
        "template": first(it["target_parameters"])["input_template"],
        "logs": [logs["level"], logs["include_execution_data"]],
    }
