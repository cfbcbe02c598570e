"""A customer's state as it was read, and the event a subscriber gets of it: snapshot or repair."""

import time
from collections.abc import Callable, Mapping, Sequence
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
from fanout.sqs.queue import Sending, SqsQueue, batches
from publisher import attribute_values
from publisher.reasons import BadRecord
from publisher.stream_records import StreamRecord
from publisher.transitions import NoTransition, detect

Item = Mapping[str, Any]
"""An item or a key in DynamoDB's own notation."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Snapshot:
    """A customer's state as it was read.

    `sequence` is set where the table has a version counter, `changed_at` where it keeps one;
    `read_at`: see `fanout.accounts.table.read_time`.
    """

    customer_id: str
    status: Status
    reason: str | None
    sequence: EventSequence | None
    changed_at: datetime | None
    read_at: datetime


@dataclass(frozen=True, slots=True, kw_only=True)
class Unreadable:
    """An item that can't become an event: the publisher's reason code, and what was expected."""

    customer_id: str
    code: str
    expected: str


class ItemReader:
    """Reads items of the Accounts table by the publisher's own settings.

    Raises:
        WrongUse: the publisher's entity filter or its status map can't be read.
    """

    def __init__(self, publisher: Publisher) -> None:
        self._rules = table_rules(publisher)
        self._epoch = publisher.sequence_epoch

    @property
    def attributes(self) -> list[str]:
        """Every attribute that a snapshot needs; the key's come on top."""
        rules = self._rules
        named = (
            rules.customer_id_attribute,
            rules.status_attribute,
            rules.reason_attribute,
            rules.changed_at_attribute,
            rules.sequence_attribute,
            rules.entity_filter and rules.entity_filter[0],
        )
        return list(dict.fromkeys(name for name in named if name))

    def read(self, item: Item, read_at: datetime) -> Snapshot | Unreadable | None:
        """What an item says; None where it is no customer, by the entity filter."""
        key = self._rules.customer_id_attribute
        record = {
            "eventName": "INSERT",
            "dynamodb": {
                "Keys": {key: item.get(key)},
                "NewImage": dict(item),
                "ApproximateCreationDateTime": int(read_at.timestamp()),
                "SequenceNumber": "0",  # required where there is no version counter; not used then
            },
        }
        try:
            change = detect(StreamRecord(record), self._rules)
        except BadRecord as reason:
            customer_id = attribute_values.scalar(item.get(key)) or ""
            return Unreadable(customer_id=customer_id, code=reason.code, expected=str(reason))
        if isinstance(change, NoTransition):
            return None
        has_counter = self._rules.sequence_attribute is not None
        changed_at = item.get(self._rules.changed_at_attribute or "")
        return Snapshot(
            customer_id=change.customer_id,
            status=change.status,
            reason=change.reason,
            sequence=sequence(change.number, epoch=self._epoch) if has_counter else None,
            changed_at=None if changed_at is None else attribute_values.instant(changed_at),
            read_at=read_at,
        )


def nothing_matches(publisher: Publisher, scanned: int) -> str:
    """What to say where not one item that was read is a customer's."""
    return (
        f"None of the {scanned:,} items of {publisher.accounts_table} is a customer's by "
        f"ENTITY_FILTER ({publisher.entity_filter}). If that is a mistake, correct the setting "
        "before any repair, which would set every row to REMOVED."
    )


def snapshot_event(snapshot: Snapshot, source: str) -> CustomerStatusChanged:
    """A customer's state. With a version counter it is ordered among the live events."""
    return _event(snapshot, source, snapshot.sequence or UNCOUNTED, repairs=None)


def repair_event(
    snapshot: Snapshot, source: str, row_sequence: EventSequence
) -> CustomerStatusChanged:
    """A customer's state for a row that has drifted.

    Where Accounts counts, and counts higher than the row, the state competes by its own sequence.
    Else it applies only if the row still has the sequence that it had when it was read.
    """
    if snapshot.sequence is not None and snapshot.sequence > row_sequence:
        return snapshot_event(snapshot, source)
    return _event(snapshot, source, UNCOUNTED, repairs=row_sequence)


def removal_event(
    customer_id: str, source: str, row_sequence: EventSequence | None, read_at: datetime
) -> CustomerStatusChanged:
    """For a row whose customer Accounts does not have: the row says `REMOVED`, and stays.

    Args:
        customer_id: the customer.
        source: the producer's URI.
        row_sequence: the row's; None where a row without one was put there by hand.
        read_at: when Accounts had no such customer.
    """
    removed = Snapshot(
        customer_id=customer_id,
        status=Status.REMOVED,
        reason=None,
        sequence=None,
        changed_at=None,
        read_at=read_at,
    )
    return _event(removed, source, UNCOUNTED, repairs=row_sequence)


_ATTEMPTS_MAX = 6
_PAUSE_MAX_SECONDS = 5.0


def send_events(
    queue: SqsQueue,
    events: Sequence[CustomerStatusChanged],
    *,
    fifo: bool,
    sleep: Callable[[float], object] = time.sleep,
) -> None:
    """Send events to one subscriber's queue as the bus would, and again what was not confirmed.

    In tens: at most some 40 kB a call (an id of 2,048 escaped characters), far below 1 MiB. When
    this returns, SQS has confirmed each by its id.

    Raises:
        Refused: some are not confirmed after several attempts; the sentence says why.
    """
    for batch in batches(_sending(event, fifo=fifo) for event in events):
        left, why = batch, ""
        for attempt in range(_ATTEMPTS_MAX):
            if attempt:
                sleep(min(_PAUSE_MAX_SECONDS, 0.1 * 2**attempt))
            failed = {one.message_id: one.why for one in queue.send(left) if not one.ok}
            left = [sending for sending in left if sending.message_id in failed]
            if not left:
                break
            why = failed[left[0].message_id]
        else:
            raise Refused(
                f"The queue did not take {len(left)} of {len(batch)} snapshots after "
                f"{_ATTEMPTS_MAX} attempts ({why})."
            )


# Private functions


def _event(
    snapshot: Snapshot, source: str, order: EventSequence, *, repairs: EventSequence | None
) -> CustomerStatusChanged:
    counted = order != UNCOUNTED
    return CustomerStatusChanged(
        event_id=snapshot_id(source, snapshot.customer_id, order, NEWEST_MAJOR, snapshot.read_at),
        source=source,
        customer_id=snapshot.customer_id,
        sequence=order,
        sequence_source=SequenceSource.VERSION if counted else SequenceSource.STREAM,
        schema_version=NEWEST_MAJOR,
        occurred_at=snapshot.read_at,
        status=snapshot.status,
        previous_status=None,
        reason=snapshot.reason,
        change=Change.SNAPSHOT,
        changed_at=snapshot.changed_at or snapshot.read_at,
        repairs=repairs,
    )


def _sending(event: CustomerStatusChanged, *, fifo: bool) -> Sending:
    attributes = {  # what the bus sets for filters
        "type": f"{TYPE_PREFIX}{event.schema_version}",
        "schema_version": str(event.schema_version),
        "status": event.status.value,
        "transition": transition(event),
    }
    entry: dict[str, Any] = {
        "MessageBody": encode(event),
        "MessageAttributes": {
            name: {"DataType": "String", "StringValue": value} for name, value in attributes.items()
        },
    }
    if fifo:  # the group that the publisher gives the customer's live events
        entry["MessageGroupId"] = sha256(event.customer_id.encode()).hexdigest()
        entry["MessageDeduplicationId"] = str(event.event_id)
    return Sending(message_id=str(event.event_id), entry=entry)
