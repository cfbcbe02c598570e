"""Follow every write to its event id and its outcome. Pure: the taps bring the observations.

The chain of evidence, each link from another witness, and none of it from the publisher:

1. the write: what DynamoDB answered to it tells the status before and after;
2. the stream record of that write, read through the Streams API; its SequenceNumber names the
   event (`customer_events.identity`);
3. the event under that id, in a queue of the demo's own on the topic;
4. the Payments row: each version that it ever had, from a stream of that table; or the DLQ, or the
   publisher's failure store.

A change for which a link is missing is lost. The ledger keeps some hundred bytes for each change.
"""

from collections import defaultdict
from collections.abc import Iterable, Iterator
from dataclasses import dataclass
from datetime import datetime
from enum import StrEnum
from itertools import zip_longest

from customer_events.event import Status
from customer_events.identity import event_id
from customer_events.sequence import Sequence, sequence
from fanout.text import mask_customer

# What the demo's witnesses see of a change on its way. Pure


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


# How each change of status ended: what a closed ledger says. Pure


class Fate(StrEnum):
    """How a change of status ended for the subscriber."""

    APPLIED = "applied"
    SUPERSEDED = "superseded"  # a later change of the customer is stored, and was there first
    PARKED = "parked"
    NOT_IN_STREAM = "written, but not in the stream"
    NOT_PUBLISHED = "in the stream, but not published"
    NOT_STORED = "published, but neither applied, nor superseded, nor parked"


LOST = (Fate.NOT_IN_STREAM, Fate.NOT_PUBLISHED, Fate.NOT_STORED)


@dataclass(frozen=True, slots=True, kw_only=True)
class Entry:
    """A change of status and its end; `latency_seconds` is set where it was applied.

    `record` and `event_id` (of the subscriber's version) are None where there is no stream record.
    """

    write: Write
    record: Recorded | None
    event_id: str | None
    fate: Fate
    latency_seconds: float | None = None


@dataclass(frozen=True, slots=True, kw_only=True)
class Account:
    """The ledger, closed.

    Attributes:
        entries: One for each change of status, by customer.
        events: Distinct events that the topic carried; `deliveries` counts repeats too.
        contradictions: Sentences about what does not fit together: an event that nobody caused,
            or one that tells something else than was written.
        settled_at: When the last change was applied; None where none was.
    """

    entries: tuple[Entry, ...]
    events: int
    deliveries: int
    contradictions: tuple[str, ...]
    settled_at: datetime | None

    def count(self, *fates: Fate) -> int:
        """How many changes ended in one of these ways."""
        return sum(entry.fate in fates for entry in self.entries)

    @property
    def lost(self) -> list[Entry]:
        """The changes that ended nowhere."""
        return [entry for entry in self.entries if entry.fate in LOST]

    def latencies_seconds(self, *, after_write: int = 0) -> list[float]:
        """From write to row, for each change that was applied; `after_write` leaves out earlier."""
        return [
            entry.latency_seconds
            for entry in self.entries
            if entry.latency_seconds is not None and entry.write.number > after_write
        ]


class Ledger:
    """Takes observations in any order across witnesses; each witness's own order must be kept."""

    def __init__(self, rules: Rules) -> None:
        self._rules = rules
        self._writes: dict[str, list[Write]] = defaultdict(list)
        self._records: dict[str, list[Recorded]] = defaultdict(list)
        self._events: dict[str, Published] = {}
        self._applied_at: dict[str, datetime] = {}
        self._newest: dict[str, Sequence] = {}
        self._parked_events: set[str] = set()
        self._parked_records: set[str] = set()
        self._deliveries = 0
        self.writes = 0
        self.transitions = 0

    @property
    def events(self) -> int:
        """Distinct events seen on the topic so far."""
        return len(self._events)

    @property
    def applied(self) -> int:
        """Events seen in the Payments table so far."""
        return len(self._applied_at)

    @property
    def customers(self) -> set[str]:
        """The customers whose status was ever changed."""
        return set(self._writes)

    def wrote(self, write: Write) -> None:
        """Take a write; one that leaves the status alone is only counted."""
        self.writes += 1
        if write.before != write.after:
            self.transitions += 1
            self._writes[write.customer_id].append(write)

    def recorded(self, record: Recorded) -> None:
        """Take a stream record; one that leaves the status alone tells nothing here."""
        if record.before != record.after:
            self._records[record.customer_id].append(record)

    def published(self, event: Published) -> None:
        """Take an event from the topic."""
        self._deliveries += 1
        self._events[event.event_id] = event

    def stored(self, row: Stored) -> None:
        """Take a version of a Payments row."""
        self._applied_at.setdefault(row.event_id, row.applied_at)
        known = self._newest.get(row.customer_id, row.sequence)
        self._newest[row.customer_id] = max(row.sequence, known)

    def parked(self, *, event_ids: Iterable[str] = (), record_ids: Iterable[str] = ()) -> None:
        """Take what lies in the DLQ, and in the publisher's failure store."""
        self._parked_events.update(event_ids)
        self._parked_records.update(record_ids)

    def close(self) -> Account:
        """Put everything seen so far together; may be asked again when more has been seen."""
        entries: list[Entry] = []
        contradictions: list[str] = []
        expected: set[str] = set()
        for customer_id in sorted({*self._writes, *self._records}):
            for write, record in zip_longest(
                self._writes.get(customer_id, ()), self._records.get(customer_id, ())
            ):
                if write is None:
                    contradictions.append(_unwritten(record))
                    continue
                entries.append(self._entry(write, record))
                if record is not None:
                    events = self._expected(record)
                    expected.update(event.event_id for event in events)
                    contradictions += self._differences(write, record, events)
        contradictions += [
            f"event {found} of {mask_customer(self._events[found].customer_id)} was published, "
            "but no write asks for it"
            for found in self._events
            if found not in expected
        ]
        return Account(
            entries=tuple(entries),
            events=len(self._events),
            deliveries=self._deliveries,
            contradictions=tuple(contradictions),
            settled_at=max(self._applied_at.values(), default=None),
        )

    # Private functions

    def _entry(self, write: Write, record: Recorded | None) -> Entry:
        if record is None:
            return Entry(write=write, record=None, event_id=None, fate=Fate.NOT_IN_STREAM)
        identity = self._id(record, self._rules.subscriber_version)
        applied_at = self._applied_at.get(identity)
        latency = (applied_at - write.started_at).total_seconds() if applied_at else None
        return Entry(
            write=write,
            record=record,
            event_id=identity,
            fate=self._fate(record, identity),
            latency_seconds=latency,
        )

    def _fate(self, record: Recorded, identity: str) -> Fate:
        if record.record_id in self._parked_records:
            return Fate.PARKED
        if any(event.event_id not in self._events for event in self._expected(record)):
            return Fate.NOT_PUBLISHED
        if identity in self._applied_at:
            return Fate.APPLIED
        if identity in self._parked_events:
            return Fate.PARKED
        newest = self._newest.get(record.customer_id)
        superseded = newest is not None and newest > self._sequence(record)
        return Fate.SUPERSEDED if superseded else Fate.NOT_STORED

    def _expected(self, record: Recorded) -> list[Published]:
        """What the topic must carry for a record: one event for each major version."""
        return [
            Published(
                event_id=self._id(record, major),
                customer_id=record.customer_id,
                status=_status(record.after, major),
                previous_status=record.before,
                schema_version=major,
            )
            for major in self._rules.publish_versions
        ]

    def _differences(
        self, write: Write, record: Recorded, events: list[Published]
    ) -> Iterator[str]:
        where = f"write {write.number} of {mask_customer(write.customer_id)}"
        if (write.before, write.after) != (record.before, record.after):
            yield (
                f"{where}: {_transition(write)} was written, {_transition(record)} is in the stream"
            )
        for event in events:
            found = self._events.get(event.event_id)
            if found is not None and found != event:
                yield f"{where}: event {event.event_id} tells something else than the stream"

    def _sequence(self, record: Recorded) -> Sequence:
        return sequence(record.sequence_number, epoch=self._rules.epoch)

    def _id(self, record: Recorded, major: int) -> str:
        place = self._sequence(record)
        return str(event_id(self._rules.source, record.customer_id, place, major))


def _status(after: str | None, major: int) -> str:
    """What an event says of an item that is gone; version 1 knows no removal."""
    if after is not None:
        return after
    return Status.CLOSED.value if major == 1 else Status.REMOVED.value


def _transition(seen: Write | Recorded) -> str:
    return f"{seen.before or 'NONE'}>{seen.after or Status.REMOVED}"


def _unwritten(record: Recorded) -> str:
    name = mask_customer(record.customer_id)
    return f"{name}: record {record.record_id} is in the stream, but not of our writes"
