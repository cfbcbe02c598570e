"""What the demo does to a deployment, and everything that it observes of it meanwhile."""

import json
import threading
import time
from collections import Counter
from collections.abc import Callable, Iterable, Iterator, Mapping
from concurrent.futures import ThreadPoolExecutor
from datetime import UTC, datetime
from functools import partial
from typing import Any

from customer_events.event import EVENT_NAME, TYPE_PREFIX
from customer_events.instants import from_wire
from customer_events.sequence import Sequence
from fanout.demo.audit import Ledger, Published, Recorded, Stored, Write
from fanout.demo.changes import Change, Op
from fanout.failures.store import ObjectStore
from fanout.local.deployment import SUBSCRIBER, LocalDeployment
from fanout.sqs.message import DeadMessage, Parked
from fanout.sqs.queue import Receipt, SqsQueue
from fanout.sqs.scan import HOLD_SECONDS_MIN, Sweep
from fanout.streams.shards import ShardReader, describe, readable_shards
from fanout.text import json_object
from sentinel.contract.folder import installed_contract
from sentinel.discovery import find_publisher, find_subscriber

UNKNOWN_MAJOR = 9
WAIT_SECONDS_MAX = 120
_STATUS, _REASON, _TOUCHED = "status", "status_reason", "note"
_POLL_SECONDS = 0.1
_RECEIVES_MAX = 20
_HOLD_SECONDS = 30
_QUEUE_NAME = "demo-audit"
_NOTED = ("reason", "field", "expected")

Counts = dict[str, tuple[int, int]]
"""How far it is: what was written, published and applied so far, each of how many."""


# Play changes against the Accounts table, one after the other, and note what each did


def play(
    dynamodb: Any,
    table: str,
    changes: Iterable[Change],
    *,
    ledger: Ledger,
    stop: threading.Event,
    rate: float | None = None,
) -> datetime:
    """Write every change, in order, and enter it in the ledger; returns when it began.

    The table's partition key is `customer_id`; `rate` is writes a second at most, None: as fast as
    it goes; `stop` ends it early.

    Raises: ClientError: the table refused a write.
    """
    began_at, began = datetime.now(UTC), time.monotonic()
    for index, change in enumerate(changes):
        if rate is not None:
            stop.wait(began + index / rate - time.monotonic())
        if stop.is_set():
            break
        started_at, number = datetime.now(UTC), ledger.writes + 1
        before = _perform(dynamodb, {"TableName": table, "ReturnValues": "ALL_OLD"}, change, number)
        ledger.wrote(
            Write(
                number=number,
                customer_id=change.customer_id,
                before=before,
                after=before if change.op is Op.TOUCH else change.status,
                started_at=started_at,
            )
        )
    return began_at


def _perform(dynamodb: Any, request: dict[str, Any], change: Change, number: int) -> str | None:
    """Write it; returns the status before, as DynamoDB answers."""
    key = {"customer_id": {"S": change.customer_id}}
    given = {_STATUS: change.status, _REASON: change.reason}
    attributes = {name: {"S": value} for name, value in given.items() if value is not None}
    match change.op:
        case Op.PUT:
            answer = dynamodb.put_item(**request, Item=key | attributes)
        case Op.UPDATE:
            answer = dynamodb.update_item(**request, Key=key, **_update(attributes))
        case Op.DELETE:
            answer = dynamodb.delete_item(**request, Key=key)
        case Op.TOUCH:
            answer = _touch(dynamodb, request | {"Key": key}, number)
    before: str | None = answer.get("Attributes", {}).get(_STATUS, {}).get("S")
    return before


def _update(attributes: dict[str, dict[str, str]]) -> dict[str, Any]:
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
            UpdateExpression=f"SET {_TOUCHED} = :number",
            ConditionExpression="attribute_exists(customer_id)",
            ExpressionAttributeValues={":number": {"N": str(number)}},
        )
    except dynamodb.exceptions.ConditionalCheckFailedException:
        return {}
    return answer


# Two messages that can never succeed, and what becomes of them


def poison(deployment: LocalDeployment) -> list[dict[str, Any]]:
    """Send both to the payments queue, as a broken producer would, and wait until they are parked.

    Returns:
        For each `what` was sent, its `message_id`, and the `reason`, `field` and `expected` for
        which it was parked; None where it is not in the DLQ in time.
    """
    newest = installed_contract().event(EVENT_NAME).versions[-1]
    unknown = newest.examples["created"] | {"type": f"{TYPE_PREFIX}{UNKNOWN_MAJOR}"}
    bodies = {
        '{"hello"  (no JSON)': '{"hello"',
        f"a valid event of version {UNKNOWN_MAJOR}": json.dumps(unknown),
    }
    sqs, url = deployment.client("sqs"), deployment.queue_url
    sent = {
        sqs.send_message(QueueUrl=url, MessageBody=body)["MessageId"]: what
        for what, body in bodies.items()
    }
    deadline = time.monotonic() + WAIT_SECONDS_MAX
    parked: dict[str, Parked | None] = {}
    while not sent.keys() <= parked.keys() and time.monotonic() < deadline:
        dead = read_dlq(deployment)
        parked = {message.first_delivery.message_id: message.parked for message in dead}
    return [
        {"what": what, "message_id": message_id}
        | {name: getattr(parked.get(message_id), name, None) for name in _NOTED}
        for message_id, what in sent.items()
    ]


def read_dlq(deployment: LocalDeployment) -> list[DeadMessage]:
    """Look at every message of the DLQ, once each; none is taken away."""
    queue = SqsQueue(deployment.client("sqs"), deployment.dlq_url, what="the payments DLQ")
    with Sweep(queue, hold_seconds=HOLD_SECONDS_MIN) as sweep:
        return list(sweep.messages())


# The witnesses on a local deployment: two table streams, a queue on the topic, the failures


class StreamTap:
    """Reads a table's stream from its beginning, parents before children."""

    def __init__(self, dynamodbstreams: Any, stream_arn: str) -> None:
        self._client = dynamodbstreams
        self._stream_arn = stream_arn
        self._readers: dict[str, ShardReader] = {}

    def read(self) -> Iterator[dict[str, Any]]:
        """The records since the last call, in the notation of GetRecords."""
        shards = describe(self._client, self._stream_arn).shards
        finished = [shard for shard, reader in self._readers.items() if reader.is_ended]
        for shard in readable_shards(shards, finished=finished):
            reader = self._readers.setdefault(
                shard, ShardReader(self._client, stream_arn=self._stream_arn, shard_id=shard)
            )
            while records := reader.read():
                yield from records
                if reader.is_ended:
                    break


def tap_topic(deployment: LocalDeployment) -> SqsQueue:
    """Subscribe a queue of the demo's own to the topic."""
    sqs = deployment.client("sqs")
    url = sqs.create_queue(QueueName=f"{deployment.prefix}-{_QUEUE_NAME}")["QueueUrl"]
    queue = SqsQueue(sqs, url, what="the demo's own queue")
    deployment.client("sns").subscribe(
        TopicArn=deployment.topic_arn,
        Protocol="sqs",
        Endpoint=queue.facts().arn,
        Attributes={"RawMessageDelivery": "true"},
    )
    return queue


def take_published(queue: SqsQueue) -> Iterator[Published]:
    """The events since the last call, as any subscriber gets them; in a bounded number of calls."""
    for _ in range(_RECEIVES_MAX):
        messages = queue.receive(hold_seconds=_HOLD_SECONDS, thorough=False)
        if not messages:
            return
        queue.delete([Receipt(message.message_id, message.receipt_handle) for message in messages])
        yield from (_published(json.loads(message.body)) for message in messages)


def recorded(record: dict[str, Any]) -> Recorded:
    """Read a record of the Accounts table's stream; looks at both images and nothing else."""
    change = record["dynamodb"]
    before, after = (
        change.get(image, {}).get(_STATUS, {}).get("S") for image in ("OldImage", "NewImage")
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


class Watch:
    """The ledger, and the witnesses that feed it; made before the first write.

    `to_write`, how many writes there will be, is for the progress alone.
    """

    def __init__(self, deployment: LocalDeployment, *, to_write: int) -> None:
        self._deployment = deployment
        self._to_write = to_write
        self.publisher = find_publisher(deployment.target())
        subscriber = find_subscriber(deployment.target(), SUBSCRIBER)
        self.ledger = Ledger(self.publisher, subscriber_version=max(subscriber.versions))
        streams = deployment.client("dynamodbstreams")
        self._topic = tap_topic(deployment)
        self._accounts = StreamTap(streams, deployment.stream_arn)
        payments = deployment.client("dynamodb").update_table(
            TableName=deployment.payments_table,
            StreamSpecification={"StreamEnabled": True, "StreamViewType": "NEW_IMAGE"},
        )
        self._payments = StreamTap(streams, payments["TableDescription"]["LatestStreamArn"])

    def play(
        self, changes: Iterable[Change], *, rate: float | None, show: Callable[[Counts], None]
    ) -> datetime:
        """Write every change in another thread, and look meanwhile; returns when it began."""
        table, stop = self._deployment.accounts_table, threading.Event()
        write = partial(play, self._deployment.client("dynamodb"), table, changes)
        with ThreadPoolExecutor(max_workers=1, thread_name_prefix="player") as pool:
            try:
                writing = pool.submit(write, ledger=self.ledger, stop=stop, rate=rate)
                while not writing.done():
                    self.look()
                    show(self.counts())
                    time.sleep(_POLL_SECONDS)
                return writing.result()
            finally:
                stop.set()

    def look(self) -> None:
        """Take in what has happened since the last look."""
        for record in self._accounts.read():
            self.ledger.recorded(recorded(record))
        for event in take_published(self._topic):
            self.ledger.published(event)
        for row in map(stored, self._payments.read()):
            if row is not None:
                self.ledger.stored(row)

    def look_at_failures(self) -> None:
        """Take in what lies in the DLQ and in the publisher's failure store."""
        self.ledger.parked(
            str(event_id)
            for message in read_dlq(self._deployment)
            if (event_id := json_object(message.body).get("id"))
        )
        store = ObjectStore(self._deployment.client("s3"), self._deployment.failure_bucket)
        self.ledger.parked(
            record["eventID"] for failure in store.failures() for record in failure.records or ()
        )

    def counts(self) -> Counts:
        """How far it is."""
        ledger = self.ledger
        to_publish = ledger.transitions * len(self.publisher.publish_versions)
        return {
            "written": (ledger.writes, self._to_write),
            "published": (len(ledger.events), to_publish),
            "applied": (len(ledger.applied_at), ledger.transitions),
        }


# What the functions say of themselves: the sums of the metrics in their logs (EMF)


def sums(lines: Iterable[Mapping[str, Any]]) -> Counter[str]:
    """Add up each metric over all blobs in a function's log; other lines are passed over."""
    totals: Counter[str] = Counter()
    for line in lines:
        directives = line.get("_aws", {}).get("CloudWatchMetrics", ())
        # The same metric may stand in several directives, once for each set of dimensions.
        for name in {metric["Name"] for entry in directives for metric in entry["Metrics"]}:
            value = line.get(name, 0)
            totals[name] += int(sum(value) if isinstance(value, list) else value)
    return totals
