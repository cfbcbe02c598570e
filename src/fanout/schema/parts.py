"""The parts of a schema file: where schemas stand in schemas, and what `$ref` means."""

import json
from collections.abc import Callable, Iterator, Mapping
from typing import Any

ANNOTATIONS = frozenset(
    {
        "$schema",
        "$id",
        "$comment",
        "title",
        "description",
        "examples",
        "default",
        "deprecated",
        "readOnly",
        "writeOnly",
    }
)
"""They say something about a value and refuse none."""

CONDITION = ("if", "then", "else")
_DEFS = "#/$defs/"


def rules_of(schema: Any) -> Any:
    """The schema without annotations; `true` and `false` as they are."""
    if not isinstance(schema, Mapping):
        return schema
    return {key: value for key, value in schema.items() if key not in ANNOTATIONS}


def accepts_everything(schema: Any) -> bool:
    """Whether the schema holds no rule at all."""
    return schema is True or rules_of(schema) == {}


def referred(root: Mapping[str, Any], reference: Any) -> Any:
    """What `$ref` points at.

    Raises:
        KeyError: it is not `#/$defs/NAME`, or there is no such definition.
    """
    if not isinstance(reference, str) or not reference.startswith(_DEFS):
        raise KeyError(reference)
    return root["$defs"][reference.removeprefix(_DEFS)]


def resolved(root: Mapping[str, Any], schema: Any) -> Any:
    """The schema itself, or the one that its chain of `$ref` ends at."""
    while isinstance(schema, Mapping) and "$ref" in schema:
        schema = referred(root, schema["$ref"])
    return schema


def children(schema: Mapping[str, Any]) -> Iterator[tuple[str, Any]]:
    """Every schema directly inside this one that takes part in comparisons, with its pointer."""
    for keyword in ("properties", "$defs"):
        for name, child in schema.get(keyword, {}).items():
            yield f"/{keyword}/{escaped(name)}", child
    for keyword in ("anyOf", "oneOf"):
        for index, child in enumerate(schema.get(keyword, ())):
            yield f"/{keyword}/{index}", child
    for keyword in ("items", "additionalProperties"):
        if keyword in schema:
            yield f"/{keyword}", schema[keyword]


def with_children(schema: Mapping[str, Any], change: Callable[[Any], Any]) -> dict[str, Any]:
    """A copy in which every child, as `children` gives them, is changed."""
    copy = dict(schema)
    for keyword in ("properties", "$defs"):
        if keyword in copy:
            copy[keyword] = {name: change(child) for name, child in copy[keyword].items()}
    for keyword in ("anyOf", "oneOf"):
        if keyword in copy:
            copy[keyword] = [change(child) for child in copy[keyword]]
    for keyword in ("items", "additionalProperties"):
        if keyword in copy:
            copy[keyword] = change(copy[keyword])
    return copy


def as_written(schema: Any) -> Any:
    """The schema of what a writer publishes: declared fields only.

    An object that declares fields is closed, at any depth. One that declares none is a free form
    and stays open, and so does a map (`additionalProperties` with a schema), whose names are data.
    """
    if not isinstance(schema, Mapping):
        return schema
    closed = with_children(schema, as_written)
    if "properties" in closed and accepts_everything(closed.get("additionalProperties", True)):
        closed["additionalProperties"] = False
    return closed


def condition_of(root: Mapping[str, Any]) -> Mapping[str, Any]:
    """The root's `if`, `then` and `else`."""
    return {keyword: root[keyword] for keyword in CONDITION if keyword in root}


def canonical(document: Any) -> str:
    """One spelling per document: sorted names, no spaces, ASCII."""
    return json.dumps(document, sort_keys=True, separators=(",", ":"), ensure_ascii=True)


def escaped(name: str) -> str:
    """A name as one segment of a JSON pointer."""
    return name.replace("~", "~0").replace("/", "~1")
