"""Playing changes against a table: what DynamoDB is asked, and what is noted of its answer."""

import threading
from types import SimpleNamespace

import pytest

from aws_parts import create_table, moto_account
from fanout.demo import witnesses
from fanout.demo.changes import Change, Op
from fanout.demo.witnesses import play


class Written:
    """What was written, in place of the ledger."""

    def __init__(self, writes=0, observe=lambda: None):
        self.writes = writes
        self.seen = []
        self.observe = observe

    def wrote(self, write):
        self.writes += 1
        self.seen.append(write)
        self.observe()


@pytest.fixture
def dynamodb():
    with moto_account() as account:
        client = account("dynamodb")
        create_table(client, "accounts")
        yield client


@pytest.fixture
def played(dynamodb):
    def write(*changes):
        ledger = Written()
        play(dynamodb, "accounts", changes, ledger=ledger, stop=threading.Event())
        return [(write.before, write.after) for write in ledger.seen]

    return write


def item(dynamodb):
    answer = dynamodb.get_item(TableName="accounts", Key={"customer_id": {"S": "c-1"}})
    found = answer.get("Item", {})
    return {name: next(iter(value.values())) for name, value in found.items()}


def change(op, status=None, reason=None):
    return Change(op=op, customer_id="c-1", status=status, reason=reason)


def test_each_write_is_noted_with_the_status_before_and_after(played):
    assert played(
        change(Op.DELETE),
        change(Op.TOUCH),
        change(Op.UPDATE, "PENDING"),
        change(Op.UPDATE, "ACTIVE", "KYC_PASSED"),
        change(Op.TOUCH),
        change(Op.PUT, "CLOSED"),
        change(Op.DELETE),
        change(Op.PUT, "PENDING"),
    ) == [
        (None, None),
        (None, None),
        (None, "PENDING"),
        ("PENDING", "ACTIVE"),
        ("ACTIVE", "ACTIVE"),
        ("ACTIVE", "CLOSED"),
        ("CLOSED", None),
        (None, "PENDING"),
    ]


def test_an_update_leaves_other_attributes_and_drops_a_reason_that_is_not_given(played, dynamodb):
    played(change(Op.PUT, "ACTIVE", "KYC_PASSED"), change(Op.TOUCH), change(Op.UPDATE, "CLOSED"))
    assert item(dynamodb) == {"customer_id": "c-1", "status": "CLOSED", "note": "2"}


def test_a_put_replaces_the_whole_item(played, dynamodb):
    played(change(Op.PUT, "ACTIVE"), change(Op.TOUCH), change(Op.PUT, "CLOSED", "INACTIVE"))
    assert item(dynamodb) == {"customer_id": "c-1", "status": "CLOSED", "status_reason": "INACTIVE"}


def test_a_touch_makes_no_customer(played, dynamodb):
    played(change(Op.TOUCH))
    assert item(dynamodb) == {}


def test_it_ends_early_when_it_is_told_to(dynamodb):
    ledger, stop = Written(writes=6), threading.Event()

    def endless():
        while True:
            yield change(Op.PUT, "ACTIVE")
            stop.set()

    play(dynamodb, "accounts", endless(), ledger=ledger, stop=stop, rate=1000)
    assert [write.number for write in ledger.seen] == [7]


def test_the_rate_is_not_exceeded(dynamodb, monkeypatch):
    seconds, written_at = [100.0], []
    stop = SimpleNamespace(
        wait=lambda left: seconds.append(seconds[-1] + max(0.0, left)), is_set=lambda: False
    )
    monkeypatch.setattr(witnesses, "time", SimpleNamespace(monotonic=lambda: seconds[-1]))

    def observe():
        written_at.append(seconds[-1])
        seconds.append(seconds[-1] + (0.05 if len(written_at) == 1 else 0.001))  # a slow one first

    changes = [change(Op.PUT, "ACTIVE")] * 6
    play(dynamodb, "accounts", changes, ledger=Written(observe=observe), stop=stop, rate=50)
    assert written_at == pytest.approx([100.0, 100.05, 100.051, 100.06, 100.08, 100.1])
