"""One item of the Accounts table, read as the publisher would read it. Pure.

The publisher's own detection does it, on the stream record that this item's creation would be, so
that a snapshot and a live event of the same item never disagree.
"""

from collections.abc import Callable, Iterable, Mapping
from dataclasses import dataclass
from datetime import datetime
from typing import Any, TypeVar

from customer_events.event import Status
from customer_events.sequence import Sequence, sequence
from fanout.discovery import Publisher
from fanout.errors import WrongUse
from publisher import attribute_values, settings
from publisher.reasons import BadRecord
from publisher.transitions import TableRules, detect

Item = Mapping[str, Any]
"""An item or a key in DynamoDB's own notation."""
_Value = TypeVar("_Value")


@dataclass(frozen=True, slots=True, kw_only=True)
class Reading:
    """A customer's state as it was read.

    `counted` is its place in the order where the table has a version counter, else None;
    `changed_at` is None where the table does not tell; `read_at`: see `read_time`.
    """

    customer_id: str
    status: Status
    reason: str | None
    counted: Sequence | None
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


def table_rules(publisher: Publisher) -> TableRules:
    """Where the table keeps what an event needs, as discovery tells it.

    Neither the trace of the last write nor the region that made it belongs to a reading: each
    region's table holds every customer.

    Raises:
        WrongUse: the entity filter or the status map is none.
    """
    return TableRules(
        customer_id_attribute=publisher.customer_id_attribute,
        status_attribute=publisher.status_attribute,
        reason_attribute=publisher.reason_attribute,
        changed_at_attribute=publisher.changed_at_attribute,
        sequence_attribute=publisher.sequence_attribute,
        entity_filter=_setting(
            "entity_filter",
            publisher.entity_filter,
            settings.entity_filter,
            settings.ENTITY_FILTER_EXPECTED,
        ),
        status_map=_setting(
            "table_status_map",
            publisher.table_status_map,
            settings.status_map,
            settings.STATUS_MAP_EXPECTED,
        )
        or {},
    )


def nothing_matches(publisher: Publisher, scanned: int) -> str:
    """What to say where not one item that was read is a customer's."""
    return (
        f"None of the {scanned:,} items of {publisher.accounts_table} is a customer's by "
        f"ENTITY_FILTER ({publisher.entity_filter}). If that is a mistake, correct the setting "
        "before any repair, which would set every row to REMOVED."
    )


# Private functions


def _setting(
    name: str, text: str | None, parse: Callable[[str], _Value | None], expected: str
) -> _Value | None:
    value = None if text is None else parse(text)
    if text is not None and value is None:
        raise WrongUse(f"The publisher's {name} is {text!r}; expected {expected}.")
    return value
