import random
from contextlib import closing

import pytest

from customer_events.event import Status
from fanout.runs.pace import Stopping
from sentinel.drift import Comparison, DifferenceStore, recheck
from sentinel.pace import Pace
from unit.fanout.backfill_samples import at, position, row, snapshot
from unit.fanout.reconcile_fakes import Tables, stored


class Waits(Stopping):
    """Waits for nothing; calls `on_wait` with the number of the wait instead."""

    def __init__(self, on_wait=lambda _: None):
        super().__init__()
        self.count = 0
        self._on_wait = on_wait

    def wait(self, seconds):
        self.count += 1
        self._on_wait(self.count)


@pytest.fixture
def tables():
    made = Tables()
    for number in range(250):
        made.agree(f"c-{number:03}")
    return made


@pytest.fixture
def differences():
    with closing(DifferenceStore()) as store:
        yield store


def compare(tables, differences, *, sample=None):
    comparison = Comparison(
        sides=tables.sides(),
        differences=differences,
        pace=Pace(None, wait=print),
        stopping=Stopping(),
        progress=lambda _: None,
        sample=sample,
        chance=random.Random(3),
    )
    comparison.run()
    return comparison


def wait(tables, differences, on_wait=lambda _: None):
    """How many have drifted, how many are in flight, and how often it waited."""
    waits = Waits(on_wait)
    in_flight = recheck(
        tables.sides(), differences, grace_seconds=60, stopping=waits, report=lambda _: None
    )
    return differences.count(), in_flight, waits.count


def drift(differences):
    return {one.customer_id: one.drift.value for chunk in differences.chunks(9) for one in chunk}


def test_every_kind_of_difference_is_seen(tables, differences):
    del tables.rows["c-001"]
    del tables.accounts["c-002"]
    tables.accounts["c-003"] = snapshot("c-003", Status.CLOSED)
    tables.rows["c-004"] = stored("c-004", own={"payments": "BLOCKED"})
    compared = compare(tables, differences)
    assert (compared.customers, compared.row_count) == (249, 249)
    assert drift(differences) == {
        "c-001": "missing",
        "c-002": "extra",
        "c-003": "stale",
        "c-004": "changed by hand",
    }


def test_a_sample_is_of_about_its_size_and_of_different_places(tables, differences):
    for number in range(250):
        del tables.rows[f"c-{number:03}"]
    compared = compare(tables, differences, sample=60)
    assert 60 <= compared.customers <= 160
    assert differences.count() == compared.customers


def test_where_nothing_differs_nothing_is_waited_for(tables, differences):
    compare(tables, differences)
    drifted, in_flight, waits = wait(tables, differences)
    assert (drifted, in_flight, waits) == (0, 0, 0)


def test_what_does_not_move_is_drift_after_one_grace_period(tables, differences):
    del tables.rows["c-001"]
    compare(tables, differences)
    drifted, in_flight, waits = wait(tables, differences)
    assert (drifted, in_flight, waits) == (1, 0, 1)


def test_a_change_that_arrives_meanwhile_was_in_flight(tables, differences):
    tables.accounts["c-001"] = snapshot("c-001", Status.CLOSED)
    compare(tables, differences)

    def arrive(_):
        tables.rows["c-001"] = stored("c-001", row(Status.CLOSED))

    drifted, in_flight, _ = wait(tables, differences, arrive)
    assert (drifted, in_flight) == (0, 1)


def test_a_row_that_keeps_moving_is_alive_though_it_always_differs(tables, differences):
    tables.accounts["c-001"] = snapshot("c-001", Status.CLOSED)
    compare(tables, differences)

    def change(count):
        tables.rows["c-001"] = stored("c-001", row(sequence=position(count + 100)))

    drifted, in_flight, _ = wait(tables, differences, change)
    assert (drifted, in_flight) == (0, 1)


def test_a_customer_that_changes_again_begins_a_new_grace_period(tables, differences):
    del tables.rows["c-001"]
    compare(tables, differences)

    def change_once(count):
        if count == 1:
            tables.accounts["c-001"] = snapshot("c-001", Status.CLOSED)

    drifted, _, waits = wait(tables, differences, change_once)
    assert (drifted, waits) == (1, 2)


def test_what_never_comes_to_rest_is_not_waited_for_for_ever(tables, differences):
    del tables.rows["c-001"]
    compare(tables, differences)

    def change(count):
        tables.accounts["c-001"] = snapshot("c-001", changed_at=at(count))

    drifted, _, waits = wait(tables, differences, change)
    assert (drifted, waits) == (0, 10)
