"""The condition that DynamoDB evaluates and the verdict that Python makes are one rule.

moto evaluates it in an UpdateItem, the embedded AWS in PartiQL statements, which moto can't read.
"""

from dataclasses import replace
from datetime import UTC, datetime, timedelta

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from aws_parts import create_table, moto_account
from bare_emulator import emulator_in
from customer_events.deadline import UNLIMITED
from customer_events.event import Change, CustomerStatusChanged, Status
from customer_events.identity import event_id
from customer_events.sequence import UNCOUNTED, SequenceSource, sequence
from event_consumer.guarded_batches import GuardedBatches
from event_consumer.guarded_table import (
    GUARD_ATTRIBUTES,
    GuardedTable,
    UnusableAttributes,
    read_row,
)
from event_consumer.order_guard import CLOCK_TOLERANCE, judge
from event_consumer.outcomes import Handled
from event_consumer.testing.memory import Refused, RowsInMemory
from unit.event_consumer.consumer_samples import HOSTILE_NAMES

KEY = {"customer_id": {"S": "c"}}
NOON = datetime(2026, 11, 23, 12, tzinfo=UTC)
SEQUENCES = [sequence(number, epoch=epoch) for epoch in (1, 2) for number in (1, 2, 3)]


@st.composite
def events(draw: st.DrawFn) -> CustomerStatusChanged:
    change = draw(st.sampled_from(Change))
    snapshot = change is Change.SNAPSHOT
    order = draw(st.sampled_from([*SEQUENCES, UNCOUNTED] if snapshot else SEQUENCES))
    major = 2 if snapshot else draw(st.sampled_from([1, 2]))
    when = NOON + timedelta(seconds=draw(st.sampled_from([-60, -6, -5, -1, 0, 1, 5, 6, 60])))
    return CustomerStatusChanged(
        event_id=event_id("urn:test", "c", order, major),
        source="urn:test",
        customer_id="c",
        sequence=order,
        sequence_source=draw(st.sampled_from(SequenceSource)),
        schema_version=major,
        occurred_at=when,
        status=draw(st.sampled_from(Status)),
        previous_status=draw(st.none() | st.sampled_from(Status)),
        reason=None,
        change=change,
        changed_at=when,
        repairs=draw(st.none() | st.sampled_from([*SEQUENCES, UNCOUNTED])) if snapshot else None,
    )


@pytest.fixture(scope="module")
def client():
    with moto_account() as account:
        client = account("dynamodb")
        create_table(client, "rows")
        yield client


NAMES = st.sampled_from(HOSTILE_NAMES) | st.text(min_size=1, max_size=20)
RULES = st.lists(st.dictionaries(NAMES, st.text(max_size=20), max_size=4), min_size=6, max_size=6)


@pytest.mark.slow
@settings(max_examples=40, deadline=None)
@given(
    history=st.lists(events(), min_size=1, max_size=6),
    own=RULES,
    tolerance_seconds=st.sampled_from([5, 5, 1, 59]),
)
def test_the_table_and_the_kit_apply_an_event_exactly_when_the_guard_says_so(
    client, history, own, tolerance_seconds
):
    client.delete_item(TableName="rows", Key=KEY)
    tolerance = timedelta(seconds=tolerance_seconds)
    given_by_rule = {id(event): one for event, one in zip(history, own, strict=False)}

    def rule(event):
        return given_by_rule[id(event)]

    usable = [not GUARD_ATTRIBUTES & rule(event).keys() for event in history]
    table, kit = GuardedTable(client, "rows", rule=rule, tolerance=tolerance), RowsInMemory(rule)
    row, stored = None, {}
    for event, is_usable in zip(history, usable, strict=True):
        if not is_usable:
            for rows, error in ((table, UnusableAttributes), (kit, Refused)):
                with pytest.raises(error):
                    rows.write(event)
            continue
        verdict = judge(row, event, tolerance)
        written = table.write(event)
        assert written.applied == (verdict is None), (row, event, verdict)
        if verdict is not None:
            assert written.row == row
        if tolerance == CLOCK_TOLERANCE:  # the kit has no other
            assert kit.write(event) == written
        row = written.row
        if written.applied:
            stored |= rule(event)
            item = client.get_item(TableName="rows", Key=KEY)["Item"]
            mine = {name: item[name] for name in item.keys() - GUARD_ATTRIBUTES}
            assert mine == {name: {"S": value} for name, value in stored.items()}
            if tolerance == CLOCK_TOLERANCE:
                kept = kit.rows["c"]
                assert {name: kept[name] for name in stored} == stored


@pytest.fixture(scope="module")
def embedded(tmp_path_factory):
    with emulator_in(tmp_path_factory.mktemp("emulator"), prefix="guard") as target:
        client = target.client("dynamodb")
        create_table(client, "rows")
        yield client


@pytest.mark.slow
@settings(max_examples=40, deadline=None)
@given(
    steps=st.lists(st.tuples(events(), events(), st.booleans()), min_size=1, max_size=6),
    own=st.lists(st.dictionaries(NAMES, st.text(max_size=20), max_size=3), min_size=2, max_size=2),
    tolerance_seconds=st.sampled_from([5, 5, 1, 59]),
)
def test_statements_apply_the_events_of_a_batch_exactly_when_the_guard_says_so(
    embedded, steps, own, tolerance_seconds
):
    tolerance = timedelta(seconds=tolerance_seconds)
    given_by_rule = dict(zip("cd", own, strict=True))
    table = GuardedTable(
        embedded, "rows", rule=lambda one: given_by_rule[one.customer_id], tolerance=tolerance
    )
    batches = GuardedBatches(embedded, "rows", table)
    keys = {name: {"customer_id": {"S": name}} for name in "cd"}
    rows = dict.fromkeys("cd")
    for key in keys.values():
        embedded.delete_item(TableName="rows", Key=key)
    for first, other, row_wanted in steps:
        batch = [first, replace(other, customer_id="d")]
        results = batches.write(batch, [row_wanted] * 2, UNLIMITED)
        for event, result in zip(batch, results, strict=True):
            name = event.customer_id
            if GUARD_ATTRIBUTES & given_by_rule[name].keys():
                assert isinstance(result, Handled)
                assert result.error_type == "UnusableAttributes"
                continue
            verdict = judge(rows[name], event, tolerance)
            assert result.applied == (verdict is None), (rows[name], event, verdict)
            if not result.applied:
                assert result.row == rows[name]
                continue
            item = embedded.get_item(TableName="rows", Key=keys[name])["Item"]
            rows[name] = read_row(item)
            if row_wanted:
                assert result.row == rows[name]
            mine = {one: item[one]["S"] for one in item.keys() - GUARD_ATTRIBUTES}
            assert mine == given_by_rule[name]
    assert batches.size_max > 1
