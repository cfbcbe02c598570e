"""What the demo does to a deployment, and everything that it observes of it meanwhile."""

import json
import threading
import time
from collections import Counter
from collections.abc import Callable, Iterable, Iterator
from dataclasses import dataclass, replace
from datetime import UTC, datetime
from typing import Any
from uuid import uuid4

from botocore.exceptions import ClientError

from customer_events.encoder import to_document
from customer_events.event import (
    NEWEST_MAJOR,
    SCHEMA_BASE,
    TYPE_PREFIX,
    CustomerStatusChanged,
    Status,
)
from customer_events.event import Change as StatusChange
from customer_events.instants import from_wire
from customer_events.sequence import Sequence, SequenceSource, sequence
from fanout.demo.audit import Ledger, Published, Recorded, Rules, Stored, Write
from fanout.demo.changes import Change, Op
from fanout.discovery import find_publisher, find_subscriber
from fanout.local.deployment import SUBSCRIBER, LocalDeployment
from fanout.sqs.message import DeadMessage
from fanout.sqs.queue import SqsQueue
from fanout.sqs.scan import HOLD_SECONDS_MIN, Sweep
from fanout.streams.shards import ShardReader, describe, readable_shards

UNKNOWN_MAJOR = 9
WAIT_SECONDS_MAX = 120
_STATUS, _REASON, _TOUCHED = "status", "status_reason", "note"
_RECEIVE_MAX = 10
_RECEIVES_MAX = 20
_QUEUE_NAME = "demo-audit"
_PARKED_PREFIX = "parked/"
_GIVEN_UP_PREFIX = "aws/lambda/"

Counts = dict[str, tuple[int, int]]
"""How far it is: what was written, published and applied so far, each of how many."""


# Play changes against the Accounts table, one after the other, and note what each did


def play(
    dynamodb: Any,
    table: str,
    changes: Iterable[Change],
    *,
    observe: Callable[[Write], None],
    stop: threading.Event,
    rate: float | None = None,
    first: int = 1,
) -> datetime:
    """Write every change, in order, to a table whose partition key is `customer_id`.

    Args:
        dynamodb: a boto3 client.
        table: the table's name.
        changes: what to write.
        observe: called with each write.
        stop: ends it early.
        rate: writes a second at most; None: as fast as it goes.
        first: the number of the first write.

    Returns:
        When it began.

    Raises:
        ClientError: the table refused a write.
    """
    began_at, began = datetime.now(UTC), time.monotonic()
    for index, change in enumerate(changes):
        if rate is not None and stop.wait(began + index / rate - time.monotonic()):
            break
        if stop.is_set():
            break
        started_at, number = datetime.now(UTC), first + index
        before, after = _perform(dynamodb, table, change, number)
        observe(
            Write(
                number=number,
                customer_id=change.customer_id,
                before=before,
                after=after,
                started_at=started_at,
            )
        )
    return began_at


def _perform(
    dynamodb: Any, table: str, change: Change, number: int
) -> tuple[str | None, str | None]:
    """Write it; returns the status before (as DynamoDB answers) and after."""
    request: dict[str, Any] = {"TableName": table, "ReturnValues": "ALL_OLD"}
    key = {"customer_id": {"S": change.customer_id}}
    match change.op:
        case Op.PUT:
            answer = dynamodb.put_item(**request, Item=key | _attributes(change))
        case Op.UPDATE:
            answer = dynamodb.update_item(**request, Key=key, **_update(change))
        case Op.DELETE:
            answer = dynamodb.delete_item(**request, Key=key)
        case Op.TOUCH:
            answer = _touch(dynamodb, request | {"Key": key}, number)
    before = answer.get("Attributes", {}).get(_STATUS, {}).get("S")
    return before, before if change.op is Op.TOUCH else change.status


def _attributes(change: Change) -> dict[str, dict[str, str]]:
    given = {_STATUS: change.status, _REASON: change.reason}
    return {name: {"S": value} for name, value in given.items() if value is not None}


def _update(change: Change) -> dict[str, Any]:
    attributes = _attributes(change)
    expression = "SET " + ", ".join(f"#{name} = :{name}" for name in attributes)
    if _REASON not in attributes:
        expression += f" REMOVE #{_REASON}"
    return {
        "UpdateExpression": expression,
        "ExpressionAttributeNames": {"#" + name: name for name in (_STATUS, _REASON)},
        "ExpressionAttributeValues": {":" + name: value for name, value in attributes.items()},
    }


def _touch(dynamodb: Any, request: dict[str, Any], number: int) -> dict[str, Any]:
    """Change an attribute that is none of the publisher's business; makes no customer."""
    try:
        answer: dict[str, Any] = dynamodb.update_item(
            **request,
            UpdateExpression="SET #touched = :number",
            ConditionExpression="attribute_exists(customer_id)",
            ExpressionAttributeNames={"#touched": _TOUCHED},
            ExpressionAttributeValues={":number": {"N": str(number)}},
        )
    except ClientError as error:
        if error.response["Error"]["Code"] != "ConditionalCheckFailedException":
            raise
        return {}
    return answer


# Two messages that can never succeed, and what becomes of them


@dataclass(frozen=True, slots=True, kw_only=True)
class Poison:
    """A poison message that was sent, and the reason it was parked for (None: not in time)."""

    what: str
    message_id: str
    reason: str | None = None
    field: str = ""
    expected: str = ""


def send_poison(deployment: LocalDeployment) -> list[Poison]:
    """Send both to the payments queue, as a broken producer would."""
    bodies = {
        '{"hello"  (no JSON)': '{"hello"',
        f"a valid event of version {UNKNOWN_MAJOR}": json.dumps(_event_of_unknown_version()),
    }
    sqs, url = deployment.client("sqs"), deployment.queue_url
    return [
        Poison(what=what, message_id=sqs.send_message(QueueUrl=url, MessageBody=body)["MessageId"])
        for what, body in bodies.items()
    ]


def await_parked(deployment: LocalDeployment, sent: list[Poison]) -> list[Poison]:
    """Wait until both are in the DLQ, or for as long as is reasonable; they stay there."""
    deadline = time.monotonic() + WAIT_SECONDS_MAX
    while True:
        dead = {message.first_delivery.message_id: message for message in read_dlq(deployment)}
        if all(poison.message_id in dead for poison in sent) or time.monotonic() > deadline:
            return [_parked(poison, dead.get(poison.message_id)) for poison in sent]


def read_dlq(deployment: LocalDeployment) -> list[DeadMessage]:
    """Look at every message of the DLQ, once each; none is taken away."""
    queue = SqsQueue(deployment.client("sqs"), deployment.dlq_url, what="the payments DLQ")
    with Sweep(queue, hold_seconds=HOLD_SECONDS_MIN) as sweep:
        return [message for page in sweep.pages() for message in page]


def _parked(poison: Poison, dead: DeadMessage | None) -> Poison:
    note = dead.parked if dead else None
    if note is None:
        return poison
    return replace(poison, reason=note.reason, field=note.field, expected=note.expected)


def _event_of_unknown_version() -> dict[str, Any]:
    """A well-formed event of a version that nobody here understands yet."""
    now = datetime.now(UTC).replace(microsecond=0)
    newest = CustomerStatusChanged(
        event_id=uuid4(),
        source="urn:novapay:accounts",
        customer_id="customer-from-the-future",
        sequence=sequence(1, epoch=1),
        sequence_source=SequenceSource.STREAM,
        schema_version=NEWEST_MAJOR,
        occurred_at=now,
        status=Status.ACTIVE,
        previous_status=None,
        reason=None,
        change=StatusChange.CREATED,
        changed_at=now,
    )
    return to_document(newest) | {
        "type": f"{TYPE_PREFIX}{UNKNOWN_MAJOR}",
        "dataschema": f"{SCHEMA_BASE}/v{UNKNOWN_MAJOR}.schema.json",
    }


# The witnesses on a local deployment: two table streams, a queue on the topic, the failures


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
                shard, ShardReader(self._client, stream_arn=self._stream_arn, shard_id=shard)
            )
            while records := reader.read(after=self._after.get(shard)):
                self._after[shard] = records[-1]["dynamodb"]["SequenceNumber"]
                yield from records
                if reader.is_ended:
                    break


def tap_topic(deployment: LocalDeployment) -> str:
    """Subscribe a queue of the demo's own to the topic, and return its URL."""
    sqs = deployment.client("sqs")
    url: str = sqs.create_queue(QueueName=f"{deployment.prefix}-{_QUEUE_NAME}")["QueueUrl"]
    answer = sqs.get_queue_attributes(QueueUrl=url, AttributeNames=["QueueArn"])
    arn = answer["Attributes"]["QueueArn"]
    statement = {
        "Effect": "Allow",
        "Principal": {"Service": "sns.amazonaws.com"},
        "Action": "sqs:SendMessage",
        "Resource": arn,
        "Condition": {"ArnEquals": {"aws:SourceArn": deployment.topic_arn}},
    }
    policy = json.dumps({"Version": "2012-10-17", "Statement": [statement]})
    sqs.set_queue_attributes(QueueUrl=url, Attributes={"Policy": policy})
    deployment.client("sns").subscribe(
        TopicArn=deployment.topic_arn,
        Protocol="sqs",
        Endpoint=arn,
        Attributes={"RawMessageDelivery": "true"},
    )
    return url


def take_published(sqs: Any, queue_url: str) -> Iterator[Published]:
    """The events since the last call, as any subscriber gets them; in a bounded number of calls."""
    for _ in range(_RECEIVES_MAX):
        messages = sqs.receive_message(
            QueueUrl=queue_url, MaxNumberOfMessages=_RECEIVE_MAX, WaitTimeSeconds=0
        ).get("Messages", [])
        if not messages:
            return
        sqs.delete_message_batch(
            QueueUrl=queue_url,
            Entries=[
                {"Id": str(index), "ReceiptHandle": message["ReceiptHandle"]}
                for index, message in enumerate(messages)
            ],
        )
        yield from (_published(json.loads(message["Body"])) for message in messages)


def stream_of_payments(deployment: LocalDeployment) -> str:
    """Turn on a stream of the Payments table, and return its ARN."""
    answer = deployment.client("dynamodb").update_table(
        TableName=deployment.payments_table,
        StreamSpecification={"StreamEnabled": True, "StreamViewType": "NEW_IMAGE"},
    )
    arn: str = answer["TableDescription"]["LatestStreamArn"]
    return arn


def recorded(record: dict[str, Any]) -> Recorded:
    """Read a record of the Accounts table's stream; looks at both images and nothing else."""
    change = record["dynamodb"]
    before, after = (
        change.get(image, {}).get("status", {}).get("S") for image in ("OldImage", "NewImage")
    )
    return Recorded(
        record_id=record["eventID"],
        sequence_number=change["SequenceNumber"],
        customer_id=change["Keys"]["customer_id"]["S"],
        before=before,
        after=after,
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


def parked_records(deployment: LocalDeployment) -> set[str]:
    """The `eventID`s of the records in the publisher's failure store.

    The publisher names its objects by them; Lambda's objects hold whole batches: their `payload`
    is the event of the invocation, as text.
    https://docs.aws.amazon.com/lambda/latest/dg/services-dynamodb-errors.html
    """
    s3, bucket = deployment.client("s3"), deployment.failure_bucket
    ids: set[str] = set()
    for page in s3.get_paginator("list_objects_v2").paginate(Bucket=bucket):
        for key in (entry["Key"] for entry in page.get("Contents", [])):
            if key.startswith(_PARKED_PREFIX):
                ids.add(key.rpartition("/")[2].removesuffix(".json"))
            elif key.startswith(_GIVEN_UP_PREFIX):
                document = json.load(s3.get_object(Bucket=bucket, Key=key)["Body"])
                batch = json.loads(document["payload"])
                ids.update(record["eventID"] for record in batch["Records"])
    return ids


class Watch:
    """The ledger, and the witnesses that feed it; made before the first write.

    Args:
        to_write: how many writes there will be, for the progress alone.

    Attributes:
        stop: ends `play` early.
    """

    def __init__(self, deployment: LocalDeployment, *, to_write: int) -> None:
        self._deployment = deployment
        self._to_write = to_write
        self.rules = _rules(deployment)
        self.ledger = Ledger(self.rules)
        self.stop = threading.Event()
        streams = deployment.client("dynamodbstreams")
        self._topic_queue = tap_topic(deployment)
        self._accounts = StreamTap(streams, deployment.stream_arn)
        self._payments = StreamTap(streams, stream_of_payments(deployment))

    def play(self, changes: Iterable[Change], *, rate: float | None) -> datetime:
        """Write every change to the Accounts table; see `play`."""
        return play(
            self._deployment.client("dynamodb"),
            self._deployment.accounts_table,
            changes,
            observe=self.ledger.wrote,
            stop=self.stop,
            rate=rate,
            first=self.ledger.writes + 1,
        )

    def look(self) -> None:
        """Take in what has happened since the last look."""
        for record in self._accounts.read():
            self.ledger.recorded(recorded(record))
        for event in take_published(self._deployment.client("sqs"), self._topic_queue):
            self.ledger.published(event)
        for record in self._payments.read():
            row = stored(record)
            if row is not None:
                self.ledger.stored(row)

    def look_at_failures(self) -> None:
        """Take in what lies in the DLQ and in the publisher's failure store."""
        bodies = (message.body for message in read_dlq(self._deployment))
        self.ledger.parked(event_id for body in bodies if (event_id := _event_id(body)))
        self.ledger.parked(parked_records(self._deployment))

    def counts(self) -> Counts:
        """How far it is."""
        ledger = self.ledger
        to_publish = ledger.transitions * len(self.rules.publish_versions)
        return {
            "written": (ledger.writes, self._to_write),
            "published": (len(ledger.events), to_publish),
            "applied": (len(ledger.applied_at), ledger.transitions),
        }


def _rules(deployment: LocalDeployment) -> Rules:
    publisher = find_publisher(deployment.target())
    subscriber = find_subscriber(deployment.target(), SUBSCRIBER)
    return Rules(
        source=publisher.source,
        epoch=publisher.sequence_epoch,
        publish_versions=publisher.publish_versions,
        subscriber_version=max(subscriber.versions),
    )


def _event_id(body: str) -> str | None:
    try:
        return str(json.loads(body)["id"])
    except (ValueError, LookupError, TypeError):
        return None


# What the functions say of themselves: the sums of the metrics in their logs (EMF)


def sums(lines: Iterable[str]) -> Counter[str]:
    """Add up each metric over all blobs in a function's output; other lines are passed over."""
    totals: Counter[str] = Counter()
    for line in lines:
        if '"_aws"' not in line:
            continue
        try:
            blob = json.loads(line)
            directives = blob["_aws"]["CloudWatchMetrics"]
        except (ValueError, LookupError, TypeError):
            continue
        # The same metric may stand in several directives, once for each set of dimensions.
        for name in {metric["Name"] for entry in directives for metric in entry["Metrics"]}:
            value = blob.get(name, 0)
            totals[name] += int(sum(value) if isinstance(value, list) else value)
    return totals
