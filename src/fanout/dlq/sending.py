"""What a replay sends for a dead message, in which order, and what SQS would refuse."""

import hashlib
import re
from collections.abc import Callable, Iterator, Sequence
from typing import Any, Protocol

from fanout.dlq.message import DeadMessage, attributes_size_bytes, replayed_attributes
from fanout.dlq.ports import BATCH_MAX, QueueFacts, Sending

BATCH_BYTES_MAX = 500_000
"""Of the bodies in one call. SQS takes 1 MiB; a body alone may be as large as that."""
ATTRIBUTES_MAX = 10
"""Message attributes of one message."""
_REFUSED = re.compile("[^\t\n\r\x20-\ud7ff\ue000-\ufffd\U00010000-\U0010ffff]")
"""What SQS takes in no message (its reference of SendMessage)."""


class Unsendable(Exception):
    """A message that can't be sent, and why: a short code, a colon, what is wrong."""


class Making(Protocol):
    """What a run sends for a message."""

    def make(self, message: DeadMessage) -> Sending:
        """Raises: Unsendable where nothing can be sent for it."""
        ...

    def keep(self, messages: Sequence[DeadMessage]) -> dict[str, Any]:
        """What the journal has to hold of these before they are sent."""
        ...


class AsItIs:
    """The port `Making` of a replay."""

    def __init__(self, destination: QueueFacts, run_id: str) -> None:
        self._destination = destination
        self._run_id = run_id

    def make(self, message: DeadMessage) -> Sending:
        """See `Making.make`."""
        return sending(message, self._destination, self._run_id)

    def keep(self, messages: Sequence[DeadMessage]) -> dict[str, Any]:  # noqa: ARG002 (the port's)
        """See `Making.keep`: the DLQ holds them until they are sent as they are."""
        return {}


def sending(message: DeadMessage, destination: QueueFacts, run_id: str) -> Sending:
    """What to send: the same body and attributes, our marks off, the first delivery kept.

    On FIFO the dedup id is new, else a message that was delivered within five minutes would vanish;
    it is the same for the same run, so that sending again after a crash is recognised by SQS.
    """
    attributes = replayed_attributes(message)
    entry: dict[str, Any] = {"MessageBody": message.body, "MessageAttributes": attributes}
    if message.trace_header:
        header = {"DataType": "String", "StringValue": message.trace_header}
        entry["MessageSystemAttributes"] = {"AWSTraceHeader": header}
    if message.group_id:
        entry["MessageGroupId"] = message.group_id
    if destination.fifo:
        name = hashlib.sha256(f"{run_id}/{message.message_id}".encode()).hexdigest()
        entry["MessageDeduplicationId"] = name
    size_bytes = len(message.body.encode()) + attributes_size_bytes(attributes)
    return Sending(message_id=message.message_id, entry=entry, size_bytes=size_bytes)


def sendable(text: str) -> str:
    r"""A JSON text with what SQS takes in no message as `\uffff`, which says the same."""
    return _REFUSED.sub(lambda match: f"\\u{ord(match[0]):04x}", text)


def refusal(made: Sending, destination: QueueFacts) -> str:
    """Why SQS would never take a message; "" where it would."""
    if made.size_bytes > destination.size_bytes_max:
        return (
            f"TooLarge: {made.size_bytes:,} bytes, and the queue takes "
            f"{destination.size_bytes_max:,}: raise its MaximumMessageSize"
        )
    if _REFUSED.search(made.entry["MessageBody"]):
        return "Unsendable: it holds a character that SQS takes in no message"
    if len(made.entry["MessageAttributes"]) > ATTRIBUTES_MAX:
        return (
            f"TooManyAttributes: more than {ATTRIBUTES_MAX} with our own: replay through consumer"
        )
    return ""


def in_waves(messages: Sequence[DeadMessage]) -> list[list[DeadMessage]]:
    """The first message of each group, then the second of each, and so on."""
    waves: list[list[DeadMessage]] = []
    turns: dict[str, int] = {}
    for one in messages:
        turn = turns.get(one.group_id or "", 0)
        turns[one.group_id or ""] = turn + 1
        if turn == len(waves):
            waves.append([])
        waves[turn].append(one)
    return waves


def in_batches(
    messages: Sequence[DeadMessage],
    size_of: Callable[[DeadMessage], int] = lambda one: one.size_bytes,
) -> Iterator[list[DeadMessage]]:
    """As many as one SendMessageBatch takes, by number and by size as they are sent."""
    batch: list[DeadMessage] = []
    size_bytes = 0
    for one in messages:
        own = size_of(one)
        if batch and (len(batch) == BATCH_MAX or size_bytes + own > BATCH_BYTES_MAX // 2):
            yield batch
            batch, size_bytes = [], 0
        batch.append(one)
        size_bytes += own
    if batch:
        yield batch
