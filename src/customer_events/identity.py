"""An event's id names the change, not the delivery."""

from datetime import datetime
from uuid import UUID, uuid5

from customer_events.instants import to_wire
from customer_events.sequence import Sequence

EVENT_NAMESPACE = UUID("6f1c9a52-1d0e-5b7c-9f43-7f0b3f3a2c11")
"""Chosen once, for ever: another value would give every change a second identity."""


def event_id(source: str, customer_id: str, sequence: Sequence, major: int) -> UUID:
    """Name a change, so that a retried batch, a recovery and a replay are recognised as one.

    Args:
        source: the producer's URI; holds no blank.
        customer_id: the customer.
        sequence: the change's place in the customer's order.
        major: the major version that the event is written in.
    """
    return uuid5(EVENT_NAMESPACE, f"{source} {sequence} {major} {customer_id}")


def snapshot_id(
    source: str, customer_id: str, sequence: Sequence, major: int, read_at: datetime
) -> UUID:
    """Name a state as it was read: two reads of the same state are two snapshots."""
    return uuid5(EVENT_NAMESPACE, f"{source} {sequence} {major} {to_wire(read_at)} {customer_id}")
