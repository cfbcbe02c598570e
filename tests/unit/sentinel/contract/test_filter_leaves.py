"""A subscriber that keeps the latest state has to see customers leave what it lets them enter."""

import pytest

from unit.fanout.contract.catalogue_samples import V1, V2, findings, rules

BOTH_ENDS = [{"prefix": "ACTIVE>"}, {"suffix": ">ACTIVE"}]


@pytest.mark.parametrize(
    "document",
    [
        {"schema_version": ["2"]},
        {"type": [V1, V2]},
        {"status": [{"exists": True}]},
        {"transition": [*BOTH_ENDS, {"prefix": "NONE>"}]},
        {"type": [V2], "transition": [*BOTH_ENDS, {"prefix": "NONE>"}]},
        {
            "transition": [
                *BOTH_ENDS,
                {"prefix": "CLOSED>"},
                {"suffix": ">CLOSED"},
                {"prefix": "NONE>"},
            ]
        },
        {"detail": {"type": [V2], "data": {"customer_id": [{"exists": True}]}}},
        {
            "detail": {
                "type": [V2],
                "$or": [
                    {"data": {"status": ["ACTIVE"]}},
                    {"data": {"previous_status": ["ACTIVE", None]}},
                ],
            }
        },
    ],
    ids=str,
)
def test_a_filter_that_shows_every_leave_is_good(document):
    assert rules(document, latest_state=True) == []


@pytest.mark.parametrize(
    "document",
    [
        {"status": ["ACTIVE"]},
        {"status": ["ACTIVE", "SUSPENDED"]},
        {"status": [{"anything-but": ["CLOSED"]}]},
        {"transition": [{"suffix": ">ACTIVE"}]},
        {"transition": ["PENDING>ACTIVE"]},
        {"transition": ["PENDING>ACTIVE", "ACTIVE>CLOSED"]},
        {"schema_version": ["2"], "status": ["ACTIVE"]},
        {"transition": [{"prefix": "NONE>"}]},
        {"detail": {"data": {"status": ["ACTIVE"]}}},
        {"detail": {"data": {"change": ["created", "changed"]}}},
        {"detail": {"data": {"reason": ["PAYMENT_OVERDUE"]}}},
    ],
    ids=str,
)
def test_a_filter_that_hides_a_leave_is_refused_for_a_latest_state_subscriber_alone(document):
    assert rules(document) == []
    found = findings(document, latest_state=True)
    assert {one.rule for one in found} == {"hidden-leave"}
    assert not any(one.severity == "warning" for one in found)


def test_the_refusal_names_the_status_the_hidden_transitions_and_the_way_out():
    [found, *_] = findings({"schema_version": ["2"], "status": ["ACTIVE"]}, latest_state=True)
    assert "customers become ACTIVE" in found.sentence
    assert (
        "ACTIVE>PENDING, ACTIVE>SUSPENDED, ACTIVE>CLOSED and 1 more do not match" in found.sentence
    )
    assert '"transition": [{"prefix": "ACTIVE>"}, {"suffix": ">ACTIVE"}' in found.sentence


def test_leaves_without_all_entries_are_refused_too():
    assert rules({"transition": [{"prefix": "ACTIVE>"}]}, latest_state=True)


def test_without_the_leaves_of_an_unknown_status_before_there_is_a_warning_and_no_refusal():
    found = findings({"schema_version": ["2"], "transition": BOTH_ENDS}, latest_state=True)
    assert [(one.rule, one.severity) for one in found] == [("unknown-status-before", "warning")]


def test_a_finding_about_a_dead_value_comes_before_the_question_of_leaves():
    assert rules({"status": ["FROZEN"]}, latest_state=True) == ["unknown-value"]
