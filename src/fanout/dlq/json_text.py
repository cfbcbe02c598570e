"""Change what a JSON text says, and leave every byte of it that need not change."""

import json
import re
from collections.abc import Iterator, Mapping, Sequence
from decimal import Decimal, InvalidOperation
from secrets import token_hex
from typing import Any, NamedTuple, Self

from customer_events.decoder import parse_json

_BLANKS = re.compile(r"[ \t\n\r]*")
_MARK = token_hex()
"""In front of a number, where it is a string for a moment; nobody's text holds it by chance."""
_MARKED = re.compile(f'"{_MARK}([^"]*)"')


class Number(Decimal):
    """A number that is written as it was read, such as `1.10` or `1E400`; no boolean is equal."""

    text: str

    def __new__(cls, text: str) -> Self:
        """From its JSON text."""
        try:
            made = super().__new__(cls, text)
        except InvalidOperation:  # an exponent of twenty digits
            made = super().__new__(cls, "Infinity")
        made.text = text
        return made

    def __eq__(self, other: object) -> bool:
        return not isinstance(other, bool) and super().__eq__(other)

    __hash__ = Decimal.__hash__

    def __deepcopy__(self, memo: object) -> Self:
        return self


_DECODER = json.JSONDecoder(parse_float=Number, parse_int=Number)


def loads(text: str) -> Any:
    """Read JSON, each number as a `Number`. Raises: NotJson, also for what is nested too deeply."""
    parse_json(text)
    return _DECODER.decode(text)


def dumps(value: Any, *, indent: int | None = None) -> str:
    """Compact ASCII; with an `indent`, lines for a person. Numbers as they were read."""
    text = json.dumps(
        value,
        indent=indent,
        ensure_ascii=indent is None,
        separators=(",", ": " if indent else ":"),
        default=lambda number: f"{_MARK}{number.text}",
    )
    return _MARKED.sub(r"\1", text)


def rewritten(text: str, new: Any) -> str:
    """The text with what `new` says (as `loads` reads it): only what differs is written anew."""
    old = _DECODER.decode(text)
    if dumps(old) == dumps(new):
        return text
    if isinstance(old, dict) and isinstance(new, Mapping):
        return _joined(text, list(_object_parts(text, new)))
    if isinstance(old, list) and isinstance(new, list):
        return _joined(text, list(_array_parts(text, old, new)))
    return dumps(new)


def member(text: str, name: str) -> str:
    """The text of an object's member, of the last of this name. Raises: KeyError: it has none."""
    return {one.name: text[one.value_at : one.ends_at] for one in _members(text)}[name]


# Private functions


class _Member(NamedTuple):
    """Where a member of an object, or an item of an array, is in its text."""

    name: str
    place: int
    after: int
    starts_at: int
    value_at: int
    ends_at: int


def _members(text: str) -> list[_Member]:
    opens_at = _skip(text, 0)
    found: list[_Member] = []
    after, position = opens_at + 1, _skip(text, opens_at + 1)
    while text[position] not in "]}":
        starts_at, name = position, ""
        if text[opens_at] == "{":
            name, position = _DECODER.raw_decode(text, position)
            position = _skip(text, _skip(text, position) + 1)
        value_at = position
        _, position = _DECODER.raw_decode(text, position)
        found.append(_Member(name, len(found), after, starts_at, value_at, position))
        after, position = position, _skip(text, position)
        if text[position] == ",":
            position = _skip(text, position + 1)
    return found


def _object_parts(text: str, new: Mapping[str, Any]) -> Iterator[tuple[_Member | None, str]]:
    members = _members(text)
    last = {one.name: one.place for one in members}
    for one in members:
        if one.name in new:
            value = text[one.value_at : one.ends_at]
            if last[one.name] == one.place:  # an earlier one of the same name says nothing
                value = rewritten(value, new[one.name])
            yield one, text[one.starts_at : one.value_at] + value
    for name in new:
        if name not in last:
            yield None, f"{dumps(name)}:{dumps(new[name])}"


def _array_parts(
    text: str, old: Sequence[Any], new: Sequence[Any]
) -> Iterator[tuple[_Member | None, str]]:
    """What is equal at both ends stays; what is between is compared one by one."""
    members = _members(text)
    before, after = [dumps(one) for one in old], [dumps(one) for one in new]
    head = _alike(before, after)
    tail = _alike(before[head:][::-1], after[head:][::-1])
    for index, value in enumerate(new):
        at_end = index >= len(new) - tail
        origin = index + len(old) - len(new) if at_end else index
        if at_end or origin < len(old) - tail:
            one = members[origin]
            yield one, rewritten(text[one.value_at : one.ends_at], value)
        else:
            yield None, after[index]


def _alike(one: Sequence[str], other: Sequence[str]) -> int:
    """How many at the beginning are equal."""
    pairs = enumerate(zip(one, other, strict=False))
    shorter = min(len(one), len(other))
    return next((index for index, (left, right) in pairs if left != right), shorter)


def _joined(text: str, parts: Sequence[tuple[_Member | None, str]]) -> str:
    """The parts with the blanks and commas that stood before each, where they still fit."""
    members = _members(text)
    opens = text[: members[0].starts_at] if members else text[: _skip(text, 0) + 1]
    closes = text[members[-1].ends_at :] if members else text[_skip(text, 0) + 1 :]
    written = []
    for index, (one, part) in enumerate(parts):
        comma = text[one.after : one.starts_at] if one and one.place else ","
        written.append((comma if index else "") + part)
    return opens + "".join(written) + closes


def _skip(text: str, position: int) -> int:
    match = _BLANKS.match(text, position)
    assert match is not None, "no blanks match too"
    return match.end()
