"""Differences on the disk: a table that was never seeded differs in every row, and memory is small.

An SQLite file in a temporary folder; nothing in it outlives the command.
"""

import json
import sqlite3
import tempfile
from collections.abc import Iterator, Sequence
from dataclasses import asdict, dataclass
from datetime import datetime
from pathlib import Path
from types import TracebackType
from typing import Any, Self

from customer_events.instants import from_wire, to_wire
from fanout.reconcile.comparison import Difference, Drift

UNEXPLAINED = "unexplained"


@dataclass(frozen=True, slots=True, kw_only=True)
class Group:
    """Differences of one kind and cause; `oldest` is the earliest `since` that is known."""

    drift: Drift
    cause: str
    count: int
    oldest: datetime | None

    def to_document(self) -> dict[str, Any]:
        """One JSON object."""
        oldest = self.oldest and to_wire(self.oldest)
        return {"drift": self.drift.value, "cause": self.cause, "count": self.count} | {
            "oldest": oldest
        }


class DifferenceStore:
    """The differences that still stand, by customer; use it in a `with` block."""

    def __init__(self) -> None:
        self._folder = tempfile.TemporaryDirectory(prefix="fanout-reconcile-")
        self._base = sqlite3.connect(
            Path(self._folder.name) / "differences.sqlite", isolation_level=None
        )
        self._base.executescript(
            "PRAGMA journal_mode = OFF; PRAGMA synchronous = OFF;"
            "CREATE TABLE differences (id TEXT PRIMARY KEY, drift TEXT, cause TEXT, since TEXT,"
            " document TEXT) WITHOUT ROWID;"
        )

    def __enter__(self) -> Self:
        """Keep them until the block ends."""
        return self

    def __exit__(
        self,
        kind: type[BaseException] | None,
        error: BaseException | None,
        trace: TracebackType | None,
    ) -> None:
        """Remove the file."""
        self._base.close()
        self._folder.cleanup()

    def put(self, difference: Difference) -> None:
        """Note a difference, in place of what was known of the customer."""
        since = difference.since and to_wire(difference.since)
        self._base.execute(
            "INSERT OR REPLACE INTO differences VALUES (?, ?, ?, ?, ?)",
            (
                difference.customer_id,
                difference.drift,
                difference.cause or UNEXPLAINED,
                since,
                _to_text(difference),
            ),
        )

    def get(self, customer_id: str) -> Difference | None:
        """What is known of a customer."""
        row = self._base.execute(
            "SELECT document FROM differences WHERE id = ?", (customer_id,)
        ).fetchone()
        return _from_text(row[0]) if row else None

    def drop(self, customer_id: str) -> None:
        """The customer does not differ any more."""
        self._base.execute("DELETE FROM differences WHERE id = ?", (customer_id,))

    def count(self) -> int:
        """How many there are."""
        return int(self._base.execute("SELECT COUNT(*) FROM differences").fetchone()[0])

    def chunks(self, size: int) -> Iterator[list[Difference]]:
        """All of them, some at a time; they may be put and dropped in between."""
        last = ""
        while True:
            rows = self._base.execute(
                "SELECT id, document FROM differences WHERE id > ? ORDER BY id LIMIT ?",
                (last, size),
            ).fetchall()
            if not rows:
                return
            yield [_from_text(document) for _, document in rows]
            last = rows[-1][0]

    def first(self, count: int) -> Sequence[Difference]:
        """Some of them, to show."""
        return next(self.chunks(count), [])

    def groups(self) -> list[Group]:
        """How many there are of each kind and cause, the most first."""
        rows = self._base.execute(
            "SELECT drift, cause, COUNT(*), MIN(since) FROM differences"
            " GROUP BY drift, cause ORDER BY COUNT(*) DESC, drift, cause"
        )
        return [
            Group(
                drift=Drift(drift),
                cause=cause,
                count=count,
                oldest=from_wire(oldest) if oldest else None,
            )
            for drift, cause, count, oldest in rows
        ]


# Private functions


def _to_text(difference: Difference) -> str:
    document = asdict(difference)
    for name in ("since", "row_of"):
        document[name] = document[name] and to_wire(document[name])
    return json.dumps(document)


def _from_text(text: str) -> Difference:
    document = json.loads(text)
    for name in ("since", "row_of"):
        document[name] = from_wire(document[name]) if document[name] else None
    return Difference(**{**document, "drift": Drift(document["drift"])})
