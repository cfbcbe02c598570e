"""What the demo's witnesses see of a change on its way. Pure."""

from dataclasses import dataclass
from datetime import datetime

from customer_events.sequence import Sequence


@dataclass(frozen=True, slots=True, kw_only=True)
class Write:
    """A write to the Accounts table; `before` and `after` are None where there is no item.

    `number` counts the writes from 1; `started_at` is just before the call, on this machine.
    """

    number: int
    customer_id: str
    before: str | None
    after: str | None
    started_at: datetime


@dataclass(frozen=True, slots=True, kw_only=True)
class Recorded:
    """A record of the Accounts table's stream; `record_id` is its `eventID`."""

    record_id: str
    sequence_number: str
    customer_id: str
    before: str | None
    after: str | None


@dataclass(frozen=True, slots=True, kw_only=True)
class Published:
    """An event as the topic delivered it."""

    event_id: str
    customer_id: str
    status: str
    previous_status: str | None
    schema_version: int


@dataclass(frozen=True, slots=True, kw_only=True)
class Stored:
    """One version of a Payments row."""

    event_id: str
    customer_id: str
    sequence: Sequence
    applied_at: datetime


@dataclass(frozen=True, slots=True, kw_only=True)
class Rules:
    """What names an event, and which majors are published and subscribed to."""

    source: str
    epoch: int
    publish_versions: tuple[int, ...]
    subscriber_version: int
