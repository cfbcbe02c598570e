"""Any order, any duplicates, any batches and any passing faults end in the same row.

And no write on the way takes a row back. The checkers are proved on tables without a guard.
"""

from dataclasses import dataclass, replace

import pytest
from hypothesis import Phase, given, settings
from hypothesis import strategies as st

from customer_events.event import Change, CustomerStatusChanged, Status
from event_consumer.latest_state import LatestState, Written
from event_consumer.order_guard import Row
from event_consumer.outcomes import Outcome
from event_consumer.testing.memory import row_after
from unit.event_consumer.consumer_samples import RowsInMemory, live

CUSTOMERS = ["c-1", "c-2"]


@dataclass(frozen=True, slots=True, kw_only=True)
class Play:
    """A history, its deliveries in batches, and which of the writes fail in passing."""

    history: list[CustomerStatusChanged]
    batches: list[list[CustomerStatusChanged]]
    faults: list[bool]


@st.composite
def histories(draw: st.DrawFn, customer_id: str) -> list[CustomerStatusChanged]:
    """One customer's changes as a publisher would tell them: the counter and the time both rise.

    Several changes may share a second, stream numbers grow in length, the epoch may be raised, and
    each change is published in one major version or in both.
    """
    number, seconds, epoch, previous = 1, 0, 1, None
    told: list[CustomerStatusChanged] = []
    for _ in range(draw(st.integers(1, 5))):
        if draw(st.integers(0, 5)) == 0:
            epoch, number = epoch + 1, 0
        number += draw(st.sampled_from([1, 2, 9, 10**24]))
        seconds += draw(st.sampled_from([0, 1, 3, 600]))
        status = draw(st.sampled_from(Status))
        event = live(
            number,
            status,
            epoch=epoch,
            seconds=seconds,
            customer_id=customer_id,
            previous_status=previous,
            change=Change.CREATED if previous is None else Change.CHANGED,
        )
        majors = draw(st.sampled_from([(2,), (1, 2)]))
        told += [replace(event, schema_version=major) for major in majors]
        previous = status
    return told


@st.composite
def plays(draw: st.DrawFn) -> Play:
    history = [event for customer in CUSTOMERS for event in draw(histories(customer))]
    again = draw(st.lists(st.sampled_from(history), max_size=6))
    pending = draw(st.permutations(history + again))
    batches = []
    while pending:
        size = draw(st.integers(1, len(pending)))
        batches.append(pending[:size])
        pending = pending[size:]
    return Play(history=history, batches=batches, faults=draw(st.lists(st.booleans(), max_size=8)))


class WatchedRows(RowsInMemory):
    """Fails in passing where told to, before or after the write; checks that no row goes back."""

    def __init__(self, faults: list[bool]) -> None:
        super().__init__()
        self.faults_left = list(faults)

    def write(self, event: CustomerStatusChanged) -> Written:
        before = self.rows.get(event.customer_id)
        failing = self.faults_left.pop(0) if self.faults_left else False
        if failing and len(self.faults_left) % 2:
            raise TimeoutError
        written = self._write(event)
        after = self.rows[event.customer_id]
        assert before is None or place(after) >= place(before), "a row went back"
        if failing:
            raise TimeoutError
        return written

    def _write(self, event: CustomerStatusChanged) -> Written:
        return super().write(event)


class NoGuard(WatchedRows):
    """Broken: the last to arrive wins."""

    def _write(self, event: CustomerStatusChanged) -> Written:
        self.rows[event.customer_id] = row_after(None, event)
        return Written(applied=True, row=self.rows[event.customer_id])


class GuardByTime(NoGuard):
    """Broken: compares whole seconds, so of two changes in one second either may win."""

    def _write(self, event: CustomerStatusChanged) -> Written:
        row = self.rows.get(event.customer_id)
        if row and event.occurred_at < row.occurred_at:
            return Written(applied=False, row=row)
        return super()._write(event)


class GuardBySequenceAlone(NoGuard):
    """Broken: forgets the major version, so the first of two majors to arrive stays."""

    def _write(self, event: CustomerStatusChanged) -> Written:
        row = self.rows.get(event.customer_id)
        if row and event.sequence <= row.sequence:
            return Written(applied=False, row=row)
        return super()._write(event)


def place(row: Row) -> tuple[str, int]:
    return (row.sequence, row.schema_version)


def deliver(play: Play, rows: WatchedRows) -> None:
    """Batch by batch; what is retried comes back in a batch of its own, until nothing is left."""
    consumer = LatestState(rows, writers_max=1)
    pending = [list(batch) for batch in play.batches]
    while pending:
        batch = pending.pop(0)
        answers = consumer.handle(batch)
        assert len(answers) == len(batch)
        ends = {one.outcome for one in answers}
        assert ends <= {Outcome.APPLIED, Outcome.DUPLICATE, Outcome.STALE, Outcome.RETRY}
        errors = {one.error_type for one in answers} - {""}
        assert errors <= {"TimeoutError"}, errors
        retried = [
            event for event, one in zip(batch, answers, strict=True) if one.outcome is Outcome.RETRY
        ]
        if retried:
            pending.append(retried)


def check(rows_type: type[WatchedRows], play: Play) -> None:
    rows = rows_type(play.faults)
    deliver(play, rows)
    for customer_id in CUSTOMERS:
        of_customer = [one for one in play.history if one.customer_id == customer_id]
        newest = max(of_customer, key=lambda one: (one.sequence, one.schema_version))
        assert rows.rows[customer_id] == row_after(None, newest)


@settings(deadline=None, max_examples=200)
@given(play=plays())
def test_any_order_and_any_duplicates_converge_to_the_newest_change(play):
    check(WatchedRows, play)


@settings(deadline=None)
@given(play=plays())
def test_delivering_everything_once_more_days_later_changes_nothing(play):
    rows = WatchedRows(play.faults)
    deliver(play, rows)
    before = dict(rows.rows)
    deliver(play, rows)
    assert rows.rows == before


@settings(deadline=None)
@given(play=plays())
def test_of_an_event_delivered_without_faults_exactly_one_delivery_is_applied_at_most(play):
    rows = WatchedRows([])
    applied = []
    consumer = LatestState(rows, writers_max=1)
    for batch in play.batches:
        answers = consumer.handle(batch)
        applied += [
            (event.customer_id, event.sequence, event.schema_version)
            for event, one in zip(batch, answers, strict=True)
            if one.outcome is Outcome.APPLIED
        ]
    assert len(applied) == len(set(applied))


@pytest.mark.parametrize("broken", [NoGuard, GuardByTime, GuardBySequenceAlone])
def test_the_checkers_catch_a_table_with_a_broken_guard(broken):
    @settings(
        deadline=None,
        database=None,
        max_examples=500,
        derandomize=True,
        phases=[Phase.generate],
        report_multiple_bugs=False,
    )
    @given(play=plays())
    def look_for_a_fault(play):
        check(broken, play)

    with pytest.raises(AssertionError):
        look_for_a_fault()
