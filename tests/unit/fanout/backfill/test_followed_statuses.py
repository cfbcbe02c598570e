import pytest

from customer_events.event import Status
from fanout.backfill.followed_statuses import followed_statuses

EVERY = frozenset(Status)


@pytest.mark.parametrize(
    "policy",
    [
        None,
        {},
        {"schema_version": ["2"]},
        {"schema_version": ["1", "2"]},
        {"type": [{"prefix": "novapay.accounts."}]},
        {"detail-type": ["CustomerStatusChanged"]},
        {"source": ["urn:novapay:accounts"], "detail-type": ["CustomerStatusChanged"]},
    ],
    ids=str,
)
def test_a_filter_that_does_not_look_at_statuses_follows_all(policy):
    assert followed_statuses(policy) == EVERY


@pytest.mark.parametrize(
    "policy",
    [
        {"transition": [{"prefix": "SUSPENDED>"}, {"suffix": ">SUSPENDED"}]},
        {"transition": [{"prefix": "SUSPENDED>"}, {"prefix": "NONE>"}, {"suffix": ">SUSPENDED"}]},
        {"status": ["SUSPENDED"]},
        {"transition": ["ACTIVE>SUSPENDED", {"prefix": "SUSPENDED>"}]},
        {
            "detail": {
                "$or": [
                    {"data": {"status": ["SUSPENDED"]}},
                    {"data": {"previous_status": ["SUSPENDED", None]}},
                ]
            }
        },
    ],
    ids=str,
)
def test_the_statuses_that_a_customer_is_seen_to_reach_and_leave_are_followed(policy):
    assert followed_statuses(policy) == {Status.SUSPENDED}


@pytest.mark.parametrize(
    "policy",
    [
        {"transition": ["ACTIVE>SUSPENDED"]},
        {"transition": [{"prefix": "SUSPENDED>"}]},
        {"schema_version": ["1"]},
        {"type": ["something.else"]},
    ],
    ids=str,
)
def test_a_filter_for_some_changes_follows_no_status(policy):
    assert followed_statuses(policy) == frozenset()
