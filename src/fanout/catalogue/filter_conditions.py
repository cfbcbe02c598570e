"""Whether one condition of a filter can match what a field may hold.

The operators are those of SNS filter policies and EventBridge patterns, which are close kin:
https://docs.aws.amazon.com/sns/latest/dg/string-value-matching.html and
https://docs.aws.amazon.com/eventbridge/latest/userguide/eb-create-pattern-operators.html
"""

import fnmatch
import re
from dataclasses import dataclass
from enum import IntEnum
from typing import Any

STRING_OPERATORS = frozenset({"prefix", "suffix", "equals-ignore-case", "wildcard"})
OPERATORS = STRING_OPERATORS | {"anything-but", "exists", "numeric", "cidr"}


class Match(IntEnum):
    """Ordered, so that `max` is "or" and `min` is "and"."""

    NEVER = 0
    SOMETIMES = 1
    ALWAYS = 2


@dataclass(frozen=True, slots=True, kw_only=True)
class Domain:
    """What a field may hold: one of `values`, or anything of the JSON `types`.

    `always_there` is False for an optional field; `pattern` bounds the text of an open one.
    """

    values: tuple[Any, ...] | None = None
    types: frozenset[str] = frozenset({"string"})
    pattern: str | None = None
    always_there: bool = True


ABSENT = Domain(values=(), always_there=False)


def text_of(condition: Any) -> str:
    """A condition as a person wrote it, for a sentence."""
    if isinstance(condition, str):
        return f'"{condition}"'
    if isinstance(condition, dict) and len(condition) == 1:
        [(operator, operand)] = condition.items()
        return f"{operator} {text_of(operand)}"
    if isinstance(condition, list):
        return ", ".join(text_of(one) for one in condition)
    if condition is None or isinstance(condition, bool):
        return {True: "true", False: "false", None: "null"}[condition]
    return str(condition)


def fault_of(condition: Any) -> str | None:
    """Why a condition is none at all; None where it is well-formed."""
    if isinstance(condition, dict):
        if len(condition) != 1:
            return "a condition has exactly one operator"
        [operator] = condition
        if operator not in OPERATORS:
            return f"{operator!r} is no operator; expected one of {', '.join(sorted(OPERATORS))}"
        if operator == "exists" and not isinstance(condition[operator], bool):
            return "exists takes true or false"
        return _fault_within(condition[operator])
    if isinstance(condition, list):
        return "a list can't stand inside a list of conditions"
    return None


def match(condition: Any, domain: Domain) -> Match:
    """Whether the condition matches all, some or none of what the field may hold."""
    if isinstance(condition, dict) and "exists" in condition:
        return _exists(wanted=bool(condition["exists"]), domain=domain)
    if domain.values is None:
        return _match_open(condition, domain)
    hits = sum(1 for value in domain.values if _holds(condition, value))
    if not hits:
        return Match.NEVER
    everything = hits == len(domain.values) and domain.always_there
    return Match.ALWAYS if everything else Match.SOMETIMES


# Private functions


def _fault_within(operand: Any) -> str | None:
    """Operands may be conditions themselves: `{"anything-but": {"prefix": "PEND"}}`."""
    within = [one for one in _as_list(operand) if isinstance(one, dict)]
    return next((fault for one in within if (fault := fault_of(one))), None)


def _exists(*, wanted: bool, domain: Domain) -> Match:
    if domain == ABSENT:
        return Match.NEVER if wanted else Match.ALWAYS
    if domain.always_there:
        return Match.ALWAYS if wanted else Match.NEVER
    return Match.SOMETIMES


def _holds(condition: Any, value: Any) -> bool:
    if not isinstance(condition, dict):
        return type(condition) is type(value) and bool(condition == value)
    if fault_of(condition):
        return False  # told as a fault; it matches nothing
    [(operator, operand)] = condition.items()
    if operator == "anything-but":
        return not any(_holds(one, value) for one in _as_list(operand))
    if operator not in STRING_OPERATORS or not isinstance(value, str):
        return False  # numbers and addresses: no field with a fixed vocabulary holds any
    return _text_holds(operator, operand, value)


def _text_holds(operator: str, operand: Any, value: str) -> bool:
    ignore_case = False
    if isinstance(operand, dict):  # {"prefix": {"equals-ignore-case": "act"}}
        [operand] = operand.values()
        ignore_case = True
    wanted = str(operand)
    if ignore_case or operator == "equals-ignore-case":
        wanted, value = wanted.lower(), value.lower()
    if operator == "prefix":
        return value.startswith(wanted)
    if operator == "suffix":
        return value.endswith(wanted)
    if operator == "wildcard":
        return fnmatch.fnmatchcase(value, re.sub(r"([?\[])", r"[\1]", wanted))
    return value == wanted


def _match_open(condition: Any, domain: Domain) -> Match:
    """What is open can hold a value or not; at best it matches sometimes."""
    if not isinstance(condition, dict):
        return Match.SOMETIMES if _fits(condition, domain) else Match.NEVER
    [operator] = condition
    if operator in STRING_OPERATORS or operator == "cidr":
        return Match.SOMETIMES if "string" in domain.types else Match.NEVER
    if operator == "numeric":
        numbers = domain.types & {"number", "integer"}
        return Match.SOMETIMES if numbers else Match.NEVER
    return Match.SOMETIMES


def _fits(value: Any, domain: Domain) -> bool:
    if value is None:
        return "null" in domain.types
    if isinstance(value, bool):
        return "boolean" in domain.types
    if isinstance(value, str):
        pattern = domain.pattern
        return "string" in domain.types and (pattern is None or bool(re.search(pattern, value)))
    return bool(domain.types & {"number", "integer"})


def _as_list(value: Any) -> list[Any]:
    return value if isinstance(value, list) else [value]
