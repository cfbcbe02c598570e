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


@pytest.mark.parametrize("status", Status)
def test_a_row_with_the_status_of_accounts_agrees(status):
    assert drift(snapshot(status=status), stored(found=row(status))) is None


def test_neither_customer_nor_row_agree():
    assert drift(None, None) is None


def test_a_customer_without_a_row_is_missing():
    assert drift(snapshot(), None) is Drift.MISSING


def test_a_row_without_a_customer_is_extra_unless_it_says_so():
    assert drift(None, stored()) is Drift.EXTRA
    assert drift(None, stored(found=row(Status.REMOVED))) is None
    assert drift(None, stored(row=None, has_sequence=False)) is Drift.EXTRA


def test_a_row_with_another_status_is_stale():
    assert drift(snapshot(status=Status.CLOSED), stored()) is Drift.STALE


@pytest.mark.parametrize(
    "found",
    [
        stored(own={"payments": "BLOCKED"}),
        stored(own={"payments": None}),
        stored(row=None),
        stored(row=None, has_sequence=False, status="ACTIVE"),
        stored(found=row(Status.CLOSED), own={"payments": "ALLOWED"}),
    ],
)
def test_a_row_that_no_consumer_would_write_was_changed_by_hand(found):
    assert drift(snapshot(), found) is Drift.CHANGED_BY_HAND


def test_a_tombstone_with_wrong_attributes_was_changed_by_hand():
    found = stored(found=row(Status.REMOVED), own={"payments": "ALLOWED"})
    assert drift(None, found) is Drift.CHANGED_BY_HAND


@pytest.mark.parametrize(
    ("number", "expected"), [(6, Drift.AHEAD), (7, Drift.CHANGED_BY_HAND), (8, Drift.STALE)]
)
def test_with_a_version_counter_the_order_tells_who_is_behind(number, expected):
    counted = stored(found=row(sequence_source=SequenceSource.VERSION))
    account = snapshot(status=Status.CLOSED, sequence=position(number))
    assert drift(account, counted) is expected


def test_a_version_that_rose_without_a_change_of_status_is_no_drift():
    counted = stored(found=row(sequence_source=SequenceSource.VERSION))
    assert drift(snapshot(sequence=position(99)), counted) is None


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
