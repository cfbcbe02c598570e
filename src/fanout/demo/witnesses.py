"""Everything that the demo observes of a deployment while it plays."""

import json
import threading
import time
from collections import Counter
from collections.abc import Callable, Iterable, Iterator
from dataclasses import asdict, dataclass, field
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
from fanout.streams.shards import ShardReader, describe, readable_shards

# Play changes against the Accounts table, one after the other, and note what each did


_STATUS = "status"
_REASON = "status_reason"
_TOUCHED = "note"


@dataclass(kw_only=True)
class Player:
    """Writes to a table whose partition key is `customer_id`.

    `observe` is told of each write, from the thread that plays; `stop` ends the playing early.
    """

    dynamodb: Any
    table: str
    observe: Callable[[Write], None]
    stop: threading.Event = field(default_factory=threading.Event)
    written: int = 0

    def play(self, changes: Iterable[Change], *, rate: float | None = None) -> datetime:
        """Write every change, in order; no more than `rate` a second (None: as fast as it goes).

        Returns:
            When it began.

        Raises:
            ClientError: the table refused a write.
        """
        began_at, began = datetime.now(UTC), time.monotonic()
        for index, change in enumerate(changes):
            if rate is not None and self.stop.wait(began + index / rate - time.monotonic()):
                break
            if self.stop.is_set():
                break
            self._write(change)
        return began_at

    # Private functions

    def _write(self, change: Change) -> None:
        started_at = datetime.now(UTC)
        before, after = _perform(self.dynamodb, self.table, change, self.written + 1)
        self.written += 1
        self.observe(
            Write(
                number=self.written,
                customer_id=change.customer_id,
                before=before,
                after=after,
                started_at=started_at,
            )
        )


def _perform(
    dynamodb: Any, table: str, change: Change, number: int
) -> tuple[str | None, str | None]:
    """Write it, and tell the status before (as DynamoDB answers) and after."""
    place = {"TableName": table, "ReturnValues": "ALL_OLD"}
    key = {"customer_id": {"S": change.customer_id}}
    match change.op:
        case Op.PUT:
            answer = dynamodb.put_item(**place, Item=key | _attributes(change))
        case Op.UPDATE:
            answer = dynamodb.update_item(**place, Key=key, **_update(change))
        case Op.DELETE:
            answer = dynamodb.delete_item(**place, Key=key)
        case Op.TOUCH:
            answer = _touch(dynamodb, place, key, number)
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


def _touch(
    dynamodb: Any, place: dict[str, str], key: dict[str, Any], number: int
) -> dict[str, Any]:
    """Change an attribute that is none of the publisher's business; makes no customer."""
    try:
        answer: dict[str, Any] = dynamodb.update_item(
            **place,
            Key=key,
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


UNKNOWN_MAJOR = 9
WAIT_SECONDS_MAX = 120
_POLL_SECONDS = 0.2
_POISON_RECEIVE_MAX = 10
# Long enough to read the whole DLQ without meeting a message twice, and then they are back.
_LOOK_SECONDS = 2
_PAGES_MAX = 100


@dataclass(frozen=True, slots=True, kw_only=True)
class DeadMessage:
    """A message of the DLQ.

    `event_id` is None where the body is no JSON object with an id; `reason` where nothing parked
    it; `note` is the message attribute `parked`.
    """

    message_id: str
    event_id: str | None
    reason: str | None
    note: dict[str, Any]


@dataclass(frozen=True, slots=True, kw_only=True)
class Poison:
    """A poison message that was sent, and the reason it was parked for (None: not in time)."""

    what: str
    message_id: str
    reason: str | None = None
    field: str = ""
    expected: str = ""

    def to_document(self) -> dict[str, Any]:
        """One JSON object with every field."""
        return asdict(self)


def send(deployment: LocalDeployment) -> list[Poison]:
    """Send both to the payments queue, as a broken producer would."""
    bodies = {
        '{"hello"  (no JSON)': '{"hello"',
        f"a valid event of version {UNKNOWN_MAJOR}": json.dumps(event_of_unknown_version()),
    }
    sqs = deployment.client("sqs")
    return [
        Poison(
            what=what,
            message_id=sqs.send_message(QueueUrl=deployment.queue_url, MessageBody=body)[
                "MessageId"
            ],
        )
        for what, body in bodies.items()
    ]


def await_parked(deployment: LocalDeployment, sent: list[Poison]) -> list[Poison]:
    """Wait until both are in the DLQ, or for as long as is reasonable; they stay there."""
    deadline = time.monotonic() + WAIT_SECONDS_MAX
    found: dict[str, DeadMessage] = {}
    while True:
        for dead in read_dlq(deployment):
            found[str(dead.note.get("original_message_id"))] = dead
        if all(one.message_id in found for one in sent) or time.monotonic() > deadline:
            return [_seen(one, found.get(one.message_id)) for one in sent]
        time.sleep(_POLL_SECONDS)


def read_dlq(deployment: LocalDeployment) -> Iterator[DeadMessage]:
    """Look at every message of the DLQ, once each; none is taken away."""
    sqs = deployment.client("sqs")
    seen: set[str] = set()
    for _ in range(_PAGES_MAX):
        messages = sqs.receive_message(
            QueueUrl=deployment.dlq_url,
            WaitTimeSeconds=0,
            MaxNumberOfMessages=_POISON_RECEIVE_MAX,
            VisibilityTimeout=_LOOK_SECONDS,
            MessageAttributeNames=["All"],
        ).get("Messages", [])
        unseen = [message for message in messages if message["MessageId"] not in seen]
        if not unseen:
            return
        seen.update(message["MessageId"] for message in unseen)
        yield from map(_dead_message, unseen)


def event_of_unknown_version() -> dict[str, Any]:
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


def _seen(sent: Poison, dead: DeadMessage | None) -> Poison:
    if dead is None:
        return sent
    return Poison(
        what=sent.what,
        message_id=sent.message_id,
        reason=dead.reason,
        field=dead.note.get("field", ""),
        expected=dead.note.get("expected", ""),
    )


def _dead_message(message: dict[str, Any]) -> DeadMessage:
    attributes = message.get("MessageAttributes", {})
    body = _json_object(message["Body"])
    return DeadMessage(
        message_id=message["MessageId"],
        event_id=str(body["id"]) if "id" in body else None,
        reason=attributes.get("parked_reason", {}).get("StringValue"),
        note=_json_object(attributes.get("parked", {}).get("StringValue", "")),
    )


def _json_object(text: str) -> dict[str, Any]:
    try:
        found = json.loads(text)
    except ValueError:
        return {}
    return found if isinstance(found, dict) else {}


# The demo's own witnesses on a local deployment: two table streams and a queue on the topic


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


_PARKED_PREFIX = "parked/"
_GIVEN_UP_PREFIX = "aws/lambda/"


@dataclass(frozen=True, slots=True, kw_only=True)
class Counts:
    """How far it is: writes, and the events and rows that they have led to so far."""

    written: int
    to_write: int
    events: int
    events_expected: int
    applied: int
    transitions: int


class Watch:
    """The player, its ledger, and the taps that feed it; made before the first write.

    `to_write` is how many writes there will be, for the progress alone.
    """

    def __init__(self, deployment: LocalDeployment, *, to_write: int) -> None:
        self._deployment = deployment
        self._to_write = to_write
        self.rules = _rules(deployment)
        self.ledger = Ledger(self.rules)
        self.player = Player(
            dynamodb=deployment.client("dynamodb"),
            table=deployment.accounts_table,
            observe=self.ledger.wrote,
        )
        streams = deployment.client("dynamodbstreams")
        self._topic = TopicTap(deployment)
        self._accounts = StreamTap(streams, deployment.stream_arn)
        self._payments = StreamTap(streams, stream_of_payments(deployment))

    def look(self) -> None:
        """Take in what has happened since the last look."""
        for record in self._accounts.read():
            self.ledger.recorded(recorded(record))
        for event in self._topic.read():
            self.ledger.published(event)
        for record in self._payments.read():
            row = stored(record)
            if row is not None:
                self.ledger.stored(row)

    def look_at_failures(self) -> None:
        """Take in what lies in the DLQ and in the publisher's failure store."""
        dead = read_dlq(self._deployment)
        self.ledger.parked(event_ids=(one.event_id for one in dead if one.event_id))
        self.ledger.parked(record_ids=self._failed_records())

    def counts(self) -> Counts:
        """How far it is."""
        return Counts(
            written=self.ledger.writes,
            to_write=self._to_write,
            events=self.ledger.events,
            events_expected=self.ledger.transitions * len(self.rules.publish_versions),
            applied=self.ledger.applied,
            transitions=self.ledger.transitions,
        )

    # Private functions

    def _failed_records(self) -> set[str]:
        """`eventID`s: the publisher names its objects by them, Lambda's hold whole batches."""
        s3, bucket = self._deployment.client("s3"), self._deployment.failure_bucket
        found: set[str] = set()
        for page in s3.get_paginator("list_objects_v2").paginate(Bucket=bucket):
            for key in (one["Key"] for one in page.get("Contents", [])):
                if key.startswith(_PARKED_PREFIX):
                    found.add(key.rpartition("/")[2].removesuffix(".json"))
                elif key.startswith(_GIVEN_UP_PREFIX):
                    body = s3.get_object(Bucket=bucket, Key=key)["Body"].read()
                    found.update(_records_given_up(json.loads(body)))
        return found


def _rules(deployment: LocalDeployment) -> Rules:
    publisher = find_publisher(deployment.target())
    subscriber = find_subscriber(deployment.target(), SUBSCRIBER)
    return Rules(
        source=publisher.source,
        epoch=publisher.sequence_epoch,
        publish_versions=publisher.publish_versions,
        subscriber_version=max(subscriber.versions),
    )


def _records_given_up(document: dict[str, Any]) -> list[str]:
    """The payload of an invocation record is the event of the invocation, as text.

    https://docs.aws.amazon.com/lambda/latest/dg/services-dynamodb-errors.html
    """
    payload = document.get("payload", {})
    batch = json.loads(payload) if isinstance(payload, str) else payload
    return [record["eventID"] for record in batch.get("Records", [])]


# What the functions say of themselves: the sums of the metrics in their logs (EMF). Pure


def sums(lines: Iterable[str]) -> Counter[str]:
    """Add up each metric over all blobs in a function's output; other lines are passed over."""
    totals: Counter[str] = Counter()
    for line in lines:
        blob = _blob(line)
        for name in _names(blob):
            value = blob.get(name, 0)
            totals[name] += int(sum(value) if isinstance(value, list) else value)
    return totals


def _blob(line: str) -> dict[str, Any]:
    if '"_aws"' not in line:
        return {}
    try:
        found = json.loads(line)
    except ValueError:
        return {}
    return found if isinstance(found, dict) else {}


def _names(blob: dict[str, Any]) -> set[str]:
    directives = blob.get("_aws", {}).get("CloudWatchMetrics", [])
    return {metric["Name"] for directive in directives for metric in directive["Metrics"]}
