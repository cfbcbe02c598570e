"""Parts of operators' commands that do not keep their promise; `variants_commands` puts them in."""

from collections.abc import Iterator, Sequence
from dataclasses import replace
from datetime import UTC, datetime, timedelta
from random import Random
from typing import Any

from customer_events.event import CustomerStatusChanged
from customer_events.sequence import sequence
from fanout.accounts import backfill, snapshots
from fanout.accounts import reconcile as repairing
from fanout.accounts.snapshots import Snapshot
from fanout.dlq import steps as consumer_function
from fanout.dlq import steps as moving
from fanout.dlq import steps as sending
from fanout.failures import recover as recovering
from fanout.failures import store as publisher_function
from fanout.failures.records import Record
from fanout.runs.journal import intent
from fanout.sqs import queue as sqs_queues
from fanout.sqs.message import DeadMessage
from fanout.sqs.queue import Effect, QueueFacts, Receipt, Sending, Verdict


class DeletingFirst(moving.ThroughQueue):
    def _send(self, messages: list[DeadMessage], sendings: dict[str, Sending]) -> moving.Moved:
        receipts = [self._deleting._receipt(one) for one in messages]
        self._deleting._dlq.delete(receipts)
        return super()._send(messages, sendings)


class Believing(sqs_queues.SqsQueue):
    """Takes a call that raised no error for success of every entry."""

    def send(self, sendings: Sequence[Sending]) -> list[Effect]:
        return [replace(one, ok=True) for one in super().send(sendings)]


class Altering(sending.AsItIs):
    def make(self, message: DeadMessage) -> Sending:
        made = super().make(message)
        return replace(made, entry={**made.entry, "MessageBody": message.body.strip() + "\n"})


class NamedByContent(sending.AsItIs):
    def __init__(self, destination: QueueFacts, run_id: str) -> None:
        super().__init__(destination, run_id)
        self._fifo = destination.fifo

    def make(self, message: DeadMessage) -> Sending:
        made = super().make(message)
        if not self._fifo:
            return made
        name = f"{hash_of(message.body):x}"
        return replace(made, entry={**made.entry, "MessageDeduplicationId": name})


class Applied(consumer_function.ConsumerFunction):
    """Reports `APPLIED` where no outcome came."""

    def handle(self, messages: Sequence[DeadMessage]) -> list[Verdict]:
        return [
            replace(one, outcome="APPLIED") if one.outcome == "RETRY" else one
            for one in super().handle(messages)
        ]


class KeepingQuiet(sqs_queues.SqsQueue):
    """Tells of a deletion as confirmed, whatever the answer says."""

    def delete(self, receipts: Sequence[Receipt]) -> list[Effect]:
        return [replace(one, ok=True) for one in super().delete(receipts)]


class Trusting(publisher_function.PublisherFunction):
    """Takes an invocation whose answer did not come for done."""

    def publish(self, records: Sequence[Record]) -> list[publisher_function.Outcome]:
        return [
            replace(one, outcome=publisher_function.PUBLISHED)
            if one.outcome == publisher_function.FAILED
            else one
            for one in super().publish(records)
        ]


class Forgiving(publisher_function.PublisherFunction):
    """Takes a refused record for one without a change."""

    def publish(self, records: Sequence[Record]) -> list[publisher_function.Outcome]:
        return [
            replace(one, outcome=publisher_function.IGNORED)
            if one.outcome == publisher_function.REFUSED
            else one
            for one in super().publish(records)
        ]


class MovingFirst(recovering.Recovery):
    def _publish(self, call: Sequence[recovering.QueuedRecord]) -> str:
        names = dict.fromkeys(one.item_id for one in call if one.last)
        items = [found for one in names if (found := self.run.ledger.get(one)) is not None]
        for item in items:
            self.mover.move_object(item)
        return super()._publish(call)


class EagerScan(backfill.Seeding):
    def _next_page(self, position: backfill.Position, segments: int) -> backfill.Position:
        page = self.accounts.page(
            position.segment, segments, start=position.next_key, limit=self.page_size
        )
        with self.journal_lock:
            self.run.record(intent(backfill.STEP, [position.item_id]))
        reached = position.after(page.next_key, backfill.Tally(scanned=page.scanned))
        self._record(reached)
        self.bound.page_sent(self._send(page).sent)
        return reached


def send_once(queue: Any, events: Sequence[CustomerStatusChanged], *, fifo: bool) -> None:
    """Sends each event once, and does not look at what became of it."""
    for start in range(0, len(events), 10):
        queue.send([snapshots._sending(one, fifo=fifo) for one in events[start : start + 10]])


def marked_newest(snapshot: Snapshot, source: str) -> CustomerStatusChanged:
    """A snapshot that is ordered above every live event."""
    event = snapshots.snapshot_event(snapshot, source)
    return replace(event, sequence=sequence(str(10**30), epoch=1))


def dated_late(date_header: str, *, call_seconds: float) -> datetime:
    """By a clock that is ahead: ten seconds after the read."""
    at = datetime.strptime(date_header, "%a, %d %b %Y %H:%M:%S GMT").replace(tzinfo=UTC)
    return at + timedelta(seconds=10 + call_seconds)


def as_snapshot(snapshot: Snapshot, source: str, _: Any) -> CustomerStatusChanged:
    """A repair that names no row: an ordinary snapshot."""
    return snapshots.snapshot_event(snapshot, source)


def accounts_first(
    sides: Any, customer_ids: Sequence[str], source: str
) -> Iterator[repairing.Repair]:
    """Reads Accounts before the row, so that the row may be newer than its repair."""
    accounts, read_at = sides.accounts.lookup(customer_ids)
    rows = sides.rows.lookup(customer_ids)
    for one in customer_ids:
        difference = sides.expectation.compare(one, accounts.get(one), rows.get(one))
        if difference is None:
            yield repairing.Repair(customer_id=one, event=None, end=repairing.End.AGREES)
        else:
            yield repairing.repair_for(
                difference, accounts.get(one), rows.get(one), source=source, read_at=read_at
            )


_repair_for = repairing.repair_for


def leaves_the_gone(*arguments: Any, **options: Any) -> repairing.Repair:
    """Repairs every row but those of customers who are gone."""
    found = _repair_for(*arguments, **options)
    if arguments[1] is None:
        return replace(found, event=None, end=repairing.End.AGREES)
    return found


def hash_of(text: str) -> int:
    """The same on every machine."""
    return Random(text).getrandbits(120)
