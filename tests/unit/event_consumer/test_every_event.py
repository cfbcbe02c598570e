"""Each transition once, a customer's in order, and nothing lost between the work and its mark."""

import pytest

from customer_events.errors import OrderContradiction
from event_consumer.every_event import EveryEvent
from event_consumer.outcomes import Outcome
from event_consumer.testing import history, orders, snapshot
from event_consumer.testing.memory import MarksInMemory
from unit.event_consumer.consumer_samples import FakeClock

APPLIED, DUPLICATE, RETRY = Outcome.APPLIED, Outcome.DUPLICATE, Outcome.RETRY
EVENTS = history("PENDING", "ACTIVE", "SUSPENDED")
OTHERS = history("ACTIVE", "CLOSED", customer_id="c-2")


class Work:
    """Remembers what it was called with; fails for the events in `failing`."""

    def __init__(self, *failing):
        self.done = []
        self.failing = list(failing)

    def __call__(self, event):
        if event in self.failing:
            raise TimeoutError("elsewhere")
        self.done.append(event)


def put(text):
    return {"Put": {"TableName": "letters", "Item": {"id": {"S": text}}}}


def consumer(work, marks=None, **other):
    return EveryEvent(marks or MarksInMemory(), work, workers_max=1, **other)


def outcomes(answers):
    return [one.outcome for one in answers]


@pytest.mark.parametrize("order", orders(EVENTS))
def test_a_customers_events_of_a_batch_are_handled_in_order(order):
    work = Work()
    assert outcomes(consumer(work).handle(order)) == [APPLIED] * 3
    assert work.done == EVENTS


def test_the_first_failure_holds_back_the_customers_later_events_and_nobody_elses():
    work = Work(EVENTS[1])
    answers = consumer(work).handle([*EVENTS, *OTHERS])
    assert outcomes(answers) == [APPLIED, RETRY, RETRY, APPLIED, APPLIED]
    assert [one.error_type for one in answers[1:3]] == ["TimeoutError", "BehindFailedEvent"]
    assert work.done == [EVENTS[0], *OTHERS]


def test_a_crash_between_the_work_and_its_mark_repeats_the_work_and_loses_nothing():
    class Crashes(MarksInMemory):
        crashes = True

        def commit(self, event, writes):
            if self.crashes:
                raise ConnectionError
            return super().commit(event, writes)

    work, marks = Work(), Crashes()
    assert outcomes(consumer(work, marks).handle(EVENTS[:1])) == [RETRY]
    marks.crashes = False
    assert outcomes(consumer(work, marks).handle(EVENTS[:1])) == [APPLIED]
    assert work.done == [EVENTS[0]] * 2


def test_of_two_workers_with_the_same_event_one_commits_and_the_others_writes_vanish():
    marks = MarksInMemory()

    def overtaken(event):
        marks.commit(event, [put("the other's")])
        return [put("ours")]

    assert outcomes(consumer(overtaken, marks).handle(EVENTS[:1])) == [DUPLICATE]
    assert marks.writes == [put("the other's")]


def test_a_snapshot_is_no_transition_and_is_not_handled():
    work = Work()
    assert outcomes(consumer(work).handle([snapshot("ACTIVE")])) == [Outcome.STALE]
    assert work.done == []


def test_what_can_not_be_begun_in_time_comes_back():
    clock = FakeClock()

    def slow(_event):
        clock.seconds += 10

    answers = consumer(slow).handle(EVENTS, clock.deadline(10))
    assert [one.error_type for one in answers] == ["", "OutOfTime", "BehindFailedEvent"]


def test_the_time_is_looked_at_again_before_the_work_begins():
    """Looking for the mark may take as long as a call takes, and the mark follows the work."""
    clock, work = FakeClock(), Work()

    class Slow(MarksInMemory):
        def is_processed(self, event):
            clock.seconds += 10
            return super().is_processed(event)

    (answer,) = consumer(work, Slow()).handle(EVENTS[:1], clock.deadline(10))
    assert (answer.error_type, work.done) == ("OutOfTime", [])


def test_what_its_handler_refuses_for_good_is_parked_with_that_reason_and_holds_nothing_back():
    reason = OrderContradiction("expected another")

    def refusing(event):
        if event is EVENTS[0]:
            raise reason

    answers = consumer(refusing).handle(EVENTS)
    assert outcomes(answers) == [Outcome.PARKED, APPLIED, APPLIED]
    assert answers[0].reason is reason
