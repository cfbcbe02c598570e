"""Several runs of one subscriber told as one: each message once, with its last fate.

A message that is replayed and dies again has a new id; what stays is the id of its first delivery
(the fact `alias`). The runs' lines are read in the order of their instants, so what happened last
to a message decides: a run that selected it again found it dead again.
"""

import heapq
from collections.abc import Collection, Iterable, Iterator, Mapping, Sequence
from contextlib import contextmanager
from dataclasses import dataclass, replace
from operator import itemgetter
from typing import Any

from fanout.errors import WrongUse
from fanout.runs import journal
from fanout.runs.ledger import Ledger
from fanout.runs.records import Kind, Record
from fanout.runs.report import OF_RUN, Report, account
from fanout.runs.store import StoredRun

_SAME = ("prefix", "subscriber", "dlq_arn")
_NAMES = "CREATE TABLE names (run TEXT, id TEXT, key TEXT, PRIMARY KEY (run, id)) WITHOUT ROWID"


@dataclass(frozen=True, slots=True, kw_only=True)
class Endings:
    """What the ends of messages say of where they are.

    `well`: done with; `back`: left the DLQ, so that a message which is selected once more has died
    again; `gone`: not found, which says nothing of a message that another run was done with.
    """

    well: Collection[str]
    back: Collection[str]
    gone: str


@contextmanager
def account_of_several(
    runs: Sequence[StoredRun], endings: Endings
) -> Iterator[tuple[Report, Ledger]]:
    """One report of all the runs, and where each message stands, by its first delivery's id.

    Raises:
        WrongUse: the runs are of different subscribers.
    """
    headers = [one.header.fields for one in runs if one.header is not None]
    _require_one_subject(headers)
    ledger = _Merged(endings)
    states = {one.run_id: "planned" for one in runs}
    try:
        with account(_in_turn(runs, ledger, states), ledger) as (report, _):
            open_runs = [name for name, state in states.items() if state != "finished"]
            status = f"not finished: {', '.join(open_runs)}" if open_runs else "finished"
            yield replace(report, header=_header(headers), status=status), ledger
    finally:
        ledger.close()


# Private functions


class _Merged(Ledger):
    """A ledger whose items are messages by the ids of their first deliveries."""

    def __init__(self, endings: Endings) -> None:
        super().__init__()
        self._endings = endings
        self._base.execute(_NAMES)

    def translated(self, run_id: str, record: Record) -> Record:
        """The record with first deliveries' ids in place of its own."""
        fields: dict[str, Any] = {**record.fields, OF_RUN: run_id}
        match record.kind:
            case Kind.SELECTED:
                fields["items"] = [self._renamed(run_id, one) for one in fields["items"]]
            case Kind.INTENT:
                fields["ids"] = [self._key(run_id, one) for one in fields["ids"]]
            case Kind.DONE | Kind.ENDED:
                name = "results" if record.kind is Kind.DONE else "items"
                fields[name] = [
                    {**one, "id": self._key(run_id, one["id"]), "run": run_id}
                    for one in fields[name]
                ]
        return replace(record, fields=fields)

    # Private functions

    def _renamed(self, run_id: str, item: Mapping[str, Any]) -> dict[str, Any]:
        key = item.get("alias") or item["id"]
        if key != item["id"]:
            self._base.execute(
                "INSERT OR REPLACE INTO names VALUES (?, ?, ?)", (run_id, item["id"], key)
            )
        return {**item, "id": key, "alias": None}

    def _key(self, run_id: str, item_id: str) -> str:
        row = self._base.execute(
            "SELECT key FROM names WHERE run = ? AND id = ?", (run_id, item_id)
        ).fetchone()
        return row[0] if row else item_id

    def _select(self, items: Iterable[Mapping[str, Any]]) -> None:
        """What a run finds dead again waits again; what it found where it was keeps its fate."""
        again = list(items)
        super()._select(again)
        self._reopen([one["id"] for one in again], self._endings.back)

    def _intend(self, fields: Mapping[str, Any]) -> None:
        """What an earlier run left undone is tried anew."""
        self._reopen(fields["ids"], None)
        super()._intend(fields)

    def _end(self, endings: Iterable[Mapping[str, Any]]) -> None:
        super()._end(one for one in endings if not self._was_done_with(one))

    def _was_done_with(self, ending: Mapping[str, Any]) -> bool:
        if ending["end"] != self._endings.gone:
            return False
        item = self.get(ending["id"])
        return item is not None and item.end in self._endings.well

    def _reopen(self, keys: Iterable[str], ends: Collection[str] | None) -> None:
        marks = "" if ends is None else f" AND end IN ({','.join('?' * len(ends))})"
        self._base.executemany(
            "UPDATE items SET state = 'waiting', step = '', end = '', detail = '{}'"  # noqa: S608 (marks)
            f" WHERE id = ? AND state = 'ended'{marks}",
            [(key, *(ends or ())) for key in keys],
        )


def _in_turn(
    runs: Sequence[StoredRun], ledger: _Merged, states: dict[str, str]
) -> Iterator[Record]:
    """Every run's lines by their instants; within a run in their order."""
    streams = (_named(one, place) for place, one in enumerate(runs))
    for _, run_id, record in heapq.merge(*streams, key=itemgetter(0)):
        if record.kind in {Kind.STARTED, Kind.PAUSED, Kind.FINISHED}:
            states[run_id] = record.kind.value
        yield ledger.translated(run_id, record)


def _named(run: StoredRun, place: int) -> Iterator[tuple[tuple[Any, ...], str, Record]]:
    for record in journal.read(run.path):
        yield (record.at, place, record.n), run.run_id, record


def _require_one_subject(headers: Sequence[Mapping[str, Any]]) -> None:
    subjects = [tuple(one["subject"].get(name) for name in _SAME) for one in headers]
    if len(set(subjects)) > 1:
        told = "; ".join(
            f"{one['run_id']} of {one['subject'].get('subscriber', 'no subscriber')}"
            for one in headers
        )
        raise WrongUse(f"Only runs of one subscriber's DLQ can be told as one; these are: {told}.")


def _header(headers: Sequence[Mapping[str, Any]]) -> dict[str, Any]:
    """Of all of them: the last operator's, and which runs they are."""
    last = headers[-1]
    return {
        **last,
        "run_id": ", ".join(one["run_id"] for one in headers),
        "command": ", ".join(dict.fromkeys(one["command"] for one in headers)),
        "options": {"runs": [one["run_id"] for one in headers]},
    }
