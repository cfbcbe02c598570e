"""Move what is done with to `recovered/<run>/` or `discarded/<run>/`."""

from collections.abc import Mapping, Sequence
from concurrent.futures import ThreadPoolExecutor
from typing import Any, Protocol

from botocore.exceptions import BotoCoreError, ClientError

from fanout.failures.documents import Kind
from fanout.failures.endings import MOVE
from fanout.runs.ledger import Item
from fanout.runs.records import done, ended, intent
from fanout.runs.run import Run

MOVERS = 8


class Store(Protocol):
    """Where objects are moved."""

    def move(self, key: str, new_key: str) -> bool:
        """Copy, then delete; False where neither place has it."""
        ...


class Moving:
    """Moves objects of one run.

    Args:
        folder: `recovered` or `discarded`.
        end: how an object that was moved has ended.
        end_if_missing: how one has ended that neither place has.
    """

    def __init__(
        self, run: Run, store: Store, *, folder: str, end: str, end_if_missing: str
    ) -> None:
        self._run = run
        self._store = store
        self._folder = folder
        self._end = end
        self._end_if_missing = end_if_missing

    def move(self, items: Sequence[Item], details: Mapping[str, Mapping[str, Any]]) -> int:
        """Move them, each step in the journal; returns how many failed.

        Args:
            items: objects that are done with.
            details: by id, what the report says of each besides its end.
        """
        if not items:
            return 0
        self._run.record(intent(MOVE, [one.id for one in items]))
        with ThreadPoolExecutor(max_workers=MOVERS) as pool:
            effects = list(pool.map(self._effect, items))
        results, endings = [], []
        for item, (moved, why) in zip(items, effects, strict=True):
            detail = dict(details.get(item.id, {}))
            if why:
                results.append({**detail, "id": item.id, "ok": False, "why": why})
                continue
            end = self._end if moved else self._end_if_missing
            endings.append({**detail, "id": item.id, "end": end})
        self._run.record(done(MOVE, results), ended(endings))
        return len(results)

    # Private functions

    def _effect(self, item: Item) -> tuple[bool, str]:
        """Whether it was there, and why it could not be moved; a range has no object."""
        if item.facts.get("kind") == Kind.RANGE:
            return True, ""
        try:
            new_key = f"{self._folder}/{self._run.run_id}/{item.id}"
            return self._store.move(item.id, new_key), ""
        except (BotoCoreError, ClientError) as error:
            return False, _code(error)


def _code(error: BotoCoreError | ClientError) -> str:
    if isinstance(error, ClientError):
        return str(error.response.get("Error", {}).get("Code", "Unnamed"))
    return type(error).__name__
