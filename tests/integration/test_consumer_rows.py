"""However events arrive, the rows of the Payments table come out the same."""

import random
from dataclasses import replace

import pytest

from customer_events.encoder import encode, to_document
from customer_events.event import Change, Status
from customer_events.sequence import SequenceSource
from unit.event_consumer.consumer_samples import live, snapshot

TRACE = "00-4bf92f3577b34da6a3ce929d0e0e4736-00f067aa0ba902b7-01"
LIVE_ATTRIBUTES = {
    "customer_id",
    "status",
    "previous_status",
    "status_changed_at",
    "payments",
    "sequence",
    "sequence_source",
    "event_id",
    "schema_version",
    "traceparent",
    "occurred_at",
    "applied_at",
}
HISTORY = [
    live(1, Status.PENDING, change=Change.CREATED, previous_status=None),
    live(2, Status.ACTIVE),
    live(3, Status.SUSPENDED, schema_version=1),
    live(3, Status.SUSPENDED),
    live(4, Status.REMOVED, change=Change.REMOVED),
    live(1, Status.ACTIVE, customer_id="c-2"),
    live(2, Status.CLOSED, customer_id="c-2"),
    live(1, Status.ACTIVE, customer_id="c-3"),
]


def test_a_row_has_exactly_the_attributes_of_the_contract(payments):
    event = live(7, Status.ACTIVE)
    payments.send(event)
    assert payments.work() == []
    row = payments.rows()["c-1"]
    assert set(row) == LIVE_ATTRIBUTES
    assert row.pop("applied_at")["S"] > "2026"
    assert row == {
        "customer_id": {"S": "c-1"},
        "status": {"S": "ACTIVE"},
        "previous_status": {"S": "PENDING"},
        "status_changed_at": {"S": "2026-11-23T12:07:00.000000Z"},
        "payments": {"S": "ALLOWED"},
        "sequence": {"S": f"0001.{7:040}"},
        "sequence_source": {"S": "stream"},
        "event_id": {"S": str(event.event_id)},
        "schema_version": {"N": "2"},
        "traceparent": {"NULL": True},
        "occurred_at": {"S": "2026-11-23T12:07:00.000000Z"},
    }


def test_a_seeded_row_says_when_it_was_read_and_nothing_else_more(payments):
    payments.invoke(snapshot(Status.SUSPENDED, seconds=60))
    row = payments.rows()["c-1"]
    assert set(row) == {*LIVE_ATTRIBUTES, "snapshot_at"}
    assert row["snapshot_at"] == {"S": "2026-11-23T12:01:00.000000Z"}
    assert row["payments"] == {"S": "BLOCKED"}
    payments.invoke(live(1, seconds=120))
    assert set(payments.rows()["c-1"]) == {*LIVE_ATTRIBUTES, "snapshot_at"}


@pytest.mark.parametrize("customers", [1, 2], ids=["UpdateItem", "statements"])
def test_a_row_names_the_trace_of_its_last_change_and_of_no_older_one(payments, customers):
    def change(number, traceparent):
        for n in range(customers):
            yield live(number, traceparent=traceparent, customer_id=f"c-{n}")

    for number, (traceparent, kept) in enumerate([(TRACE, {"S": TRACE}), (None, {"NULL": True})]):
        assert payments.invoke(*change(number + 1, traceparent)) == []
        rows = payments.rows().values()
        assert [row["traceparent"] for row in rows] == [kept] * customers


@pytest.fixture(scope="module")
def expected(build):
    """The rows after the history, delivered once, in order, one by one."""
    payments = build()
    for event in HISTORY:
        assert payments.invoke(event) == []
    return payments.states()


def in_order():
    return [[event] for event in HISTORY]


def twice_in_order():
    return [[event] for event in HISTORY + HISTORY]


def twice_in_one_batch():
    return [HISTORY + HISTORY]


def newest_first():
    return [[event] for event in reversed(HISTORY)]


def newest_first_in_one_batch():
    return [HISTORY[::-1]]


def each_with_a_parked_neighbour():
    return [[event, '{"hello"', "[]"] for event in HISTORY]


def among_parked_neighbours_out_of_order():
    shuffled = random.Random(11).sample(HISTORY, len(HISTORY))
    version_9 = encode(live(9)).replace("Changed.v2", "Changed.v9")
    alien = replace(live(9), sequence_source=SequenceSource.VERSION)
    return [[live(1), "poison", version_9, *shuffled], [alien, *shuffled[::-1]]]


@pytest.mark.parametrize(
    "batches",
    [
        in_order,
        twice_in_order,
        twice_in_one_batch,
        newest_first,
        newest_first_in_one_batch,
        each_with_a_parked_neighbour,
        among_parked_neighbours_out_of_order,
    ],
)
def test_the_rows_come_out_the_same_however_the_events_arrive(payments, expected, batches):
    wrapped = {"Type": "Notification", "MessageId": "m", "TopicArn": "arn"}
    for batch in batches():
        assert payments.invoke(*batch) == []
    assert payments.states() == expected
    for event in HISTORY:
        envelope = wrapped | {"Message": encode(event)}
        assert payments.invoke(envelope, {"detail-type": "x", "detail": to_document(event)}) == []
    assert payments.states() == expected
