"""A subscriber's consumer without AWS: the real engine around its rule, on rows in memory."""

from collections.abc import Callable, Mapping, Sequence
from datetime import UTC, datetime
from itertools import count

from customer_events.deadline import UNLIMITED, Deadlines
from customer_events.encoder import encode
from customer_events.event import CustomerStatusChanged
from event_consumer.consume_batch import BatchConsumer
from event_consumer.every_event import EveryEvent, HandleEvent, Write
from event_consumer.failures import FailureTracker
from event_consumer.latest_state import LatestState
from event_consumer.messages import Message
from event_consumer.outcomes import Outcome
from event_consumer.ports import EventHandler
from event_consumer.settings import RECEIVES_MAX
from event_consumer.testing.events import duplicated, reordered
from event_consumer.testing.memory import (
    DlqInMemory,
    MarksInMemory,
    RowsInMemory,
    TableRow,
)

Rule = Callable[[CustomerStatusChanged], Mapping[str, str]]
Delivered = CustomerStatusChanged | str
"""An event, or a message body as it stands."""
CONVERGE_TRIES = 50


class _Kit:
    """Delivers batches to a handler, as Lambda does, and keeps what was parked."""

    def __init__(self, handler: EventHandler) -> None:
        self._dlq = DlqInMemory()
        self._consumer = BatchConsumer(
            handler=handler,
            parking_lot=self._dlq,
            tracker=FailureTracker(receives_max=RECEIVES_MAX),
        )
        self._numbers = count(1)

    @property
    def parked(self) -> list[str]:
        """The reasons of all that was parked so far, such as `SchemaViolation`."""
        return self._dlq.reasons

    def deliver(self, *delivered: Delivered) -> list[Outcome]:
        """One batch; the outcome of each message, in the order given.

        Raises:
            Refused: the rule or the handler gives what production would refuse at each retry.
        """
        messages = [self._message(one) for one in delivered]
        unhurried = Deadlines(work=UNLIMITED, parking=UNLIMITED)
        deliveries = self._consumer.consume(messages, unhurried, datetime.now(UTC))
        return [delivery.handled.outcome for delivery in deliveries]

    def deliver_each(self, *delivered: Delivered) -> list[Outcome]:
        """The same, each in a batch of its own."""
        return [outcome for one in delivered for outcome in self.deliver(one)]

    def _message(self, delivered: Delivered) -> Message:
        number = next(self._numbers)
        return Message(
            message_id=f"00000000-0000-4000-8000-{number:012}",
            receipt_handle=f"receipt-{number}",
            body=delivered if isinstance(delivered, str) else encode(delivered),
            receive_count=1,
            first_received_at=datetime.now(UTC),
            group_id=None,
            fifo=False,
            trace_header=None,
            attributes={},
        )


class LatestStateKit(_Kit):
    """For a rule of `latest_state_consumer`."""

    def __init__(self, rule: Rule) -> None:
        self._table = RowsInMemory(rule)
        super().__init__(LatestState(self._table, writers_max=1))

    @property
    def rows(self) -> dict[str, TableRow]:
        """All rows, by customer id."""
        return self._table.rows

    def row(self, customer_id: str = "c-1") -> TableRow:
        """One customer's row.

        Raises:
            KeyError: the customer has none.
        """
        return self._table.rows[customer_id]


class EveryEventKit(_Kit):
    """For a handler of `every_event_consumer`."""

    def __init__(self, handle: HandleEvent) -> None:
        self._marks = MarksInMemory()
        super().__init__(EveryEvent(self._marks, handle, workers_max=1))

    @property
    def writes(self) -> list[Write]:
        """The writes that were committed, in order."""
        return self._marks.writes


def converge(
    rule: Rule, events: Sequence[CustomerStatusChanged], *, tries: int = CONVERGE_TRIES
) -> dict[str, TableRow]:
    """Deliver the events in many orders, with duplicates; the rows have to be the same each time.

    Returns:
        The rows, by customer id.

    Raises:
        AssertionError: names the seed of the order that led elsewhere.
    """
    expected = LatestStateKit(rule)
    expected.deliver_each(*events)
    for seed in range(tries):
        kit = LatestStateKit(rule)
        kit.deliver_each(*reordered(duplicated(events, seed=seed), seed=seed))
        if kit.rows != expected.rows:
            raise AssertionError(f"seed {seed}: expected {expected.rows}, got {kit.rows}")
    return expected.rows
