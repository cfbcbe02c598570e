"""On-failure records: what Lambda leaves behind of a batch that it gives up.

Source of the shapes and of the S3 key: "Retain discarded records for a DynamoDB event source in
Lambda", Lambda developer guide. Queues and topics get the metadata alone; a bucket gets the whole
invocation record, its event as a string in `payload`.
"""

import json
from datetime import UTC, datetime
from typing import Any
from uuid import uuid4

from fanout.errors import WrongUse
from fanout.local.stream_batches import Discard
from fanout.local.stream_records import payload_of
from fanout.local.stream_settings import MappingSettings


class OnFailureDestination:
    """Where a mapping's discarded batches go; without a destination they are dropped, as on AWS."""

    def __init__(self, settings: MappingSettings, *, s3: Any, sqs: Any, sns: Any = None) -> None:
        self._settings = settings
        self._s3, self._sqs, self._sns = s3, sqs, sns
        self._arn = settings.on_failure_arn or ""
        parts = self._arn.split(":", 5)
        self._service = parts[2] if len(parts) == 6 else ""  # noqa: PLR2004 - an ARN's parts
        clients = {"s3": s3, "sqs": sqs, "sns": sns}
        if self._arn and clients.get(self._service) is None:
            raise WrongUse(
                f"Event source mapping {settings.mapping_id}: the poller can't write to the "
                f"on-failure destination {self._arn}; it knows S3 and SQS, and SNS with a client."
            )

    def deliver(self, discard: Discard, *, shard_id: str, now: float) -> None:
        """Write the batch's on-failure record; any error of the client passes through."""
        at = datetime.fromtimestamp(now, UTC)
        document = failure_record(discard, self._settings, shard_id=shard_id, at=at)
        if self._service == "s3":
            document["payload"] = payload_of(discard.batch.records)
            self._s3.put_object(
                Bucket=self._arn.rpartition(":")[2],
                Key=failure_key(self._settings.mapping_id, shard_id=shard_id, at=at),
                Body=json.dumps(document).encode(),
                ContentType="application/json",
            )
        elif self._service == "sqs":
            url = self._sqs.get_queue_url(QueueName=self._arn.rpartition(":")[2])["QueueUrl"]
            self._sqs.send_message(QueueUrl=url, MessageBody=json.dumps(document))
        elif self._service == "sns":
            self._sns.publish(TopicArn=self._arn, Message=json.dumps(document))


def failure_key(mapping_id: str, *, shard_id: str, at: datetime) -> str:
    """`aws/lambda/<mapping>/<shard>/YYYY/MM/DD/YYYY-MM-DDTHH.MM.SS-<random UUID>`, in UTC."""
    return f"aws/lambda/{mapping_id}/{shard_id}/{at:%Y/%m/%d/%Y-%m-%dT%H.%M.%S}-{uuid4()}"


def failure_record(
    discard: Discard, settings: MappingSettings, *, shard_id: str, at: datetime
) -> dict[str, Any]:
    """The metadata of a discarded batch: enough to read it again for as long as the stream lasts.

    A batch that expired unsent has `responseContext` with status 0: the function never answered.
    """
    batch = discard.batch
    first, last = batch.records[0], batch.records[-1]
    response: dict[str, Any] = {
        "statusCode": 200 if batch.invoke_count else 0,
        "executedVersion": "$LATEST",
    }
    if batch.function_error:
        response["functionError"] = batch.function_error
    return {
        "requestContext": {
            "requestId": str(uuid4()),
            "functionArn": settings.function_arn,
            "condition": str(discard.reason),
            "approximateInvokeCount": batch.invoke_count,
        },
        "responseContext": response,
        "version": "1.0",
        "timestamp": _iso(at),
        "DDBStreamBatchInfo": {
            "shardId": shard_id,
            "startSequenceNumber": first.sequence,
            "endSequenceNumber": last.sequence,
            "approximateArrivalOfFirstRecord": _iso(datetime.fromtimestamp(first.created_at, UTC)),
            "approximateArrivalOfLastRecord": _iso(datetime.fromtimestamp(last.created_at, UTC)),
            "batchSize": len(batch.records),
            "streamArn": settings.stream_arn,
        },
    }


# Private functions


def _iso(at: datetime) -> str:
    return at.isoformat(timespec="milliseconds").replace("+00:00", "Z")
