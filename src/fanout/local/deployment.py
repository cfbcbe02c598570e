"""What a running local deployment is called and how to talk to it."""

import json
import os
import shlex
from dataclasses import dataclass
from datetime import UTC, datetime
from functools import cache
from pathlib import Path
from typing import Any

from fanout.aws import AwsTarget
from fanout.errors import Refused
from sentinel.discovery import Publisher, find_bus, find_publisher, find_subscriber

ACCESS_KEY_ID = "test"
SECRET_ACCESS_KEY = "test"  # noqa: S105 - the embedded AWS takes any; nothing real opens with it


@dataclass(frozen=True, slots=True, kw_only=True)
class LocalDeployment:
    """Names, ARNs, URLs and process ids of everything that runs; `up --json` prints all fields.

    With `up --bare` nothing is deployed at the start, and what would be has an empty name.
    """

    endpoint_url: str
    region: str
    prefix: str
    state_dir: str
    supervisor_pid: int
    emulator_pid: int
    started_at: str
    accounts_table: str = ""
    payments_table: str = ""
    topic_arn: str = ""
    queue_url: str = ""
    dlq_url: str = ""
    failure_bucket: str = ""
    stream_arn: str = ""
    publisher_function: str = ""
    payments_function: str = ""
    publisher_mapping_id: str = ""
    payments_mapping_id: str = ""
    example_item: str = '{"customer_id":{"S":"c-1"},"status":{"S":"ACTIVE"}}'

    @property
    def is_bare(self) -> bool:
        """Whether it started with nothing deployed."""
        return not self.accounts_table

    def client(self, service: str) -> Any:
        """The boto3 client of a service, with the dummy credentials; made once per process."""
        return self.target().client(service)

    def target(self) -> AwsTarget:
        """The same deployment for functions that take an `AwsTarget`, such as discovery."""
        return local_target(self.endpoint_url, self.region, self.prefix)

    def example(self) -> list[str]:
        """Two commands of the AWS CLI that show the system at work."""
        item = shlex.quote(self.example_item)
        key = '{"customer_id":{"S":"c-1"}}'
        return [
            f"aws dynamodb put-item --table-name {self.accounts_table} --item {item}",
            f"aws dynamodb get-item --table-name {self.payments_table} --key '{key}'",
        ]

    def environment(self) -> dict[str, str]:
        """The variables that point any AWS client here."""
        return {
            "AWS_ENDPOINT_URL": self.endpoint_url,
            "AWS_ACCESS_KEY_ID": ACCESS_KEY_ID,
            "AWS_SECRET_ACCESS_KEY": SECRET_ACCESS_KEY,
            "AWS_DEFAULT_REGION": self.region,
            "AWS_REGION": self.region,
            "FANOUT_PREFIX": self.prefix,
        }

    def export_line(self) -> str:
        """`environment` as one line for a shell."""
        pairs = (f"{name}={shlex.quote(value)}" for name, value in self.environment().items())
        return "export " + " ".join(pairs)


@cache
def local_target(endpoint_url: str, region: str, prefix: str) -> AwsTarget:
    """The embedded AWS as a target for the functions that take one; made once per process."""
    import boto3
    import botocore.session
    from botocore.config import Config

    # Nothing of the person's: no profile, no file of settings, no web proxy for this machine.
    core = botocore.session.Session(
        session_vars={
            "profile": (None, None, None, None),
            "config_file": (None, None, os.devnull, None),
            "credentials_file": (None, None, os.devnull, None),
        }
    )
    core.set_default_client_config(Config(proxies={}))
    target = AwsTarget(prefix=prefix, region=region, endpoint_url=endpoint_url)
    target.session = boto3.Session(
        aws_access_key_id=ACCESS_KEY_ID,
        aws_secret_access_key=SECRET_ACCESS_KEY,
        region_name=region,
        botocore_session=core,
    )
    return target


# Find out what a deployed stack is called, the way an operator's command does: from SSM


SUBSCRIBER = "payments"


def describe(
    target: AwsTarget, *, state_dir: Path, emulator_pid: int, bare: bool
) -> LocalDeployment:
    """Describe the embedded AWS that this process supervises, and what it deployed unless `bare`.

    Raises: Refused: the template wrote no function or no table of the subscriber.
    """
    meta = target.client("sqs").meta
    return LocalDeployment(
        endpoint_url=meta.endpoint_url,
        region=meta.region_name,
        prefix=target.prefix,
        state_dir=str(state_dir),
        supervisor_pid=os.getpid(),
        emulator_pid=emulator_pid,
        started_at=datetime.now(UTC).isoformat(timespec="seconds").replace("+00:00", "Z"),
        **({} if bare else _deployed(target)),
    )


def _deployed(target: AwsTarget) -> dict[str, str]:
    publisher = find_publisher(target)
    payments = find_subscriber(target, SUBSCRIBER)
    if payments.function_name is None or payments.table is None:
        raise Refused(
            f"/{target.prefix}/subscribers/{SUBSCRIBER} names no function or no table: "
            "the template has to write both."
        )
    return {
        "accounts_table": publisher.accounts_table,
        "payments_table": payments.table,
        "topic_arn": find_bus(target).arn,
        "queue_url": payments.queue_url,
        "dlq_url": payments.dlq_url,
        "failure_bucket": publisher.failure_bucket,
        "stream_arn": publisher.stream_arn,
        "publisher_function": publisher.function_name,
        "payments_function": payments.function_name,
        "publisher_mapping_id": publisher.mapping_id,
        "payments_mapping_id": payments.mapping_id or "",
        "example_item": _example_item(publisher),
    }


def _example_item(publisher: Publisher) -> str:
    """An item of Accounts, as DynamoDB's JSON, that the publisher takes for a customer."""
    item = {
        publisher.customer_id_attribute: {"S": "c-1"},
        publisher.status_attribute: {"S": "ACTIVE"},
    }
    if publisher.sequence_attribute:
        item[publisher.sequence_attribute] = {"N": "1"}
    if publisher.entity_filter:
        name, _, value = publisher.entity_filter.partition("=")
        item[name] = {"S": value}
    return json.dumps(item, separators=(",", ":"))
