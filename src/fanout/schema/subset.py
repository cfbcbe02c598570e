"""The part of JSON Schema that a contract here may use: what the gate can decide.

Everything outside of it is a violation that names the place and the keyword. So the gate never
passes over a rule that it does not know.
"""

from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from typing import Any

from fanout.schema.judge import FORMATS, flaw
from fanout.schema.parts import CONDITION, children, referred, rules_of
from fanout.schema.patterns import NotPortable, check_portable
from fanout.schema.shapes import Side, apart

_INSTEAD = {
    "allOf": "write the rules into one schema",
    "anyOf": "it stands alone; write what is beside it into each alternative",
    "oneOf": "it stands alone; write what is beside it into each alternative",
    "$ref": "it stands alone; write what is beside it into the definition",
    "$defs": "definitions stand at the root",
    "not": "only a pattern may be forbidden",
    "if": "a condition may stand at the root only",
    "then": "a condition may stand at the root only",
    "else": "a condition may stand at the root only",
    "patternProperties": "declare the fields, or use additionalProperties with one schema",
    "unevaluatedProperties": "use additionalProperties",
    "prefixItems": "use an object: its fields have names",
    "contains": "put what is needed into a field of its own",
}
_ALONE = ("$ref", "anyOf", "oneOf")
_KNOWN = frozenset(
    {
        "type",
        "enum",
        "const",
        "not",
        "minLength",
        "maxLength",
        "pattern",
        "format",
        "minimum",
        "maximum",
        "exclusiveMinimum",
        "exclusiveMaximum",
        "multipleOf",
        "items",
        "minItems",
        "maxItems",
        "uniqueItems",
        "properties",
        "required",
        "additionalProperties",
    }
)


@dataclass(frozen=True, slots=True, kw_only=True)
class Violation:
    """A rule that the gate can't decide, and what to write instead.

    Attributes:
        pointer: Where in the schema, as a JSON pointer; empty for the root.
    """

    pointer: str
    keyword: str
    says: str


def violations(root: Any) -> list[Violation]:
    """What in this schema file lies outside of the subset; empty if nothing does."""
    if not isinstance(root, Mapping):
        return [Violation(pointer="", keyword="", says="a schema file holds a JSON object")]
    if says := flaw(root):
        return [Violation(pointer="", keyword="", says=f"not JSON Schema 2020-12: {says}")]
    found = [*_in(root, "", root=root), *_condition_violations(root)]
    return found or [*_references_in_circles(root)] or [*_overlaps(root, "", Side(root))]


def _in(schema: Any, pointer: str, *, root: Mapping[str, Any]) -> Iterator[Violation]:
    if not isinstance(schema, Mapping):
        return
    allowed = set(_KNOWN)
    alone = next((keyword for keyword in _ALONE if keyword in schema), None)
    if alone:
        allowed = {alone}
    if schema is root:
        allowed |= {"$defs", *CONDITION}
    for keyword in rules_of(schema):
        if keyword not in allowed:
            named = alone if alone and keyword in _KNOWN else keyword
            says = _INSTEAD.get(named, "the gate can't decide what it means for readers")
            yield Violation(pointer=pointer, keyword=named, says=says)
    yield from _value_violations(schema, pointer, root)
    for step, child in children(schema):
        yield from _in(child, pointer + step, root=root)


def _value_violations(
    schema: Mapping[str, Any], pointer: str, root: Mapping[str, Any]
) -> Iterator[Violation]:
    for keyword, check in _CHECKS.items():
        if keyword in schema and (says := check(schema[keyword], root)):
            yield Violation(pointer=pointer, keyword=keyword, says=says)


def _check_reference(value: Any, root: Mapping[str, Any]) -> str | None:
    try:
        referred(root, value)
    except KeyError:
        return f"{value!r} is not one of this file's own definitions, #/$defs/NAME"
    return None


def _check_pattern(value: Any, _: Mapping[str, Any]) -> str | None:
    try:
        check_portable(value)
    except NotPortable as error:
        return f"{value!r}: {error}"
    return None


def _check_not(value: Any, root: Mapping[str, Any]) -> str | None:
    if not isinstance(value, Mapping) or set(value) != {"pattern"}:
        return _INSTEAD["not"]
    return _check_pattern(value["pattern"], root)


def _check_format(value: Any, _: Mapping[str, Any]) -> str | None:
    return None if value in FORMATS else f"{value!r} is not one of {', '.join(sorted(FORMATS))}"


def _check_multiple(value: Any, _: Mapping[str, Any]) -> str | None:
    if isinstance(value, int):
        return None
    return "validators round fractions differently; use a whole number"


_CHECKS = {
    "$ref": _check_reference,
    "pattern": _check_pattern,
    "not": _check_not,
    "format": _check_format,
    "multipleOf": _check_multiple,
}


def _condition_violations(root: Mapping[str, Any]) -> Iterator[Violation]:
    for keyword in CONDITION:
        if "$ref" in _names_within(root.get(keyword)):
            says = "a condition is compared as it is written, so it may not refer elsewhere"
            yield Violation(pointer=f"/{keyword}", keyword="$ref", says=says)


def _names_within(document: Any) -> Iterator[str]:
    if isinstance(document, Mapping):
        yield from document
    for inner in document.values() if isinstance(document, Mapping) else document or ():
        if isinstance(inner, Mapping | list):
            yield from _names_within(inner)


def _references_in_circles(root: Mapping[str, Any]) -> Iterator[Violation]:
    """Definitions that lead to themselves without a step into a field or an item mean nothing."""
    for name in root.get("$defs", {}):
        start = {"$ref": f"#/$defs/{name}"}
        waiting, seen = [start], set[str]()
        while waiting:
            schema = waiting.pop()
            if not isinstance(schema, Mapping):
                continue
            waiting += [*schema.get("anyOf", ()), *schema.get("oneOf", ())]
            reference = schema.get("$ref")
            if reference is None:
                continue
            if reference in seen and reference == start["$ref"]:
                says = "it leads to itself without a step into a field or an item"
                yield Violation(pointer=f"/$defs/{name}", keyword="$ref", says=says)
                break
            if reference not in seen:
                seen.add(reference)
                waiting.append(referred(root, reference))


def _overlaps(schema: Any, pointer: str, side: Side) -> Iterator[Violation]:
    """`oneOf` is decided as `anyOf`: the same only where no value fits two alternatives."""
    if not isinstance(schema, Mapping):
        return
    alternatives = schema.get("oneOf", ())
    for index, first in enumerate(alternatives):
        if not all(apart(side, first, other) for other in alternatives[index + 1 :]):
            says = "a value may fit two alternatives; use anyOf, or tell them apart by a constant"
            yield Violation(pointer=pointer, keyword="oneOf", says=says)
            break
    for step, child in children(schema):
        yield from _overlaps(child, pointer + step, side)
