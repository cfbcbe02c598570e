"""Events as the code speaks of them: what all have, and `CustomerStatusChanged`.

`CustomerStatusChanged` has the newest major version's meaning, whichever version travels.
"""

import re
from dataclasses import dataclass
from datetime import datetime
from enum import StrEnum
from functools import lru_cache
from typing import ClassVar
from uuid import UUID

from customer_events.sequence import Sequence, SequenceSource

EVENT_NAME = "CustomerStatusChanged"
TYPE_PREFIX = f"novapay.accounts.{EVENT_NAME}.v"
SCHEMA_BASE = "https://schemas.novapay.example/customer_status_changed"
NEWEST_MAJOR = 2
MAJORS = (1, 2)

CUSTOMER_ID_LENGTH_MAX = 2048
"""DynamoDB's limit for a partition key, in bytes of UTF-8."""
REASON_LENGTH_MAX = 128
_TRACEPARENT = re.compile(
    r"(?!ff)[0-9a-f]{2}-(?!0{32})[0-9a-f]{32}-(?!0{16})[0-9a-f]{16}-[0-9a-f]{2}", re.ASCII
)


class Status(StrEnum):
    """A customer's status. `REMOVED`: the customer is no longer in Accounts' table."""

    PENDING = "PENDING"
    ACTIVE = "ACTIVE"
    SUSPENDED = "SUSPENDED"
    CLOSED = "CLOSED"
    REMOVED = "REMOVED"


class Change(StrEnum):
    """How the status came about. `snapshot`: read from the table, not seen to change."""

    CREATED = "created"
    CHANGED = "changed"
    REMOVED = "removed"
    SNAPSHOT = "snapshot"


@dataclass(frozen=True, slots=True, kw_only=True)
class Event:
    """What every event has; `schema_version` is the major version that it travels in.

    A subclass names itself: `name`, its CloudEvents `type_prefix` (the major version follows), and
    `schema_base`, the folder of its schemas.
    """

    name: ClassVar[str]
    type_prefix: ClassVar[str]
    schema_base: ClassVar[str]

    event_id: UUID
    source: str
    customer_id: str
    sequence: Sequence
    sequence_source: SequenceSource
    schema_version: int
    occurred_at: datetime
    traceparent: str | None = None

    def filter_attributes(self) -> tuple[tuple[str, str], ...]:
        """Names and values that subscriptions filter by where the bus carries attributes."""
        return (
            ("type", f"{self.type_prefix}{self.schema_version}"),
            ("schema_version", str(self.schema_version)),
        )


@dataclass(frozen=True, slots=True, kw_only=True)
class CustomerStatusChanged(Event):
    """One fact: this customer's status became `status`.

    `previous_status` is None on creation, or where no known status was there before. `repairs` is
    set on a snapshot that repairs a drifted row: the sequence which that row must still have.
    """

    name: ClassVar[str] = EVENT_NAME
    type_prefix: ClassVar[str] = TYPE_PREFIX
    schema_base: ClassVar[str] = SCHEMA_BASE

    status: Status
    previous_status: Status | None
    reason: str | None
    change: Change
    changed_at: datetime
    repairs: Sequence | None = None

    def filter_attributes(self) -> tuple[tuple[str, str], ...]:
        """Of a status also the status itself, and the transition to it."""
        return _status_attributes(self.schema_version, self.status, self.previous_status)


def well_formed_traceparent(value: str | None) -> str | None:
    """The trace context itself; None for a malformed one, which is ignored and is no error.

    W3C Trace Context, 3.2.2: version `ff` is invalid, and so is an id of zeros.
    """
    return value if value is not None and _TRACEPARENT.fullmatch(value) else None


def transition(event: CustomerStatusChanged) -> str:
    """`ACTIVE>SUSPENDED`, or `NONE>ACTIVE`: what a subscription's filter matches."""
    return f"{event.previous_status or 'NONE'}>{event.status}"


# Private functions


@lru_cache(maxsize=256)
def _status_attributes(
    major: int, status: Status, previous_status: Status | None
) -> tuple[tuple[str, str], ...]:
    """Cached: there are few kinds, and each event is asked twice."""
    return (
        ("type", f"{TYPE_PREFIX}{major}"),
        ("schema_version", str(major)),
        ("status", status.value),
        ("transition", f"{previous_status or 'NONE'}>{status}"),
    )
