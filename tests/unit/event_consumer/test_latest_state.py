"""A customer's events in one batch coalesce, and each gets its own outcome."""

import threading
from dataclasses import replace

import pytest

from customer_events.errors import OrderContradiction
from customer_events.event import Status
from customer_events.sequence import SequenceSource
from event_consumer.latest_state import LatestState, Written
from event_consumer.outcomes import Outcome
from unit.event_consumer.consumer_samples import (
    FakeClock,
    RowsInMemory,
    live,
    outcomes,
    repair,
    snapshot,
)

THROTTLED = RuntimeError("throttled")


def handle(rows, *events, writers_max=4):
    return LatestState(rows, writers_max=writers_max).handle(list(events))


def test_four_events_of_a_customer_cost_one_write():
    rows = RowsInMemory()
    answers = handle(rows, live(2), live(4), live(1), live(3))
    assert outcomes(answers) == ["STALE", "APPLIED", "STALE", "STALE"]
    assert rows.writes == [live(4)]


def test_the_same_event_twice_in_a_batch_is_applied_once():
    rows = RowsInMemory()
    assert sorted(outcomes(handle(rows, live(1), live(1)))) == ["APPLIED", "DUPLICATE"]
    assert len(rows.writes) == 1


OLD = live(1, schema_version=1)
OF_TWO = [live(n, customer_id=f"c-{c}") for n, c in [(2, "a"), (1, "b"), (1, "a"), (3, "b")]]
BATCHES = {
    "the newer major last": ([OLD, live(1)], ["STALE", "APPLIED"]),
    "the newer major first": ([live(1), OLD], ["APPLIED", "STALE"]),
    "two customers": (OF_TWO, ["APPLIED", "STALE", "STALE", "APPLIED"]),
    "equal order, other content": (
        [live(1, seconds=60), live(1, Status.CLOSED, seconds=0)],
        ["APPLIED", "PARKED"],
    ),
}


@pytest.mark.parametrize(("events", "answers"), BATCHES.values(), ids=BATCHES)
def test_each_event_of_a_batch_is_answered_in_its_place(events, answers):
    assert outcomes(handle(RowsInMemory(), *events)) == answers


def test_what_is_older_than_a_newest_found_stored_needs_no_write():
    rows = RowsInMemory()
    handle(rows, live(4))
    rows.writes.clear()
    assert outcomes(handle(rows, live(3), live(4), live(2))) == ["STALE", "DUPLICATE", "STALE"]
    assert rows.writes == [live(4)]


def test_where_the_newest_fails_the_next_one_gets_its_turn():
    rows = RowsInMemory({live(3).event_id: [THROTTLED]})
    answers = handle(rows, live(1), live(2), live(3))
    assert outcomes(answers) == ["STALE", "APPLIED", "RETRY"]
    assert answers[2].error_type == "RuntimeError"
    assert rows.rows["c-1"].sequence == live(2).sequence


def test_where_the_newest_is_parked_the_older_ones_are_still_judged():
    rows = RowsInMemory()
    handle(rows, live(5))
    alien = live(9, sequence_source=SequenceSource.VERSION)
    answers = handle(rows, live(6), alien, live(5), live(4))
    assert outcomes(answers) == ["APPLIED", "PARKED", "STALE", "STALE"]
    assert answers[1].reason.code == "OrderContradiction"


def test_a_change_from_before_a_reading_in_the_same_batch_does_not_undo_it():
    seed, recovered = snapshot(Status.CLOSED, seconds=600), live(7, seconds=30)
    rows = RowsInMemory()
    assert outcomes(handle(rows, recovered, seed)) == ["STALE", "APPLIED"]
    assert rows.rows["c-1"].status is Status.CLOSED


def test_a_repair_and_the_next_change_in_one_batch_are_both_applied():
    rows = RowsInMemory()
    handle(rows, live(5))
    answers = handle(
        rows, live(6, seconds=960), repair(live(5), Status.CLOSED, seconds=900), live(4)
    )
    assert outcomes(answers) == ["APPLIED", "APPLIED", "STALE"]


def test_a_row_that_can_not_be_understood_parks_its_own_events_only():
    rows = RowsInMemory({"c-bad": [OrderContradiction("expected a row"), THROTTLED]})
    answers = handle(rows, live(1, customer_id="c-bad"), live(2, customer_id="c-bad"), live(1))
    assert outcomes(answers) == ["RETRY", "PARKED", "APPLIED"]


def test_an_unexpected_exception_about_one_customer_leaves_the_others_alone():
    class Broken(RowsInMemory):
        def write(self, event):
            written = super().write(event)
            nonsense = replace(written.row, occurred_at=None)
            return replace(written, row=nonsense) if event.customer_id == "c-bad" else written

    events = [
        live(1, seconds=900, customer_id="c-bad"),
        live(2, seconds=0, customer_id="c-bad"),
        live(1, customer_id="c-good"),
    ]
    answers = handle(Broken(), *events)
    assert outcomes(answers) == ["RETRY", "APPLIED", "APPLIED"]
    assert answers[0].error_type == "TypeError"


def test_a_refusal_that_the_guard_can_not_explain_is_retried():
    class Refusing:
        def write(self, event):
            return Written(applied=False, row=None)

    answers = handle(Refusing(), live(1))
    assert outcomes(answers) == ["RETRY"]
    assert answers[0].error_type == "GuardDisagreesWithTable"


def test_customers_are_written_at_the_same_time():
    together = threading.Barrier(3, timeout=60)

    class Slow(RowsInMemory):
        def write(self, event):
            together.wait()
            return super().write(event)

    events = [live(1, customer_id=f"c-{n}") for n in range(3)]
    assert {one.outcome for one in handle(Slow(), *events, writers_max=3)} == {Outcome.APPLIED}


@pytest.mark.parametrize("customers", [0, 1, 50])
def test_any_number_of_customers_is_answered(customers):
    events = [live(1, customer_id=f"c-{n}") for n in range(customers)]
    assert outcomes(handle(RowsInMemory(), *events)) == ["APPLIED"] * customers


def test_a_write_that_would_start_too_late_is_left_for_the_next_delivery():
    clock = FakeClock()

    class SlowRows(RowsInMemory):
        def write(self, event):
            clock.seconds += 12
            return super().write(event)

    rows = SlowRows()
    events = [live(1, customer_id="c-a"), live(1, customer_id="c-b")]
    answers = LatestState(rows, writers_max=1).handle(events, clock.deadline(12))
    assert outcomes(answers) == ["APPLIED", "RETRY"]
    assert answers[1].error_type == "OutOfTime"
    assert rows.writes == [live(1, customer_id="c-a")]
