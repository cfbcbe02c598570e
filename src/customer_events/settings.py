"""Read settings from an environment, and name all that is wrong at once, before any work.

A variable that is set to "" counts as not set. Values are never echoed.
"""

import re
from collections.abc import Callable, Mapping
from typing import Any, TypeVar

_Value = TypeVar("_Value")
_WHOLE = re.compile(r"[0-9]{1,9}", re.ASCII)


class BadSettings(Exception):
    """Which variables are wrong, and what was expected; one line for each. Fix the deployment."""

    def __init__(self, problems: list[str]) -> None:
        self.problems = tuple(problems)
        super().__init__("\n".join(problems))


class SettingsReader:
    """Reads variables and collects what is wrong with them; `finish` raises it."""

    def __init__(self, environment: Mapping[str, str]) -> None:
        self._environment = environment
        self.problems: list[str] = []

    def get(self, name: str) -> str | None:
        """A variable that may hold anything; None where it is not set."""
        return self._environment.get(name) or None

    def required(self, name: str, parse: Callable[[str], Any], expected: str) -> Any:
        """What `parse` makes of it. None where it is not set, or where `parse` answers None."""
        value = self.get(name)
        if value is None:
            self.problems.append(f"{name}: is not set; expected {expected}")
            return None
        return self._parsed(name, value, parse, expected)

    def optional(
        self, name: str, parse: Callable[[str], _Value | None], expected: str, default: _Value
    ) -> _Value:
        """The same, or the default where it is not set."""
        value = self.get(name)
        parsed = None if value is None else self._parsed(name, value, parse, expected)
        return default if parsed is None else parsed

    def text(self, name: str, expected: str) -> Any:
        """A required text that is not blank."""
        return self.required(name, lambda value: value.strip() or None, expected)

    def whole(self, name: str, *, default: int, low: int, high: int, because: str = "") -> int:
        """A whole number within its limits."""
        expected = f"a whole number from {low} to {high}{because}"
        return self.optional(name, lambda value: _whole(value, low, high), expected, default)

    def expect(self, condition: object, name: str, expected: str) -> None:
        """Note a problem unless the condition holds."""
        if not condition:
            self.problems.append(f"{name}: expected {expected}")

    def finish(self) -> None:
        """Raises: BadSettings, where there was a problem."""
        if self.problems:
            raise BadSettings(self.problems)

    # Private functions

    def _parsed(
        self, name: str, value: str, parse: Callable[[str], _Value | None], expected: str
    ) -> _Value | None:
        parsed = parse(value)
        self.expect(parsed is not None, name, expected)
        return parsed


# Private functions


def _whole(value: str, low: int, high: int) -> int | None:
    return int(value) if _WHOLE.fullmatch(value) and low <= int(value) <= high else None
