"""Where a change is at a subscriber, by what its row, its DLQ, its log and its queue show."""

from dataclasses import replace
from datetime import UTC, datetime, timedelta
from uuid import UUID

import pytest

from customer_events.event import Status
from deployed_facts import PAYMENTS
from fanout.watch.where import DayChange, Place, Seen, State, place
from unit.event_consumer.consumer_samples import live
from unit.fanout.backfill_samples import position
from unit.fanout.backfill_samples import row as sample_row
from unit.fanout.reconcile_fakes import stored

NOW = datetime(2026, 11, 27, 9, 30, tzinfo=UTC)
EVENT_ID = UUID(int=7)
SUBSCRIBER = replace(PAYMENTS.subscriber, filter=None, versions=(2,))


def change(number=5):
    event = live(
        number,
        Status.SUSPENDED,
        event_id=EVENT_ID,
        previous_status=Status.ACTIVE,
        occurred_at=NOW,
        changed_at=NOW,
    )
    return DayChange(record_id="r", number=number, at=NOW, events=[event])


def row(number, occurred_at=NOW):
    kept = sample_row(sequence=position(number), occurred_at=occurred_at)
    return stored("c-1", kept, own={"applied_at": "2026-11-27T09:30:01Z"})


def seen(subscriber=SUBSCRIBER, **other):
    facts = {"row": None, "waiting": 0, "evidence": {}} | other
    return Seen(subscriber=subscriber, **facts)


def evidence(state):
    return {str(EVENT_ID): Place(where="payments", state=state, detail="why")}


@pytest.mark.parametrize(
    ("found", "state", "words"),
    [
        (seen(row=row(5)), State.APPLIED, ""),
        (seen(row=row(5), evidence=evidence(State.DEAD), waiting=3), State.APPLIED, ""),
        (seen(row=row(4), evidence=evidence(State.DEAD)), State.DEAD, "why"),
        (seen(row=row(6), evidence=evidence(State.DEAD)), State.DEAD, "why"),
        (seen(evidence=evidence(State.RETRIED), waiting=1), State.RETRIED, "why"),
        (seen(row=row(10)), State.SUPERSEDED, "a later change"),
        (seen(row=row(10, NOW - timedelta(days=1))), State.NOT_FOUND, ""),
        (seen(row=row(4), waiting=2), State.WAITING, "2 messages wait, anybody's"),
        (seen(row=row(4)), State.NOT_FOUND, "fanout reconcile payments"),
        (seen(replace(SUBSCRIBER, table=None)), State.UNKNOWN, "no table"),
        (seen(replace(SUBSCRIBER, versions=(1,)), row=row(9)), State.NOT_SELECTED, "filter"),
    ],
)
def test_the_surest_evidence_decides(found, state, words):
    result = place(change(), found)
    assert result.state is state
    assert words in result.detail


@pytest.mark.parametrize(
    ("policy", "selected"),
    [
        ({"transition": [{"suffix": ">SUSPENDED"}]}, True),
        ({"transition": [{"prefix": "CLOSED>"}]}, False),
        ({"source": ["urn:novapay:accounts"], "detail": {"data": {"status": ["SUSPENDED"]}}}, True),
        ({"detail": {"data": {"status": ["CLOSED"]}}}, False),
    ],
)
def test_a_filter_of_either_bus_says_whether_a_change_comes_at_all(policy, selected):
    result = place(change(), seen(replace(SUBSCRIBER, filter=policy)))
    assert (result.state is not State.NOT_SELECTED) == selected
