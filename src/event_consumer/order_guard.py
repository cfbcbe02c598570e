"""The order guard: may an event change a row? It is the idempotency and the order of a subscriber.

The same decision is made twice, and a test proves the two equal: here, in Python, for verdicts;
and in `guarded_table` as a condition that DynamoDB evaluates atomically with the write.
"""

from dataclasses import dataclass
from datetime import datetime, timedelta
from enum import StrEnum

from customer_events.errors import OrderContradiction
from customer_events.event import Change, CustomerStatusChanged, Status
from customer_events.sequence import UNCOUNTED, Sequence, SequenceSource, epoch_prefix
from event_consumer.outcomes import DUPLICATE, STALE, Handled, parked

CLOCK_TOLERANCE = timedelta(seconds=5)
"""How much newer by time an event older by sequence must be to prove that a counter restarted.

Stream records carry whole seconds, and the hosts that stamp them are not in lockstep.
"""


@dataclass(frozen=True, slots=True, kw_only=True)
class Row:
    """What the guard needs to know of a stored row. `snapshot_at` is None where never seeded."""

    sequence: Sequence
    sequence_source: SequenceSource
    schema_version: int
    status: Status
    previous_status: Status | None
    occurred_at: datetime
    snapshot_at: datetime | None


class Kind(StrEnum):
    """By which rule an event competes for its row."""

    COUNTED = "counted"
    SNAPSHOT = "snapshot"
    REPAIR = "repair"


def kind(event: CustomerStatusChanged) -> Kind:
    """A snapshot with a version counter competes by its sequence, like a live event."""
    if event.repairs is not None:
        return Kind.REPAIR
    return Kind.SNAPSHOT if event.sequence == UNCOUNTED else Kind.COUNTED


def judge(
    row: Row | None, event: CustomerStatusChanged, tolerance: timedelta = CLOCK_TOLERANCE
) -> Handled | None:
    """Decide what becomes of an event, given the row that is stored.

    Returns:
        None where the event applies; else `DUPLICATE`, `STALE`, or `PARKED` as
        `OrderContradiction`.
    """
    match kind(event):
        case Kind.REPAIR:
            return _judge_repair(row, event)
        case Kind.SNAPSHOT:
            return _judge_snapshot(row, event)
        case Kind.COUNTED:
            return None if row is None else _judge_counted(row, event, tolerance)


# Private functions


def _judge_repair(row: Row | None, event: CustomerStatusChanged) -> Handled | None:
    """A repair corrects the row that it saw, and no other; a later snapshot wins."""
    if row is None or row.sequence != event.repairs:
        return STALE
    return _judge_by_read_time(row, event)


def _judge_snapshot(row: Row | None, event: CustomerStatusChanged) -> Handled | None:
    """A snapshot without a counter knows only when it was read: any live event is newer."""
    if row is None:
        return None
    if row.sequence != UNCOUNTED:
        return STALE
    return _judge_by_read_time(row, event)


def _judge_by_read_time(row: Row, event: CustomerStatusChanged) -> Handled | None:
    if row.snapshot_at is None or row.snapshot_at < event.occurred_at:
        return None
    same = row.snapshot_at == event.occurred_at and row.status == event.status
    return DUPLICATE if same else STALE


def _judge_counted(row: Row, event: CustomerStatusChanged, tolerance: timedelta) -> Handled | None:
    if (
        epoch_prefix(row.sequence) == epoch_prefix(event.sequence)
        and row.sequence_source != event.sequence_source
    ):
        return _contradiction(f"the stored row's counter, {row.sequence_source}")
    order = (event.sequence, event.schema_version)
    stored = (row.sequence, row.schema_version)
    if order > stored:
        return STALE if _goes_backwards(row, event, tolerance) else None
    if order == stored:
        return _judge_equal(row, event, tolerance)
    if event.sequence < row.sequence and _counter_restarted(row, event, tolerance):
        return _contradiction("a sequence above the stored one, since its time is later")
    return STALE


def _goes_backwards(row: Row, event: CustomerStatusChanged, tolerance: timedelta) -> bool:
    """Newer by sequence, yet older by time where the sequence proves nothing.

    What is from before the row was read is in what was read. And after a failover a mapping at
    TRIM_HORIZON publishes a day of old changes under the raised epoch; there an event that is
    itself a snapshot is exempt, since its time is no change's.
    """
    raised = epoch_prefix(row.sequence) != epoch_prefix(event.sequence)
    if not (_is_uncounted_snapshot(row) or (raised and event.change is not Change.SNAPSHOT)):
        return False
    return row.occurred_at - event.occurred_at > latest_stored_allowance(event, tolerance)


def _judge_equal(row: Row, event: CustomerStatusChanged, tolerance: timedelta) -> Handled:
    if is_snapshot(row) or event.change is Change.SNAPSHOT:
        if _counter_restarted(row, event, tolerance):
            return _contradiction("a sequence above the stored one, since its time is later")
        if row.status == event.status:
            return DUPLICATE
        if row.sequence_source is SequenceSource.STREAM or _is_uncounted_snapshot(row):
            return (
                STALE  # repaired since: the row keeps the sequence of the event that it corrected
            )
    elif (row.status, row.occurred_at) == (event.status, event.occurred_at):
        return DUPLICATE  # its previous status may read otherwise since a status was mapped
    return _contradiction("the same content as the stored event of this sequence")


def _counter_restarted(row: Row, event: CustomerStatusChanged, tolerance: timedelta) -> bool:
    """Older by sequence yet newer by time than what is stored, be it a change or a snapshot.

    An event that is itself a snapshot proves nothing: its time is no change's.
    """
    if event.change is Change.SNAPSHOT:
        return False
    created_again = (
        event.change is Change.CREATED and row.status is Status.REMOVED and not is_snapshot(row)
    )
    allowance = timedelta(0) if created_again else tolerance
    # A difference, since a sum may leave the calendar: a sender may well write the year 9999.
    return event.occurred_at - row.occurred_at > allowance


def latest_stored_allowance(event: CustomerStatusChanged, tolerance: timedelta) -> timedelta:
    """How much older than the row an event may be and still apply over it, where time decides.

    Changes carry whole seconds from other clocks; two snapshots compare exactly.
    """
    return timedelta(0) if event.change is Change.SNAPSHOT else tolerance


def is_snapshot(row: Row) -> bool:
    """Whether the row was last written by a snapshot or a repair, not by a live event."""
    return row.snapshot_at is not None and row.snapshot_at == row.occurred_at


def _is_uncounted_snapshot(row: Row) -> bool:
    """Whether the row holds a snapshot that has no position of its own in the order.

    With stream sequences none has. With a version counter only a removal has none: a repair found
    the customer gone, and who is gone has no version to read. Then time alone tells what is older.
    """
    counted = row.sequence_source is SequenceSource.VERSION and row.status is not Status.REMOVED
    return is_snapshot(row) and not counted


def _contradiction(expected: str) -> Handled:
    return parked(OrderContradiction(f"expected {expected}", field="sequence"))
