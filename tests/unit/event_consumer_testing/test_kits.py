"""The test kit does to a rule what a queue does, with the engine's own verdicts."""

import pytest
from botocore.exceptions import ParamValidationError

from customer_events.errors import SchemaViolation
from event_consumer.outcomes import Outcome
from event_consumer.processed_events import UnusableWrites
from event_consumer.testing import (
    POISON,
    EveryEventKit,
    LatestStateKit,
    Refused,
    converge,
    duplicated,
    examples,
    history,
    orders,
    rejected,
    reordered,
    snapshot,
)
from event_consumer.testing.events import BEGIN
from payments_consumer.standing import attributes
from unit.event_consumer.consumer_samples import HOSTILE_NAMES
from unit.event_consumer.test_guarded_table import REFUSED


def letter(number):
    return {"Put": {"TableName": "letters", "Item": {"id": {"S": str(number)}}}}


LETTER = letter(1)
EVENTS = history("PENDING", "ACTIVE", "SUSPENDED", "REMOVED")


def test_a_rule_is_tested_in_ten_lines():
    kit = LatestStateKit(attributes)
    assert kit.deliver(*history("ACTIVE", "SUSPENDED"))[-1] is Outcome.APPLIED
    assert kit.row()["payments"] == "BLOCKED"


@pytest.mark.parametrize("order", orders(EVENTS))
def test_whatever_the_order_the_newest_stays(order):
    kit = LatestStateKit(attributes)
    kit.deliver_each(*order)
    assert kit.row()["status"] == "REMOVED"


def test_the_same_event_twice_is_a_duplicate():
    kit = LatestStateKit(attributes)
    assert kit.deliver_each(EVENTS[0], EVENTS[0]) == [Outcome.APPLIED, Outcome.DUPLICATE]


@pytest.mark.parametrize("poison", POISON, ids=lambda one: one.reason)
def test_each_poison_is_parked_with_its_own_reason(poison):
    kit = LatestStateKit(attributes)
    assert kit.deliver(poison.body) == [Outcome.PARKED]
    assert kit.parked == [poison.reason]


@pytest.mark.parametrize(
    "own", [{"sequence": "9"}, *REFUSED.values()], ids=["the guard's own", *REFUSED]
)
def test_the_kit_refuses_the_attributes_that_the_table_refuses(own):
    kit = LatestStateKit(lambda _event: own)
    with pytest.raises(Refused):
        kit.deliver(EVENTS[0])
    assert kit.rows == {}


@pytest.mark.parametrize("name", HOSTILE_NAMES)
def test_the_kit_stores_what_the_table_stores_whatever_its_name(name):
    kit = LatestStateKit(lambda event: {name: f"for {event.status}"})
    kit.deliver(*EVENTS)
    assert kit.row()[name] == "for REMOVED"


@pytest.mark.parametrize(
    ("writes", "error"),
    [
        ([{"Put": {"TableName": "letters", "Item": {"id": {"N": 5}}}}], ParamValidationError),
        ([{"Put": {"TableName": "letters", "Item": {"id": {"S": BEGIN}}}}], ParamValidationError),
        ([{"Put": {"TableName": "letters", "Item": {"id": "c-1"}}}], ParamValidationError),
        ([{"Put": {"Item": {"id": {"S": "c-1"}}}}], ParamValidationError),
        ([{"Insert": {}}], ParamValidationError),
        ([LETTER] * 100, UnusableWrites),
    ],
    ids=["a number", "an instant", "bare text", "no table", "no such write", "too many"],
)
def test_the_kit_refuses_the_writes_that_production_refuses(writes, error):
    kit = EveryEventKit(lambda _event: writes)
    with pytest.raises(Refused) as refusal:
        kit.deliver(EVENTS[0])
    assert isinstance(refusal.value.__cause__, error)
    assert kit.writes == []


def test_a_history_may_have_a_reason_which_neither_a_removal_nor_version_1_can_carry():
    def rule(event):
        return {"because": event.reason or "NONE"}

    kit = LatestStateKit(rule)
    kit.deliver(*history("ACTIVE", "SUSPENDED", reason="FRAUD"))
    kit.deliver(*history("ACTIVE", "REMOVED", customer_id="c-2", reason="FRAUD"))
    kit.deliver(*history("ACTIVE", customer_id="c-3", version=1, reason="FRAUD"))
    kit.deliver(snapshot("ACTIVE", customer_id="c-4", reason="FRAUD"))
    reasons = [kit.row(f"c-{number}")["because"] for number in (1, 2, 3, 4)]
    assert reasons == ["FRAUD", "NONE", "NONE", "FRAUD"]


def test_a_reason_that_the_contract_refuses_is_parked_by_the_kit_too():
    kit = LatestStateKit(attributes)
    assert kit.deliver(*history("ACTIVE", reason="x" * 129)) == [Outcome.PARKED]


def test_converge_names_the_seed_of_an_order_that_leads_elsewhere():
    """A rule that leaves an attribute out keeps an older event's value: a trap."""

    def forgets(event):
        return {"ever": "YES"} if event.status == "SUSPENDED" else {}

    assert converge(attributes, EVENTS)["c-1"]["payments"] == "BLOCKED"
    with pytest.raises(AssertionError, match="seed"):
        converge(forgets, EVENTS)


def test_duplicates_and_disorder_lose_nothing_and_are_the_same_for_the_same_seed():
    doubled = duplicated(EVENTS, seed=3)
    assert set(doubled) == set(EVENTS)
    assert len(doubled) > len(EVENTS)
    assert doubled == duplicated(EVENTS, seed=3)
    assert reordered(doubled, seed=3) == reordered(doubled, seed=3)
    assert sorted(map(str, reordered(doubled, seed=3))) == sorted(map(str, doubled))


def test_more_events_than_can_be_tried_in_every_order_are_refused():
    with pytest.raises(ValueError, match="at most 6"):
        orders(EVENTS * 2)


def test_the_contracts_documents_are_those_in_schemas():
    assert "changed" in examples(2)
    assert "status_unknown" in rejected(2)
    with pytest.raises(ValueError, match="version 9"):
        examples(9)


def test_every_transition_is_handled_once_and_its_writes_are_kept():
    kit = EveryEventKit(lambda event: [letter(event.event_id)])
    kit.deliver_each(*duplicated(EVENTS, seed=1))
    assert kit.writes == [letter(one.event_id) for one in EVENTS]


def test_a_handler_may_park_what_can_never_succeed():
    def refuse(_event):
        raise SchemaViolation("a reason", field="data.reason")

    kit = EveryEventKit(refuse)
    assert kit.deliver(EVENTS[0]) == [Outcome.PARKED]
    assert kit.parked == ["SchemaViolation"]
    assert kit.writes == []
