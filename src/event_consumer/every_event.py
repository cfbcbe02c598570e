"""Handle every status transition once: for subscribers to whom each one matters.

A transition is handled and then marked as processed, by its event id and for good. The order of
the two decides what a crash between them does:

- marked first, a crash would lose the transition: the mark says it was handled, and it was not;
- marked last, a crash repeats it: the message comes back, and no mark is found.

So the mark comes last. What the subscriber writes to DynamoDB it may hand over as writes, which
are committed in one transaction with the mark: they happen exactly once. What it does elsewhere
(an e-mail, a call) happens at least once, and should carry the event id for whoever receives it.
"""

from collections.abc import Callable, Iterable, Mapping, Sequence
from concurrent.futures import Executor
from functools import partial
from typing import Any, Protocol

from customer_events.deadline import UNLIMITED, Deadline
from customer_events.event import Change, CustomerStatusChanged
from event_consumer.failures import failed
from event_consumer.latest_state import worker_pool
from event_consumer.outcomes import APPLIED, DUPLICATE, OUT_OF_TIME, STALE, Handled, Outcome, retry

Write = Mapping[str, Any]
"""One element of DynamoDB's `TransactItems`, such as `{"Put": {"TableName": …, "Item": …}}`."""
HandleEvent = Callable[[CustomerStatusChanged], Iterable[Write] | None]
"""A subscriber's own work for one transition; answers with the writes that belong to it."""


class ProcessedEvents(Protocol):
    """Which events were processed. It forgets none."""

    def is_processed(self, event: CustomerStatusChanged) -> bool:
        """Whether the event was marked, by any worker, at any time."""

    def commit(self, event: CustomerStatusChanged, writes: Sequence[Write]) -> bool:
        """Mark the event and do its writes, all or nothing.

        Returns:
            False where it was marked meanwhile, by another worker: nothing is written then.
        """


class EveryEvent:
    """An `EventHandler`: each transition once, a customer's in order.

    Within a batch a customer's events wait for one another. The first one that fails holds back
    those behind it (`BehindFailedEvent`); one that is parked does not, since they would wait for
    as long as it takes a person to decide about it. Between batches a standard queue promises no
    order: where it matters, the subscriber compares `sequence`.

    A snapshot tells of no transition: it is `STALE`, and the subscriber does not see it.

    Args:
        processed: which events were processed.
        handle: the subscriber's own work. A `PermanentError` parks the message; any other
            exception lets it come back (`DependencyFault`: for as long as it takes).
        workers_max: customers under way at once; they do not wait for one another.
        executor: overlaps customers; by default a pool of `workers_max` threads.
    """

    def __init__(
        self,
        processed: ProcessedEvents,
        handle: HandleEvent,
        *,
        workers_max: int,
        executor: Executor | None = None,
    ) -> None:
        self._executor = executor or worker_pool(workers_max)
        self._processed = processed
        self._handle = handle

    def handle(
        self, events: Sequence[CustomerStatusChanged], deadline: Deadline = UNLIMITED
    ) -> list[Handled]:
        """Answer each event, in the order given."""
        customers: dict[str, list[int]] = {}
        for index, event in enumerate(events):
            customers.setdefault(event.customer_id, []).append(index)
        run = self._executor.map if self._executor and len(customers) > 1 else map
        answers: dict[int, Handled] = {}
        for ends in run(partial(self._handle_customer, events, deadline), customers.values()):
            answers |= ends
        return [answers[index] for index in range(len(events))]

    # Private functions

    def _handle_customer(
        self, events: Sequence[CustomerStatusChanged], deadline: Deadline, indexes: list[int]
    ) -> dict[int, Handled]:
        """Oldest first; nothing is begun behind a failure."""
        answers: dict[int, Handled] = {}
        end = None
        for index in sorted(
            indexes, key=lambda index: (events[index].sequence, events[index].schema_version)
        ):
            if end is not None and end.outcome is Outcome.RETRY:
                end = retry("BehindFailedEvent")
            else:
                end = self._handle_event(events[index], deadline)
            answers[index] = end
        return answers

    def _handle_event(self, event: CustomerStatusChanged, deadline: Deadline) -> Handled:
        if event.change is Change.SNAPSHOT:
            return STALE
        if deadline.is_over():
            return OUT_OF_TIME
        try:
            if self._processed.is_processed(event):
                return DUPLICATE
            if deadline.is_over():  # that look may have taken as long as the mark is given
                return OUT_OF_TIME
            writes = tuple(self._handle(event) or ())
            return APPLIED if self._processed.commit(event, writes) else DUPLICATE
        except Exception as error:  # noqa: BLE001 (a customer's failure is its own)
            return failed(error)
