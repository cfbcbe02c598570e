"""The publisher that one would write first, with care, from the tutorials. Never tuned down.

One record at a time through Powertools' batch processor: data class, pydantic model, `sns.publish`,
a log line and a metric for each. With `BENCH_IDEMPOTENT=1` each publish is wrapped by the
idempotency utility as well.
"""

import os
from datetime import UTC, datetime
from typing import Any

import boto3
from aws_lambda_powertools import Logger, Metrics
from aws_lambda_powertools.metrics import MetricUnit
from aws_lambda_powertools.utilities.batch import (
    BatchProcessor,
    EventType,
    process_partial_response,
)
from aws_lambda_powertools.utilities.data_classes.dynamo_db_stream_event import DynamoDBRecord
from pydantic import BaseModel, ConfigDict, Field, field_serializer

from customer_events.identity import event_id
from customer_events.sequence import SequenceSource, sequence

logger = Logger()
metrics = Metrics()
processor = BatchProcessor(event_type=EventType.DynamoDBStreams)
sns = boto3.client("sns")


class Data(BaseModel):
    customer_id: str
    status: str
    previous_status: str | None
    reason: str | None = None
    change: str
    changed_at: datetime

    @field_serializer("changed_at")
    def _instant(self, value: datetime) -> str:
        return value.strftime("%Y-%m-%dT%H:%M:%SZ")


class Event(BaseModel):
    model_config = ConfigDict(populate_by_name=True)

    specversion: str = "1.0"
    id: str
    source: str
    type: str = "novapay.accounts.CustomerStatusChanged.v2"
    subject: str
    partitionkey: str
    time: datetime
    datacontenttype: str = "application/json"
    dataschema: str = Field(default="urn:novapay:schemas:customer-status-changed:v2")
    sequence: str
    sequencesource: str = SequenceSource.STREAM.value
    data: Data

    @field_serializer("time")
    def _instant(self, value: datetime) -> str:
        return value.strftime("%Y-%m-%dT%H:%M:%SZ")


def publish(event: Event) -> dict[str, str]:
    before = event.data.previous_status or "NONE"
    attributes = {
        "type": event.type,
        "schema_version": "2",
        "status": event.data.status,
        "transition": f"{before}>{event.data.status}",
    }
    answer = sns.publish(
        TopicArn=os.environ["BUS_ARN"],
        Message=event.model_dump_json(exclude_none=False),
        MessageAttributes={
            name: {"DataType": "String", "StringValue": value} for name, value in attributes.items()
        },
    )
    return {"message_id": answer["MessageId"]}


if os.environ.get("BENCH_IDEMPOTENT") == "1":
    from aws_lambda_powertools.utilities.idempotency import (
        DynamoDBPersistenceLayer,
        IdempotencyConfig,
        idempotent_function,
    )

    publish = idempotent_function(
        publish,
        data_keyword_argument="event",
        config=IdempotencyConfig(event_key_jmespath="id"),
        persistence_store=DynamoDBPersistenceLayer(table_name=os.environ["IDEMPOTENCY_TABLE"]),
    )


def record_handler(record: DynamoDBRecord) -> None:
    change = record.dynamodb
    new, old = dict(change.new_image or {}), dict(change.old_image or {})
    if not new or new.get("status") == old.get("status"):
        return
    number = sequence(change.sequence_number, epoch=1)
    happened_at = datetime.fromtimestamp(change.approximate_creation_date_time, UTC)
    source = os.environ["EVENT_SOURCE"]
    event = Event(
        id=str(event_id(source, new["customer_id"], number, 2)),
        source=source,
        subject=new["customer_id"],
        partitionkey=new["customer_id"],
        time=happened_at,
        sequence=number,
        data=Data(
            customer_id=new["customer_id"],
            status=new["status"],
            previous_status=old.get("status"),
            reason=new.get("status_reason"),
            change="changed" if old else "created",
            changed_at=happened_at,
        ),
    )
    publish(event=event)
    logger.info("published", extra={"event_id": event.id, "sequence": number})
    metrics.add_metric(name="EventsPublished", unit=MetricUnit.Count, value=1)


@logger.inject_lambda_context
@metrics.log_metrics
def lambda_handler(event: dict[str, Any], context: Any) -> dict[str, Any]:
    return process_partial_response(
        event=event, record_handler=record_handler, processor=processor, context=context
    )
