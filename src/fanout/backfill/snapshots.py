"""From a reading to the event that a subscriber gets: a snapshot, or a repair of a row. Pure."""

from datetime import datetime

from customer_events.event import NEWEST_MAJOR, Change, CustomerStatusChanged, Status
from customer_events.identity import snapshot_id
from customer_events.sequence import UNCOUNTED, Sequence, SequenceSource
from fanout.backfill.reading import Reading


def snapshot(reading: Reading, source: str) -> CustomerStatusChanged:
    """A customer's state. With a version counter it has its place among the live events."""
    return _event(reading, source, reading.counted or UNCOUNTED, repairs=None)


def repair(reading: Reading, source: str, row_sequence: Sequence) -> CustomerStatusChanged:
    """A customer's state for a row that has drifted.

    Where Accounts counts, and counts higher than the row, the state competes by its own place in
    the order. Else it applies only if the row still has the sequence that it had when it was read.
    """
    if reading.counted is not None and reading.counted > row_sequence:
        return snapshot(reading, source)
    return _event(reading, source, UNCOUNTED, repairs=row_sequence)


def removal(
    customer_id: str, source: str, row_sequence: Sequence | None, read_at: datetime
) -> CustomerStatusChanged:
    """For a row of a customer that Accounts does not have: the row says so, and stays.

    Args:
        customer_id: the customer.
        source: the producer's URI.
        row_sequence: the row's; None where a row without one was put there by hand.
        read_at: when Accounts was found to have no such customer.
    """
    gone = Reading(
        customer_id=customer_id,
        status=Status.REMOVED,
        reason=None,
        counted=None,
        changed_at=None,
        read_at=read_at,
    )
    return _event(gone, source, UNCOUNTED, repairs=row_sequence)


# Private functions


def _event(
    reading: Reading, source: str, place: Sequence, *, repairs: Sequence | None
) -> CustomerStatusChanged:
    counted = place != UNCOUNTED
    return CustomerStatusChanged(
        event_id=snapshot_id(source, reading.customer_id, place, NEWEST_MAJOR, reading.read_at),
        source=source,
        customer_id=reading.customer_id,
        sequence=place,
        sequence_source=SequenceSource.VERSION if counted else SequenceSource.STREAM,
        schema_version=NEWEST_MAJOR,
        occurred_at=reading.read_at,
        status=reading.status,
        previous_status=None,
        reason=reading.reason,
        change=Change.SNAPSHOT,
        changed_at=reading.changed_at or reading.read_at,
        repairs=repairs,
    )
