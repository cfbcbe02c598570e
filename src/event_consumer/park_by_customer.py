"""Keep each customer's order when one of their events is parked (FIFO queues; opt-in).

Once a message fails, a note stands for it in its message group, in the order of the first delivery.
While there is a note, only the message that stands first may be handled; every other of that group
is parked behind it, as `BehindParkedEvent`. A note is removed once its own message ended well: a
replay releases them one by one, in order. A group is one customer's, and messages that can't be
read have one as well.

A note is written before its message is parked and removed after it ended well, each by the id of
the message's first delivery: a crash in between, or a second delivery, repeats what has no effect.
"""

from collections import deque
from collections.abc import Sequence
from dataclasses import dataclass, field
from datetime import datetime

from customer_events.deadline import Deadlines
from customer_events.errors import BehindParkedEvent
from event_consumer.consume_batch import BatchConsumer
from event_consumer.failures import raised
from event_consumer.messages import Message, first_delivery
from event_consumer.outcomes import (
    BEHIND_FAILED,
    OUT_OF_TIME,
    WELL,
    Delivery,
    Handled,
    parked,
    retry,
)
from event_consumer.ports import Note, ParkedGroups


@dataclass(frozen=True, slots=True, kw_only=True)
class ParkByCustomer:
    """Consumes batches of a FIFO queue; messages of no group pass through it freely."""

    consumer: BatchConsumer
    groups: ParkedGroups

    def consume(
        self, messages: Sequence[Message], deadlines: Deadlines, now: datetime
    ) -> list[Delivery]:
        """Handle, park or let come back every message; see `BatchConsumer.consume`."""
        batch = _Batch(consumer=self.consumer, groups=self.groups, deadlines=deadlines, now=now)
        return batch.run(messages)

    def decide(self, messages: Sequence[Message], deadlines: Deadlines) -> list[Delivery]:
        """For a replay through the function: parks nothing and writes no note.

        What stands behind another ends as `RETRY`, so that the replay keeps it for later; what ends
        well gives way to the next.
        """
        batch = _Batch(consumer=self.consumer, groups=self.groups, deadlines=deadlines, now=None)
        return batch.run(messages)


# Private functions


@dataclass(slots=True, kw_only=True)
class _Batch:
    """One batch, a message of each group at a time; `now` is None for a replay."""

    consumer: BatchConsumer
    groups: ParkedGroups
    deadlines: Deadlines
    now: datetime | None
    _stopped: set[str] = field(default_factory=set)
    _notes: dict[str, Note | None] = field(default_factory=dict)
    _deliveries: dict[str, Delivery] = field(default_factory=dict)

    def run(self, messages: Sequence[Message]) -> list[Delivery]:
        lanes: dict[str, deque[Message]] = {}
        for message in messages:
            lanes.setdefault(message.fifo_group or f"/{message.message_id}", deque()).append(
                message
            )
        while wave := [lane.popleft() for lane in lanes.values() if lane]:
            self._handle_wave(wave)
        return [self._deliveries[message.message_id] for message in messages]

    def _handle_wave(self, wave: Sequence[Message]) -> None:
        deliveries: list[Delivery] = []
        going: list[Message] = []
        for message in wave:
            if held_back := self._held_back(message):
                deliveries.append(_delivery(message, held_back))
            else:
                going.append(message)
        tracker = None if self.now is None else self.consumer.tracker
        deliveries += self.consumer.decide(going, self.deadlines, tracker)
        deliveries = [self._noted(delivery) for delivery in deliveries]
        if self.now is not None:
            deliveries = self.consumer.park(deliveries, self.deadlines.parking, self.now)
        for delivery in deliveries:
            self._deliveries[delivery.message.message_id] = delivery
            group = delivery.message.fifo_group
            if group is not None and delivery.comes_back:
                self._stopped.add(group)  # what follows in this batch comes back with it

    def _held_back(self, message: Message) -> Handled | None:
        """Why the message may not be handled now; None where it may."""
        group = message.fifo_group
        if group is None:
            return None
        if group in self._stopped:
            return BEHIND_FAILED
        if self.deadlines.work.is_over():
            return OUT_OF_TIME
        try:
            note = self.groups.first(group)
        except Exception as error:  # noqa: BLE001 - not knowing who is first, nobody may go
            return raised(error)
        if note is None or note.message_id == _first_id(message):
            self._notes[message.message_id] = note
            return None
        reason = BehindParkedEvent("an event whose customer has none parked before it")
        return retry(reason.code) if self.now is None else parked(reason)

    def _noted(self, delivery: Delivery) -> Delivery:
        """The delivery, or a `RETRY` in its place where its note could not be kept."""
        message, handled = delivery.message, delivery.handled
        group, note = message.fifo_group, self._notes.get(message.message_id)
        is_well = handled.outcome in WELL
        if group is None or is_well == (note is None):
            return delivery
        # A RETRY is noted too: SQS itself may move it to the DLQ, and asks nobody then.
        if not is_well and (self.now is None or handled in {BEHIND_FAILED, OUT_OF_TIME}):
            return delivery
        try:
            problem = self._change_note(group, message, note)
        except Exception as error:  # noqa: BLE001 - unnoted, it must not leave its place
            problem = raised(error)
        return _delivery(message, problem) if problem else delivery

    def _change_note(self, group: str, message: Message, note: Note | None) -> Handled | None:
        """Remove its note, or add one; each call begins while there is time for one."""
        first_id, deadline = _first_id(message), self.deadlines.parking
        if deadline.is_over():
            return OUT_OF_TIME
        if note is not None:
            self.groups.remove(group, note)
            return None
        # What was replayed has a new sequence number, and may be noted by its old one.
        if first_id != message.message_id and self.groups.holds(group, first_id):
            return None
        if deadline.is_over():
            return OUT_OF_TIME
        self.groups.add(group, first_id, sequence_number=message.sequence_number)
        return None


def _first_id(message: Message) -> str:
    """Which parking and replaying keep."""
    return first_delivery(message)["original_message_id"]


def _delivery(message: Message, handled: Handled) -> Delivery:
    return Delivery(message=message, event=None, handled=handled)
