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
    decide_batch,
    delay_failed,
    park_deliveries,
)
from event_consumer.messages import Message, first_delivery
from event_consumer.outcomes import Handled, Outcome, parked, retry
from event_consumer.ports import EventHandler, Note, ParkedGroups, ParkingLot, Redelivery

BEHIND_FAILED = "BehindFailedMessage"
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
        now: datetime,
    ) -> list[Delivery]:
        """Handle, park or let come back every message; see `consume_batch`."""
        batch = _Batch(owner=self, parking_lot=parking_lot, now=now)
        deliveries = batch.run(messages)
        failed = [one.message for one in deliveries if one.handled.outcome is Outcome.RETRY]
        delay_failed(failed, redelivery)
        return deliveries

    def decide(self, messages: Sequence[Message]) -> list[Delivery]:
        """For a replay through the function: parks nothing and writes no note.

        What stands behind another ends as `RETRY`, so that the replay keeps it for later; what ends
        well gives way to the next.
        """
        return _Batch(owner=self, parking_lot=None, now=None).run(messages)


# Private functions


@dataclass(slots=True, kw_only=True)
class _Batch:
    """One batch, a message of each group at a time."""

    owner: ParkByCustomer
    parking_lot: ParkingLot | None
    now: datetime | None
    _stopped: dict[str, Handled] = field(default_factory=dict)
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
                ends.append(_delivery(one, self._stopped[group]))
                continue
            try:
                note = self.owner.groups.first(group)
            except Exception as error:  # noqa: BLE001 - not knowing who is first, nobody may go
                ends.append(_delivery(one, retry(type(error).__name__)))
                continue
            if note is None or note.message_id == _name(one):
                notes[one.message_id] = note
                going.append(one)
            else:
                ends.append(_delivery(one, self._behind()))
        ends += decide_batch(going, self.owner.handler, self.owner.reader)
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
        return park_deliveries(noted, self.parking_lot, self.now)

    def _noted(self, one: Delivery, notes: dict[str, Note | None]) -> Delivery:
        """The delivery, or a `RETRY` in its place where its note could not be kept."""
        group = _group(one.message)
        if group is None:
            return one
        try:
            if one.handled.outcome in _WELL:
                note = notes.get(one.message.message_id)
                if note is not None:
                    self.owner.groups.remove(group, note)
            elif self.parking_lot is not None and one.handled.error_type != BEHIND_FAILED:
                # A RETRY too: SQS itself may move it to the DLQ, and asks nobody then.
                self.owner.groups.add(
                    group, _name(one.message), sequence_number=one.message.sequence_number
                )
        except Exception as error:  # noqa: BLE001 - unnoted, it must not leave its place
            return _delivery(one.message, retry(type(error).__name__))
        return one

    def _close(self, one: Delivery) -> None:
        """What follows a failed message of its group in this batch comes back with it."""
        group = _group(one.message)
        if group is not None and one.handled.outcome is Outcome.RETRY:
            self._stopped.setdefault(group, retry(BEHIND_FAILED))


def _group(message: Message) -> str | None:
    return message.group_id if message.fifo else None


def _name(message: Message) -> str:
    """The id of the first delivery, which parking and replaying keep."""
    return first_delivery(message)["original_message_id"]


def _delivery(message: Message, handled: Handled) -> Delivery:
    return Delivery(message=message, event=None, handled=handled)
