"""What is deployed with both tools and compared: the same settings, as each of them calls them."""

from dataclasses import dataclass
from typing import Any

from infra import parity_terraform, sam_template
from infra.sam_template import EVERY_SETTING

TAGS = {"team": "accounts"}
"""SAM's stack has them from `sam deploy --tags`, for all that takes tags."""

OF_SINGLE_MODULES = {
    "ConsumerBatchSize",
    "ConsumerMaximumConcurrency",
    "EndToEndLagAlarmMilliseconds",
    "FailureVersionRetentionDays",
    "MaxReceiveCount",
    "PublisherIteratorAgeAlarmMilliseconds",
    "QueueAgeAlarmSeconds",
    "QueueRetentionSeconds",
    "StreamBatchSize",
    "StreamBatchWindowSeconds",
    "StreamParallelizationFactor",
    "WriteInBatches",
}
"""Parameters that the module `fanout` does not pass on to the modules that have them."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Deployment:
    """Parameters of the SAM template, and the same for the module `fanout`."""

    sam: dict[str, str]
    terraform: dict[str, Any]


_S3 = {"s3_bucket": "artifacts", "s3_key": "package.zip", "s3_object_version": "7"}
DEPLOYMENTS = {
    "to try it": Deployment(
        sam=sam_template.TO_TRY | sam_template.NOTIFYING, terraform=parity_terraform.TO_TRY
    ),
    "without a subscriber, a sentinel and anybody to notify": Deployment(
        sam=sam_template.TO_TRY | {"DeployPayments": "false", "DeploySentinel": "false"},
        terraform={"create_accounts_table": True, "subscribers": {}, "sentinel": None},
    ),
    "with every setting": Deployment(
        sam=EVERY_SETTING,
        terraform={
            "accounts_table": {
                "stream_arn": EVERY_SETTING["AccountsStreamArn"],
                "name": EVERY_SETTING["AccountsTableName"],
                "kms_key_arn": EVERY_SETTING["AccountsTableKmsKeyArn"],
                "customer_id_attribute": "accountId",
                "status_attribute": "state",
                "reason_attribute": "why",
                "changed_at_attribute": "changedAt",
                "traceparent_attribute": "trace",
                "entity_filter": "type=CUSTOMER",
                "status_map": "active=ACTIVE,frozen=SUSPENDED",
                "sequence_attribute": "version",
                "sequence_epoch": 2,
            },
            "function_settings": {
                "architecture": "x86_64",
                "runtime": "python3.12",
                "log_level": "WARNING",
                "log_format": "JSON",
                "log_retention_days": 30,
                "tracing": False,
                "vpc": {"subnet_ids": ["subnet-1", "subnet-2"], "security_group_ids": ["sg-1"]},
                "layer_arns": [EVERY_SETTING["LayerArns"]],
                "exec_wrapper": EVERY_SETTING["ExecWrapper"],
                "code_signing_config_arn": EVERY_SETTING["CodeSigningConfigArn"],
                "permissions_boundary_arn": EVERY_SETTING["PermissionsBoundaryArn"],
                "role_path": "/fanout/",
            },
            "event_source": "urn:bank:accounts",
            "publish_versions": [1, 2],
            "subscribers": {"payments": {"schema_versions": [1], "since": "2026-01-31T12:00:00Z"}},
            "sentinel": {"compare_hours": 24, "read_units": 500},
            "package_folder": None,
            "packages": {"publisher": _S3, "sentinel": _S3, "payments": _S3},
            "alarm_topic_arns": [EVERY_SETTING["AlarmTopicArn"]],
            "ticket_topic_arns": [EVERY_SETTING["TicketTopicArn"]],
            "runbook_base_url": EVERY_SETTING["RunbookBaseUrl"],
            "stream_mapping_enabled": False,
            "table_deletion_protection": False,
            "tags": TAGS,
        },
    ),
}
