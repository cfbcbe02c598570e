"""Count dead messages by cause, in a memory that does not grow with their number.

Aggregates are kept for `GROUPS_MAX` causes at most (a sender can write any number of them); who
was hit is counted on the disk, by a hash of the customer id.
"""

import hashlib
import sqlite3
import tempfile
from dataclasses import dataclass, field
from datetime import datetime
from pathlib import Path
from types import TracebackType
from typing import Any, Self

from customer_events.instants import to_wire
from fanout.dlq.diagnosis import Cause, Diagnosis, Origin, advice
from fanout.dlq.message import DeadMessage
from fanout.dlq.selection import dead_since

GROUPS_MAX = 500
REST = Cause(
    origin=Origin.SNS, code="OtherCauses", expected=f"beyond the first {GROUPS_MAX} causes"
)
EXAMPLES_MAX = 3


@dataclass(slots=True, kw_only=True)
class Group:
    """Messages of one cause.

    `may_succeed` counts those that can be read now; `number` is what a person types (`--group`).
    """

    cause: Cause
    number: int = 0
    count: int = 0
    may_succeed: int = 0
    first_seen: datetime | None = None
    last_seen: datetime | None = None
    versions: set[int] = field(default_factory=set)
    customers: int = 0
    examples: list[str] = field(default_factory=list)

    def to_document(self) -> dict[str, Any]:
        """One JSON object with every field."""
        return {
            "group": self.number,
            "key": self.cause.key,
            "origin": self.cause.origin.value,
            "reason": self.cause.code,
            "field": self.cause.field,
            "expected": self.cause.expected,
            "count": self.count,
            "customers": self.customers,
            "versions": sorted(self.versions),
            "first_seen": self.first_seen and to_wire(self.first_seen),
            "last_seen": self.last_seen and to_wire(self.last_seen),
            "would_succeed_now": self.may_succeed,
            "advice": advice(self.cause.code),
            "examples": self.examples,
        }


class Grouping:
    """Collects messages into groups; use it in a `with` block."""

    def __init__(self) -> None:
        self._groups: dict[str, Group] = {}
        self._folder = tempfile.TemporaryDirectory(prefix="fanout-groups-")
        self._base = sqlite3.connect(
            Path(self._folder.name) / "customers.sqlite", isolation_level=None
        )
        self._base.executescript(
            "PRAGMA journal_mode = OFF; PRAGMA synchronous = OFF;"
            "CREATE TABLE hit (cause TEXT, customer BLOB, PRIMARY KEY (cause, customer))"
            " WITHOUT ROWID;"
        )

    def __enter__(self) -> Self:
        """Begin to count."""
        return self

    def __exit__(
        self,
        kind: type[BaseException] | None,
        error: BaseException | None,
        trace: TracebackType | None,
    ) -> None:
        """Remove what is on the disk."""
        self._base.close()
        self._folder.cleanup()

    def add(self, message: DeadMessage, diagnosis: Diagnosis) -> None:
        """Count one message."""
        group = self._group(diagnosis.cause)
        died_at = dead_since(message)
        group.count += 1
        group.may_succeed += bool(diagnosis.may_succeed_now)
        group.first_seen = min(group.first_seen or died_at, died_at)
        group.last_seen = max(group.last_seen or died_at, died_at)
        if diagnosis.version is not None and len(group.versions) < GROUPS_MAX:
            group.versions.add(diagnosis.version)
        if len(group.examples) < EXAMPLES_MAX:
            group.examples.append(message.message_id)
        if diagnosis.customer_id is not None:
            name = hashlib.sha256(diagnosis.customer_id.encode()).digest()[:16]
            group.customers += self._base.execute(
                "INSERT OR IGNORE INTO hit VALUES (?, ?)", (group.cause.key, name)
            ).rowcount

    def groups(self) -> list[Group]:
        """The groups, the largest first."""
        return sorted(self._groups.values(), key=lambda one: (-one.count, one.cause.key))

    # Private functions

    def _group(self, cause: Cause) -> Group:
        kept = cause if cause.key in self._groups or len(self._groups) < GROUPS_MAX else REST
        return self._groups.setdefault(kept.key, Group(cause=kept))
