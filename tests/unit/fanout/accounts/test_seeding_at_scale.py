"""A hundred thousand customers seeded while they change: every row right, whatever the order.

The tables, the queue and the clock are simulated; the seeding, the order guard and the journal are
the real ones. A run is reproduced by its seed.
"""

import random
from datetime import timedelta
from threading import Lock

import pytest

from customer_events.event import Change, CustomerStatusChanged, Status
from customer_events.identity import event_id
from customer_events.sequence import SequenceSource
from fanout.accounts.backfill import Checkpoints, Scope, Seeding
from fanout.accounts.snapshots import Snapshot
from fanout.accounts.table import Page
from fanout.runs.pace import CapacityPace, DepthBound, Stopping
from fanout.runs.store import Operator, RunStore
from unit.event_consumer.consumer_samples import RowsInMemory
from unit.fanout.backfill_samples import NOON, SOURCE, position

CUSTOMERS = 100_000
CHANGES_PER_PAGE = 200
WINDOW = 3_000
STATUSES = tuple(one for one in Status if one is not Status.REMOVED)


class World:
    """Accounts, the clock, and the subscriber's queue, which delivers in any order and twice."""

    def __init__(self, seed: int, *, dated_late: timedelta = timedelta(0)) -> None:
        self.random = random.Random(seed)
        self.lock = Lock()
        self.now = NOON
        self._dated_late = dated_late
        self.number = 0
        self.queue: list[CustomerStatusChanged] = []
        self.rows = RowsInMemory()
        self.accounts = {f"c-{number}": self.random.choice(STATUSES) for number in range(CUSTOMERS)}
        self.ids = list(self.accounts)
        self.old = [
            self._change(one, self.random.choice(STATUSES))
            for one in self.random.sample(self.ids, 2_000)
        ]
        self.now += timedelta(minutes=15)

    def page(self, segment, segments, *, start, limit):
        """Read a page, and let customers change and messages arrive meanwhile."""
        with self.lock:
            first = segment if start is None else int(start["n"]["N"]) + segments
            numbers = range(first, CUSTOMERS, segments)[:limit]
            fraction = timedelta(microseconds=self.random.randrange(1, 400_000))
            read_at = self.now + fraction + self._dated_late
            readings = tuple(self._read(self.ids[one], read_at) for one in numbers)
            self._live_changes()
            self._deliver(leaving=WINDOW)
        more = numbers and numbers[-1] + segments < CUSTOMERS
        return Page(
            customers=tuple(one for one in readings if one),
            scanned=len(readings),
            next_key={"n": {"N": str(numbers[-1])}} if more else None,
            units=1.0,
        )

    def send(self, events):
        with self.lock:
            self.queue += events

    def end(self):
        """Everything arrives; at last, what was recovered of the time before the seed."""
        self._deliver(leaving=0)
        self.queue = self.old
        self._deliver(leaving=0)

    def _read(self, customer_id, read_at):
        status = self.accounts.get(customer_id)
        return status and Snapshot(
            customer_id=customer_id,
            status=status,
            reason=None,
            sequence=None,
            changed_at=None,
            read_at=read_at,
        )

    def _live_changes(self):
        for _ in range(CHANGES_PER_PAGE):
            customer_id = self.random.choice(self.ids)
            if self.random.random() < 0.05:
                self.accounts.pop(customer_id, None)
                event = self._change(customer_id, Status.REMOVED)
            else:
                self.accounts[customer_id] = self.random.choice(STATUSES)
                event = self._change(customer_id, self.accounts[customer_id])
            self.queue += [event] * self.random.choice((1, 1, 1, 2))
        self.now += timedelta(seconds=0.5)

    def _change(self, customer_id, status):
        """The event of a customer's change just now, stamped in whole seconds."""
        self.number += 1
        sequence = position(self.number)
        at = self.now.replace(microsecond=0)
        return CustomerStatusChanged(
            event_id=event_id(SOURCE, customer_id, sequence, 2),
            source=SOURCE,
            customer_id=customer_id,
            sequence=sequence,
            sequence_source=SequenceSource.STREAM,
            schema_version=2,
            occurred_at=at,
            status=status,
            previous_status=None,
            reason=None,
            change=Change.REMOVED if status is Status.REMOVED else Change.CHANGED,
            changed_at=at,
        )

    def _deliver(self, *, leaving):
        count = len(self.queue) - leaving
        if count > 0:
            self.random.shuffle(self.queue)
            for event in self.queue[:count]:
                self.rows.write(event)
            del self.queue[:count]


@pytest.mark.slow
def test_every_row_of_a_hundred_thousand_is_right_whatever_arrives_in_whatever_order(tmp_path):
    world = World(seed=1)
    assert seed_all(world, tmp_path) == CUSTOMERS
    assert wrong_rows(world) == {}
    assert sum(row.snapshot_at is None for row in world.rows.rows.values()) > 1_000


@pytest.mark.slow
def test_readings_that_claim_to_be_later_than_they_were_would_lose_changes(tmp_path):
    world = World(seed=1, dated_late=timedelta(seconds=30))
    seed_all(world, tmp_path)
    assert wrong_rows(world)


def seed_all(world, folder):
    """Seed, and let everything arrive; answers how many customers were read."""
    operator = Operator(user="jo", host="here", pid=1, identity="unknown", account="unknown")
    with RunStore(folder).create("backfill", subject={}, options={}, operator=operator) as run:
        checkpoints = Checkpoints(run)
        checkpoints.create(4, now=NOON)
        tally = Seeding(
            accounts=world,
            send=world.send,
            checkpoints=checkpoints,
            scope=Scope(source=SOURCE, followed=frozenset(Status), page_size=500),
            pace=CapacityPace(None),
            bound=DepthBound(lambda: 0, None, page_size=500),
            stopping=Stopping(),
            progress=lambda _: None,
        ).run()
    world.end()
    return tally.scanned


def wrong_rows(world):
    """What Accounts and the row say, for each customer where these differ; no row: removed."""
    rows = {customer_id: row.status for customer_id, row in world.rows.rows.items()}
    return {
        one: (world.accounts.get(one), rows.get(one))
        for one in world.ids
        if rows.get(one, Status.REMOVED) is not world.accounts.get(one, Status.REMOVED)
    }
