from types import SimpleNamespace

import pytest

from customer_events.event import Status
from event_consumer.order_guard import judge
from fanout.accounts.reconcile import End, send_repairs
from fanout.runs.ledger import State
from fanout.runs.store import Operator, RunStore
from sentinel.snapshots import Unreadable
from unit.fanout.backfill_samples import NOON, SOURCE, at, row, snapshot
from unit.fanout.reconcile_fakes import Tables, stored


class FakeQueue:
    def __init__(self):
        self.calls = []

    def send(self, events):
        self.calls.append(list(events))

    @property
    def events(self):
        return {event.customer_id: event for call in self.calls for event in call}


@pytest.fixture
def store(tmp_path):
    return RunStore(tmp_path, clock=lambda: NOON)


@pytest.fixture
def run(store):
    operator = Operator(user="jo", host="here", pid=1, identity="unknown", account="unknown")
    with store.create("reconcile", subject={}, options={}, operator=operator) as made:
        yield made


def select(run, customer_ids):
    run.select({"id": customer_id} for customer_id in customer_ids)
    run.freeze(cut_off=NOON)


def send(tables, queue, run):
    publisher = SimpleNamespace(source=SOURCE)
    operation = SimpleNamespace(
        sides=tables.sides(), sender=lambda: queue.send, publisher=publisher
    )
    send_repairs(operation, run, SimpleNamespace(stop=lambda: False, progress=print))


def repair(tables, run, customer_ids):
    """The queue, and how many repairs ended how."""
    select(run, customer_ids)
    queue = FakeQueue()
    send(tables, queue, run)
    return queue, run.ledger.ends()


def test_each_kind_of_drift_gets_its_repair(run):
    tables = Tables()
    tables.accounts = {
        "missing": snapshot("missing"),
        "stale": snapshot("stale", Status.CLOSED),
        "by-hand": snapshot("by-hand"),
    }
    tables.rows = {
        "stale": stored("stale"),
        "by-hand": stored("by-hand", own={"payments": "BLOCKED"}),
        "extra": stored("extra"),
        "bare": stored("bare", row=None, has_sequence=False),
    }
    ids = ["missing", "stale", "by-hand", "extra", "bare"]
    queue, counts = repair(tables, run, ids)
    assert counts == {End.SENT: 5}
    events = queue.events
    for customer_id in ("stale", "by-hand", "extra"):
        assert judge(tables.rows[customer_id].row, events[customer_id]) is None
    assert judge(None, events["missing"]) is None
    assert judge(None, events["bare"]) is None
    assert events["stale"].status is Status.CLOSED
    assert events["extra"].status is events["bare"].status is Status.REMOVED
    assert events["extra"].occurred_at == at(0.75)


def test_repairs_go_out_in_tens_and_are_on_the_record(run):
    tables = Tables(accounts={f"c-{number}": snapshot(f"c-{number}") for number in range(25)})
    queue, _ = repair(tables, run, list(tables.accounts))
    assert [len(call) for call in queue.calls] == [10, 10, 5]
    assert run.ledger.count(State.ENDED) == 25


def test_what_agrees_by_the_time_of_its_turn_is_left_alone(run):
    tables = Tables()
    tables.agree("c-1")
    queue, counts = repair(tables, run, ["c-1"])
    assert (queue.calls, counts) == ([], {End.AGREES: 1})


def test_what_no_event_can_repair_is_reported(run):
    tables = Tables(
        accounts={
            "c-1": Unreadable(customer_id="c-1", code="UnknownStatus", expected=""),
            "c-2": snapshot("c-2"),
        },
        rows={"c-1": stored("c-1", row()), "c-2": stored("c-2", row=None)},
    )
    queue, counts = repair(tables, run, ["c-1", "c-2"])
    assert (queue.calls, counts) == ([], {End.IMPOSSIBLE: 2})
    whys = [item.detail["why"] for item in run.ledger.items()]
    assert "Fix the item" in whys[0]
    assert "Delete the row" in whys[1]


class Killed(BaseException):
    """The process ends."""


@pytest.mark.parametrize("dies_at", range(1, 11))
def test_a_repair_that_is_killed_anywhere_ends_the_same_when_it_is_resumed(run, store, dies_at):
    """Each of the three batches has four calls: an intent, a send, what was done, and the ends."""
    ids = [f"c-{number:02}" for number in range(25)]
    tables = Tables(accounts={customer_id: snapshot(customer_id) for customer_id in ids})
    calls = iter(range(1, 100))

    def dying(effect, *, before):
        """A journal's line is lost with the process; a message that was sent is not."""

        def call(*arguments):
            dies = next(calls) == dies_at
            if not (dies and before):
                effect(*arguments)
            if dies:
                raise Killed

        return call

    def consume(events):
        for event in events:
            tables.agree(event.customer_id)

    select(run, ids)
    run.record = dying(run.record, before=True)
    with pytest.raises(Killed):
        send(tables, SimpleNamespace(send=dying(consume, before=False)), run)
    run.close()
    with store.open("last") as resumed:
        send(tables, SimpleNamespace(send=consume), resumed)
        assert resumed.ledger.count(State.ENDED) == 25
    assert tables.sides().compare(ids) == {}
