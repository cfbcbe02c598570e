from types import SimpleNamespace

import pytest

from customer_events.decoder import decode
from fanout.accounts import snapshots
from fanout.accounts.snapshots import send_events, snapshot_event
from fanout.errors import Refused
from fanout.sqs.queue import Effect
from unit.fanout.backfill_samples import SOURCE, snapshot


class FakeQueue:
    """Refuses each message as many times as `refusals` says by its customer."""

    def __init__(self, refusals=None):
        self.refusals = dict(refusals or {})
        self.calls = []
        self.taken = []

    def send(self, sendings):
        self.calls.append([one.message_id for one in sendings])
        return [self._take(one) for one in sendings]

    def _take(self, sending):
        customer_id = decode(sending.entry["MessageBody"]).customer_id
        if self.refusals.get(customer_id, 0) > 0:
            self.refusals[customer_id] -= 1
            return Effect(message_id=sending.message_id, ok=False, why="Busy")
        self.taken.append(sending.entry)
        return Effect(message_id=sending.message_id, ok=True)


@pytest.fixture(autouse=True)
def no_pauses(monkeypatch):
    monkeypatch.setattr(snapshots, "time", SimpleNamespace(sleep=lambda _: None))


def events(count):
    return [snapshot_event(snapshot(f"c-{number}"), SOURCE) for number in range(count)]


def send(queue, count, *, fifo=False):
    send_events(queue, events(count), fifo=fifo)


def test_only_what_was_not_confirmed_is_sent_again():
    queue = FakeQueue({"c-3": 2})
    send(queue, 10)
    assert [len(call) for call in queue.calls] == [10, 1, 1]
    assert len(queue.taken) == 10


def test_what_is_never_confirmed_is_refused_with_the_reason():
    with pytest.raises(Refused, match=r"1 of 10 .*Busy"):
        send(FakeQueue({"c-3": 99}), 10)


def test_a_message_carries_what_the_bus_would_set():
    queue = FakeQueue()
    send(queue, 1)
    attributes = queue.taken[0]["MessageAttributes"]
    assert {name: one["StringValue"] for name, one in attributes.items()} == {
        "type": "novapay.accounts.CustomerStatusChanged.v2",
        "schema_version": "2",
        "status": "ACTIVE",
        "transition": "NONE>ACTIVE",
    }
    assert "MessageGroupId" not in queue.taken[0]


def test_on_fifo_a_snapshot_joins_its_customers_group():
    queue = FakeQueue()
    send(queue, 2, fifo=True)
    groups = {one["MessageGroupId"] for one in queue.taken}
    assert len(groups) == 2
    assert all(len(one) == 64 for one in groups)
    dedup_ids = [one["MessageDeduplicationId"] for one in queue.taken]
    assert dedup_ids == [str(event.event_id) for event in events(2)]
