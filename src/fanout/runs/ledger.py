"""What a journal's lines amount to, item by item, in the memory of a few pages.

A temporary SQLite database on the disk, made anew from the journal: it may be lost at any time.
"""

import json
import sqlite3
from collections.abc import Iterable, Iterator, Mapping, Sequence
from dataclasses import dataclass
from enum import StrEnum
from typing import Any, Self

from fanout.runs.journal import Kind, Record

_TABLE = """
CREATE TABLE items (
    id TEXT PRIMARY KEY, position INTEGER NOT NULL, facts TEXT NOT NULL, state TEXT NOT NULL,
    step TEXT NOT NULL DEFAULT '', end TEXT NOT NULL DEFAULT '', detail TEXT NOT NULL DEFAULT '{}',
    unsure INTEGER NOT NULL DEFAULT 0, alias TEXT
) WITHOUT ROWID;
CREATE INDEX by_position ON items (position);
CREATE INDEX by_alias ON items (alias);
CREATE INDEX by_state ON items (state, step, end);
"""
_COLUMNS = "id, position, facts, state, step, end, detail, unsure"


HARMLESS_TWICE = ("delete", "move", "release")
"""Steps whose repetition has no effect, so that their unknown end leaves no doubt behind."""


class State(StrEnum):
    """Where an item stands; see the package's docstring for what a resume does with it."""

    WAITING = "waiting"
    DOING = "doing"
    DID = "did"
    FAILED = "failed"
    ENDED = "ended"


@dataclass(frozen=True, slots=True, kw_only=True)
class Item:
    """One item of a run.

    `facts` are what was selected; `step` the last step begun; `end` the code it ended with, or "";
    `detail` the fields of the last record about it; `unsure` whether the end of some step was once
    unknown, so that its effect may be there twice.
    """

    id: str
    position: int
    facts: Mapping[str, Any]
    state: State
    step: str
    end: str
    detail: Mapping[str, Any]
    unsure: bool


@dataclass(frozen=True, slots=True, kw_only=True)
class Tally:
    """How many items stand alike."""

    state: State
    step: str
    end: str
    unsure: bool
    count: int


class Ledger:
    """Every item of a run and where it stands."""

    def __init__(self) -> None:
        self._base = sqlite3.connect("", isolation_level=None, check_same_thread=False)
        self._base.executescript("PRAGMA journal_mode = OFF; PRAGMA synchronous = OFF;" + _TABLE)
        self._count = 0

    @classmethod
    def of(cls, records: Iterable[Record]) -> Self:
        """Everything that the records say."""
        ledger = cls()
        try:
            ledger.fill(records)
        except BaseException:  # a journal that can't be read must leave no folder behind
            ledger.close()
            raise
        return ledger

    def fill(self, records: Iterable[Record]) -> None:
        """Take in all that the records say."""
        self._base.execute("BEGIN")
        for record in records:
            self.apply(record)
        self._base.execute("COMMIT")

    def close(self) -> None:
        """Remove the file."""
        self._base.close()

    def apply(self, record: Record) -> None:
        """Take in one more record."""
        match record.kind:
            case Kind.SELECTED:
                self._select(record.fields["items"])
            case Kind.STARTED:  # whatever was under way then ended nobody knows how
                self._base.execute(
                    "UPDATE items SET unsure = 1 WHERE state = 'doing' AND step NOT IN (?, ?, ?)",
                    HARMLESS_TWICE,
                )
            case Kind.INTENT:
                self._intend(record.fields)
            case Kind.DONE:
                self._finish_step(record.fields["step"], record.fields["results"])
            case Kind.ENDED:
                self._end(record.fields["items"])

    def get(self, item_id: str) -> Item | None:
        """An item by its id."""
        row = self._base.execute(
            f"SELECT {_COLUMNS} FROM items WHERE id = ?",  # noqa: S608 (a constant)
            (item_id,),
        ).fetchone()
        return _item(row) if row else None

    def by_alias(self, alias: str) -> Item | None:
        """An item by the fact `alias`: another id that it may come back under."""
        row = self._base.execute(
            f"SELECT {_COLUMNS} FROM items WHERE alias = ? LIMIT 1",  # noqa: S608 (a constant)
            (alias,),
        ).fetchone()
        return _item(row) if row else None

    def items(self, *states: State) -> Iterator[Item]:
        """The items in these states (all, if none is named), in the order of their selection."""
        wanted = states or tuple(State)
        marks = ",".join("?" * len(wanted))
        position = -1
        while True:  # by pages, so that records may be applied in between
            rows = self._base.execute(
                f"SELECT {_COLUMNS} FROM items WHERE state IN ({marks}) AND position > ?"  # noqa: S608
                " ORDER BY position LIMIT 500",
                (*wanted, position),
            ).fetchall()
            if not rows:
                return
            yield from map(_item, rows)
            position = rows[-1][1]

    def tallies(self) -> list[Tally]:
        """How many items stand where, together all of them."""
        rows = self._base.execute(
            "SELECT state, step, end, unsure, COUNT(*) FROM items GROUP BY 1, 2, 3, 4 ORDER BY 1, 3"
        )
        return [_tally(row) for row in rows]

    def tallies_by(self, fact: str) -> list[tuple[str, Tally]]:
        """As `tallies`, for each value of a fact; "" where an item has it not."""
        rows = self._base.execute(
            "SELECT COALESCE(json_extract(facts, ?), ''), state, step, end, unsure, COUNT(*)"
            " FROM items GROUP BY 1, 2, 3, 4, 5 ORDER BY 1",
            (f"$.{fact}",),
        )
        return [(str(value), _tally(row)) for value, *row in rows]

    def count(self, *states: State) -> int:
        """How many items are in these states; all, if none is named."""
        return sum(tally.count for tally in self.tallies() if not states or tally.state in states)

    # Private functions

    def _select(self, items: Iterable[Mapping[str, Any]]) -> None:
        for item in items:
            facts = json.dumps({name: value for name, value in item.items() if name != "id"})
            self._base.execute(
                "INSERT OR IGNORE INTO items (id, position, facts, state, alias)"
                " VALUES (?, ?, ?, ?, ?)",
                (item["id"], self._count, facts, State.WAITING, item.get("alias")),
            )
            self._count += 1

    def _intend(self, fields: Mapping[str, Any]) -> None:
        self._base.executemany(
            "UPDATE items SET state = 'doing', step = ? WHERE id = ? AND state <> 'ended'",
            [(fields["step"], item_id) for item_id in fields["ids"]],
        )

    def _finish_step(self, step: str, results: Iterable[Mapping[str, Any]]) -> None:
        self._base.executemany(
            "UPDATE items SET state = ?, step = ?, detail = ? WHERE id = ? AND state <> 'ended'",
            [
                (State.DID if result["ok"] else State.FAILED, step, _detail(result), result["id"])
                for result in results
            ],
        )

    def _end(self, endings: Iterable[Mapping[str, Any]]) -> None:
        self._base.executemany(
            "UPDATE items SET state = 'ended', end = ?, detail = ? WHERE id = ?",
            [(ending["end"], _detail(ending), ending["id"]) for ending in endings],
        )


# Private functions


def _detail(fields: Mapping[str, Any]) -> str:
    return json.dumps({name: one for name, one in fields.items() if name not in {"id", "ok"}})


def _tally(row: Sequence[Any]) -> Tally:
    state, step, end, unsure, count = row
    return Tally(state=State(state), step=step, end=end, unsure=bool(unsure), count=count)


def _item(row: tuple[Any, ...]) -> Item:
    item_id, position, facts, state, step, end, detail, unsure = row
    return Item(
        id=item_id,
        position=position,
        facts=json.loads(facts),
        state=State(state),
        step=step,
        end=end,
        detail=json.loads(detail),
        unsure=bool(unsure),
    )
