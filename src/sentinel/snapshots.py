"""A customer's state as it was read, by the publisher's own settings."""

from collections.abc import Mapping
from dataclasses import dataclass
from datetime import datetime
from typing import Any

from customer_events.event import Status
from customer_events.sequence import Sequence, sequence
from publisher import attribute_values
from publisher.reasons import BadRecord
from publisher.stream_records import StreamRecord
from publisher.transitions import NoTransition, detect
from sentinel.discovery import Publisher, table_rules

Item = Mapping[str, Any]  # an item or a key in DynamoDB's own notation


@dataclass(frozen=True, slots=True, kw_only=True)
class Snapshot:
    """A customer's state as it was read.

    `sequence` is set where the table has a version counter, `changed_at` where it keeps one;
    `read_at`: see `sentinel.table.read_time`.
    """

    customer_id: str
    status: Status
    read_at: datetime
    reason: str | None = None
    sequence: Sequence | None = None
    changed_at: datetime | None = None


@dataclass(frozen=True, slots=True, kw_only=True)
class Unreadable:
    """An item that can't become an event: the publisher's reason code, and what was expected."""

    customer_id: str
    code: str
    expected: str


class ItemReader:
    """Reads items of the Accounts table by the publisher's own settings: these `attributes`.

    Raises: WrongUse: the publisher's entity filter or its status map can't be read.
    """

    def __init__(self, publisher: Publisher) -> None:
        self._rules = table_rules(publisher)
        self._epoch = publisher.sequence_epoch
        self.attributes = self._rules.attributes

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
