"""What a filter can never match is named, with what was expected instead."""

import pytest

from fanout.catalogue.filter_conditions import fault_of
from unit.fanout.catalogue.catalogue_samples import V1, V2, findings, rules


def detail(**data):
    return {"detail": {"data": data}}


@pytest.mark.parametrize(
    "document",
    [
        {"schema_version": ["2"]},
        {"type": [V2]},
        {"type": [V1, V2], "status": ["CLOSED"]},
        {"status": ["ACTIVE", "REMOVED"]},
        {"status": [{"anything-but": ["PENDING", "ACTIVE"]}]},
        {"status": [{"prefix": "SUS"}, {"suffix": "ED"}]},
        {"status": [{"equals-ignore-case": "active"}]},
        {"transition": ["NONE>ACTIVE", {"prefix": "ACTIVE>"}]},
        {"type": [{"wildcard": "*.CustomerStatusChanged.v*"}, {"wildcard": "novapay.*.v2"}]},
        {"status": [{"exists": True}]},
        {"reason": [{"exists": False}]},
        {"$or": [{"status": ["ACTIVE"]}, {"transition": [{"prefix": "ACTIVE>"}]}]},
        {"detail-type": ["CustomerStatusChanged"]},
        {"source": ["urn:novapay:accounts"], "detail": {"type": [V2]}},
        detail(status=["ACTIVE"], change=["changed", "created"]),
        detail(previous_status=[None, "ACTIVE"]),
        detail(old_status=["ACTIVE"]),
        detail(reason=["PAYMENT_OVERDUE"], customer_id=[{"prefix": "C-"}]),
        detail(reason=[{"exists": False}]),
        {"$or": [detail(status=["ACTIVE"]), detail(previous_status=["ACTIVE"])]},
        {"detail": {"sequencesource": ["stream"], "sequence": [{"prefix": "0001."}]}},
    ],
    ids=str,
)
def test_a_filter_that_makes_sense_has_no_findings(document):
    assert rules(document) == []


@pytest.mark.parametrize(
    ("document", "rule", "words"),
    [
        ({"state": ["ACTIVE"]}, "unknown-key", ["state", "schema_version", "transition"]),
        ({"status": ["FROZEN"]}, "unknown-value", ['"FROZEN"', "PENDING, ACTIVE, SUSPENDED"]),
        ({"status": ["active"]}, "unknown-value", ['case matters: "ACTIVE"']),
        ({"schema_version": [2]}, "unknown-value", ['carried as text: "2"']),
        ({"schema_version": ["3"]}, "unknown-value", ["expected one of 1, 2"]),
        ({"type": ["CustomerStatusChanged"]}, "unknown-value", [V1, V2]),
        ({"transition": ["ACTIVE->CLOSED"]}, "unknown-value", ['"ACTIVE->CLOSED"']),
        ({"transition": [{"suffix": ">NONE"}]}, "unknown-value", ['suffix ">NONE"']),
        ({"status": [{"prefix": "act"}]}, "unknown-value", ['prefix "act"']),
        ({"type": [{"wildcard": "*.v?"}]}, "unknown-value", ["wildcard"]),
        ({"status": [{"numeric": [">", 5]}]}, "unknown-value", ["numeric"]),
        ({"status": [{"exists": False}]}, "unknown-value", ["exists false"]),
        ({"schema_version": ["1"], "status": ["REMOVED"]}, "contradiction", ["never comes"]),
        ({"type": [V2], "schema_version": ["1"]}, "contradiction", ["schema_version", "type"]),
        ({"status": ["ACTIVE"], "transition": [{"suffix": ">CLOSED"}]}, "contradiction", []),
        (detail(state=["ACTIVE"]), "unknown-key", ["detail.data.state", "detail.data.status"]),
        (detail(status=["FROZEN"]), "unknown-value", ["detail.data.status"]),
        (detail(status=[None]), "unknown-value", ["null"]),
        (detail(reason=[7]), "unknown-value", ["null or string"]),
        (detail(changed_at=["yesterday"]), "unknown-value", ["pattern"]),
        (detail(change=["removed"], status=["ACTIVE"]), "contradiction", ["never comes"]),
        ({"detail": {"type": [V1], "data": {"status": ["ACTIVE"]}}}, "contradiction", []),
        ({"detail-type": ["CustomerStatusChange"]}, "unknown-value", ["CustomerStatusChanged"]),
        ({"detail": {"status": ["ACTIVE"]}}, "unknown-key", ["detail.status"]),
    ],
    ids=str,
)
def test_what_can_never_match_is_named_with_what_was_expected(document, rule, words):
    found = findings(document)
    assert {one.rule for one in found} == {rule}
    assert all(word in found[0].sentence for word in words), found[0].sentence
    assert found[0].path in found[0].sentence
    assert not found[0].warning


def test_one_dead_value_among_living_ones_is_the_only_finding():
    [found] = findings({"status": ["ACTIVE", "FROZEN"], "schema_version": ["2"]})
    assert (found.rule, found.path) == ("unknown-value", "status")


def test_a_dead_alternative_is_found_inside_or():
    [found] = findings({"$or": [{"status": ["ACTIVE"]}, {"status": ["FROZEN"]}]})
    assert found.rule == "unknown-value"


@pytest.mark.parametrize(
    ("document", "rule"),
    [
        ([], "form"),
        ({}, "form"),
        ("status", "form"),
        ({"status": []}, "form"),
        ({"status": "ACTIVE"}, "form"),
        ({"status": {"prefix": "ACTIVE"}}, "nested"),
        ({"status": [["ACTIVE"]]}, "operator"),
        ({"status": [{}]}, "operator"),
        ({"status": [{"starts-with": "A"}]}, "operator"),
        ({"status": [{"prefix": "A", "suffix": "E"}]}, "operator"),
        ({"status": [{"exists": "yes"}]}, "operator"),
        ({"detail": {"data": {"status": "ACTIVE"}}}, "form"),
        ({"detail": {"data": {}}}, "nested"),
        ({"$or": [{"status": ["ACTIVE"]}]}, "operator"),
    ],
    ids=str,
)
def test_what_is_no_filter_is_told_so(document, rule):
    assert rules(document) == [rule]


@pytest.mark.parametrize(
    ("document", "rule"),
    [
        ({name: ["x"] for name in "abcdef"}, "keys"),
        ({"status": [f"S{n}" for n in range(151)]}, "combinations"),
        ({key: [str(n) for n in range(13)] for key in ("status", "transition")}, "combinations"),
        ({"status": [10**9 + 1]}, "number"),
        ({"status": [{"numeric": [">", 1_795_435_200_000]}]}, "number"),
        ({"status": ["x" * 262_145]}, "size"),
        ({"detail": {"type": ["x" * 2049]}}, "size"),
    ],
    ids=["keys", "values", "product", "number", "milliseconds", "bytes", "characters"],
)
def test_a_filter_beyond_a_limit_is_refused_before_anything_else(document, rule):
    assert rules(document) == [rule]


def test_at_the_limits_a_filter_is_still_taken():
    assert "combinations" not in rules({"status": [f"S{n}" for n in range(150)]})
    assert "keys" not in rules({name: ["x"] for name in "abcde"})
    assert "number" not in rules({"status": [-(10**9)]})


def test_alternatives_count_each_on_their_own():
    values = [f"S{n}" for n in range(76)]
    assert rules({"$or": [{"status": values}, {"transition": values}]}) == ["combinations"]


@pytest.mark.parametrize("within", [{"prefix": "A", "suffix": "E"}, {}, [{"prefixx": "A"}]])
def test_a_malformed_condition_within_another_is_a_fault_like_any_other(within):
    assert fault_of({"anything-but": within})
