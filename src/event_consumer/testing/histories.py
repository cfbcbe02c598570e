"""Events to test with: what a customer goes through, and what was read of one."""

from dataclasses import replace
from datetime import UTC, datetime, timedelta

from customer_events.event import NEWEST_MAJOR, Change, CustomerStatusChanged, Status
from customer_events.identity import event_id, snapshot_id
from customer_events.sequence import UNCOUNTED, SequenceSource, sequence

SOURCE = "urn:novapay:accounts"
BEGIN = datetime(2026, 1, 1, 12, tzinfo=UTC)


def history(
    *statuses: str,
    customer_id: str = "c-1",
    version: int = NEWEST_MAJOR,
    reason: str | None = None,
) -> list[CustomerStatusChanged]:
    """A customer's changes, oldest first, a minute apart; the first one creates the customer.

    `history("ACTIVE", "SUSPENDED")`; after `REMOVED` the customer is created anew. Each change
    carries `reason`, except for a removal; version 1 loses it on the wire.

    Raises:
        ValueError: no such status.
    """
    before = [None, *map(Status, statuses)]
    return [
        replace(
            _change(number, previous, Status(status), customer_id=customer_id, version=version),
            reason=None if status == Status.REMOVED else reason,
        )
        for number, (previous, status) in enumerate(zip(before, statuses, strict=False), start=1)
    ]


def snapshot(
    status: str, *, customer_id: str = "c-1", minutes: float = 60, reason: str | None = None
) -> CustomerStatusChanged:
    """What a backfill reads of a customer, so many minutes after the first change."""
    read_at = BEGIN + timedelta(minutes=minutes, microseconds=1)
    return CustomerStatusChanged(
        event_id=snapshot_id(SOURCE, customer_id, UNCOUNTED, NEWEST_MAJOR, read_at),
        source=SOURCE,
        customer_id=customer_id,
        sequence=UNCOUNTED,
        sequence_source=SequenceSource.STREAM,
        schema_version=NEWEST_MAJOR,
        occurred_at=read_at,
        status=Status(status),
        previous_status=None,
        reason=reason,
        change=Change.SNAPSHOT,
        changed_at=read_at,
    )


# Private functions


def _change(
    number: int, previous: Status | None, status: Status, *, customer_id: str, version: int
) -> CustomerStatusChanged:
    created = previous is None or previous is Status.REMOVED
    change = Change.CREATED if created else Change.CHANGED
    order, when = sequence(number, epoch=1), BEGIN + timedelta(minutes=number)
    return CustomerStatusChanged(
        event_id=event_id(SOURCE, customer_id, order, version),
        source=SOURCE,
        customer_id=customer_id,
        sequence=order,
        sequence_source=SequenceSource.STREAM,
        schema_version=version,
        occurred_at=when,
        status=status,
        previous_status=None if created else previous,
        reason=None,
        change=Change.REMOVED if status is Status.REMOVED else change,
        changed_at=when,
    )
