"""Cases from public issue threads in which other gates were wrong, or gave no reason.

Each verdict here is for writers that publish declared fields only and readers that ignore others.
"""

import pytest

from fanout.schema.inclusion import compared
from fanout.schema.parts import as_written
from unit.fanout.schema.compatibility_cases import TEXT, record
from unit.fanout.schema.generated_documents import validator

NUMBER = {"type": "number"}

COMPATIBLE = {
    "schema-registry #1458: an optional property is added to an open model": (
        record({"price": NUMBER}, "price"),
        record({"price": NUMBER, "taxPercent": NUMBER}, "price"),
    ),
    "schema-registry #2927: an optional property is added, and another removed": (
        record({"id": TEXT, "old": TEXT}, "id"),
        record({"id": TEXT, "new": {"type": "integer"}}, "id"),
    ),
    "schema-registry #2121, Apicurio #1710: an optional property is removed": (
        record({"firstName": TEXT, "lastName": TEXT, "age": {"type": "integer", "minimum": 0}}),
        record({"firstName": TEXT, "age": {"type": "integer", "minimum": 0}}),
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
    "Apicurio #4965: a property that additionalProperties already describes is declared": (
        record({"foo": TEXT}, "foo", additionalProperties=TEXT),
        record({"foo": TEXT, "bar": TEXT}, "foo", additionalProperties=TEXT),
    ),
    "Apicurio #2601: an optional property is added behind a $ref": (
        {"$ref": "#/$defs/it", "$defs": {"it": record({"id": TEXT})}},
        {"$ref": "#/$defs/it", "$defs": {"it": record({"id": TEXT, "v": {"type": "integer"}})}},
    ),
    "Apicurio #2835: alternatives are written as a list of types": (
        record({"test": {"anyOf": [TEXT, NUMBER]}}),
        record({"test": {"type": ["string", "number"]}}),
    ),
}
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
        ("additionalProperties", None),
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
        ("pattern", None),
    ),
    "jsoncompat, jsonsubschema: a format is put on what was free": (
        TEXT,
        TEXT | {"format": "date-time"},
        ("format", None),
    ),
}


def gaps(old, new):
    return compared(as_written(old), new), compared(as_written(new), old)


@pytest.mark.parametrize("case", COMPATIBLE)
def test_what_breaks_nobody_passes_in_both_directions(case):
    assert gaps(*COMPATIBLE[case]) == ([], [])


@pytest.mark.parametrize("case", BREAKING)
def test_what_breaks_someone_is_found_by_its_rule_and_shown(case):
    old, new, rules = BREAKING[case]
    for found, rule, (written, read) in zip(
        gaps(old, new), rules, [(old, new), (new, old)], strict=True
    ):
        assert [gap.rule for gap in found] == ([rule] if rule else [])
        for gap in found:
            assert validator(as_written(written)).is_valid(gap.witness)
            assert not validator(read).is_valid(gap.witness)
