"""Follow every write to its event id and its outcome. Pure: the witnesses bring the observations.

`docs/howto/demo.md` lists the four witnesses, none of which is the publisher. A change for which
one is missing is lost. The ledger keeps some hundred bytes for each change.
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
from sentinel.discovery import Publisher

# What the witnesses see of a change on its way


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


# How each change of status ended


class Fate(StrEnum):
    """How a change of status ended for the subscriber."""

    APPLIED = "applied"
    SUPERSEDED = "superseded"  # a later change of the customer is stored, and was there first
    PARKED = "parked"
    NOT_IN_STREAM = "written, but not in the stream"
    NOT_PUBLISHED = "in the stream, but not published"
    NOT_STORED = "published, but neither applied, nor superseded, nor parked"


_LOST = (Fate.NOT_IN_STREAM, Fate.NOT_PUBLISHED, Fate.NOT_STORED)


@dataclass(frozen=True, slots=True, kw_only=True)
class Entry:
    """A change of status and its end; `latency_seconds` is set where it was applied.

    `event_id` (of the subscriber's version) is None where there is no stream record.
    """

    write: Write
    event_id: str | None
    fate: Fate
    latency_seconds: float | None = None

    def __str__(self) -> str:
        change = f"{mask_customer(self.write.customer_id)}, {_transition(self.write)}"
        event = f"event {self.event_id or 'unknown'}"
        return f"write {self.write.number}, {change}: {self.fate} ({event})"


@dataclass(frozen=True, slots=True, kw_only=True)
class Account:
    """The ledger, closed.

    `entries` has one for each change of status, by customer. The topic carried so many distinct
    `events`; `deliveries` counts repeats too. `contradictions` are sentences about what does not
    fit together: an event that nobody caused, or one that differs from what was written.
    """

    entries: tuple[Entry, ...]
    events: int
    deliveries: int
    contradictions: tuple[str, ...]

    def count(self, fate: Fate) -> int:
        """How many changes ended in this way."""
        return sum(entry.fate is fate for entry in self.entries)

    @property
    def lost(self) -> list[Entry]:
        """The changes that ended nowhere."""
        return [entry for entry in self.entries if entry.fate in _LOST]

    def latencies_seconds(self, *, after_write: int = 0) -> list[float]:
        """From write to row, for each change that was applied; `after_write` leaves out earlier."""
        return [
            entry.latency_seconds
            for entry in self.entries
            if entry.latency_seconds is not None and entry.write.number > after_write
        ]


class Ledger:
    """Takes observations in any order across witnesses; each witness's own order must be kept.

    Of the `writes`, `transitions` changed a status. `events` are those seen on the topic, by id,
    and `applied_at` says when each was first seen in the Payments table.
    """

    def __init__(self, publisher: Publisher, *, subscriber_version: int) -> None:
        self._publisher = publisher
        self._subscriber_version = subscriber_version
        self._writes: dict[str, list[Write]] = defaultdict(list)
        self._records: dict[str, list[Recorded]] = defaultdict(list)
        self._newest: dict[str, Sequence] = {}
        self._parked: set[str] = set()
        self._deliveries = 0
        self.events: dict[str, Published] = {}
        self.applied_at: dict[str, datetime] = {}
        self.writes = 0
        self.transitions = 0

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
        """Take a stream record; one that leaves the status alone is passed over."""
        if record.before != record.after:
            self._records[record.customer_id].append(record)

    def published(self, event: Published) -> None:
        """Take an event from the topic."""
        self._deliveries += 1
        self.events[event.event_id] = event

    def stored(self, row: Stored) -> None:
        """Take a version of a Payments row."""
        self.applied_at.setdefault(row.event_id, row.applied_at)
        known = self._newest.get(row.customer_id, row.sequence)
        self._newest[row.customer_id] = max(row.sequence, known)

    def parked(self, ids: Iterable[str]) -> None:
        """Take the ids of events in the DLQ, and of records in the publisher's failure store."""
        self._parked.update(ids)

    def close(self) -> Account:
        """Put everything seen so far together; may be asked again when more has been seen."""
        entries: list[Entry] = []
        contradictions: list[str] = []
        expected: set[str] = set()
        for customer_id in sorted({*self._writes, *self._records}):
            for write, record in zip_longest(
                self._writes.get(customer_id, ()), self._records.get(customer_id, ())
            ):
                events = [] if record is None else self._expected(record)
                if write is None:
                    name = f"{mask_customer(customer_id)}: record {record.record_id}"
                    contradictions.append(f"{name} is in the stream, but not of our writes")
                    continue
                entries.append(self._entry(write, record, events))
                expected.update(event.event_id for event in events)
                contradictions += self._differences(write, record, events)
        contradictions += [
            f"event {event.event_id} of {mask_customer(event.customer_id)} was published, "
            "but no write asks for it"
            for event in self.events.values()
            if event.event_id not in expected
        ]
        return Account(
            entries=tuple(entries),
            events=len(self.events),
            deliveries=self._deliveries,
            contradictions=tuple(contradictions),
        )

    # Private functions

    def _entry(self, write: Write, record: Recorded | None, events: list[Published]) -> Entry:
        if record is None:
            return Entry(write=write, event_id=None, fate=Fate.NOT_IN_STREAM)
        identity = self._id(record, self._subscriber_version)
        applied_at = self.applied_at.get(identity)
        newest = self._newest.get(record.customer_id)
        if record.record_id in self._parked:
            fate = Fate.PARKED
        elif any(event.event_id not in self.events for event in events):
            fate = Fate.NOT_PUBLISHED
        elif applied_at is not None:
            fate = Fate.APPLIED
        elif identity in self._parked:
            fate = Fate.PARKED
        elif newest is not None and newest > self._sequence(record):
            fate = Fate.SUPERSEDED
        else:
            fate = Fate.NOT_STORED
        latency = (applied_at - write.started_at).total_seconds() if applied_at else None
        return Entry(write=write, event_id=identity, fate=fate, latency_seconds=latency)

    def _expected(self, record: Recorded) -> list[Published]:
        """What the topic must carry for a record: one event for each major version."""
        return [
            Published(
                event_id=self._id(record, major),
                customer_id=record.customer_id,
                # Version 1 knows no removal.
                status=record.after or (Status.CLOSED if major == 1 else Status.REMOVED).value,
                previous_status=record.before,
                schema_version=major,
            )
            for major in self._publisher.publish_versions
        ]

    def _differences(
        self, write: Write, record: Recorded | None, events: list[Published]
    ) -> Iterator[str]:
        where = f"write {write.number} of {mask_customer(write.customer_id)}"
        if record is not None and _transition(write) != _transition(record):
            seen = f"{_transition(write)} was written, {_transition(record)} is in the stream"
            yield f"{where}: {seen}"
        for event in events:
            if self.events.get(event.event_id, event) != event:
                yield f"{where}: event {event.event_id} differs from the stream"

    def _sequence(self, record: Recorded) -> Sequence:
        return sequence(record.sequence_number, epoch=self._publisher.sequence_epoch)

    def _id(self, record: Recorded, major: int) -> str:
        order = self._sequence(record)
        return str(event_id(self._publisher.source, record.customer_id, order, major))


def _transition(seen: Write | Recorded) -> str:
    return f"{seen.before or 'NONE'}>{seen.after or Status.REMOVED}"
