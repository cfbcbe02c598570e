"""What the use case needs from outside; adapters and fakes implement these."""

from collections.abc import Sequence
from dataclasses import dataclass
from datetime import datetime
from enum import Enum, auto
from typing import Protocol

from customer_events.deadline import Deadline
from publisher.events import Entry
from publisher.reasons import BadRecord
from publisher.stream_records import StreamRecord


class Verdict(Enum):
    """What the bus did with one entry."""

    CONFIRMED = auto()
    """It has the entry, and said so by the entry's id."""
    REFUSED = auto()
    """It will never take it; `reason` says why."""
    TRANSIENT = auto()
    """Not this time: throttled, timed out, an internal error, or no word of it at all."""
    BUS_FAULT = auto()
    """The bus is at fault, not the entry: access denied, no such topic, its key unusable."""
    NOT_SENT = auto()
    """No time was left to send it."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Answer:
    """The bus's answer for one entry; `code` is its error code or an exception's type."""

    verdict: Verdict
    code: str = ""
    reason: BadRecord | None = None


class Bus(Protocol):
    """Where events are published."""

    ordered: bool
    """Whether it keeps a customer's order, so that a change has to wait for the one before."""

    def send(self, entries: Sequence[Entry], deadline: Deadline) -> list[Answer]:
        """Send entries; one answer for each, in their order. Does not raise.

        No call starts after the deadline, save the first.
        """


@dataclass(frozen=True, slots=True, kw_only=True)
class ParkedRecord:
    """A stream record to be kept, whole, with the reason."""

    record: StreamRecord
    reason: BadRecord
    parked_at: datetime


class FailureStore(Protocol):
    """Where records go that a person has to decide on."""

    def park(self, parked: Sequence[ParkedRecord], deadline: Deadline) -> list[str | None]:
        """Keep records. Does not raise.

        Returns:
            For each record None once it is stored, or the error code for which it is not.
        """
