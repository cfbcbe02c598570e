"""Whether one condition of a filter can match what a field may hold.

The operators are those of SNS filter policies and EventBridge patterns, which are close kin:
https://docs.aws.amazon.com/sns/latest/dg/string-value-matching.html and
https://docs.aws.amazon.com/eventbridge/latest/userguide/eb-create-pattern-operators.html
"""

import ipaddress
import math
import re
from dataclasses import dataclass
from enum import IntEnum
from typing import Any

STRING_OPERATORS = frozenset({"prefix", "suffix", "equals-ignore-case", "wildcard"})
OPERATORS = STRING_OPERATORS | {"anything-but", "exists", "numeric", "cidr"}
WILDCARDS_MAX = 3
"""AWS refuses a text with too many `*` as too complex, and names no number; so many pass."""
_WILDCARD_TOKENS = re.compile(r"(?:\\[\\*]|[^\\*]|\*(?!\*))*")
_EXPECTED = {
    **dict.fromkeys(("prefix", "suffix", "equals-ignore-case"), "a text"),
    "wildcard": f"a text with at most {WILDCARDS_MAX} *, no two in a row (a literal one is \\*)",
    "anything-but": "texts alone, numbers alone, or one documented operator with a text",
    "exists": "true or false",
    "numeric": '[">", 0] or [">=", 0, "<", 5], low bound first',
    "cidr": "a block of addresses, such as 10.0.0.0/24",
}


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


def fault_of(condition: Any, transport: str = "eventbridge") -> str | None:
    """Why a condition is not known to be one that AWS takes; None where it is.

    Each operator's operand is checked. What neither SNS's nor EventBridge's documents show is a
    fault, since AWS may refuse it when it is deployed.

    Args:
        condition: a value, or an object of one operator.
        transport: `sns` or `eventbridge`; SNS documents fewer forms.
    """
    if isinstance(condition, list):
        return "a list can't stand inside a list of conditions"
    if not isinstance(condition, dict):
        return None
    if len(condition) != 1:
        return "a condition has exactly one operator"
    [(operator, operand)] = condition.items()
    if operator not in OPERATORS:
        return f"{operator!r} is no operator; expected one of {', '.join(sorted(OPERATORS))}"
    if _takes(operator, operand, sns=transport == "sns"):
        return None
    return f"{operator} takes {_EXPECTED[operator]}, not {text_of(operand) or 'nothing'}"


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


def _takes(operator: str, operand: Any, *, sns: bool) -> bool:
    match operator, operand:
        case "exists", bool():
            good = True
        case "equals-ignore-case" | "prefix" | "suffix", str():
            good = True
        case "prefix" | "suffix", {"equals-ignore-case": str()}:
            good = len(operand) == 1 and not sns
        case "wildcard", str():
            stars = re.sub(r"\\.", "", operand).count("*")
            good = bool(_WILDCARD_TOKENS.fullmatch(operand)) and stars <= WILDCARDS_MAX
        case "cidr", str():
            good = _is_cidr(operand)
        case "numeric", ["=" | "<" | "<=" | ">" | ">=", bound]:
            good = _is_number(bound)
        case "numeric", [">" | ">=", low, "<" | "<=", high]:
            good = _is_number(low) and _is_number(high) and low < high
        case "anything-but", dict():
            good = len(operand) == 1 and all(_excludes(one, sns=sns) for one in operand.items())
        case "anything-but", _:
            values = _as_list(operand)
            texts = [one for one in values if isinstance(one, str)]
            good = bool(values) and (texts == values or all(map(_is_number, values)))
        case _:
            good = False
    return good


def _excludes(pair: tuple[str, Any], *, sns: bool) -> bool:
    """The operator inside `anything-but`, with a text or a list of texts; SNS documents less."""
    operator, texts = pair
    listed = [texts] if sns else _as_list(texts)
    return operator in ({"prefix"} if sns else STRING_OPERATORS) and all(
        text and isinstance(text, str) and _takes(operator, text, sns=sns)
        for text in listed or [""]
    )


def _is_number(value: Any) -> bool:
    is_number = isinstance(value, (int, float)) and not isinstance(value, bool)
    return is_number and -math.inf < value < math.inf


def _is_cidr(operand: str) -> bool:
    """As EventBridge reads it: the mask in digits, and shorter than the address."""
    address, _, mask = operand.partition("/")
    try:
        bits = ipaddress.ip_address(address).max_prefixlen
    except ValueError:
        return False
    return "%" not in address and bool(re.fullmatch("[0-9]{1,3}", mask)) and int(mask) < bits


def _exists(*, wanted: bool, domain: Domain) -> Match:
    if domain == ABSENT:
        return Match.NEVER if wanted else Match.ALWAYS
    if domain.always_there:
        return Match.ALWAYS if wanted else Match.NEVER
    return Match.SOMETIMES


def _holds(condition: Any, value: Any) -> bool:
    if not isinstance(condition, dict):
        return type(condition) is type(value) and bool(condition == value)
    [(operator, operand)] = condition.items()
    if operator == "anything-but":
        return not any(_holds(one, value) for one in _excluded(operand))
    if operator not in STRING_OPERATORS or not isinstance(value, str):
        return False  # numbers and addresses: no field with a fixed vocabulary holds any
    return _text_holds(operator, operand, value)


def _excluded(operand: Any) -> list[Any]:
    """Each condition that `anything-but` turns round: `{"prefix": ["A", "B"]}` holds two."""
    if not isinstance(operand, dict):
        return _as_list(operand)
    return [{operator: one} for operator, texts in operand.items() for one in _as_list(texts)]


def _text_holds(operator: str, operand: Any, value: str) -> bool:
    ignore_case = operator == "equals-ignore-case"
    if isinstance(operand, dict):  # {"prefix": {"equals-ignore-case": "act"}}
        [operand] = operand.values()
        ignore_case = True
    wanted = str(operand)
    if ignore_case:
        wanted, value = wanted.lower(), value.lower()
    if operator == "prefix":
        return value.startswith(wanted)
    if operator == "suffix":
        return value.endswith(wanted)
    if operator == "wildcard":
        tokens = re.findall(r"\\.|.", wanted, re.DOTALL)
        parts = [".*" if one == "*" else re.escape(one[-1]) for one in tokens]
        return bool(re.fullmatch("".join(parts), value, re.DOTALL))
    return value == wanted


def _match_open(condition: Any, domain: Domain) -> Match:
    """What is open can hold a value or not; at best it matches sometimes."""
    if not isinstance(condition, dict):
        return Match.SOMETIMES if _fits(condition, domain) else Match.NEVER
    [(operator, operand)] = condition.items()
    if operator in STRING_OPERATORS or operator == "cidr":
        if "string" not in domain.types:
            return Match.NEVER
        every_text = (operator, operand) in (("prefix", ""), ("suffix", ""), ("wildcard", "*"))
        always = every_text and domain.always_there and domain.types == {"string"}
        return Match.ALWAYS if always else Match.SOMETIMES
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
