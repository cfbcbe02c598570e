"""Cases from public issue threads in which other gates were wrong, or gave no reason.

Each verdict here is for writers that publish declared fields only and readers that ignore others.
"""

import pytest

from fanout.contract.compatibility import Direction
from unit.fanout.contract.compatibility_cases import TEXT, record
from unit.fanout.contract.test_each_rule_in_each_direction_at_each_depth import verdict

NUMBER = {"type": "number"}
HOST_NAME = "^([a-z0-9]([a-z0-9-]{0,61}[a-z0-9])?\\.)+[a-z]{2,63}$"

COMPATIBLE = {
    "schema-registry #1458: an optional property is added to an open model": (
        record({"price": NUMBER}, "price"),
        record({"price": NUMBER, "taxPercent": NUMBER}, "price"),
    ),
    "schema-registry #1490: an optional union is added": (
        record({"field1": TEXT}, "field1", additionalProperties=True),
        record(
            {"field1": TEXT, "field2": {"oneOf": [{"type": "null"}, TEXT]}},
            "field1",
            additionalProperties=True,
        ),
    ),
    "Apicurio #2135: an optional property is added to a schema with bounds": (
        record(
            {"latitude": {"type": "number", "minimum": -90, "maximum": 90}},
            "latitude",
        ),
        record(
            {"latitude": {"type": "number", "minimum": -90, "maximum": 90}, "name": TEXT},
            "latitude",
        ),
    ),
    "Apicurio #2601: an optional property is added behind a $ref": (
        {"$ref": "#/$defs/it", "$defs": {"it": record({"id": TEXT})}},
        {"$ref": "#/$defs/it", "$defs": {"it": record({"id": TEXT, "v": {"type": "integer"}})}},
    ),
}
REFUSED_ON_PURPOSE = {
    "schema-registry #2927: an optional property is added, and another removed": (
        record({"id": TEXT, "old": TEXT}, "id"),
        record({"id": TEXT, "new": {"type": "integer"}}, "id"),
    ),
    "schema-registry #2121, Apicurio #1710: an optional property is removed": (
        record({"firstName": TEXT, "lastName": TEXT, "age": {"type": "integer", "minimum": 0}}),
        record({"firstName": TEXT, "age": {"type": "integer", "minimum": 0}}),
    ),
    "Apicurio #4965: a property that additionalProperties already describes is declared": (
        record({"foo": TEXT}, "foo", additionalProperties=TEXT),
        record({"foo": TEXT, "bar": TEXT}, "foo", additionalProperties=TEXT),
    ),
    "Apicurio #2835: alternatives are written as a list of types": (
        record({"test": {"anyOf": [TEXT, NUMBER]}}),
        record({"test": {"type": ["string", "number"]}}),
    ),
    "an ordinary host name's pattern, written otherwise, is answered at once": (
        TEXT | {"pattern": HOST_NAME},
        TEXT | {"pattern": HOST_NAME.replace("[a-z]{2,63}", "[a-z]{2,62}[a-z]?")},
    ),
}
"""They break nobody, and each would need more than a comparison node by node to know it."""

BREAKING = {
    "schema-registry #601 and #880: a value is added to an enum": (
        record({"status": {"enum": ["A", "B"]}}, "status"),
        record({"status": {"enum": ["A", "B", "C"]}}, "status"),
        (None, "enum"),
    ),
    "karapace #524: a value is removed from an enum": (
        record({"status": {"enum": ["A", "B", "C"]}}, "status"),
        record({"status": {"enum": ["A", "C"]}}, "status"),
        ("enum", None),
    ),
    "an enum is put on what was free, in an array": (
        record({"codes": {"type": "array", "items": TEXT}}),
        record({"codes": {"type": "array", "items": {"enum": ["A"]}}}),
        ("enum", None),
    ),
    "Apicurio #712: a type is changed, and its bounds are kept": (
        record({"age": {"type": "integer", "minimum": 0}}),
        record({"age": {"type": "string", "minimum": 0}}),
        ("type", "type"),
    ),
    "Apicurio #1395: a property is removed from a closed model": (
        record({"code": NUMBER, "street": TEXT}, additionalProperties=False),
        record({"code": NUMBER}, additionalProperties=False),
        ("properties", "properties"),
    ),
    "Apicurio #2654: a required property is no longer required": (
        record({"id": TEXT, "name": TEXT}, "id", "name"),
        record({"id": TEXT, "name": TEXT}, "id"),
        (None, "required"),
    ),
    "schema-registry #1617: a required property is added": (
        record({"name": TEXT}, "name"),
        record({"name": TEXT, "token": TEXT}, "name", "token"),
        ("required", None),
    ),
    "jsoncompat: a text anywhere becomes the whole text": (
        TEXT | {"pattern": "b"},
        TEXT | {"pattern": "^b$"},
        ("pattern", "pattern"),
    ),
    "jsoncompat, jsonsubschema: a format is put on what was free": (
        TEXT,
        TEXT | {"format": "date-time"},
        ("format", None),
    ),
}


def rules(checked, direction):
    return [each.rule for each in checked.findings if each.direction is direction]


@pytest.mark.parametrize("case", COMPATIBLE)
def test_what_breaks_nobody_passes_in_both_directions(case):
    assert verdict(*COMPATIBLE[case]).findings == ()


@pytest.mark.parametrize("case", REFUSED_ON_PURPOSE)
def test_a_rewriting_that_means_the_same_is_refused(case):
    assert verdict(*REFUSED_ON_PURPOSE[case]).findings


@pytest.mark.parametrize("case", BREAKING)
def test_what_breaks_someone_is_found_by_its_rule(case):
    old, new, (backward, forward) = BREAKING[case]
    checked = verdict(old, new)
    assert rules(checked, Direction.BACKWARD) == ([backward] if backward else [])
    assert rules(checked, Direction.FORWARD) == ([forward] if forward else [])
