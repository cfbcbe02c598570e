"""What the commands need from the world, as the adapters provide it."""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from datetime import datetime
from typing import Any, Protocol

from fanout.dlq.message import DeadMessage

BATCH_MAX = 10
"""Entries in one call of an SQS batch API, and messages in one ReceiveMessage."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Depth:
    """About how many messages a queue holds: to be received, received and hidden, delayed."""

    visible: int
    hidden: int
    delayed: int

    @property
    def total(self) -> int:
        """All of them."""
        return self.visible + self.hidden + self.delayed


@dataclass(frozen=True, slots=True, kw_only=True)
class QueueFacts:
    """What a queue says of itself.

    `size_bytes_max`: the largest message that it takes; `asked_at`: when, by AWS's own clock where
    it tells, since messages are stamped by that one.
    """

    url: str
    arn: str
    fifo: bool
    retention_seconds: int
    size_bytes_max: int
    depth: Depth
    asked_at: datetime


@dataclass(frozen=True, slots=True, kw_only=True)
class Receipt:
    """A received message by its id, and what SQS wants to see to hide, show or delete it."""

    message_id: str
    handle: str


@dataclass(frozen=True, slots=True, kw_only=True)
class Sending:
    """One message to send: what SendMessageBatch takes, all but its `Id`."""

    message_id: str
    entry: Mapping[str, Any]
    size_bytes: int


@dataclass(frozen=True, slots=True, kw_only=True)
class Effect:
    """What a batch call did to one message: confirmed (with a new id, if any), or why not."""

    message_id: str
    ok: bool
    new_id: str = ""
    why: str = ""


@dataclass(frozen=True, slots=True, kw_only=True)
class Verdict:
    """What the consumer says became of a message: its outcome, and the reason where it has one."""

    message_id: str
    outcome: str
    reason: str = ""
    field: str = ""
    expected: str = ""


class DeadLetters(Protocol):
    """A DLQ."""

    def receive(self, *, hold_seconds: int, thorough: bool) -> list[DeadMessage]:
        """Up to `BATCH_MAX` messages, which stay hidden for that long; none: none to be had.

        `thorough`: ask all of SQS's servers and not just some, which takes a second if there are
        none; only then is an empty answer an answer.
        """
        ...

    def hide(self, receipts: Sequence[Receipt], *, seconds: int) -> None:
        """Hide for that long from now; 0 shows them again. Best effort: they show up by themselves.

        In calls of `BATCH_MAX`.
        """
        ...

    def delete(self, receipts: Sequence[Receipt]) -> list[Effect]:
        """Delete at most `BATCH_MAX`; only what is confirmed is `ok`."""
        ...

    def facts(self) -> QueueFacts:
        """What it says of itself now."""
        ...


class Notes(Protocol):
    """What a FIFO subscriber that parks by customer keeps of its parked messages."""

    def withdraw(self, group: str, message_id: str) -> None:
        """Nobody waits any more for the message of this first delivery; no effect if repeated."""
        ...


class Destination(Protocol):
    """The queue that a replay sends to."""

    def send(self, sendings: Sequence[Sending]) -> list[Effect]:
        """Send at most `BATCH_MAX`; only what is confirmed is `ok`."""
        ...

    def facts(self) -> QueueFacts:
        """What it says of itself now."""
        ...


class Consumer(Protocol):
    """The subscriber's function, asked for true outcomes."""

    def require_reporting(self) -> None:
        """Raises: CommandError where the function can't report outcomes."""
        ...

    def handle(self, messages: Sequence[DeadMessage]) -> list[Verdict]:
        """Hand over at most `BATCH_MAX` messages; a verdict for each, `RETRY` where none came."""
        ...
