"""Find drift: compare both tables once, read what differs again until it is drift, and explain it.

A first comparison sees many changes in flight; only what stays as it is on both sides is drift.
"""

import random
import sqlite3
from collections import Counter
from collections.abc import Callable, Iterable, Iterator, Sequence
from dataclasses import astuple, dataclass, field, fields
from datetime import datetime
from itertools import islice
from typing import Any, TypeVar

from sentinel.compare import Difference, Drift, Expectation, StoredRow, SubscriberRows
from sentinel.pace import Pace, Stopping
from sentinel.snapshots import Item, Snapshot, Unreadable
from sentinel.table import KEYS_MAX, AccountsTable, Page

SEGMENT_ITEMS = 50  # about how many items a segment has when a sample is drawn
SEGMENTS_MAX = 100_000
PAGE_SIZE = 1_000  # items read at a time; they are looked up on the other side `KEYS_MAX` at a time
ROUNDS_MAX = 10
_COLUMNS = ", ".join(each.name for each in fields(Difference))
_T = TypeVar("_T")


class DifferenceStore:
    """The differences that still stand, by customer; close it when done.

    SQLite keeps them, on the disk as soon as they are many: a table that was never seeded differs
    in every row.
    """

    def __init__(self) -> None:
        self._base = sqlite3.connect("", isolation_level=None)
        self._base.row_factory = sqlite3.Row
        self._base.executescript(
            "PRAGMA journal_mode = OFF; PRAGMA synchronous = OFF;"
            f"CREATE TABLE differences ({_COLUMNS}, PRIMARY KEY (customer_id)) WITHOUT ROWID;"
        )

    def close(self) -> None:
        """Forget them."""
        self._base.close()

    def put(self, difference: Difference) -> None:
        """Note a difference, in place of what was known of the customer."""
        values = astuple(difference)
        places = ", ".join("?" * len(values))
        self._base.execute(f"INSERT OR REPLACE INTO differences VALUES ({places})", values)  # noqa: S608

    def get(self, customer_id: str) -> Difference | None:
        """What is known of a customer."""
        return next(self._select("WHERE customer_id = ?", customer_id), None)

    def drop(self, customer_id: str) -> None:
        """The customer does not differ any more."""
        self._base.execute("DELETE FROM differences WHERE customer_id = ?", (customer_id,))

    def count(self) -> int:
        """How many there are."""
        return int(self._base.execute("SELECT COUNT(*) FROM differences").fetchone()[0])

    def chunks(self, size: int) -> Iterator[list[Difference]]:
        """All of them, some at a time; they may be put and dropped in between."""
        last = ""
        while chunk := list(
            self._select("WHERE customer_id > ? ORDER BY customer_id LIMIT ?", last, size)
        ):
            yield chunk
            last = chunk[-1].customer_id

    def groups(self) -> list[dict[str, Any]]:
        """How many there are of each kind and cause, the most first; `oldest` has the earliest."""
        rows = self._base.execute(
            "SELECT drift, COALESCE(cause, 'unexplained') AS cause, COUNT(*) AS count,"
            " MIN(since) AS oldest FROM differences GROUP BY drift, differences.cause"
            " ORDER BY COUNT(*) DESC, drift, differences.cause"
        )
        return list(map(dict, rows))

    # Private functions

    def _select(self, condition: str, *values: Any) -> Iterator[Difference]:
        for row in self._base.execute(f"SELECT * FROM differences {condition}", values):  # noqa: S608
            yield Difference(**dict(row) | {"drift": Drift(row["drift"])})


@dataclass(frozen=True, slots=True, kw_only=True)
class Sides:
    """Both tables, and how they are to agree."""

    accounts: AccountsTable
    rows: SubscriberRows
    expectation: Expectation

    def read(
        self, customer_ids: Sequence[str]
    ) -> tuple[dict[str, StoredRow], dict[str, Snapshot | Unreadable], datetime]:
        """At most 100 customers, and an instant at or before the reads of Accounts.

        The rows are read first, so that Accounts is at least as new.
        """
        rows = self.rows.lookup(customer_ids)
        accounts, read_at = self.accounts.lookup(customer_ids)
        return rows, accounts, read_at

    def compare(self, customer_ids: Iterable[str]) -> dict[str, Difference]:
        """Read these customers (any number) on both sides; returns those that differ."""
        differences: dict[str, Difference] = {}
        compare = self.expectation.compare
        for ids in chunks(customer_ids, KEYS_MAX):
            rows, accounts, _ = self.read(ids)
            found = (compare(name, accounts.get(name), rows.get(name)) for name in ids)
            differences |= {each.customer_id: each for each in found if each is not None}
        return differences


@dataclass(kw_only=True)
class Comparison:
    """Compares both tables once, or a sample of about `sample` customers and as many rows, or one
    `segment` (its number, and of how many) of each table.

    `differences` gets what differs. `pace` is of the capacity that both scans consume; `stopping`
    is asked before each page, and `progress` called after it with how many were compared. `chance`
    draws the sample.

    Afterwards `scanned` items of Accounts were read, those of other kinds included; `customers` and
    `row_count` were compared; `unchecked` has of how many rows an attribute can't be checked, by
    its name.
    """

    sides: Sides
    differences: DifferenceStore
    pace: Pace
    stopping: Stopping
    progress: Callable[[int], None] = lambda _: None
    sample: int | None = None
    segment: tuple[int, int] | None = None
    chance: random.Random = field(default_factory=random.SystemRandom)
    scanned: int = 0
    customers: int = 0
    row_count: int = 0
    unchecked: Counter[str] = field(default_factory=Counter)

    def run(self) -> None:
        """Read both tables to their end, or until the sample is full."""
        accounts, rows = self.sides.accounts, self.sides.rows
        # Missing and stale rows: every customer, and the row that there should be.
        for page in self._pages(accounts):
            self.scanned += page.scanned
            self.customers += len(page.records)
            for some in chunks(page.records, KEYS_MAX):
                by_id = {customer.customer_id: customer for customer in some}
                stored = rows.lookup(list(by_id))
                for customer_id, customer in by_id.items():
                    self._compare(customer_id, customer, stored.get(customer_id))
        # Extra rows: every row, and the customer that there should be.
        for page in self._pages(rows):
            self.row_count += len(page.records)
            for some in chunks(page.records, KEYS_MAX):
                known, _ = accounts.lookup([row.customer_id for row in some])
                for row in some:
                    if row.customer_id not in known:
                        self._compare(row.customer_id, None, row)

    # Private functions

    def _pages(self, table: Any) -> Iterator[Page[Any]]:
        """Every page; for a sample, of segments in any order, until it is full."""
        segments, limit, read = 1, PAGE_SIZE, 0
        if self.sample is not None:
            segments = min(SEGMENTS_MAX, max(1, table.facts.item_count // SEGMENT_ITEMS))
            limit = min(PAGE_SIZE, self.sample)
        chosen: Sequence[int] = self.chance.sample(range(segments), segments)
        if self.segment is not None:
            chosen, segments = [self.segment[0]], self.segment[1]
        for segment in chosen:
            start: Item | None = None
            while not self.stopping.asked():
                self.pace.take()
                page = table.page(segment, segments, start=start, limit=limit)
                self.pace.spent(page.units)
                yield page
                read += len(page.records)
                self.progress(len(page.records))
                if self.sample is not None and read >= self.sample:
                    return
                start = page.next_key
                if start is None:
                    break

    def _compare(
        self, customer_id: str, account: Snapshot | Unreadable | None, row: StoredRow | None
    ) -> None:
        expectation = self.sides.expectation
        difference = expectation.compare(customer_id, account, row)
        if difference is None:
            self.unchecked.update(expectation.unchecked(account, row))
        else:
            self.differences.put(difference)


def recheck(
    sides: Sides,
    differences: DifferenceStore,
    *,
    grace_seconds: float,
    stopping: Stopping,
    report: Callable[[str], None] = lambda _: None,
) -> int:
    """Leave only drift in `differences`; returns how many were changes in flight.

    Drift is what stands unchanged for `grace_seconds`. `stopping` is asked between two rounds;
    `report` is called with a sentence before each wait.
    """
    first = differences.count()
    for last in (*[False] * (ROUNDS_MAX - 1), True):
        count = differences.count()
        if not count or stopping.asked():
            break
        report(f"{count:,} differ at first sight; reading them again in {grace_seconds:g} s")
        stopping.wait(grace_seconds)
        if not _read_again(sides, differences, last=last):
            break
    return first - differences.count()


def _read_again(sides: Sides, differences: DifferenceStore, *, last: bool) -> bool:
    """Whether anything has changed. In the last round, what has is not worth another look."""
    changed = False
    for chunk in differences.chunks(KEYS_MAX):
        differing = sides.compare(difference.customer_id for difference in chunk)
        for before in chunk:
            now = differing.get(before.customer_id)
            row_moved = now is None or now.row_state != before.row_state
            if now is not None and not row_moved and now.account_state == before.account_state:
                continue
            changed = True
            if now is None or row_moved or last:
                differences.drop(before.customer_id)
            else:
                differences.put(now)
    return changed


def chunks(elements: Iterable[_T], size: int) -> Iterator[list[_T]]:
    """Lists of that many, the last one shorter."""
    iterator = iter(elements)
    while chunk := list(islice(iterator, size)):
        yield chunk
