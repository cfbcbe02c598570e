"""What a filter can never match is named, with what was expected instead."""

import pytest
from hypothesis import given
from hypothesis import strategies as st
from ministack.services.eventbridge import _compile_pattern, _InvalidPattern, _matches_detail

from sentinel.contract.filter_lint import refusals
from sentinel.contract.filters import (
    Domain,
    Match,
    Transport,
    branches,
    fault_of,
    holds,
    kinds_of,
    match,
    matches,
)
from unit.fanout.contract.catalogue_samples import CONTRACT, V1, V2, findings, rules

MANY_STARS = "a*b*c*d*e*f*g"


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
    assert found[0].key in found[0].sentence
    assert found[0].severity == "error"


def test_one_dead_value_among_living_ones_is_the_only_finding():
    [found] = findings({"status": ["ACTIVE", "FROZEN"], "schema_version": ["2"]})
    assert (found.rule, found.key) == ("unknown-value", "status")


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
        ({"$or": [{"status": ["ACTIVE"]}, {}]}, "form"),
        ({"status": ["ACTIVE"], "$or": [{"status": ["CLOSED"]}, {"type": [V2]}]}, "form"),
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
        (detail(reason=[{"numeric": ["<", 5 * 10**9 + 1]}]), "number"),
    ],
    ids=["keys", "values", "product", "number", "milliseconds", "bytes", "characters", "beyond"],
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


REFUSED_OPERANDS = {
    "anything-but": [
        *(None, {}, [], True, ["ACTIVE", None], ["ACTIVE", 5], ["ACTIVE", True], [["ACTIVE"]]),
        *({"prefix": "A", "suffix": "E"}, [{"prefixx": "A"}], {"prefix": 5}, {"prefix": ""}),
        *({"suffix": []}, {"prefix": ["ACT", ""]}, {"exists": True}, {"wildcard": "A**"}),
        *({"anything-but": "ACTIVE"}, {"prefix": {"equals-ignore-case": "act"}}),
        {"wildcard": {"prefix": "A"}},
    ],
    "prefix": [5, None, ["ACT"], {"wildcard": "A*"}, {"equals-ignore-case": ["act"]}],
    "suffix": [["ED"], {"prefix": "ED"}],
    "equals-ignore-case": [["active"], 1],
    "wildcard": ["X**", MANY_STARS, "x\\y", "x\\", ["A*"], {"prefix": "A*"}],
    "exists": ["true", None, [True]],
    "numeric": [
        *([], 5, [">"], [5, ">"], [">", "5"], [">", True], ["<>", 5], ["<", 5, ">", 0]),
        *([">", 5, "<", 5], [">", 0, "<", 5, "<", 6]),
    ],
    "cidr": [
        *("10.0.0.0", "10.0.0.0/", "10.0.0.0/32", "10.0.0/24", "10.0.0.0/255.0.0.0"),
        *("2001:db8::/128", "fe80::1%eth0/64", "anywhere", 5),
    ],
    "regex": ["A.*"],
}


@pytest.mark.parametrize(
    "condition",
    [{name: operand} for name, operands in REFUSED_OPERANDS.items() for operand in operands],
    ids=str,
)
@pytest.mark.parametrize("transport", Transport)
def test_an_operand_that_aws_refuses_is_not_called_good(condition, transport):
    assert fault_of(condition, transport)
    document = {"status": [condition]} if transport == "sns" else detail(status=[condition])
    assert rules(document) == ["operator"]
    if MANY_STARS not in str(condition):  # MiniStack has no bound on wildcards, AWS has
        with pytest.raises(_InvalidPattern):
            _compile_pattern({"a": [condition]})


@pytest.mark.parametrize(
    "condition",
    [
        {"prefix": {"equals-ignore-case": "act"}},
        {"anything-but": {"prefix": ["PEND", "ACT"]}},
        {"anything-but": {"suffix": "ED"}},
        {"anything-but": {"equals-ignore-case": "active"}},
        {"anything-but": {"wildcard": "A*"}},
    ],
    ids=str,
)
def test_what_eventbridge_alone_documents_is_called_good_there_alone(condition):
    assert rules(detail(previous_status=[condition])) == []
    assert rules({"status": [condition]}) == ["operator"]


@pytest.mark.parametrize(
    "conditions",
    [
        [{"prefix": ""}],
        [{"suffix": ""}],
        [{"equals-ignore-case": "active"}],
        [{"wildcard": "*ACTIVE*"}],
        [{"anything-but": "ACTIVE"}],
        [{"anything-but": ["ACTIVE", "CLOSED"]}],
        [{"anything-but": [1, 2.5]}],
        [{"anything-but": ["ACTIVE"]}, None],
        [{"anything-but": {"prefix": "ACT"}}, None],
    ],
    ids=str,
)
def test_a_form_that_aws_documents_stays_good(conditions):
    assert rules(detail(previous_status=conditions)) == []
    assert rules({"status": [one for one in conditions if one is not None]}) == []
    _compile_pattern({"a": conditions})


def test_a_list_of_prefixes_inside_anything_but_excludes_each_of_them():
    nothing_left = {"anything-but": {"prefix": ["PEND", "ACT", "SUSP", "CLO", "REM"]}}
    assert rules(detail(status=[nothing_left])) == ["unknown-value"]
    removed_left = {"anything-but": {"prefix": ["PEND", "ACT", "SUSP", "CLO"]}}
    assert rules(detail(status=[removed_left], change=["removed"])) == []
    assert set(rules(detail(status=[removed_left], change=["changed"]))) == {"contradiction"}


def test_an_escaped_star_of_a_wildcard_is_a_star():
    assert holds({"wildcard": "A\\*"}, "A*")
    assert not holds({"wildcard": "A\\*"}, "AB")


@pytest.mark.parametrize("every_text", [{"prefix": ""}, {"suffix": ""}, {"wildcard": "*"}])
def test_what_matches_every_text_does_not_match_null(every_text):
    assert match([every_text], Domain()) is Match.ALWAYS
    assert match([every_text], Domain(types=frozenset({"string", "null"}))) is Match.SOMETIMES


def test_or_with_the_name_of_an_operator_inside_is_no_or():
    found = findings({"$or": [{"status": ["ACTIVE"]}, {"equals-ignore-case": ["x"]}]})
    assert {one.rule for one in found} == {"operator"}


STATUSES = ["PENDING", "ACTIVE", "SUSPENDED", "CLOSED", "REMOVED"]
TEXTS = st.sampled_from(
    [*STATUSES, "", "ACT", "active", "ED", "*D", "A*", "S*E*D", "**", "A\\*", "?"]
)
VALUES = st.one_of(TEXTS, st.none(), st.booleans(), st.integers(-3, 3), st.just(0.5))
SCALARS_OR_LISTS = st.one_of(VALUES, st.lists(VALUES, max_size=3), st.lists(TEXTS, max_size=5))
OPERATORS = st.sampled_from(
    ["prefix", "suffix", "equals-ignore-case", "wildcard", "anything-but", "exists", "numeric"]
)
ONE_OPERATOR = st.dictionaries(OPERATORS, SCALARS_OR_LISTS, min_size=1, max_size=1)
CONDITIONS = st.one_of(
    VALUES,
    ONE_OPERATOR,
    st.dictionaries(OPERATORS, st.one_of(ONE_OPERATOR, SCALARS_OR_LISTS), max_size=2),
    st.fixed_dictionaries({"anything-but": ONE_OPERATOR}),
)


@given(
    status=st.lists(CONDITIONS, min_size=1, max_size=3),
    before=st.lists(CONDITIONS, min_size=1, max_size=2),
)
def test_a_filter_that_is_called_good_is_taken_and_read_alike_by_another_eventbridge(
    status, before
):
    pattern = detail(status=status, previous_status=before)
    if refusals(pattern, Transport.EVENTBRIDGE):
        return
    [compiled] = _compile_pattern(pattern)
    for kind in kinds_of(CONTRACT, Transport.EVENTBRIDGE):
        if kind.major == 2:
            [now] = kind.fields["detail.data.status"].values
            [previous] = kind.fields["detail.data.previous_status"].values
            event = detail(status=now, previous_status=previous)
            verdict = matches(branches(pattern), kind.fields)
            assert (verdict is Match.ALWAYS) is _matches_detail(event, compiled), (
                f"{kind.previous_status}>{kind.status}"
            )
            assert verdict is not Match.SOMETIMES
