"""The fields of an event's versions, side by side, in words a reader understands. Pure."""

from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any

from fanout.catalogue.contract_folder import EventContract, EventVersion


@dataclass(frozen=True, slots=True, kw_only=True)
class Field:
    """One field of one version; `values` are those of a fixed vocabulary, `rule` the rest."""

    name: str
    required: bool
    nullable: bool
    values: tuple[str, ...]
    rule: str
    description: str


@dataclass(frozen=True, slots=True, kw_only=True)
class Row:
    """What is one field to a reader: a cell for each version (None: it has none), and what changed.

    `changes` is empty where all versions say the same.
    """

    cells: tuple[Field | None, ...]
    changes: tuple[str, ...]


def fields_of(schema: Mapping[str, Any]) -> list[Field]:
    """The declared fields of a schema, in its order."""
    required = schema.get("required", ())
    return [
        _field(name, rules, required=name in required)
        for name, rules in schema["properties"].items()
    ]


def side_by_side(event: EventContract) -> list[Row]:
    """A row for each field of any version: the newest version's order, then what is gone."""
    columns = [_by_meaning(version) for version in event.versions]
    meanings = list(dict.fromkeys(name for column in reversed(columns) for name in column))
    majors = [version.major for version in event.versions]
    return [_row([column.get(name) for column in columns], majors) for name in meanings]


# Private functions


def _by_meaning(version: EventVersion) -> dict[str, Field]:
    """A field that the versions call by different names stands in one row."""
    meanings = {name: role for role, name in (version.entry.get("filters") or {}).items()}
    return {meanings.get(field.name, field.name): field for field in fields_of(version.schema)}


def _row(cells: list[Field | None], majors: list[int]) -> Row:
    changes = [
        change
        for before, after, major in zip(cells, cells[1:], majors[1:], strict=False)
        for change in _changes(before, after, major)
    ]
    return Row(cells=tuple(cells), changes=tuple(changes))


def _changes(before: Field | None, after: Field | None, major: int) -> list[str]:
    if before is None or after is None:
        if before is after:
            return []
        return [f"new in v{major}"] if after else [f"gone in v{major}"]
    found = [] if before.name == after.name else [f"renamed in v{major}"]
    found += [f"v{major} adds {value}" for value in after.values if value not in before.values]
    found += [f"v{major} drops {value}" for value in before.values if value not in after.values]
    if before.required != after.required:
        found.append(f"{'required' if after.required else 'optional'} in v{major}")
    if before.nullable != after.nullable:
        found.append(f"{'may' if after.nullable else 'may no longer'} be null in v{major}")
    if before.rule != after.rule:
        found.append(f"v{major}: {after.rule}")
    return found


def _field(name: str, rules: Mapping[str, Any], *, required: bool) -> Field:
    values = rules.get("enum", [rules["const"]] if "const" in rules else [])
    types = rules.get("type", [])
    types = [types] if isinstance(types, str) else list(types)
    return Field(
        name=name,
        required=required,
        nullable=None in values or "null" in types,
        values=tuple(str(value) for value in values if value is not None),
        rule="" if values else _rule(rules, [one for one in types if one != "null"]),
        description=rules.get("description", ""),
    )


def _rule(rules: Mapping[str, Any], types: list[str]) -> str:
    formats = {"date-time": "instant, RFC 3339 in UTC", "uuid": "UUID, lower case"}
    if rules.get("format") in formats:
        return formats[rules["format"]]
    text = " or ".join({"string": "text"}.get(one, one) for one in types) or "anything"
    low, high = rules.get("minLength"), rules.get("maxLength")
    if low is not None and high is not None:
        return f"{text}, {low} to {high} characters"
    if "pattern" in rules:
        return f"{text} by a pattern"
    return text
