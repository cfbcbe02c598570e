"""The lines of a journal: one JSON object each, made by the functions here.

Every line has `n` (from 1, without gaps), `at` (an instant) and `kind`; the other fields depend on
the kind. An item is a JSON object with an `id` and facts: never a body, unless an edit has to be
able to bring the original back.
"""

from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass
from datetime import datetime
from enum import StrEnum
from typing import Any

from customer_events.instants import from_wire, to_wire

FORMAT = 1
"""Version of the lines; a reader refuses a newer one."""


class Kind(StrEnum):
    """What a line says."""

    RUN = "run"
    SELECTED = "selected"
    FROZEN = "frozen"
    STARTED = "started"
    INTENT = "intent"
    DONE = "done"
    ENDED = "ended"
    NOTE = "note"
    PAUSED = "paused"
    FINISHED = "finished"


@dataclass(frozen=True, slots=True, kw_only=True)
class Entry:
    """A line that is yet to be written: its kind and its own fields."""

    kind: Kind
    fields: Mapping[str, Any]


@dataclass(frozen=True, slots=True, kw_only=True)
class Record:
    """A line of a journal. `n` counts from 1; `fields` are those of its kind."""

    n: int
    at: datetime
    kind: Kind
    fields: Mapping[str, Any]

    def to_document(self) -> dict[str, Any]:
        """The JSON object of the line."""
        return {"n": self.n, "at": to_wire(self.at), "kind": self.kind.value, **self.fields}


def from_document(document: dict[str, Any]) -> Record:
    """Read a line's JSON object.

    Raises:
        ValueError: it is no line of a journal.
    """
    try:
        fields = dict(document)
        n, at, kind = fields.pop("n"), fields.pop("at"), fields.pop("kind")
        return Record(n=int(n), at=from_wire(at), kind=Kind(kind), fields=fields)
    except (KeyError, TypeError, OverflowError) as error:
        raise ValueError(f"no line of a journal: {error}") from None


def selected(items: Sequence[Mapping[str, Any]]) -> Entry:
    """Items of the selection, each with an `id` and facts that the report tells."""
    return Entry(kind=Kind.SELECTED, fields={"items": list(items)})


def frozen(*, cut_off: datetime, count: int, left_out: Sequence[str] = ()) -> Entry:
    """The selection is closed. What came after `cut_off` is not in it.

    `left_out` are sentences: what could not be seen, and why.
    """
    return Entry(
        kind=Kind.FROZEN,
        fields={"cut_off": to_wire(cut_off), "count": count, "left_out": list(left_out)},
    )


def intent(step: str, ids: Iterable[str], **about: Any) -> Entry:
    """A step is about to be done to these items. `about` holds what a resume needs to know."""
    return Entry(kind=Kind.INTENT, fields={"step": step, "ids": list(ids), **about})


def done(step: str, results: Iterable[Mapping[str, Any]]) -> Entry:
    """A step's end: for each item its `id`, `ok`, and either what came of it or `why` not."""
    return Entry(kind=Kind.DONE, fields={"step": step, "results": list(results)})


def ended(endings: Iterable[Mapping[str, Any]]) -> Entry:
    """How items ended, for good: for each its `id`, `end` (a short code), and details."""
    return Entry(kind=Kind.ENDED, fields={"items": list(endings)})


def note(text: str) -> Entry:
    """A sentence for the timeline."""
    return Entry(kind=Kind.NOTE, fields={"text": text})
