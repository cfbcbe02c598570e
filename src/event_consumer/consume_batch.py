"""The use case: a batch of messages in, an outcome for each out, nothing dropped."""

from collections.abc import Callable, Mapping, Sequence
from contextlib import suppress
from dataclasses import dataclass
from datetime import datetime
from typing import Any

from customer_events.deadline import Deadline
from customer_events.decoder import from_document
from customer_events.event import CustomerStatusChanged, Event
from event_consumer.failures import FailureTracker, failed, in_turns, is_dependency_fault, raised
from event_consumer.messages import Message
from event_consumer.outcomes import OUT_OF_TIME, Cause, Handled, Outcome, retry
from event_consumer.ports import Deadlines, EventHandler, Parking, ParkingLot, Redelivery
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
    messages: Sequence[Message],
    handler: EventHandler[Any],
    reader: AnyReader = from_document,
    *,
    deadline: Deadline,
    tracker: FailureTracker | None = None,
) -> list[Delivery]:
    """Read and handle every message; parks nothing and delays nothing.

    Without a tracker (for a replay) every message is tried, however often it was received.
    """
    read = [(tracker and tracker.before(one)) or _read(one, reader) for one in messages]
    events = [one for one in read if isinstance(one, Event)]
    answers = iter(_handle(handler, events, deadline))
    ends = [next(answers) if isinstance(one, Event) else one for one in read]
    return [
        Delivery(message=message, event=one if isinstance(one, Event) else None, handled=end)
        for message, one, end in zip(
            messages, read, tracker.after(messages, ends) if tracker else ends, strict=True
        )
    ]


def consume_batch(
    messages: Sequence[Message],
    *,
    handler: EventHandler[Any],
    parking_lot: ParkingLot,
    redelivery: Redelivery,
    tracker: FailureTracker,
    deadlines: Deadlines,
    now: datetime,
    reader: AnyReader = from_document,
) -> list[Delivery]:
    """Handle every message, park what can never succeed, and let the rest come back later.

    A message whose parking was not confirmed ends as `RETRY`: it stays in the queue.
    """

    def consume(part: Sequence[Message]) -> list[Delivery]:
        decided = decide_batch(part, handler, reader, deadline=deadlines.handling, tracker=tracker)
        return _hold_back_groups(park_deliveries(decided, parking_lot, now, deadlines.settling))

    return consume_in_turns(messages, consume, redelivery, tracker, deadlines.settling)


def consume_in_turns(
    messages: Sequence[Message],
    consume: Callable[[Sequence[Message]], list[Delivery]],
    redelivery: Redelivery,
    tracker: FailureTracker,
    deadline: Deadline,
) -> list[Delivery]:
    """What is done is acknowledged before the next turn, in which the process may die."""
    deliveries: dict[int, Delivery] = {}
    done: list[Message] = []
    for turn in in_turns(messages, tracker.receives_max):
        if done:
            with suppress(Exception):  # the answer acknowledges it as well
                redelivery.acknowledge(done, deadline)
        deliveries |= zip(turn, consume([messages[index] for index in turn]), strict=True)
        done = [messages[index] for index in turn if not _comes_back(deliveries[index])]
    failed_messages = [one.message for one in deliveries.values() if _comes_back(one)]
    if failed_messages:
        with suppress(Exception):  # outcomes stand, and failing now would park the parked once more
            redelivery.delay(failed_messages, deadline)
    return [deliveries[index] for index in range(len(messages))]


def park_deliveries(
    deliveries: Sequence[Delivery], parking_lot: ParkingLot, now: datetime, deadline: Deadline
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
        codes = parking_lot.park(parkings, parked_at=now, deadline=deadline)
    except Exception as error:  # noqa: BLE001 (whatever went wrong, unconfirmed means unparked)
        return [_unless_parked(one, {}, raised(error)) for one in deliveries]
    return [_unless_parked(one, codes, retry("ParkingFailed")) for one in deliveries]


def batch_response(deliveries: Sequence[Delivery]) -> dict[str, Any]:
    """Lambda's partial batch response: the ids of the messages that must come back."""
    return {
        "batchItemFailures": [
            {"itemIdentifier": one.message.message_id} for one in deliveries if _comes_back(one)
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
    except Exception as error:  # noqa: BLE001 (one message's bug must not block its neighbours)
        return failed(error)


def _handle(
    handler: EventHandler[Any], events: list[Event], deadline: Deadline
) -> Sequence[Handled]:
    if not events:
        return []
    if deadline.is_over():
        return [OUT_OF_TIME] * len(events)
    try:
        answers = list(handler.handle(events, deadline))
    except Exception as error:  # noqa: BLE001 (a handler's bug loses nothing: all of it comes back)
        return [raised(error)] * len(events)
    if len(answers) != len(events):
        return [retry("AnswersDoNotMatchEvents", Cause.UNEXPECTED)] * len(events)
    return answers


def _unless_parked(one: Delivery, codes: Mapping[str, str], otherwise: Handled) -> Delivery:
    code = codes.get(one.message.message_id)
    if one.handled.outcome is not Outcome.PARKED or code == "":
        return one
    if code:
        cause = Cause.DEPENDENCY_FAULT if is_dependency_fault(code) else Cause.UNEXPECTED
        otherwise = retry(f"{otherwise.error_type}:{code}", cause)
    return Delivery(message=one.message, event=one.event, handled=otherwise)


def _comes_back(one: Delivery) -> bool:
    return one.handled.outcome is Outcome.RETRY


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
