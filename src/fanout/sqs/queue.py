"""Queues on SQS: read, hide, delete, send. Every entry of every batch answer is looked at."""

from collections.abc import Iterator, Mapping, Sequence
from contextlib import contextmanager, suppress
from dataclasses import KW_ONLY, dataclass
from datetime import UTC, datetime, timedelta
from email.utils import parsedate_to_datetime
from typing import Any, NamedTuple

from botocore.exceptions import BotoCoreError, ClientError

from event_consumer.sqs_queue import BATCH_BYTES_MAX, batches
from fanout.aws import code_of
from fanout.errors import Refused
from fanout.overlap import overlap
from fanout.sqs.message import DeadMessage, attributes_size_bytes, from_received

BATCH_MAX = 10  # entries in one call of an SQS batch API, and messages in one ReceiveMessage


@dataclass(frozen=True, slots=True, kw_only=True)
class QueueDepth:
    """Messages waiting, received and not deleted, delayed: approximate, and some seconds old."""

    waiting: int
    in_flight: int
    delayed: int

    @property
    def total(self) -> int:
        """All that is in the queue."""
        return self.waiting + self.in_flight + self.delayed


@dataclass(frozen=True, slots=True, kw_only=True)
class QueueFacts:
    """What a queue says of itself.

    `size_bytes_max`: the largest message that it takes; `asked_at`: when, by AWS's own clock where
    it tells, since messages are stamped by that one.
    """

    arn: str
    fifo: bool
    retention_seconds: int
    size_bytes_max: int
    depth: QueueDepth
    asked_at: datetime


class Receipt(NamedTuple):
    """A received message by its id, and what SQS wants to see to hide, show or delete it."""

    message_id: str
    handle: str


@dataclass(frozen=True, slots=True, kw_only=True)
class Sending:
    """One message to send: what SendMessageBatch takes, all but its `Id`."""

    message_id: str
    entry: Mapping[str, Any]

    @property
    def size_bytes(self) -> int:
        """Body and message attributes, as SQS counts them."""
        body, attributes = self.entry["MessageBody"], self.entry["MessageAttributes"]
        return len(body.encode()) + attributes_size_bytes(attributes)


@dataclass(frozen=True, slots=True, kw_only=True)
class Effect:
    """What a batch call did to one message: confirmed (with a new id, if any), or why not."""

    message_id: str
    ok: bool
    new_id: str = ""
    why: str = ""

    def to_result(self) -> dict[str, Any]:
        """As a journal's `done` line holds it."""
        about = {"new_id": self.new_id, "why": self.why}
        given = {name: text for name, text in about.items() if text}
        return {"id": self.message_id, "ok": self.ok, **given}


_TOO_MANY_HIDDEN = {"OverLimit", "AWS.SimpleQueueService.OverLimit"}
_GONE = {"AWS.SimpleQueueService.NonExistentQueue", "QueueDoesNotExist"}


@dataclass
class SqsQueue:
    """A queue or DLQ; `what`: how a sentence calls it, such as `the DLQ of payments`."""

    client: Any
    url: str
    _: KW_ONLY
    what: str

    def receive(self, *, hold_seconds: int, thorough: bool) -> list[DeadMessage]:
        """Up to `BATCH_MAX` messages, which stay hidden for that long; none: none to be had.

        `thorough`: ask all of SQS's servers and not just some, which takes a second if there are
        none; only then is an empty answer an answer.
        """
        try:
            with self._named():
                answer = self.client.receive_message(
                    QueueUrl=self.url,
                    MaxNumberOfMessages=BATCH_MAX,
                    VisibilityTimeout=hold_seconds,
                    WaitTimeSeconds=int(thorough),  # long polling asks every server
                    AttributeNames=["All"],
                    MessageAttributeNames=["All"],
                )
        except ClientError as error:
            if code_of(error) in _TOO_MANY_HIDDEN:
                return []
            raise
        return [from_received(message) for message in answer.get("Messages", [])]

    def hide(self, receipts: Sequence[Receipt], *, seconds: int) -> None:
        """Hide for so long from now (0: show again), in calls side by side, at best effort."""

        def hide_batch(batch: Sequence[Receipt]) -> None:
            entries = [
                {"Id": str(index), "ReceiptHandle": receipt.handle, "VisibilityTimeout": seconds}
                for index, receipt in enumerate(batch)
            ]
            # Where it fails, the timeout, which is short, does the same a little later.
            with suppress(BotoCoreError, ClientError):
                self.client.change_message_visibility_batch(QueueUrl=self.url, Entries=entries)

        overlap(hide_batch, batches(receipts)).require_all()

    def delete(self, receipts: Sequence[Receipt]) -> list[Effect]:
        """Delete at most `BATCH_MAX`; only what is confirmed is `ok`."""
        entries = [
            {"Id": str(index), "ReceiptHandle": receipt.handle}
            for index, receipt in enumerate(receipts)
        ]
        with self._named():
            answer = self.client.delete_message_batch(QueueUrl=self.url, Entries=entries)
        return _effects([receipt.message_id for receipt in receipts], answer)

    def send(self, sendings: Sequence[Sending]) -> list[Effect]:
        """Send at most `BATCH_MAX`; only what is confirmed is `ok`."""
        entries = [{**made.entry, "Id": str(index)} for index, made in enumerate(sendings)]
        with self._named():
            answer = self.client.send_message_batch(QueueUrl=self.url, Entries=entries)
        return _effects([sending.message_id for sending in sendings], answer)

    def facts(self) -> QueueFacts:
        """What it says of itself now."""
        with self._named():
            answer = self.client.get_queue_attributes(QueueUrl=self.url, AttributeNames=["All"])
        attributes = answer["Attributes"]
        return QueueFacts(
            arn=attributes["QueueArn"],
            fifo=attributes["QueueArn"].endswith(".fifo"),
            retention_seconds=int(attributes["MessageRetentionPeriod"]),
            size_bytes_max=int(attributes.get("MaximumMessageSize") or BATCH_BYTES_MAX),
            depth=_depth(attributes),
            asked_at=answered_at(answer),
        )

    # Private functions

    @contextmanager
    def _named(self) -> Iterator[None]:
        """Say which queue is missing; everything else is said by the root of the command line."""
        try:
            yield
        except ClientError as error:
            if code_of(error) not in _GONE:
                raise
            raise Refused(
                f"There is no queue {self.url}, {self.what}: deploy it again, or correct the "
                "subscriber's SSM parameter."
            ) from None


def answered_at(answer: Mapping[str, Any]) -> datetime:
    """AWS's clock by the answer's Date header; this machine's where there is none."""
    date = answer.get("ResponseMetadata", {}).get("HTTPHeaders", {}).get("date", "")
    try:
        return parsedate_to_datetime(date).astimezone(UTC)
    except (TypeError, ValueError):
        return datetime.now(UTC)


def _effects(message_ids: Sequence[str], answer: dict[str, Any]) -> list[Effect]:
    """An entry that is in neither list has failed."""
    successful = {entry["Id"]: entry.get("MessageId", "") for entry in answer.get("Successful", [])}
    failed = {
        entry["Id"]: f"{entry.get('Code', '')}: {entry.get('Message', '')}".strip(": ")
        for entry in answer.get("Failed", [])
    }
    return [
        Effect(message_id=message_id, ok=True, new_id=successful[entry])
        if entry in successful
        else Effect(message_id=message_id, ok=False, why=failed.get(entry, "NotConfirmed"))
        for entry, message_id in ((str(index), each) for index, each in enumerate(message_ids))
    ]


_COUNTS = {
    "waiting": "ApproximateNumberOfMessages",
    "in_flight": "ApproximateNumberOfMessagesNotVisible",
    "delayed": "ApproximateNumberOfMessagesDelayed",
}


def read_depth(sqs: Any, queue_url: str) -> QueueDepth:
    """Ask SQS how many messages a queue holds."""
    answer = sqs.get_queue_attributes(QueueUrl=queue_url, AttributeNames=list(_COUNTS.values()))
    return _depth(answer["Attributes"])


def read_metric(cloudwatch: Any, metric: str, arn: str, now: datetime) -> list[dict[str, Any]]:
    """A queue's maxima of the last hour, oldest first; none where CloudWatch has no answer."""
    try:
        answer = cloudwatch.get_metric_statistics(
            Namespace="AWS/SQS",
            MetricName=metric,
            Dimensions=[{"Name": "QueueName", "Value": arn.rpartition(":")[2]}],
            StartTime=now.astimezone(UTC) - timedelta(hours=1),
            EndTime=now,
            Period=60,
            Statistics=["Maximum"],
        )
    except (BotoCoreError, ClientError):
        return []
    return sorted(answer.get("Datapoints", []), key=lambda point: point["Timestamp"])


def read_oldest_age(cloudwatch: Any, arn: str, now: datetime) -> int | None:
    """The age of a queue's oldest message in seconds; None where CloudWatch has no answer."""
    points = read_metric(cloudwatch, "ApproximateAgeOfOldestMessage", arn, now)
    return int(points[-1]["Maximum"]) if points else None


def _depth(attributes: Mapping[str, str]) -> QueueDepth:
    return QueueDepth(**{name: int(attributes.get(key) or 0) for name, key in _COUNTS.items()})
