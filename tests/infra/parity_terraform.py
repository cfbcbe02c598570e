"""What a Terraform example deploys, and `sns_fanout` as facts.

The source is Terraform's own plan, in `terraform test`, with mocked answers of AWS: every value is
computed by Terraform, with the defaults of every module.
"""

import json
import re
import shutil
from collections.abc import Callable, Iterator

from infra import parity_terraform_resources as read
from infra.parity_facts import Facts, Read, about, key_name, number, reader, statements, widgets
from infra.parity_mocks import test_file
from infra.parity_terraform_resources import Values, bucket_encryption, first
from infra.sam_template import PAGES, TICKETS
from infra.terraform_workspace import Workspace

TO_TRY = {
    "create_accounts_table": True,
    "alarm_topic_arns": [PAGES],
    "ticket_topic_arns": [TICKETS],
}
Deployments = dict[str, tuple[str, Values]]
"""By a name: an example, and what its module `fanout` is given instead of what that gives it."""


def planned(terraform: Workspace, deployments: Deployments) -> dict[str, list[Values]]:
    """Each resource of each deployment: address, type and values, None where AWS decides.

    Terraform reads the provider's schema once, so one call with all is much faster than several.
    """
    root = terraform.folder("examples", "planned")
    packages = root / "packages"
    packages.mkdir(parents=True)
    for service in ("publisher", "sentinel", "payments_consumer"):
        packages.joinpath(f"{service}-arm64.zip").write_bytes(b"any file will do")
    for index, (example, settings) in enumerate(deployments.values()):
        folder = terraform.folder("examples", f"planned_{index}")
        shutil.copytree(terraform.folder("examples", example), folder)
        given = {"package_folder": str(packages)} | settings
        folder.joinpath("settings_override.tf.json").write_text(
            json.dumps({"module": {"fanout": given}})
        )
        tests = test_file(f"../{folder.name}", is_fifo="fifo" in example)
        root.joinpath(f"{index}.tftest.json").write_text(tests)
    root.joinpath("main.tf").write_text("locals {}\n")  # or nothing is initialised
    terraform.init(root)
    printed = terraform.run(root, "test", "-verbose", "-json")
    plans = dict(_plans(printed))
    return {name: plans[f"{index}.tftest.json"] for index, name in enumerate(deployments)}


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


def _plans(printed: str) -> Iterator[tuple[str, list[Values]]]:
    """The test file of each plan, and its resources; the schema of megabytes is not parsed."""
    for line in printed.splitlines():
        start = line.find(_CHANGES)
        if start >= 0:
            [file] = re.findall(r'"@testfile":"(.*?)"', line[:start])
            changes, _ = json.JSONDecoder().raw_decode(line, start + len(_CHANGES))
            yield file, [_resource(one) for one in changes if one["mode"] == "managed"]


_CHANGES = '"resource_changes":'


def _resource(planned: Values) -> Values:
    change = planned["change"]
    values = dict.fromkeys(change["after_unknown"]) | change["after"]
    return {"address": planned["address"], "type": planned["type"], "values": values}


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
