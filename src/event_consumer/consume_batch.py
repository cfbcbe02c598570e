"""The use case: a batch of messages in, an outcome for each out, nothing dropped."""

from collections.abc import Callable, Sequence
from contextlib import suppress
from dataclasses import dataclass
from datetime import datetime
from typing import Any

from customer_events.decoder import from_document
from customer_events.errors import PermanentError
from customer_events.event import CustomerStatusChanged, Event
from event_consumer.messages import Message
from event_consumer.outcomes import Handled, Outcome, parked, retry
from event_consumer.ports import EventHandler, Parking, ParkingLot, Redelivery
from event_consumer.unwrap import unwrap

Reader = Callable[[Any], CustomerStatusChanged]
"""From a document to its event; raises the contract's own errors."""
AnyReader = Callable[[Any], Event]
"""The same, whichever event it is."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Delivery:
    """One message of a batch and how it ended; `event` is None where none could be read."""

    message: Message
    event: Event | None
    handled: Handled


def decide_batch(
    messages: Sequence[Message], handler: EventHandler[Any], reader: AnyReader = from_document
) -> list[Delivery]:
    """Read and handle every message; parks nothing and delays nothing."""
    read = [_read(message, reader) for message in messages]
    events = [outcome for outcome in read if isinstance(outcome, Event)]
    answers = iter(_handle(handler, events))
    return [
        Delivery(message=message, event=outcome, handled=next(answers))
        if isinstance(outcome, Event)
        else Delivery(message=message, event=None, handled=outcome)
        for message, outcome in zip(messages, read, strict=True)
    ]


def consume_batch(
    messages: Sequence[Message],
    *,
    handler: EventHandler[Any],
    parking_lot: ParkingLot,
    redelivery: Redelivery,
    now: datetime,
    reader: AnyReader = from_document,
) -> list[Delivery]:
    """Handle every message, park what can never succeed, and let the rest come back later.

    A message whose parking was not confirmed ends as `RETRY`: it stays in the queue.
    """
    deliveries = park_deliveries(decide_batch(messages, handler, reader), parking_lot, now)
    deliveries = _hold_back_groups(deliveries)
    failed = [one.message for one in deliveries if one.handled.outcome is Outcome.RETRY]
    delay_failed(failed, redelivery)
    return deliveries


def park_deliveries(
    deliveries: Sequence[Delivery], parking_lot: ParkingLot, now: datetime
) -> list[Delivery]:
    """Park what has a reason; a `RETRY` in its place where that was not confirmed."""
    parkings = [
        Parking(message=one.message, reason=one.handled.reason)
        for one in deliveries
        if one.handled.reason is not None
    ]
    if not parkings:
        return list(deliveries)
    try:
        confirmed = parking_lot.park(parkings, parked_at=now)
    except Exception as error:  # noqa: BLE001 (whatever went wrong, unconfirmed means unparked)
        return [_unless_parked(one, frozenset(), type(error).__name__) for one in deliveries]
    return [_unless_parked(one, confirmed, "ParkingFailed") for one in deliveries]


def delay_failed(failed: Sequence[Message], redelivery: Redelivery) -> None:
    """Spread load; without it a message comes back when its visibility timeout ends."""
    if not failed:
        return
    with suppress(Exception):  # outcomes stand, and failing now would park the parked once more
        redelivery.delay(failed)


def batch_response(deliveries: Sequence[Delivery]) -> dict[str, Any]:
    """Lambda's partial batch response: the ids of the messages that must come back."""
    return {
        "batchItemFailures": [
            {"itemIdentifier": one.message.message_id}
            for one in deliveries
            if one.handled.outcome is Outcome.RETRY
        ]
    }


def outcomes_response(deliveries: Sequence[Delivery]) -> dict[str, Any]:
    """What became of each message, for whoever handed them over to know: a replay, no queue.

    `{"outcomes": [{"message_id", "outcome", "reason", "field", "expected"}, …]}`; the last three
    are "" where the outcome has no reason.
    """
    return {
        "outcomes": [
            {
                "message_id": one.message.message_id,
                "outcome": one.handled.outcome.value,
                "reason": one.handled.reason.code if one.handled.reason else one.handled.error_type,
                "field": one.handled.reason.field if one.handled.reason else "",
                "expected": one.handled.reason.expected if one.handled.reason else "",
            }
            for one in deliveries
        ]
    }


# Private functions


def _read(message: Message, reader: AnyReader) -> Event | Handled:
    try:
        return reader(unwrap(message.body))
    except PermanentError as reason:
        return parked(reason)
    except Exception as error:  # noqa: BLE001 (one message's bug must not block its neighbours)
        return retry(type(error).__name__)


def _handle(handler: EventHandler[Any], events: list[Event]) -> Sequence[Handled]:
    if not events:
        return []
    try:
        answers = list(handler.handle(events))
    except Exception as error:  # noqa: BLE001 (a handler's bug loses nothing: all of it comes back)
        return [retry(type(error).__name__)] * len(events)
    if len(answers) != len(events):
        return [retry("AnswersDoNotMatchEvents")] * len(events)
    return answers


def _unless_parked(one: Delivery, confirmed: frozenset[str], error_type: str) -> Delivery:
    if one.handled.outcome is not Outcome.PARKED or one.message.message_id in confirmed:
        return one
    return Delivery(message=one.message, event=one.event, handled=retry(error_type))


def _hold_back_groups(deliveries: list[Delivery]) -> list[Delivery]:
    """On FIFO, what follows a failed message of its group comes back with it, in order.

    https://docs.aws.amazon.com/lambda/latest/dg/services-sqs-errorhandling.html
    """
    failed_groups: set[str] = set()
    result = []
    for one in deliveries:
        group = one.message.group_id if one.message.fifo else None
        if one.handled.outcome is Outcome.RETRY and group:
            failed_groups.add(group)
        elif group in failed_groups and one.handled.outcome is not Outcome.PARKED:
            one = Delivery(  # noqa: PLW2901
                message=one.message, event=one.event, handled=retry("BehindFailedMessage")
            )
        result.append(one)
    return result
