"""The independent judge: what a schema accepts is what the `jsonschema` package says it accepts."""

import datetime as dt
from collections.abc import Mapping, Sequence
from typing import Any

from jsonschema import Draft202012Validator, FormatChecker
from jsonschema.exceptions import SchemaError, ValidationError

FORMATS: Mapping[str, tuple[str, ...]] = {
    "date": ("2026-11-23", "1999-12-31"),
    "date-time": (
        "2026-11-23T09:30:00Z",
        "2026-11-23T09:30:00.123456789+01:30",
        "1999-12-31T23:59:59-08:00",
    ),
    "email": ("a@b.example", "a.person.with.a.long.name@customers.example"),
    "ipv4": ("192.0.2.1", "198.51.100.255"),
    "ipv6": ("::1", "2001:db8:ffff:ffff:ffff:ffff:ffff:ffff"),
    "uuid": ("8a5f3a46-6e53-5b0c-8a28-6f0d0f2f1d55",),
}
"""The formats that the judge can check, each with texts that have it."""

_checker = FormatChecker(formats=())
for _name in set(FORMATS) - {"date"}:
    _checker.checkers[_name] = FormatChecker.checkers[_name]


def _is_date(value: object) -> bool:
    """The extended form alone: Python's own reader takes the basic and the week form as well."""
    if not isinstance(value, str):
        return True
    return dt.date.fromisoformat(value).isoformat() == value


_checker.checkers["date"] = (_is_date, ValueError)


class Judge:
    """Says what one schema file, or a part of it, accepts; formats are asserted.

    Args:
        root: A whole schema; `$ref` in a part is looked up here.
    """

    def __init__(self, root: Mapping[str, Any]) -> None:
        self._validator = Draft202012Validator(root, format_checker=_checker)

    def accepts(self, part: Any, value: Any) -> bool:
        """Whether `part`, a schema within the root, accepts the value."""
        return bool(self._validator.evolve(schema=part).is_valid(value))

    def refusal(self, part: Any, value: Any) -> str | None:
        """The keyword by which `part` refuses the value; None where it accepts it."""
        error = next(self._validator.evolve(schema=part).iter_errors(value), None)
        return None if error is None else keyword_of(error)

    def refusals(self, document: Any) -> Sequence[tuple[tuple[str | int, ...], str]]:
        """Every place where the root refuses the document, and the keyword that does."""
        return [
            (tuple(error.absolute_path), keyword_of(error))
            for error in self._validator.iter_errors(document)
        ]


def keyword_of(error: ValidationError) -> str:
    """The keyword that failed; a schema that is `false` refuses by `false`."""
    return str(error.validator or "false")


def flaw(schema: Any) -> str | None:
    """Why this is no JSON Schema 2020-12; None where it is one."""
    try:
        Draft202012Validator.check_schema(schema)
    except SchemaError as error:
        return f"{error.json_path}: {error.message}"
    return None
