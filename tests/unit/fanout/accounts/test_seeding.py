from types import SimpleNamespace

import pytest

from customer_events.event import Status
from fanout.accounts.backfill import Position, Seeding, Tally, positions, select_segments, total
from fanout.errors import Refused
from fanout.runs.pace import DepthBound, Stopping
from fanout.runs.store import Operator, RunStore
from sentinel.snapshots import Unreadable
from sentinel.table import Page
from unit.fanout.backfill_samples import NOON, SOURCE, snapshot

OPERATOR = Operator(user="jo", host="here", pid=1, identity="unknown", account="unknown")


class FakeAccounts:
    """Customers by number; customer n is in segment n % segments, and its key is its number."""

    def __init__(self, readings):
        self.readings = readings
        self.pages = 0
        self.facts = SimpleNamespace(item_count=len(readings))

    def page(self, segment, segments, *, start, limit):
        self.pages += 1
        own = [n for n in range(len(self.readings)) if n % segments == segment]
        after = [n for n in own if start is None or n > int(start["id"]["N"])]
        numbers = after[:limit]
        last = {"id": {"N": str(numbers[-1])}} if len(after) > limit else None
        return Page(
            records=tuple(self.readings[n] for n in numbers),
            scanned=len(numbers),
            next_key=last,
            units=1.0,
        )


class FakeQueue:
    """Takes `room` snapshots and then refuses."""

    def __init__(self, room=10**9):
        self.room = room
        self.customers = []

    def send(self, events):
        if self.room < len(events):
            raise Refused("The queue did not take them.")
        self.room -= len(events)
        self.customers += [event.customer_id for event in events]


@pytest.fixture
def store(tmp_path):
    return RunStore(tmp_path, clock=lambda: NOON)


@pytest.fixture
def new_run(store):
    def make(segments):
        run = store.create("backfill", subject={}, options={}, operator=OPERATOR)
        select_segments(run, segments)
        return run

    return make


def seeding(
    accounts,
    queue,
    run,
    *,
    stopping=None,
    progress=lambda _, total: None,
    bound=None,
    followed=Status,
):
    bound = bound or DepthBound(look=lambda: 0, depth_max=None, page_size=3)
    operation = SimpleNamespace(
        accounts=accounts,
        followed=frozenset(followed),
        page_size=3,
        read_units=None,
        publisher=SimpleNamespace(source=SOURCE),
        depth_bound=lambda: bound,
        sender=lambda: queue.send,
    )
    work = SimpleNamespace(stopping=stopping or Stopping(), progress=progress)
    return Seeding(operation=operation, run=run, work=work)


def seed(accounts, queue, run, **other):
    """Scan, and return what became of the items."""
    seeding(accounts, queue, run, **other).scan()
    return total(run)


def customers(count):
    return [snapshot(f"c-{number}") for number in range(count)]


@pytest.mark.parametrize("segments", [1, 4])
def test_every_customer_is_sent_once(new_run, segments):
    queue = FakeQueue()
    with new_run(segments) as run:
        tally = seed(FakeAccounts(customers(20)), queue, run)
    assert sorted(queue.customers) == sorted(f"c-{number}" for number in range(20))
    assert tally == Tally(scanned=20, sent=20)


def test_what_is_not_followed_or_not_readable_is_counted_and_not_sent(new_run):
    readings = [
        snapshot("c-0"),
        snapshot("c-1", Status.CLOSED),
        Unreadable(customer_id="c-2", code="UnknownStatus", expected="one of them"),
    ]
    queue = FakeQueue()
    with new_run(1) as run:
        tally = seed(FakeAccounts(readings), queue, run, followed={Status.CLOSED})
    assert queue.customers == ["c-1"]
    assert tally == Tally(
        scanned=3,
        sent=1,
        not_followed=1,
        unreadable={"UnknownStatus": 1},
        examples=("c-2: UnknownStatus",),
    )


def test_a_run_that_failed_goes_on_behind_what_was_confirmed(new_run, store):
    first, second = FakeQueue(room=7), FakeQueue()
    with new_run(1) as run, pytest.raises(Refused):
        seed(FakeAccounts(customers(20)), first, run)
    with store.open("last") as run:
        tally = seed(FakeAccounts(customers(20)), second, run)
        assert all(position.finished for position in positions(run))
    assert first.customers == [f"c-{number}" for number in range(6)]
    assert second.customers == [f"c-{number}" for number in range(6, 20)]
    assert tally == Tally(scanned=20, sent=20)


def test_a_finished_run_has_nothing_left_to_do(new_run, store):
    with new_run(2) as run:
        seed(FakeAccounts(customers(9)), FakeQueue(), run)
    accounts, queue = FakeAccounts(customers(9)), FakeQueue()
    with store.open("last") as run:
        assert seed(accounts, queue, run) == Tally(scanned=9, sent=9)
    assert (accounts.pages, queue.customers) == (0, [])


def test_asked_to_stop_it_ends_after_the_page_under_way(new_run):
    queue = FakeQueue()
    with new_run(1) as run:
        stopping = Stopping()
        tally = seed(
            *(FakeAccounts(customers(20)), queue, run),
            stopping=stopping,
            progress=lambda _, total: stopping.ask(),
        )
        [position] = positions(run)
    assert tally.sent == len(queue.customers) == 3
    assert not position.finished


def test_each_page_waits_until_few_enough_messages_are_in_the_queue(new_run):
    queue, seen = FakeQueue(), []

    def look():
        seen.append(len(queue.customers))
        return 0

    with new_run(1) as run:
        clock = iter(range(99)).__next__
        bound = DepthBound(look=look, depth_max=3, page_size=3, monotonic=clock)
        tally = seed(FakeAccounts(customers(20)), queue, run, bound=bound)
    assert tally == Tally(scanned=20, sent=20)
    assert seen == [0, 6, 12, 18]


def test_one_segments_failure_stops_the_others(new_run):
    accounts = FakeAccounts(customers(4000))
    with new_run(4) as run, pytest.raises(Refused):
        seed(accounts, FakeQueue(room=30), run)
    assert accounts.pages < 4000 // 3


def test_a_key_of_bytes_survives_the_journal(new_run, store):
    key = {"pk": {"S": "c-1"}, "sk": {"B": b"\x00\xff"}}
    with new_run(1) as run:
        work = seeding(FakeAccounts([]), FakeQueue(), run)
        work._record(Position(segment=0).after(key, Tally(scanned=1)))
    with store.open("last") as run:
        [position] = positions(run)
    assert position.next_key == key
