import json

import pytest

from fanout.errors import WrongUse
from fanout.local.stream_filter import RecordFilter

RECORD = {
    "eventName": "MODIFY",
    "dynamodb": {
        "Keys": {"customer_id": {"S": "cust-1"}},
        "NewImage": {"status": {"S": "ACTIVE"}, "level": {"N": "5"}, "tags": {"SS": ["a", "b"]}},
        "SizeBytes": 10,
    },
}


def filter_of(*patterns):
    filters = [{"Pattern": json.dumps(pattern)} for pattern in patterns]
    return RecordFilter.parse({"Filters": filters})


def status(*expected):
    return {"dynamodb": {"NewImage": {"status": {"S": list(expected)}}}}


@pytest.mark.parametrize("criteria", [None, {}, {"Filters": []}])
def test_without_a_pattern_every_record_passes(criteria):
    assert RecordFilter.parse(criteria).selects(RECORD)


@pytest.mark.parametrize(
    ("pattern", "selected"),
    [
        ({}, True),
        ({"eventName": ["MODIFY", "REMOVE"]}, True),
        ({"eventName": ["REMOVE"]}, False),
        (status("ACTIVE"), True),
        (status({"prefix": "ACT"}), True),
        (status({"prefix": "SUS"}), False),
        (status({"suffix": "IVE"}), True),
        (status({"suffix": "ED"}), False),
        (status({"anything-but": "CLOSED"}), True),
        (status({"anything-but": ["ACTIVE", "CLOSED"]}), False),
        (status("CLOSED", {"prefix": "ACT"}), True),
        ({"dynamodb": {"NewImage": {"level": {"N": ["5"]}}}}, True),
        ({"dynamodb": {"NewImage": {"level": {"N": [5]}}}}, False),
        ({"dynamodb": {"NewImage": {"tags": {"SS": ["b"]}}}}, True),
        ({"dynamodb": {"SizeBytes": [10]}}, True),
        ({"dynamodb": {"SizeBytes": [True]}}, False),
        ({"dynamodb": {"NewImage": {"status": {"S": [{"exists": True}]}}}}, True),
        ({"dynamodb": {"NewImage": {"status": [{"exists": True}]}}}, False),
        ({"userIdentity": {"type": [{"exists": False}]}}, True),
        ({"dynamodb": {"OldImage": {"status": {"S": [{"exists": False}]}}}}, True),
        ({"dynamodb": {"OldImage": {"status": {"S": [{"anything-but": "X"}]}}}}, False),
        ({"dynamodb": {"OldImage": {"status": {"S": [None]}}}}, False),
        ({"eventName": {"deeper": ["MODIFY"]}}, False),
    ],
)
def test_a_pattern_selects_by_its_values_and_operators(pattern, selected):
    assert filter_of(pattern).selects(RECORD) is selected


def test_the_fields_of_a_pattern_must_all_match():
    assert not filter_of({"eventName": ["MODIFY"], **status("CLOSED")}).selects(RECORD)
    assert filter_of({"eventName": ["MODIFY"], **status("ACTIVE")}).selects(RECORD)


def test_one_matching_pattern_of_several_is_enough():
    assert filter_of({"eventName": ["REMOVE"]}, status("ACTIVE")).selects(RECORD)


@pytest.mark.parametrize(
    ("pattern", "name"),
    [
        (status({"numeric": [">", 5]}), "numeric"),
        (status({"equals-ignore-case": "active"}), "equals-ignore-case"),
        (status({"wildcard": "A*"}), "wildcard"),
        ({"$or": [{"eventName": ["MODIFY"]}]}, "$or"),
    ],
)
def test_an_operator_that_is_not_known_is_refused_by_name(pattern, name):
    with pytest.raises(WrongUse) as refused:
        filter_of(pattern)
    assert repr(name) in str(refused.value)


@pytest.mark.parametrize(
    "pattern",
    [
        [],
        {"eventName": "MODIFY"},
        {"eventName": [["MODIFY"]]},
        {"eventName": [{}]},
        {"eventName": [{"prefix": "A", "suffix": "B"}]},
        {"eventName": [{"prefix": 5}]},
        {"eventName": [{"exists": "yes"}]},
        {"eventName": [{"anything-but": {"prefix": "A"}}]},
        {"eventName": [{"anything-but": []}]},
    ],
)
def test_a_pattern_that_lambda_would_not_take_is_refused(pattern):
    with pytest.raises(WrongUse, match="Filter pattern"):
        filter_of(pattern)


def test_a_pattern_that_is_not_json_is_refused():
    with pytest.raises(WrongUse, match="not JSON"):
        RecordFilter.parse({"Filters": [{"Pattern": "{eventName"}]})
