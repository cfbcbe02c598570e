"""What a journal's lines amount to: where each item stands, and how the run as a whole does.

Items are in a temporary SQLite database on the disk, made anew from the journal: it may be lost at
any time, and takes the memory of a few pages.
"""

import json
import sqlite3
from collections import Counter
from collections.abc import Iterable, Iterator, Mapping
from dataclasses import dataclass
from datetime import datetime
from enum import StrEnum
from typing import Any, Literal, Self

from customer_events.instants import from_wire, to_wire
from fanout.runs.journal import Kind, Record

_SCHEMA = """
PRAGMA journal_mode = OFF; PRAGMA synchronous = OFF; PRAGMA cache_size = -500;
CREATE TABLE items (
    id TEXT PRIMARY KEY, position INTEGER NOT NULL, facts TEXT NOT NULL, state TEXT NOT NULL,
    step TEXT NOT NULL DEFAULT '', end TEXT NOT NULL DEFAULT '', detail TEXT NOT NULL DEFAULT '{}',
    unsure INTEGER NOT NULL DEFAULT 0, alias TEXT
) WITHOUT ROWID;
CREATE INDEX by_position ON items (position);
CREATE INDEX by_alias ON items (alias);
CREATE INDEX by_state ON items (state, position);
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


def fate(state: str, step: str, end: str) -> str:
    """A short name for where an item stands, the same in every count.

    An `end`, or: `waiting`; `STEP unconfirmed` (begun, its end unknown); `STEP done` (the next step
    is not); `STEP failed`.
    """
    if state == State.ENDED:
        return end
    how = {State.DOING: "unconfirmed", State.DID: "done", State.FAILED: "failed"}
    return f"{step} {how[State(state)]}" if state in how else "waiting"


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


class Ledger:
    """Every item of a run and where it stands.

    `header` has the fields of the first line; `began_at` and `last_at` are of the first and last
    line. `cut_off`: when the selection was frozen; `left_out`: what it could not see; `starts`: how
    many stretches of work have begun; `complaint`: what a finished run ended with besides its
    items, "" where all was well.
    """

    def __init__(self) -> None:
        self._base = sqlite3.connect("", isolation_level=None, check_same_thread=False)
        # half a surrogate pair may be in facts
        self._base.text_factory = lambda text: text.decode(errors="replace")
        self._base.executescript(_SCHEMA)
        self._count = 0
        self.header: Mapping[str, Any] = {}
        self.began_at: datetime | None = None
        self.last_at: datetime | None = None
        self.status = "unfinished selection"
        self.cut_off: datetime | None = None
        self.left_out: tuple[str, ...] = ()
        self.starts = 0
        self.complaint = ""
        self.timeline: list[dict[str, str]] = []

    @classmethod
    def of(cls, records: Iterable[Record]) -> Self:
        """Everything that the records say."""
        ledger = cls()
        try:
            ledger._base.execute("BEGIN")
            for record in records:
                ledger.apply(record)
            ledger._base.execute("COMMIT")
        except BaseException:  # a journal that can't be read must leave no file behind
            ledger.close()
            raise
        return ledger

    def close(self) -> None:
        """Remove the file."""
        self._base.close()

    def apply(self, record: Record) -> None:
        """Take in one more record."""
        self.began_at, self.last_at = self.began_at or record.at, record.at
        if event := self._follow(record.kind, record.fields):
            self.timeline.append({"at": to_wire(record.at), "text": event})

    def get(self, name: str, *, by: Literal["id", "alias"] = "id") -> Item | None:
        """An item by its id, or by the fact `alias`: another id that it may come back under."""
        query = f"SELECT {_COLUMNS} FROM items WHERE {by} = ? LIMIT 1"  # noqa: S608 (one of two)
        row = self._base.execute(query, (name,)).fetchone()
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

    def fates(self, fact: str) -> Counter[tuple[str, str]]:
        """How many items have each value of a fact ("" where one has it not) and each `fate`."""
        rows = self._base.execute(
            "SELECT COALESCE(json_extract(facts, ?), ''), state, step, end, COUNT(*)"
            " FROM items GROUP BY 1, 2, 3, 4 ORDER BY 1",
            (f"$.{fact}",),
        )
        counts: Counter[tuple[str, str]] = Counter()
        for value, state, step, end, count in rows:
            counts[str(value), fate(state, step, end)] += count
        return counts

    def ends(self) -> Counter[str]:
        """How many items have ended, by how they did."""
        return self._counts("SELECT end, COUNT(*) FROM items WHERE state = 'ended' GROUP BY 1")

    def count(self, *states: State) -> int:
        """How many items are in these states; all, if none is named."""
        counts = self._counts("SELECT state, COUNT(*) FROM items GROUP BY 1")
        return sum(counts[state] for state in states or counts)

    def count_unsure(self) -> int:
        """How many items are `unsure`."""
        return self._counts("SELECT unsure, COUNT(*) FROM items GROUP BY 1")[1]

    # Private functions

    def _counts(self, query: str) -> Counter[Any]:
        return Counter(dict(self._base.execute(query).fetchall()))

    def _follow(self, kind: Kind, fields: Mapping[str, Any]) -> str:
        """What a record says of the run as a whole, as a sentence; "" where it says nothing."""
        text = ""
        match kind:
            case Kind.RUN:
                self.header = fields
                text = f"{fields['command']} by {_who(fields)}"
            case Kind.SELECTED:
                self._select(fields["items"])
            case Kind.FROZEN:
                self.status, self.cut_off = "planned", from_wire(fields["cut_off"])
                self.left_out = tuple(fields["left_out"])
                text = f"{fields['count']:,} selected"
            case Kind.STARTED:
                self.status, self.starts = "unfinished", self.starts + 1
                # Whatever was under way until now ended nobody knows how.
                self._base.execute(
                    "UPDATE items SET unsure = 1 WHERE state = 'doing' AND step NOT IN (?, ?, ?)",
                    HARMLESS_TWICE,
                )
                text = f"work began: {_who(fields)} ({fields['operator'].get('identity')})"
            case Kind.INTENT | Kind.DONE | Kind.ENDED:
                self._update(kind, fields)
            case Kind.NOTE:
                text = fields["text"]
            case Kind.PAUSED:
                self.status = "paused"
                text = f"paused: {fields['why']}"
            case Kind.FINISHED:
                self.status, self.complaint = "finished", fields.get("why", "")
                text = f"finished: {self.complaint}" if self.complaint else "finished"
        return text

    def _select(self, items: Iterable[Mapping[str, Any]]) -> None:
        for item in items:
            facts = json.dumps({name: value for name, value in item.items() if name != "id"})
            self._base.execute(
                "INSERT OR IGNORE INTO items (id, position, facts, state, alias)"
                " VALUES (?, ?, ?, ?, ?)",
                (item["id"], self._count, facts, State.WAITING, item.get("alias")),
            )
            self._count += 1

    def _update(self, kind: Kind, fields: Mapping[str, Any]) -> None:
        rows: list[tuple[Any, ...]]
        if kind is Kind.INTENT:
            change = "UPDATE items SET state = 'doing', step = ? WHERE id = ? AND state <> 'ended'"
            rows = [(fields["step"], item_id) for item_id in fields["ids"]]
        elif kind is Kind.DONE:
            change = (
                "UPDATE items SET state = ?, step = ?, detail = ? WHERE id = ? AND state <> 'ended'"
            )
            states = {True: State.DID, False: State.FAILED}
            rows = [
                (states[result["ok"]], fields["step"], _detail(result), result["id"])
                for result in fields["results"]
            ]
        else:
            change = "UPDATE items SET state = 'ended', end = ?, detail = ? WHERE id = ?"
            rows = [(end["end"], _detail(end), end["id"]) for end in fields["items"]]
        self._base.executemany(change, rows)


def _who(fields: Mapping[str, Any]) -> str:
    return f"{fields['operator']['user']}@{fields['operator']['host']}"


def _detail(fields: Mapping[str, Any]) -> str:
    return json.dumps({name: value for name, value in fields.items() if name not in {"id", "ok"}})


def _item(row: tuple[Any, ...]) -> Item:
    found = dict(zip(_COLUMNS.split(", "), row, strict=True))
    read = {name: json.loads(found[name]) for name in ("facts", "detail")}
    return Item(**found | read | {"state": State(found["state"]), "unsure": bool(found["unsure"])})
