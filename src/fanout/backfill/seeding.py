"""Scan the segments and send what they hold: the use case, over ports that tests can stand in for.

Correct while live changes flow, by rule 3 of the order guard: a snapshot never overwrites a live
event, and a live event from before the reading never undoes it. A page is sent before the next is
read, so memory holds one page for each segment however large the table is.
"""

from collections import Counter
from collections.abc import Callable, Sequence
from concurrent.futures import ThreadPoolExecutor
from dataclasses import dataclass
from functools import reduce
from typing import Protocol

from customer_events.event import CustomerStatusChanged, Status
from fanout.backfill.accounts_table import Page
from fanout.backfill.checkpoints import EXAMPLES_MAX, Checkpoints, Place, Tally
from fanout.backfill.depth_bound import DepthBound
from fanout.backfill.pace import CapacityPace
from fanout.backfill.reading import Item, Reading, Unreadable
from fanout.backfill.snapshots import snapshot
from fanout.dlq.stopping import Stopping


class Accounts(Protocol):
    """The table that is scanned."""

    def page(self, segment: int, segments: int, *, start: Item | None, limit: int) -> Page:
        """One page of a segment, strongly consistent."""
        ...


class Snapshots(Protocol):
    """The one queue that snapshots go to."""

    def send(self, events: Sequence[CustomerStatusChanged]) -> None:
        """Send them; each is confirmed when this returns."""
        ...


@dataclass(frozen=True, slots=True, kw_only=True)
class Scope:
    """What is sent, and as whose: the statuses that are followed, and the producer's source."""

    source: str
    followed: frozenset[Status]
    page_size: int


class Seeding:
    """One scan of the whole table, in as many threads as there are segments.

    Args:
        accounts: the table.
        queue: where to.
        checkpoints: where each segment is, and where that is kept.
        scope: what is sent.
        pace: shared by the segments.
        bound: on the queue, shared by the segments.
        stopping: asked before each page.
        progress: told how many items a page had.
    """

    def __init__(
        self,
        *,
        accounts: Accounts,
        queue: Snapshots,
        checkpoints: Checkpoints,
        scope: Scope,
        pace: CapacityPace,
        bound: DepthBound,
        stopping: Stopping,
        progress: Callable[[int], None],
    ) -> None:
        self._accounts = accounts
        self._queue = queue
        self._checkpoints = checkpoints
        self._scope = scope
        self._pace = pace
        self._bound = bound
        self._stopping = stopping
        self._progress = progress

    def run(self) -> Tally:
        """Scan to the end, or until asked to stop; returns what became of all items so far.

        Raises:
            Exception: of the first segment that failed; the others stop after their page.
        """
        places = self._checkpoints.places()
        with ThreadPoolExecutor(len(places), thread_name_prefix="segment") as pool:
            scans = [pool.submit(self._scan, place, len(places)) for place in places]
        return reduce(Tally.plus, (one.result().tally for one in scans), Tally())

    # Private functions

    def _scan(self, place: Place, segments: int) -> Place:
        try:
            while not place.finished and self._may_go_on():
                place = self._next_page(place, segments)
        except BaseException:
            self._stopping.ask()
            raise
        return place

    def _may_go_on(self) -> bool:
        return self._pace.wait(self._stopping) and self._bound.wait(self._stopping)

    def _next_page(self, place: Place, segments: int) -> Place:
        page = self._accounts.page(
            place.segment, segments, start=place.next_key, limit=self._scope.page_size
        )
        self._pace.spent(page.units)
        self._checkpoints.begin(place)
        tally = self._send(page)
        self._bound.page_sent(tally.sent)
        reached = place.after(page.next_key, tally)
        self._checkpoints.reached(reached)
        self._progress(page.scanned)
        return reached

    def _send(self, page: Page) -> Tally:
        readings = [one for one in page.readings if isinstance(one, Reading)]
        unreadable = [one for one in page.readings if isinstance(one, Unreadable)]
        followed = [one for one in readings if one.status in self._scope.followed]
        self._queue.send([snapshot(one, self._scope.source) for one in followed])
        return Tally(
            scanned=page.scanned,
            sent=len(followed),
            not_followed=len(readings) - len(followed),
            unreadable=Counter(one.code for one in unreadable),
            examples=tuple(f"{one.customer_id}: {one.code}" for one in unreadable)[:EXAMPLES_MAX],
        )
