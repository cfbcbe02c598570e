"""What the order guard says, as the tests of its rules write it."""

from datetime import timedelta

from customer_events.event import CustomerStatusChanged
from event_consumer.order_guard import CLOCK_TOLERANCE, Row, judge
from event_consumer.outcomes import Outcome
from unit.event_consumer.consumer_samples import row_after


def row_of(*events: CustomerStatusChanged) -> Row | None:
    """The row that these events leave, each of which must apply."""
    row = None
    for event in events:
        assert judge(row, event) is None, "an example builds its row of events that apply"
        row = row_after(row, event)
    return row


def verdict(
    row: Row | None, event: CustomerStatusChanged, tolerance: timedelta = CLOCK_TOLERANCE
) -> str:
    """`APPLIES`, the outcome, or the reason for which the event is parked."""
    answer = judge(row, event, tolerance)
    if answer is None:
        return "APPLIES"
    if answer.outcome is Outcome.PARKED:
        assert answer.reason.field == "sequence"
        return answer.reason.code
    return answer.outcome.value
