"""Broken consumers."""

from dataclasses import replace
from functools import partial

from customer_events.errors import PermanentError, SchemaViolation
from event_consumer.outcomes import STALE, Delivery, Outcome, parked, retry
from event_consumer.unwrap import unwrap
from simulation.checkers import ISOLATED, NOTHING_LOST, ONLY_POISON_IS_PARKED, PARKED_WHOLE
from simulation.faults import only
from simulation.variants.guard import Answers
from simulation.variants.variant import POISON, Variant


class ChangedLot:
    """A parking lot; `park` gets the real one and does the parking."""

    def __init__(self, park, inner, clients):
        self._park = park
        self._inner = inner
        self._clients = clients

    def park(self, parkings, *, parked_at, deadline):
        real = partial(self._inner.park, parked_at=parked_at, deadline=deadline)
        return self._park(real, parkings, self._clients)


def deleting_first(real, parkings, clients):
    for one in parkings:
        clients.queues.delete_message(
            QueueUrl=clients.queue_url, ReceiptHandle=one.message.receipt_handle
        )
    return real(parkings)


def all_parked(parkings):
    return {one.message.message_id: "" for one in parkings}


def believing(real, parkings, _):
    real(parkings)
    return all_parked(parkings)


def altering(real, parkings, _):
    return real(
        [
            replace(one, message=replace(one.message, body=one.message.body + " "))
            for one in parkings
        ]
    )


class EditingQueues:
    """An SQS client whose entries are changed on their way to the DLQ."""

    def __init__(self, edit, inner, _):
        self._edit = edit
        self._inner = inner

    def __getattr__(self, name):
        return getattr(self._inner, name)

    def send_message_batch(self, **request):
        entries = [self._edit(one) for one in request["Entries"]]
        return self._inner.send_message_batch(**{**request, "Entries": entries})


def by_content(entry):
    if "MessageDeduplicationId" not in entry:
        return entry
    return {**entry, "MessageDeduplicationId": entry["MessageBody"][:128]}


class FailingForPoison:
    def __init__(self, inner, _):
        self._inner = inner
        self.decide = inner.decide

    def consume(self, messages, deadlines, now):
        try:
            for one in messages:
                unwrap(one.body)
        except PermanentError:
            return [Delivery(message=one, event=None, handled=retry("Poison")) for one in messages]
        return self._inner.consume(messages, deadlines, now)


def parking_retries(one):
    if one.outcome is not Outcome.RETRY:
        return one
    return parked(SchemaViolation("expected a healthy table"))


def answering(answer, handler, _):
    def handle(event, context):
        failures = handler(event, context)["batchItemFailures"]
        return {"batchItemFailures": answer(failures, event["Records"])}

    return handle


def by_receipt_handle(failures, records):
    receipts = {one["messageId"]: one["receiptHandle"] for one in records}
    return [{"itemIdentifier": receipts[one["itemIdentifier"]]} for one in failures]


VARIANTS = (
    Variant(
        "Deletes a poison message from its queue, and then parks it",
        NOTHING_LOST,
        POISON,
        parking_lot=partial(ChangedLot, deleting_first),
    ),
    Variant(
        "Acknowledges a message whose parking was not confirmed",
        NOTHING_LOST,
        POISON,
        parking_lot=partial(ChangedLot, believing),
    ),
    Variant(
        "Acknowledges what it can't read, and parks nothing",
        NOTHING_LOST,
        POISON,
        parking_lot=partial(ChangedLot, lambda _, parkings, __: all_parked(parkings)),
    ),
    Variant(
        "Lets the whole batch come back where one message can't be read",
        ISOLATED,
        POISON,
        batch_consumer=FailingForPoison,
    ),
    Variant(
        "Parks what failed in passing",
        ONLY_POISON_IS_PARKED,
        only("throttles"),
        event_handler=partial(Answers, parking_retries),
    ),
    Variant(
        "Takes what failed in passing for done",
        NOTHING_LOST,
        only("throttles"),
        event_handler=partial(Answers, lambda one: STALE if one.outcome is Outcome.RETRY else one),
    ),
    Variant(
        "Answers that nothing failed, whatever did",
        NOTHING_LOST,
        only("throttles"),
        consumer=partial(answering, lambda *_: []),
    ),
    Variant(
        "Names a failed message by its receipt handle",
        ISOLATED,
        only("throttles"),
        consumer=partial(answering, by_receipt_handle),
    ),
    Variant(
        "Parks a message with a body that was cleaned up",
        PARKED_WHOLE,
        POISON,
        parking_lot=partial(ChangedLot, altering),
    ),
    Variant(
        "Parks a message and does not say why",
        PARKED_WHOLE,
        POISON,
        queues=partial(EditingQueues, lambda entry: {**entry, "MessageAttributes": {}}),
    ),
    Variant(
        "Parks on FIFO under an id of the content, so that a second parking vanishes",
        NOTHING_LOST,
        only("fifo", "poison_messages", "redrives"),
        seeds_max=3000,
        queues=partial(EditingQueues, by_content),
    ),
)
