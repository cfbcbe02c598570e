import pytest

from fanout.schema.subset import violations
from unit.fanout.schema.compatibility_cases import CASES, DEPTHS, TEXT, record

OUTSIDE = {
    "allOf": ({"allOf": [TEXT]}, "", "allOf"),
    "patternProperties": (record({}, patternProperties={"^a": TEXT}), "", "patternProperties"),
    "prefixItems": (
        record({"f": {"type": "array", "prefixItems": [TEXT]}}),
        "/properties/f",
        "prefixItems",
    ),
    "contains": ({"type": "array", "contains": TEXT}, "", "contains"),
    "dependentRequired": (record({}, dependentRequired={"a": ["b"]}), "", "dependentRequired"),
    "unevaluatedProperties": (
        record({}, unevaluatedProperties=False),
        "",
        "unevaluatedProperties",
    ),
    "minProperties": (record({}, minProperties=1), "", "minProperties"),
    "a keyword that nobody knows": (record({"a/b": {"x-rule": 1}}), "/properties/a~1b", "x-rule"),
    "a condition that is not at the root": (
        record({"f": {"if": TEXT}}),
        "/properties/f",
        "if",
    ),
    "a condition that refers": ({"$defs": {"a": TEXT}, "if": {"$ref": "#/$defs/a"}}, "/if", "$ref"),
    "definitions inside": (record({"f": {"$defs": {"a": TEXT}}}), "/properties/f", "$defs"),
    "a rule beside $ref": (
        {"$defs": {"a": TEXT}, "properties": {"f": {"$ref": "#/$defs/a", "minLength": 1}}},
        "/properties/f",
        "$ref",
    ),
    "a rule beside anyOf": ({"type": "string", "anyOf": [TEXT]}, "", "anyOf"),
    "a reference to another file": ({"$ref": "https://example.org/a.json"}, "", "$ref"),
    "a reference to nothing": ({"$ref": "#/$defs/a"}, "", "$ref"),
    "a reference to the root": (record({"f": {"$ref": "#"}}), "/properties/f", "$ref"),
    "a definition in a circle": (
        {"$ref": "#/$defs/a", "$defs": {"a": {"anyOf": [{"$ref": "#/$defs/a"}]}}},
        "/$defs/a",
        "$ref",
    ),
    "something forbidden but a pattern": ({"not": {"type": "string"}}, "", "not"),
    "a pattern that is not portable": (TEXT | {"pattern": "^\\d+$"}, "", "pattern"),
    "a forbidden pattern that is not portable": ({"not": {"pattern": "."}}, "", "not"),
    "an unknown format": (TEXT | {"format": "hostname"}, "", "format"),
    "a fraction as step": ({"type": "number", "multipleOf": 0.1}, "", "multipleOf"),
    "alternatives that overlap": (
        {"oneOf": [{"type": "integer"}, {"type": "number"}]},
        "",
        "oneOf",
    ),
    "objects that overlap": (
        {"oneOf": [record({"a": TEXT}, "a"), record({"b": TEXT}, "b")]},
        "",
        "oneOf",
    ),
    "a constant that fits another alternative": ({"oneOf": [TEXT, {"const": "a"}]}, "", "oneOf"),
}


@pytest.mark.parametrize("case", OUTSIDE)
def test_what_can_not_be_decided_is_refused_by_its_place_and_keyword(case):
    schema, pointer, keyword = OUTSIDE[case]
    found = violations(schema)
    assert [(one.pointer, one.keyword) for one in found] == [(pointer, keyword)]
    assert found[0].says


@pytest.mark.parametrize("schema", [[], "text", None, 1, True])
def test_a_schema_file_holds_an_object(schema):
    assert [one.says for one in violations(schema)] == ["a schema file holds a JSON object"]


@pytest.mark.parametrize(
    "schema", [{"type": "strnig"}, {"required": "a"}, {"minLength": -1}, {"enum": "A"}]
)
def test_what_is_no_json_schema_is_refused(schema):
    (found,) = violations(schema)
    assert "not JSON Schema 2020-12" in found.says


def test_every_violation_is_told_at_once():
    schema = record({"a": {"allOf": []} | {"allOf": [TEXT]}, "b": {"contains": TEXT}})
    assert [one.pointer for one in violations(schema)] == ["/properties/a", "/properties/b"]


@pytest.mark.parametrize("depth", DEPTHS, ids=lambda depth: depth.name)
def test_every_case_of_the_matrix_is_in_the_subset(depth):
    for case in CASES:
        assert violations(depth.wrap(case.old)) == []
        assert violations(depth.wrap(case.new)) == []


def test_alternatives_that_are_told_apart_by_a_constant_are_allowed():
    card = record({"kind": {"const": "card"}}, "kind")
    bank = record({"kind": {"enum": ["bank", "giro"]}}, "kind")
    assert violations({"oneOf": [card, bank, {"type": "null"}]}) == []
