from contextlib import closing
from dataclasses import replace

import pytest

from customer_events.instants import to_wire
from sentinel.drift import DifferenceStore
from unit.fanout.backfill_samples import at, snapshot
from unit.fanout.reconcile_fakes import EXPECTATION


@pytest.fixture
def store():
    with closing(DifferenceStore()) as made:
        yield made


def missing(number, **other):
    return EXPECTATION.compare(f"c-{number:03}", snapshot(f"c-{number:03}", **other), None)


def test_a_difference_comes_back_as_it_was_put(store):
    difference = replace(missing(1, changed_at=at(-5)), cause="in the DLQ: NotJson (parked)")
    store.put(difference)
    assert store.get("c-001") == difference
    assert store.get("c-002") is None


def test_a_customer_differs_once(store):
    store.put(missing(1))
    store.put(missing(1, changed_at=at(0)))
    assert store.count() == 1


def test_chunks_hold_everything_while_some_are_dropped(store):
    for number in range(10):
        store.put(missing(number))
    seen = []
    for chunk in store.chunks(3):
        seen += [one.customer_id for one in chunk]
        store.drop(chunk[0].customer_id)
    assert seen == [f"c-{number:03}" for number in range(10)]
    assert store.count() == 6


def test_groups_count_by_kind_and_cause_and_state_the_oldest(store):
    store.put(missing(1, changed_at=at(-5)))
    store.put(missing(2, changed_at=at(-9)))
    store.put(replace(missing(3), cause="given up", since=to_wire(at(-1))))
    assert store.groups() == [
        {"drift": "missing", "cause": "unexplained", "count": 2, "oldest": to_wire(at(-9))},
        {"drift": "missing", "cause": "given up", "count": 1, "oldest": to_wire(at(-1))},
    ]
