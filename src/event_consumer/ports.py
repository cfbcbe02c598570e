"""What a consumer needs from the world, as the adapters provide it."""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from datetime import datetime
from typing import Any, Protocol

from customer_events.deadline import Deadline
from customer_events.errors import PermanentError
from event_consumer.messages import Message
from event_consumer.outcomes import Handled


class EventHandler(Protocol):
    """A subscriber's own work."""

    def handle(self, events: Sequence[Any], deadline: Deadline) -> Sequence[Handled]:
        """Answer each event, in the order given. An exception makes the whole batch a `RETRY`.

        What is not begun before the deadline ends as `RETRY`.
        """


@dataclass(frozen=True, slots=True, kw_only=True)
class Parking:
    """A message to move out of the way, and why."""

    message: Message
    reason: PermanentError


class ParkingLot(Protocol):
    """Where poison messages wait for a person: the DLQ."""

    def park(
        self, parkings: Sequence[Parking], *, parked_at: datetime, deadline: Deadline
    ) -> Mapping[str, str]:
        """Move messages out of the way, as far as the deadline allows.

        Answers, by a message's id, with "" once it is *confirmed* parked, or with the error code
        for which it is not. One that is not named is not parked.
        """


@dataclass(frozen=True, slots=True, kw_only=True)
class Note:
    """Stands for a message that waits; `message_id` is of its first delivery, `place` its place."""

    message_id: str
    place: str


class ParkedGroups(Protocol):
    """Which message groups have parked messages, and in which order those came."""

    def first(self, group: str) -> Note | None:
        """The note that stands first in a group; None where nothing of it is parked."""

    def holds(self, group: str, message_id: str) -> bool:
        """Whether there is a note of the message of this first delivery, at whatever place."""

    def add(self, group: str, message_id: str, *, sequence_number: str) -> None:
        """Note a message by its first delivery, in one call; again, it has no effect."""

    def remove(self, group: str, note: Note) -> None:
        """The message is done with. Removing a note again has no effect."""
