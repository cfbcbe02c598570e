"""Keep the latest state of each customer: the handler for subscribers that need no history.

A customer's events in a batch coalesce. The newest is written; the older ones are judged against
the row that this write left, so each still gets its own outcome. So a batch goes in rounds: each
writes the next event of every customer who has one that needs it, and mostly the first is the last.
"""

from collections import deque
from collections.abc import Iterable, Iterator, Sequence
from concurrent.futures import Executor, ThreadPoolExecutor
from dataclasses import dataclass, field
from datetime import datetime, timedelta
from functools import partial
from typing import Protocol

from customer_events.deadline import UNLIMITED, Deadline
from customer_events.event import CustomerStatusChanged
from event_consumer.failures import failed
from event_consumer.order_guard import CLOCK_TOLERANCE, Kind, Row, judge, kind
from event_consumer.outcomes import APPLIED, OUT_OF_TIME, Cause, Handled, retry


@dataclass(frozen=True, slots=True, kw_only=True)
class Written:
    """What a conditional write found: whether the event changed the row, and the row as it is now.

    `row` is None where there is none (a repair makes no row), or where it was written and can't be
    understood, since somebody changed the rest of it by hand.
    """

    applied: bool
    row: Row | None


class GuardedRows(Protocol):
    """A table whose rows change only as the order guard allows."""

    def write(self, event: CustomerStatusChanged) -> Written:
        """Apply the event in one conditional write, or bring back the row that forbids it.

        Raises:
            PermanentError: the stored row itself can't be understood.
            Exception: anything else is transient; the event comes back.
        """


class RowBatches(Protocol):
    """The same table, for several customers in one call."""

    size_max: int
    """Events in one call. It may shrink to 1: then no call is made here."""

    def write(
        self,
        events: Sequence[CustomerStatusChanged],
        rows_wanted: Sequence[bool],
        deadline: Deadline,
    ) -> Sequence[Written | Handled]:
        """Do for each event, of as many customers, what `GuardedRows.write` does.

        `Written.row` is None too where the event was applied and the row is not wanted. What would
        be raised is answered instead; what was not begun before the deadline is `OUT_OF_TIME`.
        """


@dataclass(slots=True, kw_only=True)
class _Customer:
    """The indexes of events that have no outcome yet, newest first, and the row once known."""

    waiting: deque[int] = field(default_factory=deque)
    row: Row | None = None


_Write = tuple[int, _Customer]
"""The index of an event that needs a write, and whose it is."""


class LatestState:
    """An `EventHandler` that makes one write for each distinct customer of a batch.

    Only what was applied, or found stored, supersedes what is older.

    Args:
        rows: the subscriber's table.
        batches: the same, where several customers may share a call.
        writers_max: calls under way at once; a single one needs no thread of its own.
        tolerance: see `order_guard.CLOCK_TOLERANCE`.
        executor: overlaps calls; by default a pool of `writers_max` threads.
    """

    def __init__(
        self,
        rows: GuardedRows,
        *,
        writers_max: int,
        batches: RowBatches | None = None,
        tolerance: timedelta = CLOCK_TOLERANCE,
        executor: Executor | None = None,
    ) -> None:
        self._rows = rows
        self._batches = batches
        self._tolerance = tolerance
        self._executor = executor or worker_pool(writers_max)

    def handle(
        self, events: Sequence[CustomerStatusChanged], deadline: Deadline = UNLIMITED
    ) -> list[Handled]:
        """Answer each event, in the order given."""
        customers: dict[str, _Customer] = {}
        for index in sorted(range(len(events)), key=lambda at: _turn(events[at]), reverse=True):
            customers.setdefault(events[index].customer_id, _Customer()).waiting.append(index)
        answers: dict[int, Handled] = {}
        while writes := list(self._next_writes(customers.values(), events, answers)):
            for (index, customer), result in zip(
                writes, self._write(writes, events, deadline), strict=True
            ):
                answers[index], customer.row = self._outcome(result, events[index], customer.row)
        return [answers[index] for index in range(len(events))]

    # Private functions

    def _next_writes(
        self,
        customers: Iterable[_Customer],
        events: Sequence[CustomerStatusChanged],
        answers: dict[int, Handled],
    ) -> Iterator[_Write]:
        """Each customer's next event that needs a write; what the known row decides is answered."""
        for customer in customers:
            while customer.waiting:
                index = customer.waiting.popleft()
                verdict = self._verdict(customer.row, events[index]) if customer.row else None
                if verdict is None:
                    yield index, customer
                    break
                answers[index] = verdict

    def _write(
        self,
        writes: Sequence[_Write],
        events: Sequence[CustomerStatusChanged],
        deadline: Deadline,
    ) -> Iterator[Written | Handled]:
        size = self._batches.size_max if self._batches else 1
        calls = [writes[start : start + size] for start in range(0, len(writes), size)]
        run = self._executor.map if self._executor and len(calls) > 1 else map
        for results in run(partial(self._call, events, deadline), calls):
            yield from results

    def _call(
        self,
        events: Sequence[CustomerStatusChanged],
        deadline: Deadline,
        writes: Sequence[_Write],
    ) -> Sequence[Written | Handled]:
        if deadline.is_over():
            return [OUT_OF_TIME] * len(writes)
        several = [events[index] for index, _ in writes]
        if self._batches and len(writes) > 1:
            rows_wanted = [bool(customer.waiting) for _, customer in writes]
            return self._batches.write(several, rows_wanted, deadline)
        [event] = several
        try:
            return [self._rows.write(event)]
        except Exception as error:  # noqa: BLE001 (a customer's failure is its own)
            return [failed(error)]

    def _outcome(
        self, result: Written | Handled, event: CustomerStatusChanged, known: Row | None
    ) -> tuple[Handled, Row | None]:
        """The event's outcome, and the row as far as it is known then."""
        if isinstance(result, Handled):
            return result, known
        if result.applied:
            return APPLIED, result.row
        verdict = self._verdict(result.row, event)
        return verdict or retry("GuardDisagreesWithTable", Cause.UNEXPECTED), result.row

    def _verdict(self, row: Row | None, event: CustomerStatusChanged) -> Handled | None:
        try:
            return judge(row, event, self._tolerance)
        except Exception as error:  # noqa: BLE001 (a customer's failure is its own)
            return failed(error)


def worker_pool(workers_max: int) -> Executor | None:
    """Threads that overlap calls; one call at a time needs none."""
    if workers_max == 1:
        return None
    return ThreadPoolExecutor(max_workers=workers_max, thread_name_prefix="worker")


# Private functions


def _turn(event: CustomerStatusChanged) -> tuple[bool, str, int, datetime]:
    """Snapshots before live events, which a snapshot may prove to be old; then the newest first."""
    is_snapshot = kind(event) is not Kind.COUNTED
    return (is_snapshot, event.sequence, event.schema_version, event.occurred_at)
