"""Publish again what the failure store holds: oldest change first, each customer's in order.

An object is the unit of the journal, a record that of the order: records of several objects go out
merged by their numbers. After a kill an object that is not done with is published again from its
first record, with the same event ids, which a consumer recognises.
"""

import json
import time
from collections import Counter
from collections.abc import Callable, Iterator, Sequence
from dataclasses import dataclass, field
from typing import Any, Protocol

from fanout.dlq.pace import Pace
from fanout.failures.documents import Record, customer_of
from fanout.failures.endings import GONE, MOVE, OPEN, PUBLISH
from fanout.failures.endings import REFUSED as ENDED_REFUSED
from fanout.failures.loading import Loaded
from fanout.failures.merge import Opening, Placed, merged
from fanout.failures.moving import Moving
from fanout.failures.publisher_function import FAILED, REFUSED, Outcome
from fanout.runs.ledger import Item, State
from fanout.runs.records import done, ended, intent
from fanout.runs.run import Run

RECORDS_PER_CALL_MAX = 200
CALL_BYTES_MAX = 3_000_000
"""Of the records of one invocation: Lambda takes 6 MB."""
BEHIND = "BehindFailedRecord"
"""An earlier change of the same customer failed, so this one waits for it."""
_MOVES_MAX = 200


_BEHIND = Outcome(outcome=FAILED, reason=BEHIND)


class Function(Protocol):
    """The publisher."""

    def publish(self, records: Sequence[Record]) -> list[Outcome]:
        """An outcome for each record, in their order."""
        ...


@dataclass(slots=True, kw_only=True)
class Progress:
    """What this stretch of work has come to: objects done with, records by outcome."""

    objects: int = 0
    records: Counter[str] = field(default_factory=Counter)


@dataclass(slots=True, kw_only=True)
class _Tally:
    """What became of one object's records so far."""

    outcomes: Counter[str] = field(default_factory=Counter)
    reasons: Counter[str] = field(default_factory=Counter)

    def add(self, outcome: Outcome) -> None:
        self.outcomes[outcome.outcome] += 1
        if outcome.reason:
            self.reasons[outcome.reason] += 1

    def to_document(self) -> dict[str, Any]:
        found: dict[str, Any] = {name.lower(): count for name, count in self.outcomes.items()}
        if self.reasons:
            found["why"] = ", ".join(sorted(self.reasons))
        return found


@dataclass(slots=True, kw_only=True)
class Recovery:
    """One stretch of work on a run.

    Args:
        load: the records of an item, by its id.
        id_attribute: of the customer id, in a record's key.
        keep_lock: called before each call.
        stop: asked between calls.
        tell_progress: called after each call.
        pace: of the records; as fast as it goes by default.
    """

    run: Run
    load: Callable[[str], Loaded]
    function: Function
    moving: Moving
    id_attribute: str
    keep_lock: Callable[[], None]
    stop: Callable[[], bool]
    tell_progress: Callable[[Progress], None] = lambda _progress: None
    pace: Pace = field(default_factory=lambda: Pace(None, wait=time.sleep))
    progress: Progress = field(default_factory=Progress)
    stuck_for: str = ""
    _tallies: dict[str, _Tally] = field(default_factory=dict)
    _waiting: set[str] = field(default_factory=set)

    def work(self) -> None:
        """Go over every open object once.

        It stops where the publisher took nothing of a whole call; `stuck_for` then says why.
        """
        self._finish_moves()
        most = self.pace.at_once(RECORDS_PER_CALL_MAX)
        for call in _calls(merged(self._openings(), self._load), most):
            if self.stop() or self.stuck_for:
                return
            self.pace.take(len(call))
            if self.stop():
                return
            self.keep_lock()
            self._publish(call)
            self.tell_progress(self.progress)

    # Private functions

    def _finish_moves(self) -> None:
        """Of an earlier stretch: what is published, and lacks its move only."""
        page: list[Item] = []
        for item in self.run.ledger.items(State.DOING, State.DID, State.FAILED):
            if not _lacks_move_only(item):
                continue
            page.append(item)
            if len(page) == _MOVES_MAX:
                self._move(page)
                page = []
        self._move(page)

    def _openings(self) -> Iterator[Opening]:
        for item in self.run.ledger.items(*OPEN):
            if not _lacks_move_only(item):
                yield Opening(item_id=item.id, first=int(item.facts["first"]))

    def _load(self, item_id: str) -> Sequence[Record]:
        loaded = self.load(item_id)
        if not loaded.records:
            ending = {"id": item_id, "end": GONE, "why": loaded.why or "it holds no record now"}
            self.run.record(ended([ending]))
            self.progress.objects += 1
            return ()
        return loaded.records

    def _publish(self, call: Sequence[Placed]) -> None:
        new = dict.fromkeys(one.item_id for one in call if one.item_id not in self._tallies)
        if new:
            self.run.record(intent(PUBLISH, new))
            self._tallies.update((name, _Tally()) for name in new)
        waiting = [self._customer(one) in self._waiting for one in call]
        going = [one for one, waits in zip(call, waiting, strict=True) if not waits]
        outcomes = self.function.publish([one.record for one in going]) if going else []
        for placed, outcome in zip(going, outcomes, strict=True):
            self._note(placed, outcome)
        for placed, waits in zip(call, waiting, strict=True):
            if waits:
                self._note(placed, _BEHIND)
        if outcomes and all(one.outcome == FAILED for one in outcomes):
            self.stuck_for = ", ".join(sorted({one.reason for one in outcomes}))
        self._settle(one.item_id for one in call if one.last)

    def _customer(self, placed: Placed) -> str:
        return customer_of(placed.record, self.id_attribute) or ""

    def _note(self, placed: Placed, outcome: Outcome) -> None:
        self._tallies[placed.item_id].add(outcome)
        self.progress.records[outcome.outcome] += 1
        customer = self._customer(placed)
        if outcome.outcome == FAILED and customer:
            self._waiting.add(customer)

    def _settle(self, item_ids: Iterator[str]) -> None:
        """Say how objects ended whose records all have an outcome, and move what ended well."""
        tallies = {name: self._tallies.pop(name) for name in item_ids}
        results, endings, well = [], [], []
        for name, tally in tallies.items():
            told = {"id": name, **tally.to_document()}
            if tally.outcomes[FAILED]:
                results.append({**told, "ok": False})
            elif tally.outcomes[REFUSED]:
                endings.append({**told, "end": ENDED_REFUSED})
            else:
                results.append({**told, "ok": True})
                well.append(name)
        if results or endings:
            self.run.record(done(PUBLISH, results), ended(endings))
        self.progress.objects += len(tallies) - len(well)
        self._move([item for name in well if (item := self.run.ledger.get(name)) is not None])

    def _move(self, items: Sequence[Item]) -> None:
        details = {
            one.id: {name: told for name, told in one.detail.items() if name not in {"end", "why"}}
            for one in items
        }
        self.moving.move(items, details)
        self.progress.objects += len(items)


# Private functions


def _lacks_move_only(item: Item) -> bool:
    return item.step == MOVE or (item.step == PUBLISH and item.state is State.DID)


def _calls(placed: Iterator[Placed], records_max: int) -> Iterator[list[Placed]]:
    """As many records as one invocation takes, by number and by size."""
    call: list[Placed] = []
    size_bytes = 0
    for one in placed:
        weight = len(json.dumps(one.record))
        if call and (len(call) == records_max or size_bytes + weight > CALL_BYTES_MAX):
            yield call
            call, size_bytes = [], 0
        call.append(one)
        size_bytes += weight
    if call:
        yield call
