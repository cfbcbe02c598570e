"""Lambda's event filter patterns, applied to stream records as a function would get them.

Source of the rules: "Control which events Lambda sends to your function" in the Lambda developer
guide. Patterns are OR'd, the fields of one pattern are AND'd, the values of one field are OR'd.
"""

import json
from collections.abc import Callable, Mapping
from dataclasses import dataclass
from typing import Any

from fanout.errors import WrongUse

_ABSENT = object()

_Test = Callable[[Any], bool]


@dataclass(frozen=True, slots=True, kw_only=True)
class RecordFilter:
    """Which stream records reach the function: all of them where there is no pattern."""

    patterns: tuple[Mapping[str, Any], ...]

    @classmethod
    def parse(cls, criteria: Mapping[str, Any] | None) -> "RecordFilter":
        """Read a mapping's `FilterCriteria`.

        Raises:
            WrongUse: a pattern is no JSON object, or uses an operator that is not known here.
        """
        filters = (criteria or {}).get("Filters") or []
        return cls(patterns=tuple(_parse_pattern(one.get("Pattern") or "{}") for one in filters))

    def selects(self, record: Mapping[str, Any]) -> bool:
        """Whether any pattern matches the record (in Lambda's shape)."""
        return not self.patterns or any(_matches(one, record) for one in self.patterns)


# Private functions


def _parse_pattern(text: str) -> Mapping[str, Any]:
    try:
        pattern = json.loads(text)
    except json.JSONDecodeError as error:
        raise WrongUse(f"Filter pattern {text!r} is not JSON: {error}.") from None
    if not isinstance(pattern, dict):
        raise WrongUse(f"Filter pattern {text!r} must be a JSON object of fields.")
    _check_fields(pattern, path="")
    return pattern


def _check_fields(pattern: Mapping[str, Any], *, path: str) -> None:
    for name, expected in pattern.items():
        where = f"{path}{name}"
        if name.startswith("$"):
            raise WrongUse(f"Filter pattern: operator {name!r} is not supported by the poller.")
        if isinstance(expected, dict):
            _check_fields(expected, path=f"{where}.")
        elif isinstance(expected, list):
            for one in expected:
                _check_value(one, where)
        else:
            raise WrongUse(f"Filter pattern, field {where}: expected a list of values or fields.")


def _check_value(value: Any, where: str) -> None:
    if isinstance(value, list):
        raise WrongUse(f"Filter pattern, field {where}: a list can't hold a list.")
    if not isinstance(value, dict):
        return
    for operator, operand in value.items():
        if operator not in _OPERATORS:
            known = ", ".join(sorted(_OPERATORS))
            raise WrongUse(
                f"Filter pattern, field {where}: operator {operator!r} is not supported by the "
                f"poller; it knows {known}."
            )
        _, expected, is_fitting = _OPERATORS[operator]
        if not is_fitting(operand):
            raise WrongUse(
                f"Filter pattern, field {where}: {operator!r} needs {expected}, not {operand!r}."
            )
    if len(value) != 1:
        raise WrongUse(f"Filter pattern, field {where}: one operator for each value, not {value}.")


def _matches(pattern: Mapping[str, Any], value: Any) -> bool:
    fields = value if isinstance(value, Mapping) else {}
    return all(
        _matches(expected, fields.get(name))
        if isinstance(expected, dict)
        else _matches_any(expected, fields.get(name, _ABSENT))
        for name, expected in pattern.items()
    )


def _matches_any(expected: list[Any], value: Any) -> bool:
    # A list in the record matches where one of its elements does.
    candidates = value if isinstance(value, list) else [value]
    return any(_matches_value(one, candidate) for one in expected for candidate in candidates)


def _matches_value(expected: Any, value: Any) -> bool:
    if isinstance(expected, dict):
        operator, operand = next(iter(expected.items()))
        make, _, _ = _OPERATORS[operator]
        return make(operand)(value)
    return _equal(expected, value)


def _equal(expected: Any, value: Any) -> bool:
    # 1 == True in Python, not in JSON.
    return isinstance(expected, bool) == isinstance(value, bool) and bool(expected == value)


def _prefix(operand: str) -> _Test:
    return lambda value: isinstance(value, str) and value.startswith(operand)


def _suffix(operand: str) -> _Test:
    return lambda value: isinstance(value, str) and value.endswith(operand)


def _anything_but(operand: Any) -> _Test:
    excluded = operand if isinstance(operand, list) else [operand]
    return lambda value: value is not _ABSENT and not any(_equal(one, value) for one in excluded)


def _exists(operand: bool) -> _Test:
    # Only a leaf exists; a field that holds fields does not count, as the guide says.
    return lambda value: (value is not _ABSENT and not isinstance(value, Mapping)) == operand


def _is_text(operand: Any) -> bool:
    return isinstance(operand, str)


def _is_plain(operand: Any) -> bool:
    values = operand if isinstance(operand, list) else [operand]
    return bool(values) and not any(isinstance(one, dict | list) for one in values)


_OPERATORS: dict[str, tuple[Callable[[Any], _Test], str, _Test]] = {
    "anything-but": (_anything_but, "a value or a list of values", _is_plain),
    "exists": (_exists, "true or false", lambda operand: isinstance(operand, bool)),
    "prefix": (_prefix, "a string", _is_text),
    "suffix": (_suffix, "a string", _is_text),
}
