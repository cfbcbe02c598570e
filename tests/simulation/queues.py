"""SQS: visibility, receive counts, redrive to a DLQ, FIFO groups and their five minutes.

Amazon SQS Developer Guide, "Amazon SQS visibility timeout", "Using dead-letter queues in Amazon
SQS", "FIFO queue delivery logic", "Exactly-once processing in Amazon SQS". A redriven message keeps
its id; on a standard queue it keeps its age too.
"""

from collections.abc import Callable, Mapping
from dataclasses import dataclass, replace
from random import Random
from typing import Any

from simulation.calls import EntryRefused
from simulation.clock import VirtualClock

DEDUPLICATION_SECONDS = 300.0
VISIBILITY_SECONDS = 181.0


@dataclass(slots=True, kw_only=True)
class QueuedMessage:
    """`attributes` are in the SQS API's shape. `origin` says who sent it, for the checkers.

    `number` is the SequenceNumber that a FIFO queue gives.
    """

    message_id: str
    body: str
    attributes: Mapping[str, Mapping[str, Any]]
    sent_at: float
    origin: str
    group: str | None = None
    dedup_id: str | None = None
    visible_at: float = 0.0
    receives: int = 0
    first_received_at: float = 0.0
    receipt: str = ""
    number: int = 0
    source: str | None = None


class Queue:
    """One queue; `watch` hears of each message that comes in, `watch_deleted` of each deleted."""

    def __init__(self, name: str, clock: VirtualClock, *, fifo: bool) -> None:
        self.name = name
        self.url = f"https://sqs.eu-west-1.amazonaws.com/123456789012/{name}"
        self.arn = f"arn:aws:sqs:eu-west-1:123456789012:{name}"
        self.fifo = fifo
        self._clock = clock
        self.messages: dict[str, QueuedMessage] = {}
        self._gone: dict[str, QueuedMessage] = {}
        self._dedup: dict[str, float] = {}
        self._counter = 0
        self.watch: Callable[[QueuedMessage], None] = lambda _: None
        self.watch_deleted: Callable[[QueuedMessage], None] = lambda _: None
        self.dlq: Queue | None = None
        self.receives_max = 0

    def send(
        self,
        body: str,
        attributes: Mapping[str, Mapping[str, Any]],
        *,
        origin: str,
        group: str | None = None,
        dedup_id: str | None = None,
    ) -> str:
        """Take a message in; a FIFO queue accepts a repeat within five minutes and drops it."""
        now = self._clock.seconds
        message_id = f"{self.next_number():08x}-0000-4000-8000-{abs(hash_text(self.name)):012x}"
        if self.fifo and dedup_id is not None:
            if self._dedup.get(dedup_id, float("-inf")) > now - DEDUPLICATION_SECONDS:
                return message_id
            self._dedup[dedup_id] = now
        message = QueuedMessage(
            message_id=message_id,
            body=body,
            attributes=attributes,
            sent_at=now,
            origin=origin,
            group=group,
            dedup_id=dedup_id,
            number=self._counter,
        )
        self._put(message)
        return message_id

    def receive(
        self,
        count: int,
        dice: Random,
        *,
        in_order: bool,
        hidden_seconds: float = VISIBILITY_SECONDS,
    ) -> list[QueuedMessage]:
        """Up to `count` messages, now hidden; what was received too often goes to the DLQ."""
        now = self._clock.seconds
        locked = {one.group for one in self.messages.values() if one.visible_at > now}
        visible = [one for one in self.messages.values() if one.visible_at <= now]
        if self.fifo:
            visible = [one for one in visible if one.group not in locked]
        elif not in_order:
            dice.shuffle(visible)
        received: list[QueuedMessage] = []
        for message in visible:
            if len(received) == count:
                break
            if self.dlq is not None and message.receives >= self.receives_max:
                self._redrive(message)
                continue
            message.receives += 1
            message.first_received_at = message.first_received_at or now
            message.receipt = f"{message.message_id}#{message.receives}"
            message.visible_at = now + hidden_seconds
            received.append(message)
        return received

    def delete(self, receipt: str) -> QueuedMessage | None:
        """Delete by the newest receipt; on a standard queue an older one does as well."""
        message = self.messages.get(receipt.partition("#")[0])
        if message is None or (self.fifo and message.receipt != receipt):
            return None
        del self.messages[message.message_id]
        self._gone[message.message_id] = message
        self.watch_deleted(message)
        return message

    def bury(self, dice: Random) -> QueuedMessage | None:
        """The attempts of a message that waits are used up, since its function was throttled."""
        now = self._clock.seconds
        waiting = [one for one in self.messages.values() if one.visible_at <= now]
        if not waiting:
            return None
        message = dice.choice(waiting)
        self._redrive(message)
        return message

    def deliver_again(self, dice: Random) -> QueuedMessage | None:
        """At least once: a message that was deleted comes once more (standard queues only)."""
        if self.fifo or not self._gone:
            return None
        message = self._gone.pop(dice.choice(list(self._gone)))
        again = replace(message, visible_at=0.0, receives=message.receives)
        self.messages[again.message_id] = again
        return again

    def hide(self, receipt: str, seconds: float) -> None:
        message = self.messages.get(receipt.partition("#")[0])
        if message is None or message.receipt != receipt:
            raise EntryRefused("ReceiptHandleIsInvalid")
        message.visible_at = self._clock.seconds + seconds

    def next_number(self) -> int:
        self._counter += 1
        return self._counter

    def next_visible_at(self) -> float | None:
        waiting = self.messages.values()
        if self.fifo:  # a group waits for its message that is under way
            locks: dict[str | None, float] = {}
            for one in waiting:
                locks[one.group] = max(locks.get(one.group, 0.0), one.visible_at)
            return min(locks.values(), default=None)
        return min((one.visible_at for one in waiting), default=None)

    def move_all_to(self, queue: "Queue") -> int:
        """StartMessageMoveTask: SQS's own redrive. The messages are new ones there."""
        moved = list(self.messages.values())
        self.messages = {}
        for one in moved:
            queue.send(
                one.body,
                one.attributes,
                origin="redrive",
                group=one.group,
                dedup_id=one.message_id,
            )
        return len(moved)

    # Private functions

    def _put(self, message: QueuedMessage) -> None:
        self.messages[message.message_id] = message
        self.watch(message)

    def _redrive(self, message: QueuedMessage) -> None:
        assert self.dlq is not None
        del self.messages[message.message_id]
        moved = replace(
            message,
            visible_at=0.0,
            receives=0,
            origin="maxReceiveCount",
            source=self.arn,
            dedup_id=message.message_id,
            number=self.dlq.next_number(),
        )
        self.dlq._put(moved)


def as_received(message: QueuedMessage) -> dict[str, Any]:
    """As the SQS API hands a message out."""
    system = {
        "ApproximateReceiveCount": str(message.receives),
        "SentTimestamp": str(int(message.sent_at * 1000)),
        "ApproximateFirstReceiveTimestamp": str(int(message.first_received_at * 1000)),
    }
    if message.group is not None:
        system["MessageGroupId"] = message.group
        system["SequenceNumber"] = f"{message.number:020}"
    if message.source is not None:
        system["DeadLetterQueueSourceArn"] = message.source
    return {
        "MessageId": message.message_id,
        "ReceiptHandle": message.receipt,
        "Body": message.body,
        "Attributes": system,
        "MessageAttributes": dict(message.attributes),
    }


def as_lambda_record(message: QueuedMessage, queue: Queue) -> dict[str, Any]:
    """A received message as Lambda hands it to a function."""
    return {
        "messageId": message.message_id,
        "receiptHandle": message.receipt,
        "body": message.body,
        "attributes": as_received(message)["Attributes"],
        "messageAttributes": {
            name: {"dataType": one["DataType"], "stringValue": one["StringValue"]}
            for name, one in message.attributes.items()
        },
        "eventSource": "aws:sqs",
        "eventSourceARN": queue.arn,
    }


def hash_text(text: str) -> int:
    """The same on every machine, unlike `hash`."""
    return int.from_bytes(text.encode()[-6:], "big")
