"""Keep each customer's order when one of their events is parked (FIFO queues; opt-in).

Once a message fails, a note stands for it in its message group, in the order of the first delivery.
While there is a note, only the message that stands first may be handled; every other of that group
is parked behind it, as `BehindParkedEvent`. What brings a note away is its message's own good end:
a replay releases them one by one, in order. A group is one customer's, and messages that can't be
read have one as well.

A note is written before its message is parked and removed after it ended well, each by the id of
the message's first delivery: a crash in between, or a second delivery, repeats what has no effect.
"""

from collections import deque
from collections.abc import Sequence
from dataclasses import dataclass, field
from datetime import datetime
from typing import Any

from customer_events.errors import BehindParkedEvent
from event_consumer.consume_batch import (
    AnyReader,
    Delivery,
    consume_in_turns,
    decide_batch,
    park_deliveries,
)
from event_consumer.failures import FailureTracker, raised
from event_consumer.messages import Message, first_delivery
from event_consumer.outcomes import OUT_OF_TIME, Handled, Outcome, parked, retry
from event_consumer.ports import (
    Deadlines,
    EventHandler,
    Note,
    ParkedGroups,
    ParkingLot,
    Redelivery,
)

BEHIND_FAILED = retry("BehindFailedMessage")
_WELL = frozenset({Outcome.APPLIED, Outcome.DUPLICATE, Outcome.STALE})


@dataclass(slots=True, kw_only=True)
class ParkByCustomer:
    """Handles batches of a FIFO queue; messages of no group pass through it freely.

    Args:
        groups: the notes.
    """

    groups: ParkedGroups
    handler: EventHandler[Any]
    reader: AnyReader

    def consume(
        self,
        messages: Sequence[Message],
        *,
        parking_lot: ParkingLot,
        redelivery: Redelivery,
        tracker: FailureTracker,
        deadlines: Deadlines,
        now: datetime,
    ) -> list[Delivery]:
        """Handle, park or let come back every message; see `consume_batch`."""
        batch = _Batch(
            owner=self, deadlines=deadlines, tracker=tracker, parking_lot=parking_lot, now=now
        )
        return consume_in_turns(messages, batch.run, redelivery, tracker, deadlines.settling)

    def decide(self, messages: Sequence[Message], *, deadlines: Deadlines) -> list[Delivery]:
        """For a replay through the function: parks nothing and writes no note.

        What stands behind another ends as `RETRY`, so that the replay keeps it for later; what ends
        well gives way to the next.
        """
        return _Batch(owner=self, deadlines=deadlines).run(messages)


# Private functions


@dataclass(slots=True, kw_only=True)
class _Batch:
    """One batch, a message of each group at a time."""

    owner: ParkByCustomer
    deadlines: Deadlines
    tracker: FailureTracker | None = None
    parking_lot: ParkingLot | None = None
    now: datetime | None = None
    _stopped: set[str] = field(default_factory=set)
    _deliveries: dict[str, Delivery] = field(default_factory=dict)

    def run(self, messages: Sequence[Message]) -> list[Delivery]:
        lanes: dict[str, deque[Message]] = {}
        for one in messages:
            lanes.setdefault(_group(one) or f"/{one.message_id}", deque()).append(one)
        while wave := [lane.popleft() for lane in lanes.values() if lane]:
            self._wave(wave)
        return [self._deliveries[one.message_id] for one in messages]

    def _wave(self, wave: Sequence[Message]) -> None:
        going: list[Message] = []
        notes: dict[str, Note | None] = {}
        ends: list[Delivery] = []
        for one in wave:
            group = _group(one)
            if group is None:
                going.append(one)
                continue
            if group in self._stopped:
                ends.append(_delivery(one, BEHIND_FAILED))
                continue
            if self.deadlines.handling.is_over():
                ends.append(_delivery(one, OUT_OF_TIME))
                continue
            try:
                note = self.owner.groups.first(group)
            except Exception as error:  # noqa: BLE001 - not knowing who is first, nobody may go
                ends.append(_delivery(one, raised(error)))
                continue
            if note is None or note.message_id == _name(one):
                notes[one.message_id] = note
                going.append(one)
            else:
                ends.append(_delivery(one, self._behind()))
        ends += decide_batch(
            going,
            self.owner.handler,
            self.owner.reader,
            deadline=self.deadlines.handling,
            tracker=self.tracker,
        )
        for delivery in self._settled(ends, notes):
            self._deliveries[delivery.message.message_id] = delivery
            self._close(delivery)

    def _behind(self) -> Handled:
        reason = BehindParkedEvent("an event whose customer has none parked before it")
        return parked(reason) if self.parking_lot is not None else retry(reason.code)

    def _settled(self, ends: list[Delivery], notes: dict[str, Note | None]) -> list[Delivery]:
        """Notes written and removed, and what is to be parked parked, or else to come back."""
        noted = [self._noted(one, notes) for one in ends]
        if self.parking_lot is None or self.now is None:
            return noted
        return park_deliveries(noted, self.parking_lot, self.now, self.deadlines.settling)

    def _noted(self, one: Delivery, notes: dict[str, Note | None]) -> Delivery:
        """The delivery, or a `RETRY` in its place where its note could not be kept."""
        group = _group(one.message)
        if group is None:
            return one
        note = notes.get(one.message.message_id)
        if one.handled.outcome in _WELL:
            if note is None:
                return one
        elif self.parking_lot is None or one.handled in {BEHIND_FAILED, OUT_OF_TIME}:
            return one
        if self.deadlines.settling.is_over():
            return _delivery(one.message, OUT_OF_TIME)
        try:
            if note is not None and one.handled.outcome in _WELL:
                self.owner.groups.remove(group, note)
            else:
                # A RETRY too: SQS itself may move it to the DLQ, and asks nobody then.
                self.owner.groups.add(
                    group, _name(one.message), sequence_number=one.message.sequence_number
                )
        except Exception as error:  # noqa: BLE001 - unnoted, it must not leave its place
            return _delivery(one.message, raised(error))
        return one

    def _close(self, one: Delivery) -> None:
        """What follows a failed message of its group in this batch comes back with it."""
        group = _group(one.message)
        if group is not None and one.handled.outcome is Outcome.RETRY:
            self._stopped.add(group)


def _group(message: Message) -> str | None:
    return message.group_id if message.fifo else None


def _name(message: Message) -> str:
    """The id of the first delivery, which parking and replaying keep."""
    return first_delivery(message)["original_message_id"]


def _delivery(message: Message, handled: Handled) -> Delivery:
    return Delivery(message=message, event=None, handled=handled)
