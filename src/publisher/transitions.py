"""From one stream record, in the shape in which Lambda passes it, to a status transition. Pure.

Only the attributes that the event needs are read, straight from their `{"S": ...}`: turning whole
images into Python values costs ten times as much, and an attribute that is none of our business
can't do harm if it is never looked at.
"""

from collections.abc import Mapping
from dataclasses import dataclass, field
from datetime import datetime
from enum import Enum, auto
from typing import Any

from customer_events.event import (
    CUSTOMER_ID_LENGTH_MAX,
    REASON_LENGTH_MAX,
    Change,
    Status,
    well_formed_traceparent,
)
from customer_events.sequence import SequenceSource
from publisher import attribute_values
from publisher.reasons import (
    MissingCustomerId,
    MissingStatus,
    MissingVersion,
    UndecodableImage,
    UnknownStatus,
    VersionDidNotRise,
)
from publisher.stream_records import StreamRecord

Image = dict[str, Any]

_EVENT_NAMES = frozenset({"INSERT", "MODIFY", "REMOVE"})
_STATUSES = {status.value: status for status in Status}


@dataclass(frozen=True, slots=True, kw_only=True)
class TableRules:
    """Where the table keeps what an event needs; None where the table does not keep it.

    `entity_filter` is (attribute, value): only items that carry it, as a string or a number, are
    customers. `status_map` translates the table's own status values; a status of the contract that
    is not in it stands for itself.
    """

    customer_id_attribute: str = "customer_id"
    status_attribute: str = "status"
    reason_attribute: str | None = None
    changed_at_attribute: str | None = None
    traceparent_attribute: str | None = None
    sequence_attribute: str | None = None
    entity_filter: tuple[str, str] | None = None
    status_map: Mapping[str, Status] = field(default_factory=dict)

    @property
    def attributes(self) -> list[str]:
        """The attributes that an event is made of, the customer's id first."""
        named = (
            *(self.customer_id_attribute, self.status_attribute, self.reason_attribute),
            *(self.changed_at_attribute, self.sequence_attribute, self.traceparent_attribute),
            self.entity_filter and self.entity_filter[0],
        )
        return list(dict.fromkeys(name for name in named if name))


@dataclass(frozen=True, slots=True, kw_only=True)
class StatusTransition:
    """A detected change of a customer's status.

    `number` is the counter's value that orders it (see `customer_events.sequence`).
    `reason_left_out`: there was a reason that is no text of 1 to 128 characters.
    """

    customer_id: str
    status: Status
    previous_status: Status | None
    change: Change
    number: str | int
    sequence_source: SequenceSource
    occurred_at: datetime
    changed_at: datetime
    reason: str | None
    reason_left_out: bool
    traceparent: str | None


class NoTransition(Enum):
    """Why a record gives no event."""

    STATUS_STAYS = auto()
    NO_CUSTOMER = auto()
    """Neither image matches the entity filter."""


def detect(record: StreamRecord, rules: TableRules) -> StatusTransition | NoTransition:
    """The status transition that a stream record holds, or why it holds none for us.

    An item that starts to match the entity filter is created, one that ceases to match is removed.

    Raises:
        BadRecord: it holds one that can't become an event; see the subclasses in `reasons`.
    """
    change, new, old = customer_change(record, rules)
    if change is None:
        return NoTransition.NO_CUSTOMER
    if change is Change.CHANGED and _status_stays(new, old, rules):
        return NoTransition.STATUS_STAYS
    return _transition(record, rules, change, new, old)


def customer_change(record: StreamRecord, rules: TableRules) -> tuple[Change | None, Image, Image]:
    """What happened to the customer, and its new and old image; None where the item is no customer.

    Raises:
        UndecodableImage: the record lacks its kind or an image.
    """
    kind, stream = record.kind, record.stream
    if kind not in _EVENT_NAMES or not stream:
        raise UndecodableImage("INSERT, MODIFY or REMOVE, with its images", field="eventName")
    new = _image(stream, "NewImage", wanted=kind != "REMOVE")
    old = _image(stream, "OldImage", wanted=kind != "INSERT")
    return _change(kind, new, old, rules), new, old


def customer_id(record: StreamRecord, rules: TableRules) -> str:
    """Raises: MissingCustomerId where the key holds none that an event can carry."""
    keys = record.stream.get("Keys")
    key = keys.get(rules.customer_id_attribute) if isinstance(keys, dict) else None
    name = attribute_values.scalar(key)
    if not name or len(name) > CUSTOMER_ID_LENGTH_MAX:
        raise MissingCustomerId(
            "a string or a number in the item's key; CUSTOMER_ID_ATTRIBUTE names the partition key",
            field=f"dynamodb.Keys.{rules.customer_id_attribute}",
        )
    return name


def occurred_at(record: StreamRecord) -> datetime:
    """Raises: UndecodableImage where the record has no time."""
    at = record.created_at
    if at is None:
        raise UndecodableImage("epoch seconds", field="dynamodb.ApproximateCreationDateTime")
    return at


def order(
    record: StreamRecord, rules: TableRules, change: Change, new: Image, old: Image
) -> tuple[str | int, SequenceSource]:
    """The number that orders the change, and the counter that it comes from.

    Raises:
        BadRecord: it has no such number, or a version that did not rise.
    """
    if rules.sequence_attribute is not None:
        version = _version_number(change, new, old, rules.sequence_attribute)
        return version, SequenceSource.VERSION
    number = record.sequence_number
    if number is None:
        raise UndecodableImage("1 to 40 digits", field="dynamodb.SequenceNumber")
    return number, SequenceSource.STREAM


def is_customer(image: Image, rules: TableRules) -> bool:
    """Whether an item is a customer, by the entity filter."""
    if rules.entity_filter is None:
        return True
    attribute, value = rules.entity_filter
    return attribute_values.scalar(image.get(attribute)) == value


def known_status(image: Image, rules: TableRules) -> Status | None:
    """The status of an item in the contract's words; None where it has none that is known."""
    value = attribute_values.scalar(image.get(rules.status_attribute))
    if value is None:
        return None
    return rules.status_map.get(value) or _STATUSES.get(value)


# Private functions


def _change(kind: str, new: Image, old: Image, rules: TableRules) -> Change | None:
    """What happened to the customer; None where the item was none, and is none."""
    was = kind != "INSERT" and is_customer(old, rules)
    is_now = kind != "REMOVE" and is_customer(new, rules)
    if was and is_now:
        return Change.CHANGED
    if was:
        return Change.REMOVED
    return Change.CREATED if is_now else None


def _status_stays(new: Image, old: Image, rules: TableRules) -> bool:
    """Not where neither image has one: that is how a mistyped setting looks."""
    value = new.get(rules.status_attribute)
    if value == old.get(rules.status_attribute):
        return value is not None
    status = known_status(new, rules)
    return status is not None and status is known_status(old, rules)


def _transition(
    record: StreamRecord, rules: TableRules, change: Change, new: Image, old: Image
) -> StatusTransition:
    # What an item says that ceases to be a customer is about the change before.
    current = {} if change is Change.REMOVED else new
    status = Status.REMOVED if change is Change.REMOVED else _status(new, rules)
    at = occurred_at(record)
    reason, reason_left_out = _code(current, rules.reason_attribute)
    number, source = order(record, rules, change, new, old)
    return StatusTransition(
        customer_id=customer_id(record, rules),
        status=status,
        previous_status=None if change is Change.CREATED else known_status(old, rules),
        change=change,
        number=number,
        sequence_source=source,
        occurred_at=at,
        changed_at=_changed_at(current, rules, at),
        reason=reason,
        reason_left_out=reason_left_out,
        traceparent=well_formed_traceparent(
            attribute_values.text(new.get(rules.traceparent_attribute or ""))
        ),
    )


def _image(stream: dict[str, Any], name: str, *, wanted: bool) -> Image:
    image = stream.get(name) if wanted else {}
    if not isinstance(image, dict):
        raise UndecodableImage(
            "an image of the item: the stream's view type is NEW_AND_OLD_IMAGES",
            field=f"dynamodb.{name}",
        )
    return image


def _status(new: Image, rules: TableRules) -> Status:
    status = known_status(new, rules)
    if status is not None:
        return status
    field = f"dynamodb.NewImage.{rules.status_attribute}"
    if new.get(rules.status_attribute) is None:
        raise MissingStatus(
            "a status; where the items hold it elsewhere, set STATUS_ATTRIBUTE to that attribute",
            field=field,
        )
    raise UnknownStatus(
        f"one of {', '.join(Status)}, or a value that TABLE_STATUS_MAP translates", field=field
    )


def _code(new: Image, attribute: str | None) -> tuple[str | None, bool]:
    """A code of Accounts' own, and whether there was one that had to be left out."""
    value = None if attribute is None else new.get(attribute)
    if value is None:
        return None, False
    text = attribute_values.text(value)
    if text is None or not 1 <= len(text) <= REASON_LENGTH_MAX:
        return None, True
    return (text, False) if attribute_values.is_unicode(text) else (None, True)


def _changed_at(new: Image, rules: TableRules, default: datetime) -> datetime:
    if rules.changed_at_attribute is None:
        return default
    value = new.get(rules.changed_at_attribute)
    return (None if value is None else attribute_values.instant(value)) or default


def _version_number(change: Change, new: Image, old: Image, attribute: str) -> int:
    """A removal that has no version of its own counts as one more than the last."""
    previous = attribute_values.whole_number(old.get(attribute))
    version = attribute_values.whole_number(new.get(attribute))
    expected = "a whole number; SEQUENCE_ATTRIBUTE names the version counter"
    if version is None and change is Change.REMOVED:
        if previous is None:
            raise MissingVersion(expected, field=f"dynamodb.OldImage.{attribute}")
        return previous + 1
    if version is None:
        raise MissingVersion(expected, field=f"dynamodb.NewImage.{attribute}")
    if previous is not None and version <= previous:
        raise VersionDidNotRise(
            "a version above the old one", field=f"dynamodb.NewImage.{attribute}"
        )
    return version
