"""How far each segment of a scan is, in the run's journal: what a resume goes on from.

A segment is an item of the run. `page` is its one step: once every snapshot of a page has been
confirmed, the step is done, and says where the next page begins. A kill in between repeats that
page, with snapshots that were read later; the order guard makes one of both.
"""

import base64
from collections import Counter
from collections.abc import Mapping
from dataclasses import dataclass, field, replace
from datetime import datetime
from threading import Lock
from typing import Any

from fanout.backfill.reading import Item
from fanout.runs.ledger import State
from fanout.runs.records import done, ended, intent
from fanout.runs.run import Run

STEP = "page"
SCANNED = "scanned"
EXAMPLES_MAX = 10


@dataclass(frozen=True, slots=True, kw_only=True)
class Tally:
    """What became of the items of a scan so far.

    `scanned` items, of which `sent` as snapshots and `not_followed` because the subscriber's filter
    does not follow their status; `unreadable` counts by reason code those that can't become an
    event, and `examples` names some of these.
    """

    scanned: int = 0
    sent: int = 0
    not_followed: int = 0
    unreadable: Mapping[str, int] = field(default_factory=dict)
    examples: tuple[str, ...] = ()

    def plus(self, other: "Tally") -> "Tally":
        """Both together."""
        counts = Counter(self.unreadable) + Counter(other.unreadable)
        return Tally(
            scanned=self.scanned + other.scanned,
            sent=self.sent + other.sent,
            not_followed=self.not_followed + other.not_followed,
            unreadable=dict(sorted(counts.items())),
            examples=(*self.examples, *other.examples)[:EXAMPLES_MAX],
        )

    def to_document(self) -> dict[str, Any]:
        """One JSON object."""
        return {
            "scanned": self.scanned,
            "sent": self.sent,
            "not_followed": self.not_followed,
            "unreadable": dict(self.unreadable),
            "examples": list(self.examples),
        }

    @classmethod
    def from_document(cls, document: Mapping[str, Any]) -> "Tally":
        """Read what `to_document` wrote; other fields are left alone."""
        return cls(
            scanned=document["scanned"],
            sent=document["sent"],
            not_followed=document["not_followed"],
            unreadable=document["unreadable"],
            examples=tuple(document["examples"]),
        )


@dataclass(frozen=True, slots=True, kw_only=True)
class Place:
    """Where a segment is: the key that its next page begins after, and whether it is at its end."""

    segment: int
    next_key: Item | None = None
    finished: bool = False
    tally: Tally = Tally()

    def after(self, next_key: Item | None, tally: Tally) -> "Place":
        """The place after one more page."""
        return replace(
            self, next_key=next_key, finished=next_key is None, tally=self.tally.plus(tally)
        )


class Checkpoints:
    """The places of all segments; safe for the threads of one process."""

    def __init__(self, run: Run) -> None:
        self._run = run
        self._lock = Lock()

    def create(self, segments: int, *, now: datetime) -> None:
        """Say which segments there are; nothing has been read yet."""
        self._run.select({"id": _name(one), "segment": one} for one in range(segments))
        self._run.freeze(cut_off=now)

    def places(self) -> list[Place]:
        """Where each segment is."""
        with self._lock:
            items = list(self._run.ledger.items())
        places = []
        for item in items:
            known = item.detail if "scanned" in item.detail else None
            places.append(
                Place(
                    segment=item.facts["segment"],
                    next_key=_key_from(known["next_key"]) if known else None,
                    finished=item.state is State.ENDED,
                    tally=Tally.from_document(known) if known else Tally(),
                )
            )
        return places

    def begin(self, place: Place) -> None:
        """The next page of this segment is about to be sent."""
        with self._lock:
            self._run.record(intent(STEP, [_name(place.segment)]))

    def reached(self, place: Place) -> None:
        """Every snapshot up to here has been confirmed."""
        name = _name(place.segment)
        facts = {
            "id": name,
            "next_key": _key_to(place.next_key),
            **place.tally.to_document(),
        }
        entries = [done(STEP, [{"ok": True, **facts}])]
        if place.finished:
            entries.append(ended([{"end": SCANNED, **facts}]))
        with self._lock:
            self._run.record(*entries)


# Private functions


def _name(segment: int) -> str:
    return f"segment-{segment:04}"


def _key_to(key: Item | None) -> dict[str, Any] | None:
    """A key in JSON, which has no bytes."""
    if key is None:
        return None
    return {
        name: {"B64": base64.b64encode(value["B"]).decode()} if "B" in value else dict(value)
        for name, value in key.items()
    }


def _key_from(document: Mapping[str, Any] | None) -> Item | None:
    if document is None:
        return None
    return {
        name: {"B": base64.b64decode(value["B64"])} if "B64" in value else dict(value)
        for name, value in document.items()
    }
