import random

import pytest

from customer_events.event import Status
from fanout.accounts.drift import DifferenceStore, FirstLook, settle
from fanout.runs.pace import CapacityPace, Stopping
from unit.fanout.backfill_samples import at, place, reading, row
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
    with DifferenceStore() as store:
        yield store


def look(tables, differences, *, sample=None):
    return FirstLook(
        tables.sides(),
        differences,
        pace=CapacityPace(None),
        stopping=Stopping(),
        progress=lambda _: None,
        sample=sample,
        chance=random.Random(3),
    ).run()


def run(tables, differences, on_wait=lambda _: None):
    waits = Waits(on_wait)
    settled = settle(
        tables.sides(), differences, grace_seconds=60, stopping=waits, tell=lambda _: None
    )
    return settled, waits.count


def drift(differences):
    return {one.customer_id: one.drift.value for chunk in differences.chunks(9) for one in chunk}


def test_every_kind_of_difference_is_seen(tables, differences):
    del tables.rows["c-001"]
    del tables.accounts["c-002"]
    tables.accounts["c-003"] = reading("c-003", Status.CLOSED)
    tables.rows["c-004"] = stored("c-004", own={"payments": "BLOCKED"})
    looked = look(tables, differences)
    assert (looked.customers, looked.rows) == (249, 249)
    assert drift(differences) == {
        "c-001": "missing",
        "c-002": "extra",
        "c-003": "stale",
        "c-004": "changed by hand",
    }


def test_a_sample_is_of_about_its_size_and_of_different_places(tables, differences):
    for number in range(250):
        del tables.rows[f"c-{number:03}"]
    looked = look(tables, differences, sample=60)
    assert 60 <= looked.customers <= 160
    assert differences.count() == looked.customers


def test_where_nothing_differs_nothing_is_waited_for(tables, differences):
    look(tables, differences)
    settled, waits = run(tables, differences)
    assert (settled.drifted, settled.in_flight, waits) == (0, 0, 0)


def test_what_does_not_move_is_drift_after_one_grace_period(tables, differences):
    del tables.rows["c-001"]
    look(tables, differences)
    settled, waits = run(tables, differences)
    assert (settled.drifted, settled.in_flight, waits) == (1, 0, 1)


def test_a_change_that_arrives_meanwhile_was_in_flight(tables, differences):
    tables.accounts["c-001"] = reading("c-001", Status.CLOSED)
    look(tables, differences)

    def arrive(_):
        tables.rows["c-001"] = stored("c-001", row(Status.CLOSED))

    settled, _ = run(tables, differences, arrive)
    assert (settled.drifted, settled.in_flight) == (0, 1)


def test_a_row_that_keeps_moving_is_alive_though_it_always_differs(tables, differences):
    tables.accounts["c-001"] = reading("c-001", Status.CLOSED)
    look(tables, differences)

    def change(count):
        tables.rows["c-001"] = stored("c-001", row(sequence=place(count + 100)))

    settled, _ = run(tables, differences, change)
    assert (settled.drifted, settled.in_flight) == (0, 1)


def test_a_customer_that_changes_again_begins_a_new_grace_period(tables, differences):
    del tables.rows["c-001"]
    look(tables, differences)

    def change_once(count):
        if count == 1:
            tables.accounts["c-001"] = reading("c-001", Status.CLOSED)

    settled, waits = run(tables, differences, change_once)
    assert (settled.drifted, waits) == (1, 2)


def test_while_the_subscriber_catches_up_nothing_is_called_drift(tables, differences):
    late = [f"c-{number:03}" for number in range(7)]
    for customer_id in late:
        tables.accounts[customer_id] = reading(customer_id, Status.CLOSED)
    del tables.rows["c-200"]
    look(tables, differences)

    def catch_up(count):
        if count <= len(late):
            tables.rows[late[count - 1]] = stored(late[count - 1], row(Status.CLOSED))

    settled, _ = run(tables, differences, catch_up)
    assert (settled.drifted, settled.in_flight) == (1, 7)
    assert drift(differences) == {"c-200": "missing"}


def test_what_never_comes_to_rest_is_not_waited_for_for_ever(tables, differences):
    del tables.rows["c-001"]
    look(tables, differences)

    def change(count):
        tables.accounts["c-001"] = reading("c-001", changed_at=at(count))

    settled, waits = run(tables, differences, change)
    assert (settled.drifted, waits) == (0, 10)
