"""Broken operators' commands."""

from dataclasses import replace
from datetime import UTC, datetime, timedelta
from random import Random

from customer_events.sequence import sequence
from fanout.accounts import backfill, reconcile, snapshots
from fanout.dlq import replay, steps
from fanout.failures import recover, store
from fanout.runs.journal import intent
from fanout.sqs.queue import SqsQueue
from publisher.handlers import REPORT_OUTCOMES
from sentinel import table as accounts_table
from simulation import commands
from simulation.checkers import (
    CONVERGES,
    NEVER_BACKWARDS,
    NOTHING_INVENTED,
    NOTHING_LOST,
    ONE_IDENTITY,
    PARKED_WHOLE,
    REPORTS_TRUE,
    SEEDED,
)
from simulation.faults import only
from simulation.variants.publisher import ChangedBus, random_id
from simulation.variants.variant import Variant

_CALLS_FAIL = ("throttles", "lost_answers", "crashes")
_OPERATING = only("operators", "mapping_off", "missing_entries", "partial_batches", *_CALLS_FAIL)
_DEAD = only(
    *("operators", "poison_messages", "outages"),
    *("missing_entries", "partial_batches", *_CALLS_FAIL),
)
_GIVEN_UP = only("operators", "poison_records", "mapping_off", "outages", *_CALLS_FAIL)
_SNAPSHOTS = only("operators", "reordering", "interleavings", "mapping_off")
_is_moved = replay.is_moved
_sending = steps.sending
_repair_for = reconcile.repair_for


class DeletingFirst(replay.Replay):
    def _move_wave(self, wave, sweep):
        for batch in wave:
            self.operation.subscription.dlq.delete(sweep.receipts(batch))
        return super()._move_wave(wave, sweep)


class BelievingSend(SqsQueue):
    def send(self, sendings):
        return [replace(one, ok=True) for one in super().send(sendings)]


class BelievingDelete(SqsQueue):
    def delete(self, receipts):
        return [replace(one, ok=True) for one in super().delete(receipts)]


def altered(message, destination, run_id):
    made = _sending(message, destination, run_id)
    return replace(made, entry={**made.entry, "MessageBody": message.body.strip() + "\n"})


def named_by_content(message, destination, run_id):
    made = _sending(message, destination, run_id)
    if not destination.fifo:
        return made
    name = f"{Random(message.body).getrandbits(120):x}"
    return replace(made, entry={**made.entry, "MessageDeduplicationId": name})


class InventingOutcomes(steps.ConsumerFunction):
    def handle(self, messages):
        return [
            {**one, "outcome": "APPLIED"} if one["outcome"] == "RETRY" else one
            for one in super().handle(messages)
        ]


def mistaking(outcome, other):
    """A publisher function that takes one outcome for another."""

    class Mistaking(store.PublisherFunction):
        def publish(self, records):
            return [
                replace(one, outcome=other) if one.outcome == outcome else one
                for one in super().publish(records)
            ]

    return {(recover, "PublisherFunction"): Mistaking}


class MovingFirst(recover.Recovery):
    def _publish(self, call):
        names = dict.fromkeys(one.item_id for one in call if one.last)
        items = [found for one in names if (found := self.run.ledger.get(one)) is not None]
        for item in items:
            self.operation.move_object(self.run, item)
        return super()._publish(call)


def new_ids_for_recovered(plain, clients):
    changing = replace(plain, bus=ChangedBus(plain.bus, clients, random_id))

    def handle(event, context):
        return (changing if event.get(REPORT_OUTCOMES) else plain)(event, context)

    return handle


class EagerScan(backfill.Seeding):
    def _next_page(self, position, segments):
        operation = self.operation
        page = operation.accounts.page(
            position.segment, segments, start=position.next_key, limit=operation.page_size
        )
        with self.journal_lock:
            self.run.record(intent(backfill.STEP, [position.item_id]))
        reached = position.after(page.next_key, backfill.Tally(scanned=page.scanned))
        self._record(reached)
        self.bound.page_sent(self._send(page).sent)
        return reached


def send_once(queue, events, *, fifo):
    for start in range(0, len(events), 10):
        queue.send([snapshots._sending(one, fifo=fifo) for one in events[start : start + 10]])


def marked_newest(snapshot, source):
    event = snapshots.snapshot_event(snapshot, source)
    return replace(event, sequence=sequence(str(10**30), epoch=1))


def dated_late(date_header, *, call_seconds):
    """Ten seconds after the read."""
    at = datetime.strptime(date_header, "%a, %d %b %Y %H:%M:%S GMT").replace(tzinfo=UTC)
    return at + timedelta(seconds=10 + call_seconds)


def leaving_the_removed(*arguments, **options):
    repair = _repair_for(*arguments, **options)
    if arguments[1] is None:
        return reconcile.Repair(repair.customer_id, reconcile.End.AGREES)
    return repair


def accounts_first(sides, customer_ids, source):
    """So the row may be newer than its repair."""
    accounts, read_at = sides.accounts.lookup(customer_ids)
    rows = sides.rows.lookup(customer_ids)
    for one in customer_ids:
        if sides.expectation.compare(one, accounts.get(one), rows.get(one)) is None:
            yield reconcile.Repair(one, reconcile.End.AGREES)
        else:
            yield reconcile.repair_for(
                one, accounts.get(one), rows.get(one), source=source, read_at=read_at
            )


READS_ACCOUNTS_FIRST = Variant(
    "Reads the item before the row that it repairs",
    NEVER_BACKWARDS,
    only(),
    command_parts={(reconcile, "repairs"): accounts_first},
)
"""Caught by a history that is made for it, with a change at each of the command's calls."""

VARIANTS = (
    Variant(
        "Deletes a dead message, and then sends it to its queue",
        NOTHING_LOST,
        _DEAD,
        command_parts={(replay, "Replay"): DeletingFirst},
    ),
    Variant(
        "Takes a dead message for sent although its entry was not confirmed",
        NOTHING_LOST,
        _DEAD,
        shown_by=116,
        command_parts={(commands, "SqsQueue"): BelievingSend},
    ),
    Variant(
        "Sends a dead message's body tidied up",
        PARKED_WHOLE,
        _DEAD,
        command_parts={(steps, "sending"): altered},
    ),
    Variant(
        "Replays on FIFO under an id of the content, so that a second replay vanishes",
        NOTHING_LOST,
        only("operators", "fifo", "poison_messages"),
        seeds_max=2000,
        command_parts={(steps, "sending"): named_by_content},
    ),
    Variant(
        "Reports APPLIED of a message for which no outcome came, and deletes it",
        NOTHING_LOST,
        _DEAD,
        shown_by=34,
        command_parts={(replay, "ConsumerFunction"): InventingOutcomes},
    ),
    Variant(
        "Deletes what the consumer would park again",
        NOTHING_LOST,
        _DEAD,
        command_parts={(steps, "WELL"): steps.WELL | {"PARKED"}},
    ),
    Variant(
        "Resumes as if every send that was begun had been done",
        NOTHING_LOST,
        _DEAD,
        seeds_max=1000,
        shown_by=254,
        command_parts={
            (replay, "is_moved"): lambda item: item.step == steps.SEND or _is_moved(item)
        },
    ),
    Variant(
        "Reports a message as gone from the DLQ although its deletion was not confirmed",
        REPORTS_TRUE,
        _DEAD,
        seeds_max=1000,
        shown_by=248,
        command_parts={(commands, "SqsQueue"): BelievingDelete},
    ),
    Variant(
        "Publishes recovered records under new event ids",
        ONE_IDENTITY,
        _GIVEN_UP,
        publisher=new_ids_for_recovered,
    ),
    Variant(
        "Takes a recovery whose answer did not come for done",
        NOTHING_LOST,
        _GIVEN_UP,
        shown_by=25,
        command_parts=mistaking(store.FAILED, store.PUBLISHED),
    ),
    Variant(
        "Moves a record out of the failure store that the publisher refuses again",
        NOTHING_LOST,
        _GIVEN_UP,
        command_parts=mistaking(store.REFUSED, store.IGNORED),
    ),
    Variant(
        "Moves an object out of the failure store, and then publishes it",
        NOTHING_LOST,
        _GIVEN_UP,
        command_parts={(recover, "Recovery"): MovingFirst},
    ),
    Variant(
        "Recovers records of an earlier stream under today's epoch",
        NOTHING_INVENTED,
        only("operators", "mapping_off", "restarts"),
        seeds_max=2000,
        command_parts={(recover, "is_of_earlier_stream"): lambda *_: False},
    ),
    Variant(
        "Writes its checkpoint before the page was sent, so that a resume skips it",
        SEEDED,
        _OPERATING,
        seeds_max=1000,
        shown_by=445,
        command_parts={(backfill, "Seeding"): EagerScan},
    ),
    Variant(
        "Sends each snapshot once, and does not look whether the queue took it",
        SEEDED,
        _OPERATING,
        shown_by=69,
        command_parts={(snapshots, "send_events"): send_once},
    ),
    Variant(
        "Orders snapshots above every live event",
        NOTHING_LOST,
        _SNAPSHOTS,
        seeds_max=1000,
        shown_by=63,
        command_parts={(backfill, "snapshot_event"): marked_newest},
    ),
    Variant(
        "Dates a snapshot by a clock that is ahead",
        NOTHING_INVENTED,
        _SNAPSHOTS,
        command_parts={(accounts_table, "read_time"): dated_late},
    ),
    Variant(
        "Sends a repair as an ordinary snapshot, which a live row outranks",
        CONVERGES,
        _SNAPSHOTS,
        command_parts={
            (reconcile, "snapshot_event"): lambda one, source, **_: snapshots.snapshot_event(
                one, source
            )
        },
    ),
    Variant(
        "Repairs no row of a customer who was removed",
        CONVERGES,
        _SNAPSHOTS,
        shown_by=21,
        command_parts={(reconcile, "repair_for"): leaving_the_removed},
    ),
)
