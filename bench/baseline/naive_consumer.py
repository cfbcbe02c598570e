"""The consumer that one would write first, with care, from the tutorials. Never tuned down.

One message at a time through Powertools' batch processor: `parse` into a pydantic model, the
idempotency utility on the event's id, and `Table.update_item` with a condition on the version.
"""

import os
from datetime import UTC, datetime
from typing import Any, Literal

import boto3
from aws_lambda_powertools import Logger, Metrics
from aws_lambda_powertools.metrics import MetricUnit
from aws_lambda_powertools.utilities.batch import (
    BatchProcessor,
    EventType,
    process_partial_response,
)
from aws_lambda_powertools.utilities.data_classes.sqs_event import SQSRecord
from aws_lambda_powertools.utilities.idempotency import (
    DynamoDBPersistenceLayer,
    IdempotencyConfig,
    idempotent_function,
)
from aws_lambda_powertools.utilities.parser import parse
from botocore.exceptions import ClientError
from pydantic import BaseModel

logger = Logger()
metrics = Metrics()
processor = BatchProcessor(event_type=EventType.SQS)
table = boto3.resource("dynamodb").Table(os.environ["TABLE_NAME"])
config = IdempotencyConfig(event_key_jmespath="id")

Status = Literal["PENDING", "ACTIVE", "SUSPENDED", "CLOSED", "REMOVED"]


class Data(BaseModel):
    customer_id: str
    status: Status
    previous_status: Status | None
    reason: str | None = None
    change: str
    changed_at: datetime


class Event(BaseModel):
    id: str
    source: str
    type: str
    subject: str
    time: datetime
    sequence: str
    sequencesource: str
    data: Data


@idempotent_function(
    data_keyword_argument="event",
    config=config,
    persistence_store=DynamoDBPersistenceLayer(table_name=os.environ["IDEMPOTENCY_TABLE"]),
)
def apply(event: Event) -> dict[str, bool]:
    data = event.data
    values = {
        ":status": data.status,
        ":previous_status": data.previous_status,
        ":status_changed_at": data.changed_at.isoformat(),
        ":payments": "ALLOWED" if data.status == "ACTIVE" else "BLOCKED",
        ":sequence": event.sequence,
        ":sequence_source": event.sequencesource,
        ":event_id": event.id,
        ":schema_version": 2,
        ":occurred_at": event.time.isoformat(),
        ":applied_at": datetime.now(UTC).isoformat(),
    }
    names = {f"#{name[1:]}": name[1:] for name in values}
    try:
        table.update_item(
            Key={"customer_id": data.customer_id},
            UpdateExpression="SET " + ", ".join(f"#{one[1:]} = {one}" for one in values),
            ConditionExpression="attribute_not_exists(#sequence) OR #sequence < :sequence",
            ExpressionAttributeNames=names,
            ExpressionAttributeValues=values,
        )
    except ClientError as error:
        if error.response["Error"]["Code"] != "ConditionalCheckFailedException":
            raise
        return {"applied": False}
    return {"applied": True}


def record_handler(record: SQSRecord) -> None:
    event = parse(event=record.json_body, model=Event)
    result = apply(event=event)
    logger.info("applied", extra={"event_id": event.id, **result})
    metrics.add_metric(name="EventsApplied", unit=MetricUnit.Count, value=1)


@logger.inject_lambda_context
@metrics.log_metrics
def lambda_handler(event: dict[str, Any], context: Any) -> dict[str, Any]:
    return process_partial_response(
        event=event, record_handler=record_handler, processor=processor, context=context
    )
