"""Keep the latest state of each customer: the handler for subscribers that need no history.

A customer's events in a batch coalesce. The newest is written; the older ones are judged against
the row that this write left, so each still gets its own outcome.
"""

from collections.abc import Sequence
from concurrent.futures import Executor, ThreadPoolExecutor
from dataclasses import dataclass
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


class CustomersSideBySide:
    """An `EventHandler`: customers do not wait for one another.

    Args:
        workers_max: customers under way at once; a single one needs no thread of its own.
        executor: overlaps customers; by default a pool of `workers_max` threads.
    """

    def __init__(self, *, workers_max: int, executor: Executor | None = None) -> None:
        if executor is None and workers_max > 1:
            executor = ThreadPoolExecutor(max_workers=workers_max, thread_name_prefix="worker")
        self._executor = executor

    def handle(
        self, events: Sequence[CustomerStatusChanged], deadline: Deadline = UNLIMITED
    ) -> list[Handled]:
        """Answer each event, in the order given."""
        customers: dict[str, list[int]] = {}
        for index, event in enumerate(events):
            customers.setdefault(event.customer_id, []).append(index)
        pool = self._executor if len(customers) > 1 else None
        run = pool.map if pool else map
        answers: dict[int, Handled] = {}
        for ends in run(partial(self.handle_customer, events, deadline), customers.values()):
            answers |= ends
        return [answers[index] for index in range(len(events))]

    def handle_customer(
        self, events: Sequence[CustomerStatusChanged], deadline: Deadline, indexes: list[int]
    ) -> dict[int, Handled]:
        """The ends of one customer's events, by their indexes among all."""
        raise NotImplementedError


class LatestState(CustomersSideBySide):
    """One write for each distinct customer of a batch.

    Args:
        rows: the subscriber's table.
        writers_max: writes under way at once.
        tolerance: see `order_guard.CLOCK_TOLERANCE`.
        executor: see `CustomersSideBySide`.
    """

    def __init__(
        self,
        rows: GuardedRows,
        *,
        writers_max: int,
        tolerance: timedelta = CLOCK_TOLERANCE,
        executor: Executor | None = None,
    ) -> None:
        super().__init__(workers_max=writers_max, executor=executor)
        self._rows = rows
        self._tolerance = tolerance

    def handle_customer(
        self, events: Sequence[CustomerStatusChanged], deadline: Deadline, indexes: list[int]
    ) -> dict[int, Handled]:
        """Newest first; only what was applied, or found stored, supersedes what is older."""
        row: Row | None = None
        answers: dict[int, Handled] = {}
        for index in sorted(indexes, key=lambda index: _turn(events[index]), reverse=True):
            answers[index], row = self._decide(events[index], row, deadline)
        return answers

    # Private functions

    def _decide(
        self, event: CustomerStatusChanged, known: Row | None, deadline: Deadline
    ) -> tuple[Handled, Row | None]:
        """The event's outcome, and the row as far as it is known then."""
        try:
            verdict = judge(known, event, self._tolerance) if known else None
            if verdict is not None:
                return verdict, known
            if deadline.is_over():
                return OUT_OF_TIME, known
            written = self._rows.write(event)
            if written.applied:
                return APPLIED, written.row
            verdict = judge(written.row, event, self._tolerance)
        except Exception as error:  # noqa: BLE001 (a customer's failure is its own)
            return failed(error), known
        return verdict or retry("GuardDisagreesWithTable", Cause.UNEXPECTED), written.row


# Private functions


def _turn(event: CustomerStatusChanged) -> tuple[bool, str, int, datetime]:
    """Snapshots before live events, which a snapshot may prove to be old; then the newest first."""
    is_snapshot = kind(event) is not Kind.COUNTED
    return (is_snapshot, event.sequence, event.schema_version, event.occurred_at)
