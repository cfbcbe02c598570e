"""The demo's own witnesses on a local deployment: two table streams and a queue on the topic.

They are attached before the first write and take nothing away from anybody: the Payments table
gets a stream, and the topic one more subscriber, raw and without a filter.
"""

import json
from collections.abc import Iterator
from typing import Any

from customer_events.instants import from_wire
from customer_events.sequence import Sequence
from fanout.demo.observations import Published, Recorded, Stored
from fanout.local.deployment import LocalDeployment
from fanout.local.stream_shards import ShardReader, describe, readable_shards

_RECEIVE_MAX = 10
_RECEIVES_MAX = 20
_QUEUE_NAME = "demo-audit"


class StreamTap:
    """Reads a table's stream from its beginning, parents before children."""

    def __init__(self, dynamodbstreams: Any, stream_arn: str) -> None:
        self._client = dynamodbstreams
        self._stream_arn = stream_arn
        self._readers: dict[str, ShardReader] = {}
        self._after: dict[str, str] = {}

    def read(self) -> Iterator[dict[str, Any]]:
        """The records since the last call, in the notation of GetRecords."""
        shards = describe(self._client, self._stream_arn).shards
        finished = [shard for shard, reader in self._readers.items() if reader.is_ended]
        for shard in readable_shards(shards, finished=finished):
            reader = self._readers.setdefault(
                shard,
                ShardReader(
                    self._client, stream_arn=self._stream_arn, shard_id=shard, start="TRIM_HORIZON"
                ),
            )
            while records := reader.read(after=self._after.get(shard)):
                self._after[shard] = records[-1]["dynamodb"]["SequenceNumber"]
                yield from records
                if reader.is_ended:
                    break


class TopicTap:
    """A queue of the demo's own on the topic: every event, as any subscriber would get it."""

    def __init__(self, deployment: LocalDeployment) -> None:
        self._sqs = deployment.client("sqs")
        name = f"{deployment.prefix}-{_QUEUE_NAME}"
        self._queue_url: str = self._sqs.create_queue(QueueName=name)["QueueUrl"]
        arn = self._sqs.get_queue_attributes(QueueUrl=self._queue_url, AttributeNames=["QueueArn"])[
            "Attributes"
        ]["QueueArn"]
        self._sqs.set_queue_attributes(
            QueueUrl=self._queue_url,
            Attributes={"Policy": json.dumps(_policy(arn, deployment.topic_arn))},
        )
        deployment.client("sns").subscribe(
            TopicArn=deployment.topic_arn,
            Protocol="sqs",
            Endpoint=arn,
            Attributes={"RawMessageDelivery": "true"},
        )

    def read(self) -> Iterator[Published]:
        """The events since the last call; as many as a bounded number of calls bring."""
        for _ in range(_RECEIVES_MAX):
            messages = self._sqs.receive_message(
                QueueUrl=self._queue_url, MaxNumberOfMessages=_RECEIVE_MAX, WaitTimeSeconds=0
            ).get("Messages", [])
            if not messages:
                return
            self._sqs.delete_message_batch(
                QueueUrl=self._queue_url,
                Entries=[
                    {"Id": str(index), "ReceiptHandle": message["ReceiptHandle"]}
                    for index, message in enumerate(messages)
                ],
            )
            yield from (_published(json.loads(message["Body"])) for message in messages)


def stream_of_payments(deployment: LocalDeployment) -> str:
    """Turn on a stream of the Payments table, and return its ARN."""
    description = deployment.client("dynamodb").update_table(
        TableName=deployment.payments_table,
        StreamSpecification={"StreamEnabled": True, "StreamViewType": "NEW_IMAGE"},
    )["TableDescription"]
    arn: str = description["LatestStreamArn"]
    return arn


def recorded(record: dict[str, Any]) -> Recorded:
    """Read a record of the Accounts table's stream; looks at both images and nothing else."""
    change = record["dynamodb"]
    return Recorded(
        record_id=record["eventID"],
        sequence_number=change["SequenceNumber"],
        customer_id=change["Keys"]["customer_id"]["S"],
        before=_status(change.get("OldImage")),
        after=_status(change.get("NewImage")),
    )


def stored(record: dict[str, Any]) -> Stored | None:
    """Read a record of the Payments table's stream; None where a row was removed."""
    row = record["dynamodb"].get("NewImage")
    if not row:
        return None
    return Stored(
        event_id=row["event_id"]["S"],
        customer_id=row["customer_id"]["S"],
        sequence=Sequence(row["sequence"]["S"]),
        applied_at=from_wire(row["applied_at"]["S"]),
    )


# Private functions


def _status(image: dict[str, Any] | None) -> str | None:
    found: str | None = (image or {}).get("status", {}).get("S")
    return found


def _published(document: dict[str, Any]) -> Published:
    """Read with nothing of ours but the JSON parser: the contract itself is under audit."""
    data, major = document["data"], int(document["type"].rpartition(".v")[2])
    return Published(
        event_id=document["id"],
        customer_id=data["customer_id"],
        status=data["status"] if "status" in data else data["new_status"],
        previous_status=data["previous_status"] if "status" in data else data["old_status"],
        schema_version=major,
    )


def _policy(queue_arn: str, topic_arn: str) -> dict[str, Any]:
    return {
        "Version": "2012-10-17",
        "Statement": [
            {
                "Effect": "Allow",
                "Principal": {"Service": "sns.amazonaws.com"},
                "Action": "sqs:SendMessage",
                "Resource": queue_arn,
                "Condition": {"ArnEquals": {"aws:SourceArn": topic_arn}},
            }
        ],
    }
