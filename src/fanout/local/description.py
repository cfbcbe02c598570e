"""Find out what a deployed stack is called, the way an operator's command does: from SSM."""

import json
import os
from datetime import UTC, datetime
from pathlib import Path

from fanout.aws import AwsTarget
from fanout.discovery import Publisher, find_bus, find_publisher, find_subscriber
from fanout.errors import Refused
from fanout.local.deployment import LocalDeployment

SUBSCRIBER = "payments"


def describe(target: AwsTarget, *, state_dir: Path, emulator_pid: int) -> LocalDeployment:
    """Describe the deployment that this process supervises.

    Raises:
        Refused: the template left out something that the description needs.
    """
    publisher = find_publisher(target)
    payments = find_subscriber(target, SUBSCRIBER)
    if payments.function_name is None or payments.table is None:
        raise Refused(
            f"/{target.prefix}/subscribers/{SUBSCRIBER} names no function or no table: "
            "the template has to write both."
        )
    mappings = target.client("lambda").list_event_source_mappings(
        FunctionName=payments.function_name, EventSourceArn=payments.queue_arn
    )["EventSourceMappings"]
    client = target.client("sqs")
    return LocalDeployment(
        endpoint_url=client.meta.endpoint_url,
        region=client.meta.region_name,
        prefix=target.prefix,
        accounts_table=publisher.accounts_table,
        payments_table=payments.table,
        topic_arn=find_bus(target).arn,
        queue_url=payments.queue_url,
        dlq_url=payments.dlq_url,
        failure_bucket=publisher.failure_bucket,
        stream_arn=publisher.stream_arn,
        publisher_function=publisher.function_name,
        payments_function=payments.function_name,
        publisher_mapping_id=publisher.mapping_id,
        payments_mapping_id=mappings[0]["UUID"],
        state_dir=str(state_dir),
        supervisor_pid=os.getpid(),
        emulator_pid=emulator_pid,
        example_item=_example_item(publisher),
        started_at=datetime.now(UTC).isoformat(timespec="seconds").replace("+00:00", "Z"),
    )


# Private functions


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
