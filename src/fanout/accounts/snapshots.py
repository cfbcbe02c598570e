"""From a reading to the event that a subscriber gets: a snapshot, or a repair of a row. Pure."""

import time
from collections.abc import Callable, Iterable, Iterator, Mapping, Sequence
from dataclasses import dataclass
from datetime import datetime
from hashlib import sha256
from typing import Any

from customer_events.encoder import encode
from customer_events.event import (
    NEWEST_MAJOR,
    TYPE_PREFIX,
    Change,
    CustomerStatusChanged,
    Status,
    transition,
)
from customer_events.identity import snapshot_id
from customer_events.sequence import UNCOUNTED, SequenceSource, sequence
from customer_events.sequence import Sequence as EventSequence
from fanout.discovery import Publisher, table_rules
from fanout.errors import Refused
from fanout.sqs.queue import BATCH_MAX, Destination, Sending
from publisher import attribute_values
from publisher.reasons import BadRecord
from publisher.transitions import detect

# One item of the Accounts table, read as the publisher would read it. Pure


Item = Mapping[str, Any]
"""An item or a key in DynamoDB's own notation."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Reading:
    """A customer's state as it was read.

    `counted` is its place in the order where the table has a version counter, else None;
    `changed_at` is None where the table does not tell; `read_at`: see `read_time`.
    """

    customer_id: str
    status: Status
    reason: str | None
    counted: EventSequence | None
    changed_at: datetime | None
    read_at: datetime


@dataclass(frozen=True, slots=True, kw_only=True)
class Unreadable:
    """An item that can't become an event: the publisher's reason code, and what was expected."""

    customer_id: str
    code: str
    expected: str


class ItemReader:
    """Reads items by the publisher's own settings.

    Args:
        publisher: the deployment's publisher.

    Raises:
        WrongUse: its entity filter or its status map is none.
    """

    def __init__(self, publisher: Publisher) -> None:
        self._rules = table_rules(publisher)
        self._epoch = publisher.sequence_epoch

    @property
    def attributes(self) -> list[str]:
        """Every attribute that a reading needs; the key's come on top."""
        rules = self._rules
        entity = rules.entity_filter and rules.entity_filter[0]
        named = (
            rules.customer_id_attribute,
            rules.status_attribute,
            rules.reason_attribute,
            rules.changed_at_attribute,
            rules.sequence_attribute,
            entity,
        )
        return list(dict.fromkeys(name for name in named if name))

    def read(self, item: Item, read_at: datetime) -> Reading | Unreadable | None:
        """What an item says; None where it is no customer, by the entity filter."""
        record = self._record(item, read_at)
        try:
            found = detect(record, self._rules)
        except BadRecord as reason:
            customer_id = attribute_values.scalar(item.get(self._rules.customer_id_attribute))
            return Unreadable(customer_id=customer_id or "", code=reason.code, expected=str(reason))
        if found is None:
            return None
        counted = self._rules.sequence_attribute is not None
        return Reading(
            customer_id=found.customer_id,
            status=found.status,
            reason=found.reason,
            counted=sequence(found.number, epoch=self._epoch) if counted else None,
            changed_at=self._changed_at(item),
            read_at=read_at,
        )

    def first(self, items: Iterable[Item], read_at: datetime) -> Reading | Unreadable | None:
        """The customer among the items of one partition key; None where none of them is it."""
        readings = (self.read(item, read_at) for item in items)
        return next((one for one in readings if one is not None), None)

    # Private functions

    def _record(self, item: Item, read_at: datetime) -> dict[str, Any]:
        key = self._rules.customer_id_attribute
        return {
            "eventName": "INSERT",
            "dynamodb": {
                "Keys": {key: item.get(key)},
                "NewImage": dict(item),
                "ApproximateCreationDateTime": int(read_at.timestamp()),
                "SequenceNumber": "0",  # asked for where no version counter is; not used then
            },
        }

    def _changed_at(self, item: Item) -> datetime | None:
        attribute = self._rules.changed_at_attribute
        value = item.get(attribute) if attribute else None
        return None if value is None else attribute_values.instant(value)


def nothing_matches(publisher: Publisher, scanned: int) -> str:
    """What to say where not one item that was read is a customer's."""
    return (
        f"None of the {scanned:,} items of {publisher.accounts_table} is a customer's by "
        f"ENTITY_FILTER ({publisher.entity_filter}). If that is a mistake, correct the setting "
        "before any repair, which would set every row to REMOVED."
    )


# Private functions


def snapshot(reading: Reading, source: str) -> CustomerStatusChanged:
    """A customer's state. With a version counter it has its place among the live events."""
    return _event(reading, source, reading.counted or UNCOUNTED, repairs=None)


def repair(reading: Reading, source: str, row_sequence: EventSequence) -> CustomerStatusChanged:
    """A customer's state for a row that has drifted.

    Where Accounts counts, and counts higher than the row, the state competes by its own place in
    the order. Else it applies only if the row still has the sequence that it had when it was read.
    """
    if reading.counted is not None and reading.counted > row_sequence:
        return snapshot(reading, source)
    return _event(reading, source, UNCOUNTED, repairs=row_sequence)


def removal(
    customer_id: str, source: str, row_sequence: EventSequence | None, read_at: datetime
) -> CustomerStatusChanged:
    """For a row of a customer that Accounts does not have: the row says so, and stays.

    Args:
        customer_id: the customer.
        source: the producer's URI.
        row_sequence: the row's; None where a row without one was put there by hand.
        read_at: when Accounts was found to have no such customer.
    """
    gone = Reading(
        customer_id=customer_id,
        status=Status.REMOVED,
        reason=None,
        counted=None,
        changed_at=None,
        read_at=read_at,
    )
    return _event(gone, source, UNCOUNTED, repairs=row_sequence)


def _event(
    reading: Reading, source: str, place: EventSequence, *, repairs: EventSequence | None
) -> CustomerStatusChanged:
    counted = place != UNCOUNTED
    return CustomerStatusChanged(
        event_id=snapshot_id(source, reading.customer_id, place, NEWEST_MAJOR, reading.read_at),
        source=source,
        customer_id=reading.customer_id,
        sequence=place,
        sequence_source=SequenceSource.VERSION if counted else SequenceSource.STREAM,
        schema_version=NEWEST_MAJOR,
        occurred_at=reading.read_at,
        status=reading.status,
        previous_status=None,
        reason=reading.reason,
        change=Change.SNAPSHOT,
        changed_at=reading.changed_at or reading.read_at,
        repairs=repairs,
    )


# Send snapshots to one subscriber's queue, as the bus would deliver them; each is confirmed


_ATTEMPTS_MAX = 6
_PAUSE_MAX_SECONDS = 5.0


class SnapshotQueue:
    """Sends events in the fewest calls, and again what was not confirmed.

    Args:
        queue: the subscriber's.
        fifo: whether it is a FIFO queue.
        sleep: waits that many seconds before another attempt.
    """

    def __init__(
        self,
        queue: Destination,
        *,
        fifo: bool,
        sleep: Callable[[float], object] = time.sleep,
    ) -> None:
        self._queue = queue
        self._fifo = fifo
        self._sleep = sleep

    def send(self, events: Sequence[CustomerStatusChanged]) -> None:
        """Send them all; when this returns, SQS has confirmed each by its id.

        Raises:
            Refused: some are not confirmed after several attempts; the sentence says why.
        """
        for batch in _in_batches([_sending(one, fifo=self._fifo) for one in events]):
            self._send(batch)

    # Private functions

    def _send(self, batch: list[Sending]) -> None:
        left = batch
        why = ""
        for attempt in range(_ATTEMPTS_MAX):
            if attempt:
                self._sleep(min(_PAUSE_MAX_SECONDS, 0.1 * 2**attempt))
            failed = {one.message_id: one.why for one in self._queue.send(left) if not one.ok}
            if not failed:
                return
            left = [one for one in left if one.message_id in failed]
            why = failed[left[0].message_id]
        raise Refused(
            f"The queue did not take {len(left)} of {len(batch)} snapshots after {_ATTEMPTS_MAX} "
            f"attempts ({why})."
        )


def message_attributes(event: CustomerStatusChanged) -> dict[str, dict[str, str]]:
    """What the bus sets for filters; a consumer sees the same on a snapshot as on any event."""
    values = {
        "type": f"{TYPE_PREFIX}{event.schema_version}",
        "schema_version": str(event.schema_version),
        "status": event.status.value,
        "transition": transition(event),
    }
    return {name: {"DataType": "String", "StringValue": one} for name, one in values.items()}


def _sending(event: CustomerStatusChanged, *, fifo: bool) -> Sending:
    body = encode(event)
    attributes = message_attributes(event)
    entry: dict[str, Any] = {"MessageBody": body, "MessageAttributes": attributes}
    if fifo:  # the group that the publisher gives the customer's live events
        entry["MessageGroupId"] = sha256(event.customer_id.encode()).hexdigest()
        entry["MessageDeduplicationId"] = str(event.event_id)
    size_bytes = len(body) + sum(
        len(name) + len(one["DataType"]) + len(one["StringValue"])
        for name, one in attributes.items()
    )
    return Sending(message_id=str(event.event_id), entry=entry, size_bytes=size_bytes)


def _in_batches(sendings: Sequence[Sending]) -> Iterator[list[Sending]]:
    """Ten a call: at most some 40 kB each (an id of 2,048 escaped characters), far below 1 MiB."""
    for start in range(0, len(sendings), BATCH_MAX):
        yield list(sendings[start : start + BATCH_MAX])
