"""`CustomerStatusChanged` as the code speaks of it, in the newest major version's meaning."""

from dataclasses import dataclass
from datetime import datetime
from enum import StrEnum
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
class CustomerStatusChanged:
    """One fact: this customer's status became `status`.

    `schema_version` is the major version that the event travels in. `previous_status` is None on
    creation, or where no known status was there before. `repairs` is set on a snapshot that mends
    a drifted row: the sequence which that row must still have.
    """

    event_id: UUID
    source: str
    customer_id: str
    sequence: Sequence
    sequence_source: SequenceSource
    schema_version: int
    occurred_at: datetime
    status: Status
    previous_status: Status | None
    reason: str | None
    change: Change
    changed_at: datetime
    traceparent: str | None = None
    repairs: Sequence | None = None


def transition(event: CustomerStatusChanged) -> str:
    """`ACTIVE>SUSPENDED`, or `NONE>ACTIVE`: what a subscription's filter matches."""
    return f"{event.previous_status or 'NONE'}>{event.status}"
