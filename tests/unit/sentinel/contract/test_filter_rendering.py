"""A rendered filter passes its own check, and lets through what it should by another matcher."""

import json
from itertools import chain, combinations

import pytest
from hypothesis import given
from hypothesis import strategies as st
from moto.events.models import EventPattern
from moto.sns.utils import FilterPolicyMatcher

from customer_events.event import Status
from fanout.errors import WrongUse
from sentinel.contract.filters import Match, Transport, branches, kinds_of, matches, render
from unit.fanout.contract.catalogue_samples import CONTRACT, EVENT, V1, V2, findings, rules

SNS_KINDS = kinds_of(CONTRACT, Transport.SNS)
STATUSES = [status.value for status in Status]
SUBSETS = list(chain.from_iterable(combinations(STATUSES[:4], n) for n in range(1, 4)))


def sns_says(policy, kind):
    """What moto's filter does with the message attributes of a kind."""
    attributes = {
        name: {"Type": "String", "Value": domain.values[0]} for name, domain in kind.fields.items()
    }
    return FilterPolicyMatcher(policy, "MessageAttributes").matches(attributes, "{}")


@pytest.mark.parametrize("transport", Transport)
@pytest.mark.parametrize("versions", [[1], [2], [1, 2], [2, 1, 2]], ids=str)
@pytest.mark.parametrize("latest_state", [True, False])
def test_a_rendered_filter_passes_its_own_check_whatever_is_chosen(
    transport, versions, latest_state
):
    refused = []
    for statuses in chain.from_iterable(combinations(STATUSES, n) for n in range(6)):
        try:
            policy = render(
                EVENT, transport, versions=versions, statuses=statuses, latest_state=latest_state
            )
        except WrongUse:
            refused.append(statuses)
            continue
        assert findings(policy, latest_state=latest_state) == [], policy
    assert all("REMOVED" in statuses for statuses in refused)
    assert len(refused) == (16 if versions == [1] else 0)


def test_a_pattern_asks_each_version_for_the_statuses_that_it_knows():
    pattern = render(
        EVENT,
        Transport.EVENTBRIDGE,
        versions=[1, 2],
        statuses=["ACTIVE", "REMOVED"],
        latest_state=False,
    )
    assert pattern["detail"] == {
        "type": [V1, V2],
        "$or": [{"data": {"new_status": ["ACTIVE"]}}, {"data": {"status": ["ACTIVE", "REMOVED"]}}],
    }


@pytest.mark.parametrize("latest_state", [True, False])
@pytest.mark.parametrize("transport", Transport)
def test_a_version_without_any_of_the_wanted_statuses_is_not_asked_for(transport, latest_state):
    policy = render(
        EVENT, transport, versions=[1, 2], statuses=["REMOVED"], latest_state=latest_state
    )
    assert policy.get("detail", policy)["type"] == [V2]


@pytest.mark.parametrize("statuses", SUBSETS, ids=",".join)
def test_a_latest_state_filter_lets_through_every_entry_and_leave_and_nothing_of_another_version(
    statuses,
):
    policy = render(EVENT, Transport.SNS, versions=[2], statuses=statuses, latest_state=True)
    for kind in SNS_KINDS:
        wanted = kind.major == 2 and (
            kind.status in statuses or kind.previous_status in (*statuses, "NONE")
        )
        assert sns_says(policy, kind) is wanted, f"{kind.previous_status}>{kind.status}"


def test_without_statuses_a_filter_selects_the_version_alone():
    assert render(EVENT, Transport.SNS, versions=[2], latest_state=True) == {"type": [V2]}
    assert render(EVENT, Transport.SNS, versions=[2, 1], latest_state=False) == {"type": [V1, V2]}


def test_a_subscriber_without_state_gets_the_statuses_that_it_wants():
    assert render(EVENT, Transport.SNS, versions=[2], statuses=["CLOSED"], latest_state=False) == {
        "type": [V2],
        "status": ["CLOSED"],
    }


@pytest.mark.parametrize("transport", Transport)
def test_a_filter_for_what_does_not_exist_is_not_rendered(transport):
    with pytest.raises(WrongUse, match="FROZEN"):
        render(EVENT, transport, versions=[2], statuses=["FROZEN"], latest_state=False)
    with pytest.raises(WrongUse, match="REMOVED"):
        render(EVENT, transport, versions=[1], statuses=["REMOVED"], latest_state=False)
    with pytest.raises(WrongUse, match="major version 3"):
        render(EVENT, transport, versions=[3], latest_state=False)
    with pytest.raises(WrongUse, match="at least one"):
        render(EVENT, transport, versions=[], latest_state=False)


def test_a_rendered_pattern_selects_the_published_examples_of_its_version_and_statuses():
    pattern = render(
        EVENT, Transport.EVENTBRIDGE, versions=[2], statuses=["ACTIVE"], latest_state=True
    )
    matcher = EventPattern(json.dumps(pattern), pattern)
    for version in EVENT.versions:
        for document in version.examples.values():
            data = document["data"]
            wanted = version.major == 2 and (
                data["status"] == "ACTIVE" or data["previous_status"] in ("ACTIVE", None)
            )
            event = {"detail-type": EVENT.name, "source": "accounts", "detail": document}
            assert matcher.matches_event(event) is wanted, document


VALUES = [*STATUSES, "NONE", "active", "1", "2", V1, V2, "ACTIVE>CLOSED", "NONE>ACTIVE", "x"]
AFFIXES = st.sampled_from(["ACTIVE>", ">ACTIVE", "NONE>", "A", "ED", "novapay.", ".v2", "x"])
CONDITIONS = st.one_of(
    st.sampled_from(VALUES),
    AFFIXES.map(lambda text: {"prefix": text}),
    AFFIXES.map(lambda text: {"suffix": text}),
    st.lists(st.sampled_from(VALUES), min_size=1, max_size=3).map(
        lambda texts: {"anything-but": texts}
    ),
    AFFIXES.map(lambda text: {"anything-but": {"prefix": text}}),
    st.booleans().map(lambda wanted: {"exists": wanted}),
)
KEYS = st.sampled_from(["type", "schema_version", "status", "transition", "unknown"])
# Of an attribute that is not there, moto looks at the first condition only.
POLICIES = st.dictionaries(
    KEYS, st.lists(CONDITIONS, min_size=1, max_size=3), min_size=1, max_size=3
).filter(lambda policy: len(policy.get("unknown", [])) <= 1)


@given(POLICIES)
def test_what_a_filter_lets_through_is_what_another_matcher_lets_through(policy):
    found = branches(policy)
    for kind in SNS_KINDS:
        assert (matches(found, kind.fields) is Match.ALWAYS) is sns_says(policy, kind), kind
        assert matches(found, kind.fields) is not Match.SOMETIMES


@given(POLICIES)
def test_a_filter_without_findings_lets_something_through_and_one_that_never_does_has_some(policy):
    alive = any(sns_says(policy, kind) for kind in SNS_KINDS)
    if not rules(policy):
        assert alive
    if not alive:
        assert rules(policy)


def test_every_published_example_is_of_a_kind_that_the_vocabulary_knows():
    kinds = {
        (kind.type, f"{kind.previous_status}>{kind.status}")
        for kind in kinds_of(CONTRACT, Transport.EVENTBRIDGE)
    }
    for version in EVENT.versions:
        names = version.entry["filters"]
        for document in version.examples.values():
            data = document["data"]
            before = data[names["previous_status"]] or "NONE"
            assert (document["type"], f"{before}>{data[names['status']]}") in kinds
