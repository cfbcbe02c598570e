"""Changes with known verdicts, and the places of a document that they are tried at."""

from collections.abc import Callable
from dataclasses import dataclass
from typing import Any

TEXT = {"type": "string"}
UUID = "^[0-9a-f]{8}$"


def record(fields: dict[str, Any], *required: str, **rules: Any) -> dict[str, Any]:
    return {"type": "object", "properties": fields, "required": list(required), **rules}


@dataclass(frozen=True)
class Case:
    """A change of one place.

    `backward`: the keyword by which new readers refuse an old document; None where they don't.
    `forward`: the keyword by which old readers refuse a new document.
    `at`: where below the place the finding is.
    """

    name: str
    old: Any
    new: Any
    backward: str | None = None
    forward: str | None = None
    at: str = ""


def _pair(name: str, wide: Any, narrow: Any, rule: str, at: str = "") -> list[Case]:
    """A narrowing breaks new readers, the widening old ones: by the same rule, unless said."""
    return [
        Case(f"{name} narrowed", wide, narrow, backward=rule, at=at),
        Case(f"{name} widened", narrow, wide, forward=rule, at=at),
    ]


CASES = [
    Case("nothing", record({"a": TEXT}, "a"), record({"a": TEXT}, "a")),
    Case(
        "only words",
        TEXT | {"minLength": 1},
        TEXT | {"minLength": 1, "title": "A text", "description": "Explained.", "examples": ["x"]},
    ),
    Case("optional field added", record({}), record({"a": TEXT})),
    Case(
        "optional field added beside a declared one",
        record({"b": TEXT}, "b"),
        record({"b": TEXT, "a": TEXT}, "b"),
    ),
    Case(
        "optional field removed beside a declared one",
        record({"b": TEXT, "a": TEXT}, "b"),
        record({"b": TEXT}, "b"),
    ),
    Case(
        "required field added",
        record({"b": TEXT}),
        record({"b": TEXT, "a": TEXT}, "a"),
        backward="required",
        at=".a",
    ),
    Case(
        "required field removed",
        record({"b": TEXT, "a": TEXT}, "a"),
        record({"b": TEXT}),
        forward="required",
        at=".a",
    ),
    *_pair("presence", record({"a": TEXT}), record({"a": TEXT}, "a"), "required", ".a"),
    Case(
        "field renamed",
        record({"a": TEXT}, "a"),
        record({"b": TEXT}, "b"),
        backward="required",
        forward="required",
        at=None,  # type: ignore[arg-type] - one finding for each name
    ),
    *_pair("type to one of a list", {"type": ["string", "null"]}, TEXT, "type"),
    Case("type changed", TEXT, {"type": "integer"}, backward="type", forward="type"),
    *_pair("number to integer", {"type": "number"}, {"type": "integer"}, "type"),
    *_pair("any value to text", {}, TEXT, "type"),
    *_pair("enum", {"enum": ["A", "B", None]}, {"enum": ["A", None]}, "enum"),
    *_pair("text to enum", TEXT, {"enum": ["A", "B"]}, "enum"),
    Case(
        "enum replaced", {"enum": ["A", "B"]}, {"enum": ["A", "C"]}, backward="enum", forward="enum"
    ),
    Case("enum in another order", {"enum": ["A", "B"]}, {"enum": ["B", "A"]}),
    Case("enum with 1 as 1.0", {"enum": [1]}, {"enum": [1.0]}),
    Case("enum with 1 as true", {"enum": [1]}, {"enum": [True]}, backward="enum", forward="enum"),
    *_pair("const to enum", {"enum": ["A", "B"]}, {"const": "A"}, "const"),
    Case("const changed", {"const": "1.0"}, {"const": "1.1"}, backward="const", forward="const"),
    Case("const as enum of one", {"const": "A"}, {"enum": ["A"]}),
    *_pair("shortest length", TEXT, TEXT | {"minLength": 2}, "minLength"),
    *_pair("longest length", TEXT | {"maxLength": 9}, TEXT | {"maxLength": 8}, "maxLength"),
    *_pair("pattern", TEXT, TEXT | {"pattern": UUID}, "pattern"),
    *_pair(
        "pattern within a pattern",
        TEXT | {"pattern": "^[a-z]{1,9}$"},
        TEXT | {"pattern": "^[a-f]{1,9}$"},
        "pattern",
    ),
    Case(
        "pattern written otherwise",
        TEXT | {"pattern": "^(a|b)+$"},
        TEXT | {"pattern": "^[ab][ab]*$"},
    ),
    Case(
        "pattern that says what the bounds say",
        TEXT | {"pattern": "^[0-9]{4}", "maxLength": 4},
        TEXT | {"minLength": 4, "maxLength": 4, "pattern": "^[0-9]"},
        forward="pattern",
    ),
    *_pair("forbidden pattern", TEXT, TEXT | {"not": {"pattern": "\\n"}}, "not"),
    *_pair("format", TEXT, TEXT | {"format": "date-time"}, "format"),
    Case(
        "format changed",
        TEXT | {"format": "date"},
        TEXT | {"format": "date-time"},
        backward="format",
        forward="format",
    ),
    *_pair("lowest number", {"type": "number"}, {"type": "number", "minimum": 0}, "minimum"),
    *_pair("highest number", {"type": "number"}, {"type": "number", "maximum": 9}, "maximum"),
    *_pair(
        "bound itself, below",
        {"type": "number", "minimum": 0},
        {"type": "number", "exclusiveMinimum": 0},
        "exclusiveMinimum",
    ),
    *_pair(
        "bound itself, above",
        {"type": "number", "maximum": 9},
        {"type": "number", "exclusiveMaximum": 9},
        "exclusiveMaximum",
    ),
    Case(
        "same whole numbers, by another bound",
        {"type": "integer", "exclusiveMinimum": 0},
        {"type": "integer", "minimum": 1},
    ),
    *_pair("step", {"type": "integer"}, {"type": "integer", "multipleOf": 5}, "multipleOf"),
    *_pair("fewest items", {"type": "array"}, {"type": "array", "minItems": 1}, "minItems"),
    *_pair("most items", {"type": "array"}, {"type": "array", "maxItems": 2}, "maxItems"),
    *_pair("doubles", {"type": "array"}, {"type": "array", "uniqueItems": True}, "uniqueItems"),
    *_pair(
        "items",
        {"type": "array", "items": {"type": ["string", "null"]}},
        {"type": "array", "items": TEXT},
        "type",
        "[*]",
    ),
    Case(
        "optional field added to a closed object",
        record({"b": TEXT}, additionalProperties=False),
        record({"b": TEXT, "a": TEXT}, additionalProperties=False),
        forward="additionalProperties",
        at=".a",
    ),
    Case(
        "closed object opened", record({"b": TEXT}, additionalProperties=False), record({"b": TEXT})
    ),
    *_pair(
        "values of a map",
        {"type": "object", "additionalProperties": {"type": ["string", "null"]}},
        {"type": "object", "additionalProperties": TEXT},
        "type",
        ".*",
    ),
    Case(
        "field declared in a free form",
        {"type": "object"},
        record({"a": TEXT}),
        backward="properties",
        at=".a",
    ),
    *_pair(
        "alternatives",
        {"anyOf": [TEXT, {"type": "integer"}]},
        {"anyOf": [{"type": "integer"}]},
        "anyOf",
    ),
    Case(
        "list of types as alternatives",
        {"type": ["string", "null"]},
        {"anyOf": [{"type": "null"}, TEXT]},
    ),
    Case(
        "type list to oneOf",
        {"type": ["string", "integer"]},
        {"oneOf": [TEXT, {"type": "integer"}]},
    ),
    Case(
        "a kind added to a tagged union",
        {"oneOf": [record({"kind": {"const": "card"}, "last4": TEXT}, "kind", "last4")]},
        {
            "oneOf": [
                record({"kind": {"const": "card"}, "last4": TEXT}, "kind", "last4"),
                record({"kind": {"const": "bank"}, "iban": TEXT}, "kind", "iban"),
            ]
        },
        forward="oneOf",
    ),
]


REFUSED_ON_PURPOSE = {
    "optional field removed beside a declared one",
    "pattern written otherwise",
    "same whole numbers, by another bound",
    "closed object opened",
    "list of types as alternatives",
    "type list to oneOf",
}
"""Rewritings that break nobody, and that a structural rule can't tell from ones that do."""

MOVES = ("narrowed", "widened")
SIDE_NOT_DECIDED = {
    "pattern within a pattern narrowed",
    "pattern within a pattern widened",
    "pattern that says what the bounds say",
    *(f"bound itself, {side} {how}" for side in ("below", "above") for how in MOVES),
}
"""Breaking changes of which the rule says that both sides break, though one does."""


@dataclass(frozen=True, kw_only=True)
class Depth:
    """A place of a document: how a schema of it is put there, and its path."""

    name: str
    path: str
    wrap: Callable[[Any], dict[str, Any]]


DEPTHS = [
    Depth(name="top", path="$.f", wrap=lambda leaf: record({"f": leaf}, "f")),
    Depth(
        name="nested",
        path="$.outer.f",
        wrap=lambda leaf: record({"outer": record({"f": leaf}, "f")}, "outer"),
    ),
    Depth(
        name="in an array",
        path="$.list[*].f",
        wrap=lambda leaf: record(
            {"list": {"type": "array", "items": record({"f": leaf}, "f")}}, "list"
        ),
    ),
    Depth(
        name="behind a $ref",
        path="$.f",
        wrap=lambda leaf: record({"f": {"$ref": "#/$defs/leaf"}}, "f") | {"$defs": {"leaf": leaf}},
    ),
    Depth(
        name="in a recursive definition",
        path="$.node.f",
        wrap=lambda leaf: (
            record({"node": {"$ref": "#/$defs/node"}}, "node")
            | {
                "$defs": {
                    "node": record(
                        {"f": leaf, "more": {"type": "array", "items": {"$ref": "#/$defs/node"}}},
                        "f",
                    )
                }
            }
        ),
    ),
]
