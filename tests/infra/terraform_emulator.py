"""The fan-out examples on the embedded AWS, and which of its faults their plans show."""

import re
import shutil
import threading
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from fanout.aws import AwsTarget
from fanout.streams.poller import StreamPoller
from infra.terraform_workspace import TerraformFailed, Workspace, errors_in
from sentinel.discovery import find_publisher, find_subscriber

REGION = "us-east-1"
ARCHITECTURE = "x86_64"

# Path style, as buckets have no host names there; and the dummy credentials that it takes. It does
# not follow a stream mapping's rules: a poller of ours does. It has no X-Ray.
OVERRIDE = """
provider "aws" {{
  region                      = "us-east-1"
  access_key                  = "test"
  secret_key                  = "test"
  s3_use_path_style           = true
  skip_credentials_validation = true
  skip_metadata_api_check     = true
  skip_region_validation      = true
}}

module "fanout" {{
  package_folder            = "{packages}"
  function_settings         = {{ architecture = "{architecture}", tracing = false }}
  stream_mapping_enabled    = false
  table_deletion_protection = false
  subscribers               = {{ payments = {{ park_by_customer = {park_by_customer} }} }}
}}
"""
# The examples in one configuration: most of an apply waits for SQS, and they wait together.
EXAMPLE = """
module "{example}" {{
  source                = "../{example}"
  prefix                = "{prefix}"
  create_accounts_table = true
}}
"""

# What a second plan wants to change on MiniStack 1.5.33 though nothing has changed, by type and
# attribute ("*": most of them). A fault that is gone fails the test, and is to be taken out here.
ALARMS = ("aws_cloudwatch_metric_alarm", "*")
PAGES = ("aws_cloudwatch_composite_alarm", "*")
EVENT_COUNTS = ("aws_lambda_event_source_mapping", "metrics_config")
PIPE = ("aws_pipes_pipe", "*")
NAMES_THE_PIPE = ("aws_ssm_parameter", "value")
FAULTS = {
    "sns_fifo_fanout": {
        ALARMS: "alarms come back without dimensions, period and actions",
        PAGES: "alarms on alarms come back without ARN and actions",
        EVENT_COUNTS: "a mapping's metrics are not kept",
    },
    "eventbridge_fanout": {ALARMS: "as on SNS", PAGES: "as on SNS", EVENT_COUNTS: "as on SNS"},
    "pipes_fanout": {
        ALARMS: "as on SNS",
        PAGES: "as on SNS",
        EVENT_COUNTS: "as on SNS, of the queue's mapping",
        PIPE: "a pipe comes back without its enrichment and parameters, and is to be replaced",
        NAMES_THE_PIPE: "follows from the pipe that is to be replaced",
    },
}
CARRIES = {"sns_fifo_fanout", "eventbridge_fanout"}
"""MiniStack's pipe does nothing."""
_WHOLE = {kind for faults in FAULTS.values() for kind, attribute in faults if attribute == "*"}


@dataclass(frozen=True, slots=True, kw_only=True)
class Deployment:
    """The examples, as Terraform sees them on the embedded AWS, and as our tools see each."""

    terraform: Workspace
    folder: Path
    targets: dict[str, AwsTarget]

    def apply(self) -> None:
        """Create everything.

        MiniStack 1.5.33 now and then does what it is asked and closes the connection without an
        answer. The provider asks again, and learns that its own parameter exists already.
        """
        first = self.terraform.attempt(self.folder, "apply", *_AT_ONCE)
        for name in _CREATED_UNANSWERED.findall(first.stdout):
            next(iter(self.targets.values())).client("ssm").delete_parameter(Name=name)
        if first.returncode != 0:
            try:
                self.terraform.run(self.folder, "apply", *_AT_ONCE)
            except TerraformFailed as error:
                error.add_note(f"The first time:\n{errors_in(first.stdout)}")
                raise

    def destroy(self) -> None:
        """Delete everything but the queues: the provider waits for most of a minute for each."""
        kept = [
            address
            for address in self.terraform.run(self.folder, "state", "list").split()
            if ".aws_sqs_queue" in address
        ]
        self.terraform.run(self.folder, "state", "rm", *kept)
        self.terraform.run(self.folder, "destroy", "-refresh=false", *_AT_ONCE)

    def second_plan(self) -> dict[str, set[tuple[str, str]]]:
        """What another apply would change in each example, by type and attribute."""
        self.terraform.run(self.folder, "plan", "-out=second.plan")
        differing: dict[str, set[tuple[str, str]]] = {example: set() for example in self.targets}
        for change in self.terraform.changes(self.folder, "second.plan"):
            example = change["address"].split(".")[1]
            kind, before, after = change["type"], *_states(change["change"])
            changed = {name for name in before | after if before.get(name) != after.get(name)}
            changed |= set(change["change"].get("after_unknown") or {}) & {"value"}
            differing[example] |= {
                (kind, "*" if kind in _WHOLE else name) for name in changed - _FOLLOWS
            }
        return differing


def prepare(
    terraform: Workspace, targets: dict[str, AwsTarget], packages: dict[str, Path]
) -> Deployment:
    """Point a copy of the examples at the embedded AWS, with packages that run here."""
    folder = terraform.folder("examples", "all")
    dist = folder / "packages"
    dist.mkdir(parents=True)
    for service, path in packages.items():
        shutil.copy(path, dist / f"{service}-{ARCHITECTURE}.zip")
    for example in targets:
        text = OVERRIDE.format(
            packages=dist,
            architecture=ARCHITECTURE,
            park_by_customer=str("fifo" in example).lower(),
        )
        terraform.folder("examples", example, "emulator_override.tf").write_text(text)
    (folder / "main.tf").write_text(
        "".join(
            EXAMPLE.format(example=example, prefix=target.prefix)
            for example, target in targets.items()
        )
    )
    terraform.init(folder)
    return Deployment(terraform=terraform, folder=folder, targets=targets)


@contextmanager
def stream_is_read(target: AwsTarget) -> Iterator[None]:
    """Drive the publisher's mapping, which is deployed disabled."""
    mapping_id = find_publisher(target).mapping_id
    poller = StreamPoller(
        dynamodbstreams=target.client("dynamodbstreams"),
        lambda_client=target.client("lambda"),
        s3=target.client("s3"),
        mapping_id=mapping_id,
    )
    stop = threading.Event()
    thread = threading.Thread(target=poller.run, args=[stop])
    thread.start()
    try:
        yield
    finally:
        stop.set()
        thread.join()


def write_status(target: AwsTarget, customer: str, status: str) -> None:
    """Put a customer into the Accounts table."""
    target.client("dynamodb").put_item(
        TableName=find_publisher(target).accounts_table,
        Item={"customer_id": {"S": customer}, "status": {"S": status}},
    )


def row_of(target: AwsTarget, customer: str) -> dict[str, str]:
    """The Payments row of a customer, {} where there is none."""
    answer = target.client("dynamodb").get_item(
        TableName=find_subscriber(target, "payments").table, Key={"customer_id": {"S": customer}}
    )
    return {name: next(iter(value.values())) for name, value in answer.get("Item", {}).items()}


def leftovers(target: AwsTarget) -> dict[str, list[Any]]:
    """What is left, besides queues; keys count unless they wait for their deletion."""
    kms = target.client("kms")
    keys = [kms.describe_key(KeyId=key["KeyId"])["KeyMetadata"] for key in kms.list_keys()["Keys"]]
    found: dict[str, list[Any]] = {
        "keys": [key["KeyId"] for key in keys if key["KeyState"] != "PendingDeletion"],
        "buses": [
            bus["Name"]
            for bus in target.client("events").list_event_buses()["EventBuses"]
            if bus["Name"] != "default"
        ],
    }
    for service, operation, key in _LISTS:
        found[key] = getattr(target.client(service), operation)().get(key, [])
    return {kind: names for kind, names in found.items() if names}


# Private functions

_AT_ONCE = ("-auto-approve", "-parallelism=60")
_CREATED_UNANSWERED = re.compile(
    r"creating SSM Parameter \((\S+)\): operation error .* ParameterAlreadyExists"
)
# What follows from another attribute of the same resource.
_FOLLOWS = {"has_value_wo", "tags_all", "version"}
_LISTS = (
    ("cloudwatch", "describe_alarms", "MetricAlarms"),
    ("cloudwatch", "list_dashboards", "DashboardEntries"),
    ("dynamodb", "list_tables", "TableNames"),
    ("events", "list_archives", "Archives"),
    ("iam", "list_roles", "Roles"),
    ("kms", "list_aliases", "Aliases"),
    ("lambda", "list_event_source_mappings", "EventSourceMappings"),
    ("lambda", "list_functions", "Functions"),
    ("logs", "describe_log_groups", "logGroups"),
    ("pipes", "list_pipes", "Pipes"),
    ("s3", "list_buckets", "Buckets"),
    ("sns", "list_topics", "Topics"),
    ("ssm", "describe_parameters", "Parameters"),
)


def _states(change: dict[str, Any]) -> tuple[dict[str, Any], dict[str, Any]]:
    return change["before"] or {}, change["after"] or {}
