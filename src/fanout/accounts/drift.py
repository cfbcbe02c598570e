"""Read both tables once, page by page, and note every customer that differs at that moment.

Many of these are changes in flight; `settling` tells them from drift.
"""

import json
import random
import sqlite3
import tempfile
from collections import Counter
from collections.abc import Callable, Iterable, Iterator, Mapping, Sequence
from dataclasses import asdict, dataclass
from datetime import datetime
from itertools import islice
from pathlib import Path
from types import TracebackType
from typing import Any, Protocol, Self, TypeVar

from customer_events.instants import from_wire, to_wire
from fanout.accounts.compare import (
    Difference,
    Drift,
    Expectation,
    RowPage,
    StoredRow,
    SubscriberRows,
)
from fanout.accounts.snapshots import Item, Reading, Unreadable
from fanout.accounts.table import KEYS_MAX, Page, TableFacts
from fanout.dlq.diagnosis import diagnose
from fanout.failures.records import Kind, customer_of, occurred_at
from fanout.failures.store import ObjectStore
from fanout.runs.pace import CapacityPace, Stopping
from fanout.sqs.queue import DeadLetters
from fanout.sqs.scan import Sweep

# Differences on the disk: a table that was never seeded differs in every row, and memory is small


UNEXPLAINED = "unexplained"


@dataclass(frozen=True, slots=True, kw_only=True)
class Group:
    """Differences of one kind and cause; `oldest` is the earliest `since` that is known."""

    drift: Drift
    cause: str
    count: int
    oldest: datetime | None

    def to_document(self) -> dict[str, Any]:
        """One JSON object."""
        oldest = self.oldest and to_wire(self.oldest)
        return {"drift": self.drift.value, "cause": self.cause, "count": self.count} | {
            "oldest": oldest
        }


class DifferenceStore:
    """The differences that still stand, by customer; use it in a `with` block."""

    def __init__(self) -> None:
        self._folder = tempfile.TemporaryDirectory(prefix="fanout-reconcile-")
        self._base = sqlite3.connect(
            Path(self._folder.name) / "differences.sqlite", isolation_level=None
        )
        self._base.executescript(
            "PRAGMA journal_mode = OFF; PRAGMA synchronous = OFF;"
            "CREATE TABLE differences (id TEXT PRIMARY KEY, drift TEXT, cause TEXT, since TEXT,"
            " document TEXT) WITHOUT ROWID;"
        )

    def __enter__(self) -> Self:
        """Keep them until the block ends."""
        return self

    def __exit__(
        self,
        kind: type[BaseException] | None,
        error: BaseException | None,
        trace: TracebackType | None,
    ) -> None:
        """Remove the file."""
        self._base.close()
        self._folder.cleanup()

    def put(self, difference: Difference) -> None:
        """Note a difference, in place of what was known of the customer."""
        since = difference.since and to_wire(difference.since)
        self._base.execute(
            "INSERT OR REPLACE INTO differences VALUES (?, ?, ?, ?, ?)",
            (
                difference.customer_id,
                difference.drift,
                difference.cause or UNEXPLAINED,
                since,
                _to_text(difference),
            ),
        )

    def get(self, customer_id: str) -> Difference | None:
        """What is known of a customer."""
        row = self._base.execute(
            "SELECT document FROM differences WHERE id = ?", (customer_id,)
        ).fetchone()
        return _from_text(row[0]) if row else None

    def drop(self, customer_id: str) -> None:
        """The customer does not differ any more."""
        self._base.execute("DELETE FROM differences WHERE id = ?", (customer_id,))

    def count(self) -> int:
        """How many there are."""
        return int(self._base.execute("SELECT COUNT(*) FROM differences").fetchone()[0])

    def chunks(self, size: int) -> Iterator[list[Difference]]:
        """All of them, some at a time; they may be put and dropped in between."""
        last = ""
        while True:
            rows = self._base.execute(
                "SELECT id, document FROM differences WHERE id > ? ORDER BY id LIMIT ?",
                (last, size),
            ).fetchall()
            if not rows:
                return
            yield [_from_text(document) for _, document in rows]
            last = rows[-1][0]

    def first(self, count: int) -> Sequence[Difference]:
        """Some of them, to show."""
        return next(self.chunks(count), [])

    def groups(self) -> list[Group]:
        """How many there are of each kind and cause, the most first."""
        rows = self._base.execute(
            "SELECT drift, cause, COUNT(*), MIN(since) FROM differences"
            " GROUP BY drift, cause ORDER BY COUNT(*) DESC, drift, cause"
        )
        return [
            Group(
                drift=Drift(drift),
                cause=cause,
                count=count,
                oldest=from_wire(oldest) if oldest else None,
            )
            for drift, cause, count, oldest in rows
        ]


def _to_text(difference: Difference) -> str:
    document = asdict(difference)
    for name in ("since", "row_of"):
        document[name] = document[name] and to_wire(document[name])
    return json.dumps(document)


def _from_text(text: str) -> Difference:
    document = json.loads(text)
    for name in ("since", "row_of"):
        document[name] = from_wire(document[name]) if document[name] else None
    return Difference(**{**document, "drift": Drift(document["drift"])})


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


# Which customers the publisher's failure store speaks of, and what it says happened


OBJECTS_MAX = 10_000
"""How many objects of each kind are read at most, the earliest keys first."""
_BY = {Kind.PARKED: "parked by the publisher", Kind.BATCH: "given up by the stream mapping"}


@dataclass(frozen=True, slots=True, kw_only=True)
class Failure:
    """A change of a customer that was not published, and why; `since`: when it occurred."""

    customer_id: str
    cause: str
    since: datetime | None


def failures(s3: Any, bucket: str, id_attribute: str) -> Iterator[Failure]:
    """Every change in the failure store."""
    for found in ObjectStore(s3, bucket).failures(most=OBJECTS_MAX):
        cause = f"{_BY[found.kind]}: {found.reason}"
        for record in found.records or ():
            customer_id = customer_of(record, id_attribute)
            if customer_id is not None:
                yield Failure(customer_id=customer_id, cause=cause, since=occurred_at(record))


# Why rows differ, where the failure store or the subscriber's DLQ tells


MESSAGES_MAX = 100_000
_NOT_THE_BUS = frozenset({Drift.CHANGED_BY_HAND, Drift.AHEAD})
"""Kinds that no undelivered event explains."""


def explain(differences: DifferenceStore, found: Iterable[Failure]) -> None:
    """Put the cause to each difference that a failure explains."""
    for failure in found:
        known = differences.get(failure.customer_id)
        if known is None or known.drift in _NOT_THE_BUS:
            continue
        older = known.cause and known.since and failure.since and failure.since < known.since
        if not older:
            differences.put(known.explained(failure.cause, failure.since))


def dead_letters(queue: DeadLetters, stopping: Stopping) -> Iterator[Failure]:
    """What the DLQ tells. Its messages are hidden from others for some seconds, and kept."""
    with Sweep(queue, stop=stopping.asked) as sweep:
        messages = (one for page in sweep.pages() for one in page)
        for message in islice(messages, MESSAGES_MAX):
            diagnosis = diagnose(message)
            if diagnosis.customer_id is None:
                continue
            cause = diagnosis.cause
            yield Failure(
                customer_id=diagnosis.customer_id,
                cause=f"in the DLQ: {cause.code} ({cause.origin})",
                since=diagnosis.event.occurred_at if diagnosis.event else None,
            )


# Tell drift from changes in flight: only what stays as it is, on both sides, is drift


ROUNDS_MAX = 10


@dataclass(frozen=True, slots=True, kw_only=True)
class Settled:
    """`drifted` differences stand; `in_flight` ones do not."""

    drifted: int
    in_flight: int


def settle(
    sides: Sides,
    differences: DifferenceStore,
    *,
    grace_seconds: float,
    stopping: Stopping,
    tell: Callable[[str], None],
) -> Settled:
    """Leave only drift in `differences`.

    Args:
        sides: both tables.
        differences: of the first look.
        grace_seconds: at least how long a difference stands unchanged to be drift.
        stopping: where asked, it stops between two rounds.
        tell: takes a sentence before each wait.
    """
    first = differences.count()
    for last in (*[False] * (ROUNDS_MAX - 1), True):
        count = differences.count()
        if not count or stopping.asked():
            break
        tell(f"{count:,} differ at first sight; reading them again in {grace_seconds:g} s")
        stopping.wait(grace_seconds)
        if not _read_again(sides, differences, last=last):
            break
    drifted = differences.count()
    return Settled(drifted=drifted, in_flight=first - drifted)


def _read_again(sides: Sides, differences: DifferenceStore, *, last: bool) -> bool:
    """Whether anything has moved. In the last round, what has is not worth another look."""
    moved = False
    for chunk in differences.chunks(KEYS_MAX):
        found = sides.compare([one.customer_id for one in chunk])
        for before in chunk:
            now = found.get(before.customer_id)
            if now is not None and now.state == before.state:
                continue
            moved = True
            if now is None or last or now.row_state != before.row_state:
                differences.drop(before.customer_id)
            else:
                differences.put(now)
    return moved
