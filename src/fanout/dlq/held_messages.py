"""What a sweep of a DLQ holds, on the disk and not in memory."""

import sqlite3
import tempfile
from collections.abc import Iterator, Sequence
from pathlib import Path

from fanout.dlq.message import DeadMessage
from fanout.dlq.ports import Receipt

_RENEW_CHUNK = 1000


class HeldMessages:
    """Which messages a sweep has seen and holds, on the disk.

    A row's `until` is the monotonic time at which it becomes visible; NULL once it is gone.
    """

    def __init__(self) -> None:
        self._folder = tempfile.TemporaryDirectory(prefix="fanout-sweep-")
        self._base = sqlite3.connect(
            Path(self._folder.name) / "held.sqlite", isolation_level=None, check_same_thread=False
        )
        self._base.executescript(
            "PRAGMA journal_mode = OFF; PRAGMA synchronous = OFF;"
            "CREATE TABLE held (id TEXT PRIMARY KEY, handle TEXT, until REAL) WITHOUT ROWID;"
            "CREATE INDEX by_until ON held (until);"
        )
        self._count = 0

    def add(self, message: DeadMessage, until: float) -> bool:
        """Hold a message; whether it is seen for the first time."""
        known = self._base.execute(
            "UPDATE held SET handle = ?, until = ? WHERE id = ?",
            (message.receipt_handle, until, message.message_id),
        ).rowcount
        if known:
            return False
        self._base.execute(
            "INSERT INTO held VALUES (?, ?, ?)",
            (message.message_id, message.receipt_handle, until),
        )
        self._count += 1
        return True

    def get(self, message_id: str) -> tuple[Receipt, float] | None:
        """What is held of a message, and until when."""
        row = self._base.execute(
            "SELECT handle, until FROM held WHERE id = ? AND until IS NOT NULL", (message_id,)
        ).fetchone()
        return (Receipt(message_id=message_id, handle=row[0]), row[1]) if row else None

    def extend(self, receipts: Sequence[Receipt], until: float) -> None:
        """They are hidden for longer now."""
        self._base.executemany(
            "UPDATE held SET until = ? WHERE id = ?", [(until, one.message_id) for one in receipts]
        )

    def drop(self, message_ids: Sequence[str]) -> None:
        """They are gone."""
        for message_id in message_ids:
            self._count -= self._base.execute(
                "UPDATE held SET until = NULL WHERE id = ? AND until IS NOT NULL", (message_id,)
            ).rowcount

    def count(self) -> int:
        """How many are held."""
        return self._count

    def expiring(self, now: float, *, before: float) -> Iterator[list[Receipt]]:
        """What is hidden until then and not longer, and has not shown up yet."""
        yield from self._chunks("until > ? AND until < ?", now, before)

    def unexpired(self, now: float) -> Iterator[list[Receipt]]:
        """What is still hidden. An old handle might show a message that somebody else has now."""
        yield from self._chunks("until > ? AND until < ?", now, float("inf"))

    def close(self) -> None:
        """Remove the file."""
        self._base.close()
        self._folder.cleanup()

    # Private functions

    def _chunks(self, condition: str, low: float, high: float) -> Iterator[list[Receipt]]:
        last = ""
        while True:
            rows = self._base.execute(
                f"SELECT id, handle FROM held WHERE id > ? AND {condition} ORDER BY id LIMIT ?",  # noqa: S608 (constants)
                (last, low, high, _RENEW_CHUNK),
            ).fetchall()
            if not rows:
                return
            yield [Receipt(message_id=one, handle=handle) for one, handle in rows]
            last = rows[-1][0]
