"""A rule that reads what neither table keeps: never accused, and what is certain still compared."""

from dataclasses import fields, replace
from uuid import UUID

import pytest

from customer_events.event import Change, CustomerStatusChanged, Status
from event_consumer.order_guard import Row
from fanout.errors import WrongUse
from sentinel.compare import _CHOICES, Drift, Expectation, own_attributes
from unit.fanout.backfill_samples import at, row, snapshot
from unit.fanout.reconcile_fakes import stored


def payments(event):
    return "ALLOWED" if event.status is Status.ACTIVE else "BLOCKED"


RULES = {
    "copies": lambda event: {"payments": payments(event), "why": event.reason or "NONE"},
    "compares": lambda event: {
        "payments": payments(event), "why": "YES" if event.reason == "FRAUD" else "NO",
    },
    "asks whether there is one": lambda event: {
        "payments": payments(event), "why": "NO" if event.reason is None else "YES",
    },
    "looks it up": lambda event: {
        "payments": payments(event), "why": {"FRAUD": "YES"}.get(event.reason, "NO"),
    },
    "puts it into a text": lambda event: {
        "payments": payments(event), "why": f"because {event.reason}",
    },
    "asks what it is": lambda event: {
        "payments": payments(event),
        "why": event.reason.lower() if isinstance(event.reason, str) else "none",
    },
    "writes it only sometimes": lambda event: {
        "payments": payments(event), **({"why": event.reason} if event.reason else {}),
    },
    "reads the change": lambda event: {
        "payments": payments(event), "why": "NEW" if event.change is Change.CREATED else "OLD",
    },
    "reads the trace": lambda event: {
        "payments": payments(event), "why": event.traceparent or "none",
    },
}  # fmt: skip
WRITTEN = {
    "copies": "FRAUD", "compares": "YES", "asks whether there is one": "YES", "looks it up": "YES",
    "puts it into a text": "because FRAUD", "asks what it is": "fraud",
    "writes it only sometimes": "FRAUD", "reads the change": "NEW", "reads the trace": "00-1",
}  # fmt: skip
NOT_SURE = {"looks it up", "puts it into a text", "asks what it is"}
"""Where the rule asks what an unknown reason can't answer: then none of what differs is certain."""


def expectation(name):
    return Expectation(followed=frozenset(Status), rule=RULES[name])


def judged(name, account, found):
    difference = expectation(name).compare("c-1", account, found)
    return difference and difference.drift, expectation(name).unchecked(account, found)


@pytest.mark.parametrize("name", RULES)
@pytest.mark.parametrize("reason", [None, "ANOTHER SINCE"])
def test_nobody_is_accused_over_what_a_rule_makes_of_a_field_that_no_table_keeps(name, reason):
    found = stored(own={"payments": "ALLOWED", "why": WRITTEN[name]})
    assert judged(name, snapshot(reason=reason), found)[0] is None


@pytest.mark.parametrize("name", sorted(RULES.keys() - {"writes it only sometimes"}))
def test_an_attribute_that_cannot_be_checked_is_named(name):
    found = stored(own={"payments": "ALLOWED", "why": WRITTEN[name]})
    assert judged(name, snapshot(), found)[1] == {"why"}


@pytest.mark.parametrize("name", [one for one in RULES if "reads the" not in one])
def test_the_reason_comes_from_accounts_where_it_is_kept_there(name):
    found = stored(own={"payments": "ALLOWED", "why": WRITTEN[name]})
    assert judged(name, snapshot(reason="FRAUD"), found) == (None, set())


@pytest.mark.parametrize("name", sorted(RULES.keys() - NOT_SURE))
def test_an_attribute_that_follows_from_the_status_alone_is_compared_all_the_same(name):
    by_hand = stored(own={"payments": "BLOCKED", "why": WRITTEN[name]})
    assert judged(name, snapshot(), by_hand)[0] is Drift.CHANGED_BY_HAND


@pytest.mark.parametrize("name", ["compares", "asks whether there is one", "reads the change"])
def test_a_value_that_the_rule_never_gives_was_changed_by_hand(name):
    assert judged(name, snapshot(), stored(own={"payments": "ALLOWED", "why": "MAYBE"}))[0] is (
        Drift.CHANGED_BY_HAND
    )


def test_a_row_of_version_1_had_no_reason():
    by_hand = stored(found=row(schema_version=1), own={"payments": "ALLOWED", "why": "FRAUD"})
    assert judged("copies", snapshot(), by_hand)[0] is Drift.CHANGED_BY_HAND


def test_what_the_row_keeps_of_its_event_is_what_the_rule_is_asked_with():
    name, then = UUID(int=7), at(-90)
    rule = Expectation(
        followed=frozenset(Status),
        rule=lambda event: {"last": f"{event.event_id} {event.changed_at.isoformat()}"},
    )
    good = stored(
        own={"last": f"{name} {then.isoformat()}"}, event={"event_id": name, "changed_at": then}
    )
    assert rule.compare("c-1", snapshot(), good) is None
    assert rule.unchecked(snapshot(), good) == frozenset()
    by_hand = replace(good, own={"last": "x"})
    assert rule.compare("c-1", snapshot(), by_hand).drift is Drift.CHANGED_BY_HAND
    untold = replace(good, event={})
    assert rule.compare("c-1", snapshot(), untold) is None
    assert rule.unchecked(snapshot(), untold) == {"last"}


@pytest.mark.parametrize("name", RULES)
def test_the_names_of_what_a_rule_writes_do_not_depend_on_a_reason(name):
    assert own_attributes(RULES[name]) == ["payments", "why"]


def test_a_rule_that_puts_times_and_ids_into_texts_has_names_too():
    def rule(event):
        return {"last": f"{event.event_id} {event.changed_at.isoformat()} {event.source}"}

    assert own_attributes(rule) == ["last"]


def test_a_rule_with_endless_questions_ends_as_not_checked():
    def rule(event):
        return {"why": str(sum(event.reason == str(n) for n in range(50)))}

    endless = Expectation(followed=frozenset(Status), rule=rule)
    found = stored(own={"why": "51"})
    assert endless.compare("c-1", snapshot(), found) is None
    assert endless.unchecked(snapshot(), found) == {"why"}


def test_a_rule_that_fails_on_every_event_is_refused_since_nothing_would_be_compared():
    with pytest.raises(WrongUse, match="fails on every event"):
        own_attributes(lambda event: {"why": event.nothing_of_the_kind})


def test_of_each_field_of_the_event_it_is_known_that_the_row_keeps_it_or_what_it_can_be():
    """A field that is in neither would be None to every rule, and its rows would be accused."""
    kept = {"customer_id", *(field.name for field in fields(Row))}
    assert {field.name for field in fields(CustomerStatusChanged)} <= kept | _CHOICES.keys()
