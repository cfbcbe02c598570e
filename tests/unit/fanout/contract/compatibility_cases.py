"""Changes with known verdicts, and the places of a document that they are tried at."""

from collections.abc import Callable
from dataclasses import dataclass
from typing import Any

TEXT = {"type": "string"}
UUID = "^[0-9a-f]{8}$"


def record(fields: dict[str, Any], *required: str, **rules: Any) -> dict[str, Any]:
    return {"type": "object", "properties": fields, "required": list(required), **rules}


@dataclass(frozen=True, kw_only=True)
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
        Case(name=f"{name} narrowed", old=wide, new=narrow, backward=rule, at=at),
        Case(name=f"{name} widened", old=narrow, new=wide, forward=rule, at=at),
    ]


CASES = [
    Case(name="nothing", old=record({"a": TEXT}, "a"), new=record({"a": TEXT}, "a")),
    Case(
        name="only words",
        old=TEXT,
        new=TEXT | {"title": "A text", "description": "Explained.", "examples": ["x"]},
    ),
    Case(name="optional field added", old=record({}), new=record({"a": TEXT})),
    Case(
        name="optional field added beside a declared one",
        old=record({"b": TEXT}, "b"),
        new=record({"b": TEXT, "a": TEXT}, "b"),
    ),
    Case(
        name="optional field removed beside a declared one",
        old=record({"b": TEXT, "a": TEXT}, "b"),
        new=record({"b": TEXT}, "b"),
    ),
    Case(
        name="required field added",
        old=record({"b": TEXT}),
        new=record({"b": TEXT, "a": TEXT}, "a"),
        backward="required",
        at=".a",
    ),
    Case(
        name="required field removed",
        old=record({"b": TEXT, "a": TEXT}, "a"),
        new=record({"b": TEXT}),
        forward="required",
        at=".a",
    ),
    *_pair(
        "presence",
        record({"a": TEXT}),
        record({"a": TEXT}, "a"),
        "required",
        ".a",
    ),
    Case(
        name="field renamed",
        old=record({"a": TEXT}, "a"),
        new=record({"b": TEXT}, "b"),
        backward="required",
        forward="required",
        at=None,  # type: ignore[arg-type] - one finding for each name
    ),
    *_pair("type to one of a list", {"type": ["string", "null"]}, TEXT, "type"),
    Case(
        name="type changed",
        old=TEXT,
        new={"type": "integer"},
        backward="type",
        forward="type",
    ),
    *_pair("number to integer", {"type": "number"}, {"type": "integer"}, "type"),
    *_pair("any value to text", {}, TEXT, "type"),
    *_pair("enum", {"enum": ["A", "B", None]}, {"enum": ["A", None]}, "enum"),
    *_pair("text to enum", TEXT, {"enum": ["A", "B"]}, "enum"),
    Case(
        name="enum replaced",
        old={"enum": ["A", "B"]},
        new={"enum": ["A", "C"]},
        backward="enum",
        forward="enum",
    ),
    Case(name="enum in another order", old={"enum": ["A", "B"]}, new={"enum": ["B", "A"]}),
    Case(name="enum with 1 as 1.0", old={"enum": [1]}, new={"enum": [1.0]}),
    Case(
        name="enum with 1 as true",
        old={"enum": [1]},
        new={"enum": [True]},
        backward="enum",
        forward="enum",
    ),
    *_pair("const to enum", {"enum": ["A", "B"]}, {"const": "A"}, "const"),
    Case(
        name="const changed",
        old={"const": "1.0"},
        new={"const": "1.1"},
        backward="const",
        forward="const",
    ),
    Case(name="const as enum of one", old={"const": "A"}, new={"enum": ["A"]}),
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
        name="pattern written otherwise",
        old=TEXT | {"pattern": "^(a|b)+$"},
        new=TEXT | {"pattern": "^[ab][ab]*$"},
    ),
    Case(
        name="pattern that says what the bounds say",
        old=TEXT | {"pattern": "^[0-9]{4}", "maxLength": 4},
        new=TEXT | {"minLength": 4, "maxLength": 4, "pattern": "^[0-9]"},
        forward="pattern",
    ),
    *_pair("forbidden pattern", TEXT, TEXT | {"not": {"pattern": "\\n"}}, "not"),
    *_pair("format", TEXT, TEXT | {"format": "date-time"}, "format"),
    Case(
        name="format changed",
        old=TEXT | {"format": "date"},
        new=TEXT | {"format": "date-time"},
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
        name="same whole numbers, by another bound",
        old={"type": "integer", "exclusiveMinimum": 0},
        new={"type": "integer", "minimum": 1},
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
        name="optional field added to a closed object",
        old=record({"b": TEXT}, additionalProperties=False),
        new=record({"b": TEXT, "a": TEXT}, additionalProperties=False),
        forward="additionalProperties",
        at=".a",
    ),
    Case(
        name="closed object opened",
        old=record({"b": TEXT}, additionalProperties=False),
        new=record({"b": TEXT}),
    ),
    *_pair(
        "values of a map",
        {"type": "object", "additionalProperties": {"type": ["string", "null"]}},
        {"type": "object", "additionalProperties": TEXT},
        "type",
        ".*",
    ),
    Case(
        name="field declared in a free form",
        old={"type": "object"},
        new=record({"a": TEXT}),
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
        name="list of types as alternatives",
        old={"type": ["string", "null"]},
        new={"anyOf": [{"type": "null"}, TEXT]},
    ),
    Case(
        name="type list to oneOf",
        old={"type": ["string", "integer"]},
        new={"oneOf": [TEXT, {"type": "integer"}]},
    ),
    Case(
        name="a kind added to a tagged union",
        old={"oneOf": [record({"kind": {"const": "card"}, "last4": TEXT}, "kind", "last4")]},
        new={
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
