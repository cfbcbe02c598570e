"""Broken consumers."""

from collections.abc import Callable, Mapping, Sequence
from dataclasses import replace
from datetime import datetime
from typing import Any

from customer_events.deadline import Deadline, Deadlines
from customer_events.errors import PermanentError, SchemaViolation
from event_consumer.consume_batch import BatchConsumer
from event_consumer.messages import Message
from event_consumer.outcomes import STALE, Delivery, Handled, Outcome, parked, retry
from event_consumer.ports import EventHandler, Parking, ParkingLot
from event_consumer.unwrap import unwrap
from simulation.bent_guard import Answers
from simulation.system import Clients, Handler, System


class DeletesBeforeParking(System):
    """Deletes a poison message from its queue, and then parks it."""

    def parking_lot(self, clients: Clients) -> ParkingLot:
        inner = super().parking_lot(clients)

        def park(parkings: Sequence[Parking], at: datetime, until: Deadline) -> Mapping[str, str]:
            for one in parkings:
                clients.queues.delete_message(
                    QueueUrl=clients.queue_url, ReceiptHandle=one.message.receipt_handle
                )
            return inner.park(parkings, parked_at=at, deadline=until)

        return _Lot(park)


class BelievesParkingSucceeded(System):
    """Acknowledges a message whose parking was not confirmed."""

    def parking_lot(self, clients: Clients) -> ParkingLot:
        inner = super().parking_lot(clients)

        def park(parkings: Sequence[Parking], at: datetime, until: Deadline) -> Mapping[str, str]:
            inner.park(parkings, parked_at=at, deadline=until)
            return _all(parkings)

        return _Lot(park)


class DropsPoison(System):
    """Acknowledges what it can't read, and parks nothing."""

    def parking_lot(self, clients: Clients) -> ParkingLot:
        return _Lot(lambda parkings, *_: _all(parkings))


class ParksAlteredBody(System):
    """Parks a message with a body that was cleaned up."""

    def parking_lot(self, clients: Clients) -> ParkingLot:
        return _changed(super().parking_lot(clients), lambda body: body + " ")


class ParksWithoutReason(System):
    """Parks a message and does not say why."""

    def parking_lot(self, clients: Clients) -> ParkingLot:
        return super().parking_lot(replace(clients, queues=_Editing(clients.queues, _unmarked)))


class DeduplicatesParking(System):
    """Parks on FIFO under an id of the content, so that a second parking vanishes."""

    def parking_lot(self, clients: Clients) -> ParkingLot:
        return super().parking_lot(replace(clients, queues=_Editing(clients.queues, _by_content)))


class FailsBatchForPoison(System):
    """Lets the whole batch come back where one message can't be read."""

    def batch_consumer(self, clients: Clients) -> Any:
        return _FailsForPoison(super().batch_consumer(clients))


class ParksWhatIsThrottled(System):
    """Parks what failed in passing."""

    def event_handler(self, clients: Clients) -> EventHandler:
        return Answers(super().event_handler(clients), _as_parked)


class AcknowledgesFailures(System):
    """Takes what failed in passing for done."""

    def event_handler(self, clients: Clients) -> EventHandler:
        return Answers(
            super().event_handler(clients),
            lambda one: STALE if one.outcome is Outcome.RETRY else one,
        )


class AnswersNoFailures(System):
    """Answers that nothing failed, whatever did."""

    def consumer(self, clients: Clients) -> Handler:
        handler = super().consumer(clients)

        def handle(event: dict[str, Any], context: Any) -> dict[str, Any]:
            handler(event, context)
            return {"batchItemFailures": []}

        return handle


class AnswersReceiptHandles(System):
    """Names a failed message by its receipt handle."""

    def consumer(self, clients: Clients) -> Handler:
        handler = super().consumer(clients)

        def handle(event: dict[str, Any], context: Any) -> dict[str, Any]:
            receipts = {one["messageId"]: one["receiptHandle"] for one in event["Records"]}
            failures = handler(event, context)["batchItemFailures"]
            names = [{"itemIdentifier": receipts[one["itemIdentifier"]]} for one in failures]
            return {"batchItemFailures": names}

        return handle


# Private functions

_Park = Callable[[Sequence[Parking], datetime, Deadline], Mapping[str, str]]


class _FailsForPoison:
    def __init__(self, inner: BatchConsumer) -> None:
        self._inner = inner
        self.decide = inner.decide

    def consume(
        self, messages: Sequence[Message], deadlines: Deadlines, now: datetime
    ) -> list[Delivery]:
        try:
            for one in messages:
                unwrap(one.body)
        except PermanentError:
            return [Delivery(message=one, event=None, handled=retry("Poison")) for one in messages]
        return self._inner.consume(messages, deadlines, now)


class _Lot:
    def __init__(self, park: _Park) -> None:
        self._park = park

    def park(
        self, parkings: Sequence[Parking], *, parked_at: datetime, deadline: Deadline
    ) -> Mapping[str, str]:
        return self._park(parkings, parked_at, deadline)


class _Editing:
    """An SQS client whose entries are changed on their way to the DLQ."""

    def __init__(self, inner: Any, edit: Callable[[dict[str, Any]], dict[str, Any]]) -> None:
        self._inner = inner
        self._edit = edit

    def send_message_batch(self, **request: Any) -> Any:
        entries = [self._edit(one) for one in request["Entries"]]
        return self._inner.send_message_batch(**{**request, "Entries": entries})


def _changed(inner: ParkingLot, change: Callable[[str], str]) -> _Lot:
    def park(parkings: Sequence[Parking], at: datetime, until: Deadline) -> Mapping[str, str]:
        altered = [
            replace(one, message=replace(one.message, body=change(one.message.body)))
            for one in parkings
        ]
        return inner.park(altered, parked_at=at, deadline=until)

    return _Lot(park)


def _all(parkings: Sequence[Parking]) -> dict[str, str]:
    return {one.message.message_id: "" for one in parkings}


def _unmarked(entry: dict[str, Any]) -> dict[str, Any]:
    return {**entry, "MessageAttributes": {}}


def _by_content(entry: dict[str, Any]) -> dict[str, Any]:
    if "MessageDeduplicationId" not in entry:
        return entry
    return {**entry, "MessageDeduplicationId": entry["MessageBody"][:128]}


def _as_parked(one: Handled) -> Handled:
    if one.outcome is not Outcome.RETRY:
        return one
    return parked(SchemaViolation("expected a healthy table"))
