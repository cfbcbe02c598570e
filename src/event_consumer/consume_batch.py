"""The use case: a batch of messages in, an outcome for each out, nothing dropped."""

from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass, replace
from datetime import datetime
from typing import Any

from customer_events.deadline import Deadline, Deadlines
from customer_events.decoder import from_document
from customer_events.event import CustomerStatusChanged, Event
from event_consumer.failures import FailureTracker, failed, is_dependency_fault, raised
from event_consumer.messages import Message
from event_consumer.outcomes import OUT_OF_TIME, Cause, Delivery, Handled, Outcome, retry
from event_consumer.ports import EventHandler, Parking, ParkingLot
from event_consumer.unwrap import unwrap

Reader = Callable[[Any], CustomerStatusChanged]
"""From a document to its event; raises the contract's own errors."""
AnyReader = Callable[[Any], Event]
"""The same, whichever event it is."""


@dataclass(frozen=True, slots=True, kw_only=True)
class BatchConsumer:
    """Consumes batches; made once, and used for every batch of a warm process."""

    handler: EventHandler
    parking_lot: ParkingLot
    tracker: FailureTracker
    reader: AnyReader = from_document

    def consume(
        self, messages: Sequence[Message], deadlines: Deadlines, now: datetime
    ) -> list[Delivery]:
        """Handle every message, and park what can never succeed.

        A message whose parking was not confirmed ends as `RETRY`: it stays in the queue.
        """
        decided = self.decide(messages, deadlines, self.tracker)
        return self.park(decided, deadlines.parking, now)

    def decide(
        self,
        messages: Sequence[Message],
        deadlines: Deadlines,
        tracker: FailureTracker | None = None,
    ) -> list[Delivery]:
        """Read and handle every message; park nothing.

        Without a tracker (for a replay) every message is tried, however often it was received.
        """
        results = [
            (tracker and tracker.before(message)) or self._read(message) for message in messages
        ]
        events = [result for result in results if isinstance(result, Event)]
        answers = iter(self._handle(events, deadlines.work))
        ends = [next(answers) if isinstance(result, Event) else result for result in results]
        if tracker:
            ends = tracker.after(messages, ends)
        return [
            Delivery(
                message=message, event=result if isinstance(result, Event) else None, handled=end
            )
            for message, result, end in zip(messages, results, ends, strict=True)
        ]

    def park(
        self, deliveries: Sequence[Delivery], deadline: Deadline, now: datetime
    ) -> list[Delivery]:
        """Park what has a reason; a `RETRY` in its place where that was not confirmed."""
        parkings = [
            Parking(message=delivery.message, reason=delivery.handled.reason)
            for delivery in deliveries
            if delivery.handled.reason is not None
        ]
        if not parkings:
            return list(deliveries)
        try:
            codes = self.parking_lot.park(parkings, parked_at=now, deadline=deadline)
        except Exception as error:  # noqa: BLE001 (whatever it was, unconfirmed means unparked)
            return [_unless_parked(delivery, {}, raised(error)) for delivery in deliveries]
        failure = retry("ParkingFailed")
        return [_unless_parked(delivery, codes, failure) for delivery in deliveries]

    # Private functions

    def _read(self, message: Message) -> Event | Handled:
        try:
            return self.reader(unwrap(message.body))
        except Exception as error:  # noqa: BLE001 (one message's bug must not block its neighbours)
            return failed(error)

    def _handle(self, events: list[Event], deadline: Deadline) -> Sequence[Handled]:
        if not events:
            return []
        if deadline.is_over():
            return [OUT_OF_TIME] * len(events)
        try:
            answers = list(self.handler.handle(events, deadline))
        except Exception as error:  # noqa: BLE001 (a handler's bug loses nothing: all comes back)
            return [raised(error)] * len(events)
        if len(answers) != len(events):
            return [retry("AnswersDoNotMatchEvents", Cause.UNEXPECTED)] * len(events)
        return answers


# Private functions


def _unless_parked(delivery: Delivery, codes: Mapping[str, str], failure: Handled) -> Delivery:
    code = codes.get(delivery.message.message_id)
    if delivery.handled.outcome is not Outcome.PARKED or code == "":
        return delivery
    if code:
        cause = Cause.DEPENDENCY_FAULT if is_dependency_fault(code) else Cause.UNEXPECTED
        failure = retry(f"{failure.error_type}:{code}", cause)
    return replace(delivery, handled=failure)
