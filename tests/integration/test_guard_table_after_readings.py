"""The table's condition beside the guard's verdict, event by event, over rows that were read.

Random histories hardly ever come to these: a snapshot or a repair, and then a change from about the
time of the reading.
"""

from dataclasses import replace
from datetime import UTC, datetime, timedelta
from itertools import product

import pytest

from aws_parts import create_table, moto_account
from customer_events.event import Change, Status
from customer_events.sequence import UNCOUNTED, SequenceSource, sequence
from event_consumer.guarded_table import GuardedTable
from event_consumer.order_guard import CLOCK_TOLERANCE, judge
from unit.event_consumer.consumer_samples import live, repair, snapshot

pytestmark = pytest.mark.slow

STREAM, VERSION = SequenceSource
READ_AT_SECONDS = 600
FROM_THE_READING_SECONDS = (-60, -6, -5, 0, 60)
NUMBERS = ((4, 1, 2), (5, 1, 1), (5, 1, 2), (6, 1, 2), (1, 2, 2))
"""Number, epoch and major version of changes beside a row whose number, if it has one, is 5."""
OUTCOMES = {True, False}
KEY = {"customer_id": {"S": "c-1"}}


def seeded(source, status, order):
    return [snapshot(status, seconds=READ_AT_SECONDS, order=order, sequence_source=source)]


def repaired(source, status):
    first = live(5, seconds=0, sequence_source=source)
    return [first, repair(first, status, seconds=READ_AT_SECONDS)]


ROWS = {
    f"{source}, {status}, {made}": history
    for source, status in product(SequenceSource, (Status.ACTIVE, Status.REMOVED))
    for made, history in {
        "seeded": seeded(source, status, UNCOUNTED),
        "seeded with its number": seeded(source, status, sequence(5, epoch=1)),
        "repaired": repaired(source, status),
    }.items()
}


def later_changes(numbers=NUMBERS, offsets=FROM_THE_READING_SECONDS):
    for offset, (number, epoch, major), source in product(offsets, numbers, SequenceSource):
        yield live(
            number,
            seconds=READ_AT_SECONDS + offset,
            epoch=epoch,
            sequence_source=source,
            schema_version=major,
        )


def later_readings():
    orders = (UNCOUNTED, sequence(5, epoch=1), sequence(6, epoch=1))
    for offset, source in product((-1, 0, 1), SequenceSource):
        when = READ_AT_SECONDS + offset
        yield repair(live(5, seconds=0, sequence_source=source), Status.CLOSED, seconds=when)
        for order in orders:
            yield snapshot(seconds=when, order=order, sequence_source=source)


@pytest.fixture(scope="module")
def table():
    with moto_account() as account:
        client = account("dynamodb")
        create_table(client, "rows")
        yield client


def row_of(client, tolerance, history):
    """The table, the row that the history leaves in it, and what puts that row back."""
    client.delete_item(TableName="rows", Key=KEY)
    guarded = GuardedTable(client, "rows", rule=lambda _: {}, tolerance=tolerance)
    for event in history:
        written = guarded.write(event)
        assert written.applied
    item = client.get_item(TableName="rows", Key=KEY)["Item"]
    return guarded, written.row, lambda: client.put_item(TableName="rows", Item=item)


@pytest.mark.parametrize(
    ("tolerance", "events"),
    [
        (CLOCK_TOLERANCE, lambda: [*later_changes(), *later_readings()]),
        (
            timedelta(seconds=10),
            lambda: [
                *later_changes(numbers=[(6, 1, 2)], offsets=(-11, -10, 0)),
                repair(live(4), Status.ACTIVE, seconds=0),
            ],
        ),
    ],
    ids=["by default", "tolerant"],
)
@pytest.mark.parametrize("history", ROWS.values(), ids=ROWS)
def test_over_a_row_that_was_read_the_table_applies_what_the_guard_says(
    table, history, tolerance, events
):
    guarded, row, put_back = row_of(table, tolerance, history)
    seen = set()
    for event in events():
        expected = judge(row, event, tolerance) is None
        written = guarded.write(event)
        assert written.applied is expected, (row, event)
        seen.add(expected)
        if expected:
            put_back()
    assert seen == OUTCOMES


@pytest.mark.parametrize("source", SequenceSource)
@pytest.mark.parametrize("read_after_seconds", [0.5, 60])
def test_a_repaired_change_in_a_newer_version_does_not_undo_the_repair(
    table, source, read_after_seconds
):
    old = live(5, seconds=0, sequence_source=source, schema_version=1)
    mend = repair(old, Status.CLOSED, seconds=read_after_seconds)
    guarded, row, _ = row_of(table, CLOCK_TOLERANCE, [old, mend])
    assert not guarded.write(replace(old, schema_version=2)).applied
    assert row.status is Status.CLOSED


@pytest.mark.parametrize("history", ROWS.values(), ids=ROWS)
def test_an_event_of_the_last_second_that_there_is_can_be_judged(table, history):
    guarded, row, _ = row_of(table, CLOCK_TOLERANCE, history)
    last = datetime(9999, 12, 31, 23, 59, 59, tzinfo=UTC)
    event = live(9, occurred_at=last, sequence_source=row.sequence_source, change=Change.CHANGED)
    assert guarded.write(event).applied
