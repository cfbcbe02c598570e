"""Read both tables once, page by page, and note every customer that differs at that moment.

Many of these are changes in flight; `settling` tells them from drift.
"""

import random
from collections import Counter
from collections.abc import Callable, Iterable, Iterator, Mapping, Sequence
from dataclasses import dataclass
from datetime import datetime
from typing import Protocol, TypeVar

from fanout.backfill.accounts_table import Page, TableFacts
from fanout.backfill.batch_get import KEYS_MAX
from fanout.backfill.pace import CapacityPace
from fanout.backfill.reading import Item, Reading, Unreadable
from fanout.dlq.stopping import Stopping
from fanout.reconcile.comparison import Difference, Expectation, StoredRow
from fanout.reconcile.difference_store import DifferenceStore
from fanout.reconcile.subscriber_rows import RowPage, SubscriberRows

SEGMENT_ITEMS = 50
"""About how many items a segment has when a sample is drawn."""
SEGMENTS_MAX = 100_000
PAGE_SIZE = 1_000
"""Items read at a time; they are looked up on the other side `KEYS_MAX` at a time."""
_Element = TypeVar("_Element")
_Pages = Callable[[int, int, Item | None], Page | RowPage]


class Accounts(Protocol):
    """The Accounts table, read strongly consistent."""

    @property
    def facts(self) -> TableFacts:
        """What DynamoDB says of it."""
        ...

    def page(self, segment: int, segments: int, *, start: Item | None, limit: int) -> Page:
        """One page of a segment."""
        ...

    def lookup(
        self, customer_ids: Sequence[str]
    ) -> tuple[dict[str, Reading | Unreadable], datetime]:
        """These customers, and an instant at or before the reads."""
        ...


@dataclass(frozen=True, slots=True, kw_only=True)
class Sides:
    """Both tables, and how they are to agree."""

    accounts: Accounts
    rows: SubscriberRows
    expectation: Expectation

    def compare(self, customer_ids: Sequence[str]) -> dict[str, Difference]:
        """Read these customers (any number) on both sides, rows first, and tell who differs."""
        found: dict[str, Difference] = {}
        for ids in chunks(customer_ids, KEYS_MAX):
            rows = self.rows.lookup(ids)
            accounts, _ = self.accounts.lookup(ids)
            for one in ids:
                difference = self.expectation.compare(one, accounts.get(one), rows.get(one))
                if difference is not None:
                    found[one] = difference
        return found


@dataclass(frozen=True, slots=True, kw_only=True)
class Looked:
    """How many customers of Accounts and how many rows were compared.

    `scanned`: of how many items of Accounts, those of other kinds included.
    `unchecked`: of how many rows an attribute can't be checked, by its name.
    """

    scanned: int
    customers: int
    rows: int
    unchecked: Mapping[str, int]


class FirstLook:
    """Compares everything, or a sample of about `sample` customers and as many rows.

    Args:
        sides: the tables.
        differences: where differences are noted.
        pace: of consumed capacity, for both scans.
        stopping: asked before each page.
        progress: told how many were compared.
        sample: None: everything.
        chance: draws the sample.
    """

    def __init__(
        self,
        sides: Sides,
        differences: DifferenceStore,
        *,
        pace: CapacityPace,
        stopping: Stopping,
        progress: Callable[[int], None],
        sample: int | None,
        chance: random.Random,
    ) -> None:
        self._sides = sides
        self._differences = differences
        self._pace = pace
        self._stopping = stopping
        self._progress = progress
        self._sample = sample
        self._page_size = min(PAGE_SIZE, sample or PAGE_SIZE)
        self._chance = chance
        self._unchecked: Counter[str] = Counter()
        self._scanned = 0

    def run(self) -> Looked:
        """Read both tables to their end, or until the sample is full."""
        customers, rows = self._look_at_accounts(), self._look_at_rows()
        return Looked(
            scanned=self._scanned, customers=customers, rows=rows, unchecked=self._unchecked
        )

    # Private functions

    def _look_at_accounts(self) -> int:
        """Missing and stale rows: every customer, and the row that there should be."""
        count = 0
        accounts = self._sides.accounts

        def page(segment: int, segments: int, start: Item | None) -> Page:
            return accounts.page(segment, segments, start=start, limit=self._page_size)

        for found in self._pages(accounts.facts, page):
            assert isinstance(found, Page)
            for readings in chunks(found.readings, KEYS_MAX):
                self._compare_readings({one.customer_id: one for one in readings})
            count += len(found.readings)
            self._scanned += found.scanned
            self._progress(len(found.readings))
            if self._is_full(count):
                break
        return count

    def _compare_readings(self, readings: Mapping[str, Reading | Unreadable]) -> None:
        rows = self._sides.rows.lookup(list(readings))
        for customer_id, reading in readings.items():
            self._compare(customer_id, reading, rows.get(customer_id))

    def _look_at_rows(self) -> int:
        """Extra rows: every row, and the customer that there should be."""
        count = 0
        rows = self._sides.rows

        def page(segment: int, segments: int, start: Item | None) -> RowPage:
            return rows.page(segment, segments, start=start, limit=self._page_size)

        for found in self._pages(rows.facts, page):
            assert isinstance(found, RowPage)
            for some in chunks(found.rows, KEYS_MAX):
                self._compare_rows(some)
            count += len(found.rows)
            self._progress(len(found.rows))
            if self._is_full(count):
                break
        return count

    def _compare_rows(self, rows: Sequence[StoredRow]) -> None:
        accounts, _ = self._sides.accounts.lookup([one.customer_id for one in rows])
        for row in rows:
            if row.customer_id not in accounts:
                self._compare(row.customer_id, None, row)

    def _pages(self, facts: TableFacts, read: _Pages) -> Iterator[Page | RowPage]:
        """Every page; for a sample, of segments in any order."""
        segments = 1
        if self._sample is not None:
            segments = min(SEGMENTS_MAX, max(1, facts.item_count // SEGMENT_ITEMS))
        for segment in self._chance.sample(range(segments), segments):
            start: Item | None = None
            while self._pace.wait(self._stopping):
                found = read(segment, segments, start)
                self._pace.spent(found.units)
                yield found
                start = found.next_key
                if start is None:
                    break

    def _is_full(self, count: int) -> bool:
        return self._sample is not None and count >= self._sample

    def _compare(
        self, customer_id: str, account: Reading | Unreadable | None, row: StoredRow | None
    ) -> None:
        expectation = self._sides.expectation
        difference = expectation.compare(customer_id, account, row)
        if difference is None:
            self._unchecked.update(expectation.unchecked(account, row))
        else:
            self._differences.put(difference)


def chunks(elements: Iterable[_Element], size: int) -> Iterator[list[_Element]]:
    """Lists of that many, the last one shorter."""
    chunk: list[_Element] = []
    for one in elements:
        chunk.append(one)
        if len(chunk) == size:
            yield chunk
            chunk = []
    if chunk:
        yield chunk
