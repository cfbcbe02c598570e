from dataclasses import replace

import pytest

from customer_events.event import Status
from customer_events.instants import to_wire
from customer_events.sequence import SequenceSource
from payments_consumer.standing import attributes
from sentinel.compare import Drift, Expectation, own_attributes
from sentinel.snapshots import Unreadable
from unit.fanout.backfill_samples import at, position, row, snapshot
from unit.fanout.reconcile_fakes import EXPECTATION, stored

SUSPENDED = frozenset({Status.SUSPENDED})


def drift(account, found, expectation=EXPECTATION):
    difference = expectation.compare("c-1", account, found)
    return difference and difference.drift


CLOSED, GONE = snapshot(status=Status.CLOSED), row(Status.REMOVED)
COUNTED = stored(found=row(sequence_source=SequenceSource.VERSION))
PAIRS = {
    **{f"both {one}": (snapshot(status=one), stored(found=row(one)), None) for one in Status},
    "neither customer nor row": (None, None, None),
    "a customer without a row": (snapshot(), None, Drift.MISSING),
    "a row without a customer": (None, stored(), Drift.EXTRA),
    "a row without a sequence": (None, stored(row=None, has_sequence=False), Drift.EXTRA),
    "a row that says it is gone": (None, stored(found=GONE), None),
    "a row with another status": (CLOSED, stored(), Drift.STALE),
    "a higher version without a change": (snapshot(sequence=position(99)), COUNTED, None),
    "a lower version": (replace(CLOSED, sequence=position(6)), COUNTED, Drift.AHEAD),
    "a higher version": (replace(CLOSED, sequence=position(8)), COUNTED, Drift.STALE),
}
BY_HAND = {
    "another own attribute": (snapshot(), stored(own={"payments": "BLOCKED"})),
    "no own attribute": (snapshot(), stored(own={"payments": None})),
    "nothing to read": (snapshot(), stored(row=None)),
    "no sequence": (snapshot(), stored(row=None, has_sequence=False, status="ACTIVE")),
    "two states": (snapshot(), stored(found=row(Status.CLOSED), own={"payments": "ALLOWED"})),
    "gone and allowed": (None, stored(found=GONE, own={"payments": "ALLOWED"})),
    "the same version": (replace(CLOSED, sequence=position(7)), COUNTED),
}
PAIRS |= {name: (*pair, Drift.CHANGED_BY_HAND) for name, pair in BY_HAND.items()}


@pytest.mark.parametrize(("account", "found", "expected"), PAIRS.values(), ids=PAIRS)
def test_a_customer_and_a_row_are_judged(account, found, expected):
    assert drift(account, found) is expected


def test_an_item_that_cannot_become_an_event_is_told_whatever_the_row_says():
    account = Unreadable(customer_id="c-1", code="UnknownStatus", expected="")
    difference = EXPECTATION.compare("c-1", account, stored())
    assert (difference.drift, difference.expected) == (Drift.UNREADABLE, "UnknownStatus")


def test_what_a_filter_keeps_from_the_subscriber_is_no_drift():
    narrow = Expectation(followed=SUSPENDED, rule=attributes)
    assert drift(snapshot(), None, narrow) is None
    assert drift(snapshot(status=Status.CLOSED), stored(), narrow) is None
    assert drift(None, stored(), narrow) is None


def test_what_a_filter_lets_through_is():
    narrow = Expectation(followed=SUSPENDED, rule=attributes)
    suspended = stored(found=row(Status.SUSPENDED))
    assert drift(snapshot(status=Status.SUSPENDED), None, narrow) is Drift.MISSING
    assert drift(snapshot(status=Status.SUSPENDED), stored(), narrow) is Drift.STALE
    assert drift(snapshot(), suspended, narrow) is Drift.STALE
    assert drift(None, suspended, narrow) is Drift.EXTRA


def test_a_reader_of_version_1_knows_no_removal():
    old = Expectation(followed=frozenset(Status), rule=attributes, newest=False)
    assert drift(None, stored(found=row(Status.CLOSED)), old) is None


def test_without_a_rule_own_attributes_are_left_alone():
    free = Expectation(followed=frozenset(Status), rule=None)
    assert drift(snapshot(), stored(own={}), free) is None


def test_a_difference_tells_since_when_as_far_as_it_is_known():
    known = EXPECTATION.compare(
        "c-1", snapshot(status=Status.CLOSED, changed_at=at(-9)), stored(found=row())
    )
    assert (known.since, known.row_of) == (to_wire(at(-9)), to_wire(at(-60)))


def test_the_state_changes_with_either_side_and_not_with_time():
    def state(account, found):
        difference = EXPECTATION.compare("c-1", account, found)
        return difference.account_state, difference.row_state

    account, found = snapshot(status=Status.CLOSED), stored()
    assert state(account, found) == state(replace(account, read_at=at(99)), found)
    assert state(account, found) != state(snapshot(status=Status.SUSPENDED), found)
    assert state(account, found) != state(account, stored(found=row(occurred_at=at(-1))))


def test_the_names_of_a_rules_attributes_are_found_by_asking_it():
    assert own_attributes(attributes) == ["payments"]
    assert own_attributes(None) == []
