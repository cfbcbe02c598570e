"""Queues on SQS: read, hide, delete, send. Every entry of every batch answer is looked at."""

from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from datetime import UTC, datetime
from email.utils import parsedate_to_datetime
from typing import Any

from botocore.exceptions import BotoCoreError, ClientError

from fanout.dlq.message import DeadMessage, from_received
from fanout.dlq.ports import BATCH_MAX, Depth, Effect, QueueFacts, Receipt, Sending
from fanout.errors import Refused

BATCH_BYTES_MAX = 1_048_576
"""All bodies and attributes of one SendMessageBatch (1 MiB since August 2025)."""
_TOO_MANY_HIDDEN = {"OverLimit", "AWS.SimpleQueueService.OverLimit"}
_GONE = {"AWS.SimpleQueueService.NonExistentQueue", "QueueDoesNotExist"}


class SqsQueue:
    """A queue or DLQ: the ports `DeadLetters` and `Destination`.

    Args:
        client: a boto3 SQS client.
        url: the queue's URL.
        what: how a sentence calls it, such as `the DLQ of payments`.
    """

    def __init__(self, client: Any, url: str, *, what: str) -> None:
        self._client = client
        self._url = url
        self._what = what

    def receive(self, *, hold_seconds: int, thorough: bool) -> list[DeadMessage]:
        """See `DeadLetters.receive`."""
        try:
            with self._named():
                answer = self._client.receive_message(
                    QueueUrl=self._url,
                    MaxNumberOfMessages=BATCH_MAX,
                    VisibilityTimeout=hold_seconds,
                    WaitTimeSeconds=int(thorough),  # long polling asks every server
                    AttributeNames=["All"],
                    MessageAttributeNames=["All"],
                )
        except ClientError as error:
            if error.response.get("Error", {}).get("Code") in _TOO_MANY_HIDDEN:
                return []
            raise
        return [from_received(one) for one in answer.get("Messages", [])]

    def hide(self, receipts: Sequence[Receipt], *, seconds: int) -> None:
        """See `DeadLetters.hide`."""
        for start in range(0, len(receipts), BATCH_MAX):
            entries = [
                {"Id": str(index), "ReceiptHandle": one.handle, "VisibilityTimeout": seconds}
                for index, one in enumerate(receipts[start : start + BATCH_MAX])
            ]
            try:
                self._client.change_message_visibility_batch(QueueUrl=self._url, Entries=entries)
            except (BotoCoreError, ClientError):
                continue  # the timeout, which is short, does the same a little later

    def delete(self, receipts: Sequence[Receipt]) -> list[Effect]:
        """See `DeadLetters.delete`."""
        entries = [
            {"Id": str(index), "ReceiptHandle": one.handle} for index, one in enumerate(receipts)
        ]
        with self._named():
            answer = self._client.delete_message_batch(QueueUrl=self._url, Entries=entries)
        return _effects([one.message_id for one in receipts], answer)

    def send(self, sendings: Sequence[Sending]) -> list[Effect]:
        """See `Destination.send`."""
        entries = [{**one.entry, "Id": str(index)} for index, one in enumerate(sendings)]
        with self._named():
            answer = self._client.send_message_batch(QueueUrl=self._url, Entries=entries)
        return _effects([one.message_id for one in sendings], answer)

    def facts(self) -> QueueFacts:
        """See `DeadLetters.facts`."""
        with self._named():
            answer = self._client.get_queue_attributes(QueueUrl=self._url, AttributeNames=["All"])
        found = answer["Attributes"]
        return QueueFacts(
            url=self._url,
            arn=found["QueueArn"],
            fifo=found["QueueArn"].endswith(".fifo"),
            retention_seconds=int(found["MessageRetentionPeriod"]),
            size_bytes_max=int(found.get("MaximumMessageSize") or BATCH_BYTES_MAX),
            depth=Depth(
                visible=int(found.get("ApproximateNumberOfMessages") or 0),
                hidden=int(found.get("ApproximateNumberOfMessagesNotVisible") or 0),
                delayed=int(found.get("ApproximateNumberOfMessagesDelayed") or 0),
            ),
            asked_at=_answered_at(answer),
        )

    # Private functions

    @contextmanager
    def _named(self) -> Iterator[None]:
        """Say which queue is missing; everything else is said by the root of the command line."""
        try:
            yield
        except ClientError as error:
            if error.response.get("Error", {}).get("Code") not in _GONE:
                raise
            raise Refused(
                f"There is no queue {self._url}, {self._what}: deploy it again, or correct the "
                "subscriber's SSM parameter."
            ) from None


# Private functions


def _answered_at(answer: dict[str, Any]) -> datetime:
    """AWS's clock by the answer's Date header; this machine's where there is none."""
    date = answer.get("ResponseMetadata", {}).get("HTTPHeaders", {}).get("date", "")
    try:
        return parsedate_to_datetime(date).astimezone(UTC)
    except (TypeError, ValueError):
        return datetime.now(UTC)


def _effects(message_ids: Sequence[str], answer: dict[str, Any]) -> list[Effect]:
    """An entry that is in neither list has failed."""
    successful = {one["Id"]: one.get("MessageId", "") for one in answer.get("Successful", [])}
    failed = {one["Id"]: one for one in answer.get("Failed", [])}
    effects = []
    for index, message_id in enumerate(message_ids):
        entry = str(index)
        if entry in successful:
            effects.append(Effect(message_id=message_id, ok=True, new_id=successful[entry]))
            continue
        why = failed.get(entry, {"Code": "NotConfirmed"})
        text = f"{why.get('Code', '')}: {why.get('Message', '')}".strip(": ")
        effects.append(Effect(message_id=message_id, ok=False, why=text))
    return effects
