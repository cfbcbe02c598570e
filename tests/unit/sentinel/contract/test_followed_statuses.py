from dataclasses import replace

import pytest

from customer_events.event import Status
from deployed_facts import PAYMENTS
from fanout.errors import WrongUse
from sentinel.contract.followed import followed_statuses
from unit.fanout.backfill_samples import SOURCE, publisher

EVERY = frozenset(Status)
V1, V2 = "novapay.accounts.CustomerStatusChanged.v1", "novapay.accounts.CustomerStatusChanged.v2"
STREAM = "arn:aws:dynamodb:eu-west-1:123456789012:table/accounts/stream/1"


def followed(policy, versions=(2,), **of_publisher):
    subscriber = replace(PAYMENTS.subscriber, name="fraud", filter=policy, versions=versions)
    return followed_statuses(subscriber, publisher(stream_arn=STREAM, **of_publisher))


def data(**fields):
    return {"detail": {"data": fields}}


@pytest.mark.parametrize(
    "policy",
    [
        None,
        {},
        {"schema_version": ["2"]},
        {"schema_version": ["1", "2"]},
        {"type": [{"prefix": "novapay.accounts."}]},
        {"detail-type": ["CustomerStatusChanged"]},
        {"source": [SOURCE], "detail-type": ["CustomerStatusChanged"]},
        {"account": ["123456789012"], "region": [{"prefix": "eu-"}], "version": ["0"]},
        {"detail": {"specversion": ["1.0"], "datacontenttype": ["application/json"]}},
        {"detail": {"dataschema": [{"suffix": "/v2.schema.json"}], "source": [SOURCE]}},
        {"detail": {"sequencesource": ["stream"], "sequence": [{"exists": True}]}},
        data(changed_at=[{"exists": True}]),
        data(changed_at=[{"prefix": ""}]),
        data(change=["created", "changed", "removed"]),
        {"source": [{"exists": True}], "$or": [{"id": [{"wildcard": "*"}]}, data(status=["x"])]},
    ],
    ids=str,
)
def test_a_filter_that_does_not_look_at_statuses_follows_all(policy):
    assert followed(policy) == EVERY


@pytest.mark.parametrize(
    "policy",
    [
        {"transition": [{"prefix": "SUSPENDED>"}, {"suffix": ">SUSPENDED"}]},
        {"transition": [{"prefix": "SUSPENDED>"}, {"prefix": "NONE>"}, {"suffix": ">SUSPENDED"}]},
        {"status": ["SUSPENDED"]},
        {"transition": ["ACTIVE>SUSPENDED", {"prefix": "SUSPENDED>"}]},
        {"status": [{"anything-but": {"prefix": "ACT"}}], "transition": [{"suffix": "SUSPENDED"}]},
        {
            "detail": {
                "$or": [
                    {"data": {"status": ["SUSPENDED"]}},
                    {"data": {"previous_status": ["SUSPENDED", None]}},
                ]
            }
        },
        data(status=[{"anything-but": {"prefix": ["PEND", "ACT", "CLO", "REM"]}}]),
        data(status=["SUSPENDED"], change=[{"anything-but": "snapshot"}]),
    ],
    ids=str,
)
def test_the_statuses_that_a_customer_is_seen_to_reach_and_leave_are_followed(policy):
    assert followed(policy) == {Status.SUSPENDED}


@pytest.mark.parametrize(
    "policy",
    [
        {"type": [V1]},
        {"schema_version": ["1"]},
        {"detail": {"type": [V1]}},
        {"detail": {"dataschema": [{"wildcard": "*/v1.schema.json"}]}},
        data(new_status=[{"exists": True}]),
    ],
    ids=str,
)
def test_a_subscriber_of_version_1_follows_what_its_filter_lets_through(policy):
    assert followed(policy, versions=(1,)) == EVERY
    assert followed(policy, versions=(1, 2)) == EVERY


@pytest.mark.parametrize("policy", [{"status": ["CLOSED"]}, data(new_status=["CLOSED"])], ids=str)
def test_a_removed_customer_is_closed_for_a_subscriber_of_version_1(policy):
    assert followed(policy, versions=(1,)) == {Status.CLOSED, Status.REMOVED}


@pytest.mark.parametrize(
    "policy",
    [
        {"transition": ["ACTIVE>SUSPENDED"]},
        {"transition": [{"prefix": "SUSPENDED>"}]},
        {"schema_version": ["1"]},
        {"type": ["something.else"]},
        {"source": ["urn:another:producer"]},
        {"detail": {"sequencesource": ["version"]}},
    ],
    ids=str,
)
def test_a_filter_for_some_changes_is_refused_since_it_follows_no_status(policy):
    with pytest.raises(WrongUse, match="The filter of fraud follows no status"):
        followed(policy)


@pytest.mark.parametrize(
    ("policy", "field"),
    [
        (data(changed_at=[{"prefix": "2026-"}]), "detail.data.changed_at"),
        (data(customer_id=[{"prefix": "C-"}], status=["ACTIVE"]), "detail.data.customer_id"),
        (data(reason=[{"exists": True}]), "detail.data.reason"),
        ({"detail": {"time": [{"anything-but": "x"}]}}, "detail.time"),
        ({"id": [{"prefix": "1"}]}, "id"),
        ({"detail": {"traceparent": [{"prefix": ""}]}}, "detail.traceparent"),
        (data(change=["changed"]), "detail.data.change"),
    ],
    ids=str,
)
def test_a_filter_that_asks_for_more_than_the_transition_is_refused_by_its_field(policy, field):
    with pytest.raises(WrongUse, match=rf"but by {field} too: .* can't be decided"):
        followed(policy)


@pytest.mark.parametrize("policy", [{"status": "ACTIVE"}, {"status": [{"prefix": ["A"]}]}], ids=str)
def test_a_filter_that_the_lint_can_not_read_is_refused(policy):
    with pytest.raises(WrongUse, match="The filter of fraud can't be read: status"):
        followed(policy)


def test_the_counter_of_the_deployment_decides_a_filter_on_it():
    policy = {"detail": {"sequencesource": ["version"]}}
    assert followed(policy, sequence_attribute="version") == EVERY
