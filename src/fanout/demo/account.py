"""How each change of status ended: what a closed ledger says. Pure."""

from dataclasses import dataclass
from datetime import datetime
from enum import StrEnum

from fanout.demo.observations import Recorded, Write


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
