"""What a Terraform example deploys, and `sns_fanout` as facts.

The source is Terraform's own state after `terraform test` has applied an example with mocked
answers of AWS: every value is computed by Terraform, with the defaults of every module.
"""

import json
from collections.abc import Callable, Iterator
from pathlib import Path

from infra import parity_terraform_resources as read
from infra.parity_facts import Facts, Read, about, key_name, number, reader, statements, widgets
from infra.parity_terraform_resources import Values, bucket_encryption, first
from infra.terraform_workspace import Workspace

MOCKS = Path(__file__).with_name("parity.tftest.hcl")
TO_TRY = {"create_accounts_table": True}


def applied(terraform: Workspace, example: str, settings: Values = TO_TRY) -> list[Values]:
    """Each resource of an example: address, type and values.

    Args:
        settings: What the module `fanout` is given instead of what the example gives it.
    """
    folder = terraform.folder("examples", example)
    suffix = ".fifo" if "fifo" in example else ""
    folder.joinpath(MOCKS.name).write_text(MOCKS.read_text().replace("@fifo", suffix))
    packages = folder / "packages"
    packages.mkdir(exist_ok=True)
    for service in ("publisher", "sentinel", "payments_consumer"):
        packages.joinpath(f"{service}-arm64.zip").write_bytes(b"any file will do")
    given = {"package_folder": str(packages)} | settings
    folder.joinpath("settings_override.tf.json").write_text(
        json.dumps({"module": {"fanout": given}})
    )
    terraform.init(folder)
    [resources] = applied_by_each_run(terraform, folder)
    return resources


def applied_by_each_run(terraform: Workspace, folder: Path) -> list[list[Values]]:
    """The resources that stand after each run of a folder's tests."""
    printed = terraform.run(folder, "test", "-verbose", "-json")
    messages = (json.loads(line) for line in printed.splitlines() if line.startswith("{"))
    return [
        list(_managed(message["test_state"]["root_module"]))
        for message in messages
        if "test_state" in message
    ]


def facts(resources: list[tuple[str, Values]]) -> Facts:
    """Facts of resources by type and values.

    Raises:
        KeyError: one is of a type that nothing here reads.
    """
    found: Facts = {}
    for kind, values in resources:
        for what, name, properties in READERS[kind](values):
            found |= about(what, name, properties)
    return found


# Private functions


def _managed(module: Values) -> Iterator[Values]:
    yield from (it for it in module.get("resources", []) if it["mode"] == "managed")
    for child in module.get("child_modules", []):
        yield from _managed(child)


_PRIVATE = {
    "BlockPublicAcls": "block_public_acls",
    "BlockPublicPolicy": "block_public_policy",
    "IgnorePublicAcls": "ignore_public_acls",
    "RestrictPublicBuckets": "restrict_public_buckets",
}


READERS: dict[str, Callable[[Values], Read]] = {
    "aws_cloudwatch_dashboard": reader(
        "dashboard", "dashboard_name", lambda it: widgets(it["dashboard_body"])
    ),
    "aws_cloudwatch_event_archive": reader(
        "archive",
        "name",
        lambda it: {
            "of": it["event_source_arn"],
            "days": number(it["retention_days"]),
            "pattern": json.loads(it["event_pattern"]),
        },
    ),
    "aws_cloudwatch_event_bus": reader(
        "bus",
        "name",
        lambda it: {
            "key": key_name(it["kms_key_identifier"]),
            "DLQ": first(it["dead_letter_config"]).get("arn"),
        },
    ),
    "aws_cloudwatch_event_rule": reader("rule", "name", read.event_rule),
    "aws_cloudwatch_event_target": reader("rule", "rule", read.event_target),
    "aws_cloudwatch_log_group": reader(
        "log group",
        "name",
        lambda it: {
            "kind": number(it["retention_in_days"]),
            "key": key_name(it["kms_key_id"]),
            "with the stack": "deleted",
        },
    ),
    "aws_cloudwatch_composite_alarm": reader("composite alarm", "alarm_name", read.composite),
    "aws_cloudwatch_metric_alarm": reader("alarm", "alarm_name", read.alarm),
    "aws_cloudwatch_query_definition": reader(
        "query",
        "name",
        lambda it: {"asks": it["query_string"], "of": sorted(it["log_group_names"])},
    ),
    "aws_dynamodb_table": reader("table", "name", read.table),
    "aws_iam_role": reader(
        "role",
        "name",
        lambda it: {
            "trusts": statements(it["assume_role_policy"]),
            "managed policies": [],
            "path": it["path"],
            "boundary": it["permissions_boundary"],
        },
    ),
    "aws_iam_role_policy": reader("role", "role", read.role_policy),
    "aws_kms_alias": reader("key alias", "name", lambda it: {"of": key_name(it["target_key_id"])}),
    "aws_kms_key": reader(
        "key",
        "key_id",
        lambda it: {
            "kind": "rotated" if it["enable_key_rotation"] else "not rotated",
            "waits": number(it["deletion_window_in_days"]),
            "policy": statements(it["policy"]),
            "with the stack": f"deleted after {it['deletion_window_in_days']} days",
        },
    ),
    "aws_lambda_alias": lambda _: iter([]),  # what it is for shows in the mappings
    "aws_lambda_event_source_mapping": reader(
        "mapping", lambda it: it["function_name"].split(":")[6], read.mapping
    ),
    "aws_lambda_function": read.function,
    "aws_lambda_permission": reader(
        "permission to invoke",
        "function_name",
        lambda it: {"of": [it["principal"], it["source_arn"]], "to": it["action"]},
    ),
    "aws_pipes_pipe": reader("pipe", "name", read.pipe),
    "aws_s3_bucket": reader(
        "bucket",
        "bucket",
        lambda it: {
            "with the stack": "deleted"
            if it["force_destroy"]
            else "refused while it holds anything"
        },
    ),
    "aws_s3_bucket_lifecycle_configuration": reader("bucket", "bucket", read.lifecycle),
    "aws_s3_bucket_notification": reader(
        "bucket",
        "bucket",
        lambda it: {
            "tells": [
                [one["queue_arn"], one["events"], one["filter_prefix"]] for one in it["queue"]
            ]
        },
    ),
    "aws_s3_bucket_ownership_controls": reader(
        "bucket", "bucket", lambda it: {"kind": first(it["rule"])["object_ownership"]}
    ),
    "aws_s3_bucket_policy": reader(
        "policy of", "bucket", lambda it: {"says": statements(it["policy"])}
    ),
    "aws_s3_bucket_public_access_block": reader(
        "bucket",
        "bucket",
        lambda it: {"private": sorted(name for name, key in _PRIVATE.items() if it[key])},
    ),
    "aws_s3_bucket_server_side_encryption_configuration": reader(
        "bucket", "bucket", bucket_encryption
    ),
    "aws_s3_bucket_versioning": reader(
        "bucket",
        "bucket",
        lambda it: {"versions": first(it["versioning_configuration"])["status"]},
    ),
    "aws_sns_topic": reader(
        "topic",
        "name",
        lambda it: {
            "shown as": it["display_name"],
            "key": key_name(it["kms_master_key_id"]),
            "FIFO": [it["content_based_deduplication"], it["fifo_throughput_scope"]]
            if it["fifo_topic"]
            else None,
            "tracing": it["tracing_config"],
        },
    ),
    "aws_sns_topic_policy": reader(
        "policy of", "arn", lambda it: {"says": statements(it["policy"])}
    ),
    "aws_sns_topic_subscription": reader(
        "subscription", lambda it: it["endpoint"].rpartition(":")[2], read.subscription
    ),
    "aws_sqs_queue": reader("queue", "name", read.queue),
    "aws_sqs_queue_policy": reader(
        "policy of", "queue_url", lambda it: {"says": statements(it["policy"])}
    ),
    "aws_ssm_parameter": reader(
        "parameter", "name", lambda it: {"type": it["type"]} | json.loads(it["value"])
    ),
    "aws_xray_resource_policy": reader(
        "policy of X-Ray", "policy_name", lambda it: {"says": statements(it["policy_document"])}
    ),
}
"""How each type of resource is read."""
