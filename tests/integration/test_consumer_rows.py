"""However events arrive, the rows of the Payments table come out the same."""

import itertools
import random
from dataclasses import replace

import pytest

from customer_events.encoder import encode, to_document
from customer_events.event import Change, Status
from customer_events.sequence import SequenceSource, sequence
from unit.event_consumer.consumer_samples import (
    live,
    repair,
    snapshot,
)

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


def test_a_removed_customer_stays_as_a_blocked_row(payments):
    payments.invoke(live(1), live(2, Status.REMOVED, change=Change.REMOVED))
    row = payments.rows()["c-1"]
    assert (row["status"]["S"], row["payments"]["S"]) == ("REMOVED", "BLOCKED")


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


def test_no_row_goes_back_at_any_delivery_in_any_order(payments):
    of_one = [event for event in HISTORY if event.customer_id == "c-1"]
    for order in random.Random(3).sample(list(itertools.permutations(of_one)), 12):
        payments.forget()
        place = ("", 0)
        for event in order:
            payments.invoke(event)
            row = payments.rows()["c-1"]
            now = (row["sequence"]["S"], int(row["schema_version"]["N"]))
            assert now == max(place, (event.sequence, event.schema_version))
            place = now


def test_a_recovered_old_change_does_not_undo_a_seed(payments):
    payments.invoke(snapshot(Status.CLOSED, seconds=600))
    before = payments.rows()
    payments.invoke(live(3, Status.ACTIVE, seconds=60))
    assert payments.rows() == before
    payments.invoke(live(4, Status.ACTIVE, seconds=660))
    assert payments.rows()["c-1"]["status"] == {"S": "ACTIVE"}


def test_a_repair_keeps_the_rows_sequence_and_the_later_reading_wins(payments):
    drifted = live(5, Status.ACTIVE)
    payments.invoke(drifted)
    payments.invoke(repair(drifted, Status.CLOSED, seconds=901))
    payments.invoke(repair(drifted, Status.PENDING, seconds=900), drifted)
    row = payments.rows()["c-1"]
    assert (row["status"]["S"], row["sequence"]["S"]) == ("CLOSED", drifted.sequence)
    payments.invoke(live(6, Status.SUSPENDED, seconds=960))
    assert payments.rows()["c-1"]["status"] == {"S": "SUSPENDED"}


def test_a_snapshot_with_a_version_counter_takes_its_place_in_the_order(payments):
    version = SequenceSource.VERSION
    payments.invoke(live(5, Status.ACTIVE, sequence_source=version))
    order = sequence(6, epoch=1)
    payments.invoke(snapshot(Status.CLOSED, seconds=0, order=order, sequence_source=version))
    payments.invoke(live(5, Status.ACTIVE, sequence_source=version))
    assert payments.rows()["c-1"]["status"] == {"S": "CLOSED"}
