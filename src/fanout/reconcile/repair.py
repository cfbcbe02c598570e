"""Mend drifted rows through the subscriber's own queue and guard, under rule 4.

The row is read first, then Accounts, both consistently: what Accounts says is then at least as new
as the row. The repair names the sequence that the row had, and applies only if it still has it, so
a live change that comes first wins.
"""

from collections.abc import Callable, Iterator, Sequence
from dataclasses import dataclass
from datetime import datetime
from enum import StrEnum
from typing import Protocol

from customer_events.event import CustomerStatusChanged
from fanout.backfill.reading import Reading, Unreadable
from fanout.backfill.snapshots import removal, repair, snapshot
from fanout.dlq.stopping import Stopping
from fanout.reconcile.comparison import Difference, StoredRow
from fanout.reconcile.difference_store import DifferenceStore
from fanout.reconcile.first_look import Sides, chunks
from fanout.runs.ledger import State
from fanout.runs.records import done, ended, intent
from fanout.runs.run import Run

BATCH = 10
STEP = "repair"


class End(StrEnum):
    """How a customer's repair ended."""

    SENT = "sent"
    AGREES = "agrees by now"
    BEYOND = "can't be repaired"


@dataclass(frozen=True, slots=True, kw_only=True)
class Repair:
    """What is to be done for a customer: an event, or why there is none to send."""

    customer_id: str
    event: CustomerStatusChanged | None
    end: End
    why: str = ""


class Snapshots(Protocol):
    """The subscriber's queue."""

    def send(self, events: Sequence[CustomerStatusChanged]) -> None:
        """Send them; each is confirmed when this returns."""
        ...


def select(run: Run, differences: DifferenceStore, *, now: datetime) -> None:
    """Freeze which customers are to be repaired; nothing has been sent yet."""
    run.select(
        {"id": one.customer_id, "drift": one.drift.value, "cause": one.cause}
        for chunk in differences.chunks(500)
        for one in chunk
    )
    run.freeze(cut_off=now)


def send_repairs(
    sides: Sides,
    queue: Snapshots,
    run: Run,
    *,
    source: str,
    stopping: Stopping,
    progress: Callable[[int], None] = lambda _count: None,
) -> dict[End, int]:
    """Repair what the run selected; returns how many ended how."""
    counts = dict.fromkeys(End, 0)
    waiting = (one.id for one in run.ledger.items(State.WAITING, State.DOING, State.DID))
    for ids in chunks(waiting, BATCH):
        if stopping.asked():
            break
        repairs = list(_repairs(sides, ids, source))
        events = [one.event for one in repairs if one.event is not None]
        if events:
            run.record(intent(STEP, [event.customer_id for event in events]))
            queue.send(events)
            run.record(
                done(
                    STEP,
                    [
                        {"id": one.customer_id, "ok": True, "event_id": str(one.event_id)}
                        for one in events
                    ],
                )
            )
        run.record(
            ended({"id": one.customer_id, "end": one.end, "why": one.why} for one in repairs)
        )
        for one in repairs:
            counts[one.end] += 1
        progress(len(repairs))
    return counts


def repair_for(
    difference: Difference,
    account: Reading | Unreadable | None,
    stored: StoredRow | None,
    *,
    source: str,
    read_at: datetime,
) -> Repair:
    """What mends a difference; `read_at` is when Accounts was read."""
    customer_id = difference.customer_id
    if isinstance(account, Unreadable):
        why = f"Accounts' item can't become an event: {account.code}. Mend the item."
        return Repair(customer_id=customer_id, event=None, end=End.BEYOND, why=why)
    if stored is not None and stored.row is None and stored.has_sequence:
        why = (
            "The row has a sequence, but not the guard's other attributes: it was changed by hand. "
            "Delete the row, then repair again."
        )
        return Repair(customer_id=customer_id, event=None, end=End.BEYOND, why=why)
    row = stored.row if stored else None
    if account is None:
        event = removal(customer_id, source, row.sequence if row else None, read_at)
    elif row is None:
        event = snapshot(account, source)
    else:
        event = repair(account, source, row.sequence)
    return Repair(customer_id=customer_id, event=event, end=End.SENT)


# Private functions


def _repairs(sides: Sides, customer_ids: Sequence[str], source: str) -> Iterator[Repair]:
    rows = sides.rows.lookup(customer_ids)
    accounts, read_at = sides.accounts.lookup(customer_ids)
    for one in customer_ids:
        account, stored = accounts.get(one), rows.get(one)
        difference = sides.expectation.compare(one, account, stored)
        if difference is None:
            yield Repair(customer_id=one, event=None, end=End.AGREES)
        else:
            yield repair_for(difference, account, stored, source=source, read_at=read_at)
