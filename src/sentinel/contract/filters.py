"""The filters of subscriptions: SNS filter policies and EventBridge patterns. Pure.

`OPERATORS` declares what an operator takes and matches; checking, matching and the lint all follow
from it. The two languages are close kin:
https://docs.aws.amazon.com/sns/latest/dg/string-value-matching.html and
https://docs.aws.amazon.com/eventbridge/latest/userguide/eb-create-pattern-operators.html
"""

import ipaddress
import json
import math
import re
from collections.abc import Callable, Iterator, Mapping, Sequence
from dataclasses import dataclass
from enum import IntEnum, StrEnum
from itertools import product
from typing import Any, Final, NamedTuple

from sentinel.contract.folder import Contract, EventContract, EventVersion
from sentinel.errors import WrongUse

Filter = dict[str, Any]


class Transport(StrEnum):
    """Whose language a filter is written in."""

    SNS = "sns"
    EVENTBRIDGE = "eventbridge"


# Operators

WILDCARDS_MAX: Final = 3
"""AWS refuses a text with too many `*` as too complex, and names no number; so many pass."""
MISSING: Final = object()
"""Stands for the value of a field that is not there."""
_WILDCARD_TOKENS = re.compile(r"(?:\\[\\*]|[^\\*]|\*(?!\*))*")
_BY_TEXT = {"prefix": "{}.*", "suffix": ".*{}", "equals-ignore-case": "{}", "wildcard": "{}"}
_AFFIXES = frozenset({"prefix", "suffix"})
_NUMBERS = frozenset({"number", "integer"})
_ALL_TYPES = frozenset({"null", "boolean", "string", "array", "object"}) | _NUMBERS


class Operator(NamedTuple):
    """One operator of a condition `{operator: operand}`.

    Attributes:
        expected: What its operand is, for an error.
        takes: Whether AWS documents the operand, for EventBridge. It may refuse any other on
            deployment.
        holds: Whether a value of a fixed vocabulary, or MISSING, fulfils it, given the operand.
        types: The JSON types of the values that it can match.
    """

    expected: str
    takes: Callable[[Any], bool]
    holds: Callable[[Any, Any], bool]
    types: frozenset[str] = frozenset({"string"})


def _by_text(name: str, expected: str = "a text") -> Operator:
    def is_met(operand: Any, value: Any) -> bool:
        pattern = _pattern(name, operand)
        return pattern is not None and isinstance(value, str) and bool(pattern.fullmatch(value))

    return Operator(expected, lambda operand: _pattern(name, operand) is not None, is_met)


def _pattern(name: str, operand: Any) -> re.Pattern[str] | None:
    """What a text has to match; None for an operator or an operand that AWS does not document."""
    in_any_case = name == "equals-ignore-case"
    if name in _AFFIXES and isinstance(operand, dict) and operand.keys() == {"equals-ignore-case"}:
        in_any_case, operand = True, operand["equals-ignore-case"]
    if name not in _BY_TEXT or not isinstance(operand, str):
        return None
    text = re.escape(operand)
    if name == "wildcard":
        tokens = re.findall(r"\\.|.", operand, re.DOTALL)
        if tokens.count("*") > WILDCARDS_MAX or not _WILDCARD_TOKENS.fullmatch(operand):
            return None
        text = "".join(".*" if part == "*" else re.escape(part[-1]) for part in tokens)
    flags = re.DOTALL | (re.IGNORECASE if in_any_case else re.NOFLAG)
    return re.compile(_BY_TEXT[name].format(text), flags)


def _is_excludable(operand: Any) -> bool:
    """Texts alone or numbers alone, or an operator with a text or a list of texts."""
    if not isinstance(operand, dict):
        values = _as_list(operand)
        texts = [value for value in values if isinstance(value, str)]
        return bool(values) and (texts == values or all(map(_is_number, values)))
    if len(operand) != 1:
        return False
    [(name, texts)] = operand.items()
    return bool(_as_list(texts)) and all(
        text and isinstance(text, str) and _pattern(name, text) for text in _as_list(texts)
    )


def _excluded(operand: Any) -> list[Any]:
    """Each condition that `anything-but` turns round: `{"prefix": ["A", "B"]}` has two."""
    if not isinstance(operand, dict):
        return _as_list(operand)
    return [{name: text} for name, texts in operand.items() for text in _as_list(texts)]


def _is_comparison(operand: Any) -> bool:
    match operand:
        case ["=" | "<" | "<=" | ">" | ">=", bound]:
            return _is_number(bound)
        case [">" | ">=", low, "<" | "<=", high]:
            return bool(_is_number(low) and _is_number(high) and low < high)
    return False


def _is_number(value: Any) -> bool:
    is_number = isinstance(value, (int, float)) and not isinstance(value, bool)
    return is_number and -math.inf < value < math.inf


def _is_cidr(operand: Any) -> bool:
    """As EventBridge reads it: the mask in digits, and shorter than the address."""
    address, _, mask = str(operand).partition("/")
    try:
        bits = ipaddress.ip_address(address).max_prefixlen
    except ValueError:
        return False
    return "%" not in address and bool(re.fullmatch("[0-9]{1,3}", mask)) and int(mask) < bits


def _as_list(value: Any) -> list[Any]:
    return value if isinstance(value, list) else [value]


# No field with a fixed vocabulary holds a number or an address.
OPERATORS: Final = {
    **{name: _by_text(name) for name in _BY_TEXT},
    "wildcard": _by_text(
        "wildcard", rf"a text with at most {WILDCARDS_MAX} *, no two in a row (a literal one is \*)"
    ),
    "anything-but": Operator(
        "texts alone, numbers alone, or one documented operator with a text",
        _is_excludable,
        lambda operand, value: (
            value is not MISSING and not any(holds(each, value) for each in _excluded(operand))
        ),
        _ALL_TYPES,
    ),
    "exists": Operator(
        "true or false",
        lambda operand: isinstance(operand, bool),
        lambda operand, value: (value is not MISSING) == operand,
        _ALL_TYPES,
    ),
    "numeric": Operator(
        '[">", 0] or [">=", 0, "<", 5], low bound first', _is_comparison, lambda *_: False, _NUMBERS
    ),
    "cidr": Operator("a block of addresses, such as 10.0.0.0/24", _is_cidr, lambda *_: False),
}


def holds(condition: Any, value: Any) -> bool:
    """Whether a value of a fixed vocabulary, or MISSING, fulfils the condition."""
    if isinstance(condition, dict):
        [(name, operand)] = condition.items()
        return OPERATORS[name].holds(operand, value)
    return type(condition) is type(value) and bool(condition == value)


def fault_of(condition: Any, transport: Transport) -> str | None:
    """Why the transport does not document a value or condition; None where it does."""
    if isinstance(condition, list):
        return "a list can't stand inside a list of conditions"
    if not isinstance(condition, dict):
        return None
    if len(condition) != 1:
        return "a condition has exactly one operator"
    [(name, operand)] = condition.items()
    if name not in OPERATORS:
        return f"{name!r} is not an operator; expected one of {', '.join(sorted(OPERATORS))}"
    is_foreign = False
    if transport is Transport.SNS and isinstance(operand, dict):
        # SNS documents neither an affix in any case, nor more of `anything-but` than a prefix.
        is_foreign = name != "anything-but" or not isinstance(operand.get("prefix"), str)
    if OPERATORS[name].takes(operand) and not is_foreign:
        return None
    return f"{name} takes {OPERATORS[name].expected}, not {text_of(operand) or 'nothing'}"


def text_of(condition: Any) -> str:
    """A condition as a person wrote it, for a sentence."""
    if isinstance(condition, dict) and len(condition) == 1:
        [(operator, operand)] = condition.items()
        return f"{operator} {text_of(operand)}"
    if isinstance(condition, list):
        return ", ".join(map(text_of, condition))
    return json.dumps(condition, ensure_ascii=False)


# Whether conditions can match what a field may hold


class Match(IntEnum):
    """Ordered, so that `max` is "or" and `min` is "and"."""

    NEVER = 0
    SOMETIMES = 1
    ALWAYS = 2


@dataclass(frozen=True, slots=True, kw_only=True)
class Domain:
    """What a field may hold: one of `values`, or anything of the JSON `types` (values is None).

    `pattern` bounds the text of an open field; an `optional` field may be missing.
    """

    values: tuple[Any, ...] | None = None
    types: frozenset[str] = frozenset({"string"})
    pattern: str | None = None
    optional: bool = False


ABSENT: Final = Domain(values=(), optional=True)
_OPEN: Final = object()
"""Stands for each value of an open field."""


def match(conditions: Sequence[Any], domain: Domain) -> Match:
    """Whether some condition holds for all, some or none of what the field may hold."""
    values = (_OPEN,) if domain.values is None else domain.values
    verdicts = [
        max((_match_one(each, value, domain) for each in conditions), default=Match.NEVER)
        for value in (*values, *[MISSING] * domain.optional)
    ]
    lowest, highest = min(verdicts, default=Match.NEVER), max(verdicts, default=Match.NEVER)
    return lowest if lowest is highest else Match.SOMETIMES


def _match_one(condition: Any, value: Any, domain: Domain) -> Match:
    """An open field can hold a given value or not: at best it matches sometimes."""
    if value is not _OPEN:
        return Match.ALWAYS if holds(condition, value) else Match.NEVER
    if not isinstance(condition, dict):
        return Match.SOMETIMES if _fits(condition, domain) else Match.NEVER
    [(name, operand)] = condition.items()
    if name == "exists":
        return Match.ALWAYS if operand else Match.NEVER
    is_every_text = (name, operand) in (("prefix", ""), ("suffix", ""), ("wildcard", "*"))
    if is_every_text and domain.types == {"string"}:
        return Match.ALWAYS
    return Match.SOMETIMES if OPERATORS[name].types & domain.types else Match.NEVER


def _fits(value: Any, domain: Domain) -> bool:
    if isinstance(value, str):
        fits_pattern = domain.pattern is None or re.search(domain.pattern, value)
        return "string" in domain.types and bool(fits_pattern)
    if value is None or isinstance(value, bool):
        return ("null" if value is None else "boolean") in domain.types
    return bool(domain.types & _NUMBERS)


# A filter, taken apart into what must hold together

_ALTERNATIVES_MIN = 2


@dataclass(frozen=True, slots=True, eq=False, kw_only=True)
class Clause:
    """A field with the conditions of which one must hold; compared by identity."""

    path: str
    conditions: tuple[Any, ...]


def is_or(key: str, value: Any) -> bool:
    """Whether `$or` is an operator here, and not the name of a field, by AWS's own rule.

    https://docs.aws.amazon.com/sns/latest/dg/and-or-logic.html
    """
    return (
        key == "$or"
        and isinstance(value, list)
        and len(value) >= _ALTERNATIVES_MIN
        and all(isinstance(each, dict) and not OPERATORS.keys() & each for each in value)
    )


def branches(document: Filter, path: str = "") -> list[list[Clause]]:
    """One list of clauses for each alternative: the filter matches where all of some list do."""
    parts: list[list[list[Clause]]] = []
    for key, value in document.items():
        inner = f"{path}.{key}".strip(".")
        if is_or(key, value):
            parts.append([branch for each in value for branch in branches(each, path)])
        elif isinstance(value, dict):
            parts.append(branches(value, inner))
        else:
            parts.append([[Clause(path=inner, conditions=tuple(value))]])
    return [[clause for part in chosen for clause in part] for chosen in product(*parts)]


# What the bus carries, as a filter sees it

NO_STATUS: Final = "NONE"
"""Stands for no known status before, as the `transition` attribute writes it."""
_EVENTBRIDGE_FIELDS = ("id", "account", "time", "region", "source")


@dataclass(frozen=True, slots=True, kw_only=True)
class Kind:
    """The messages of one type and one transition; `status` is empty for events without one."""

    type: str
    major: int
    previous_status: str
    status: str
    fields: Mapping[str, Domain]


def matches(alternatives: list[list[Clause]], fields: Mapping[str, Domain]) -> Match:
    """Whether a filter lets through all, some or none of the messages with these fields."""
    verdicts = (
        min(
            (match(each.conditions, fields.get(each.path, ABSENT)) for each in clauses),
            default=Match.ALWAYS,
        )
        for clauses in alternatives
    )
    return max(verdicts, default=Match.NEVER)


def kinds_of(contract: Contract, transport: Transport) -> list[Kind]:
    """Every kind of message, with what its fields may hold.

    On SNS the fields are message attributes, on EventBridge paths such as `detail.data.status`.
    """
    return [
        Kind(
            type=event.type_of(version.major),
            major=version.major,
            previous_status=before,
            status=status,
            fields=_sns_fields(event, version, before, status)
            if transport is Transport.SNS
            else _eventbridge_fields(contract, event, version, before, status),
        )
        for event in contract.events
        for version in event.versions
        for before, status in _transitions(version)
    ]


def _transitions(version: EventVersion) -> Iterator[tuple[str, str]]:
    """Each pair of statuses that the schema allows; one pair of nothing where it has none."""
    fields = version.entry.get("filters")
    if not fields:
        yield "", ""
        return
    properties = version.schema["properties"]
    before = [value or NO_STATUS for value in properties[fields["previous_status"]]["enum"]]
    yield from product(before, properties[fields["status"]]["enum"])


def _sns_fields(
    event: EventContract, version: EventVersion, before: str, status: str
) -> dict[str, Domain]:
    fields = {
        "type": _fixed(event.type_of(version.major)),
        "schema_version": _fixed(str(version.major)),
    }
    if status:
        fields |= {"status": _fixed(status), "transition": _fixed(f"{before}>{status}")}
    return fields


def _eventbridge_fields(
    contract: Contract, event: EventContract, version: EventVersion, before: str, status: str
) -> dict[str, Domain]:
    fields = {name: Domain() for name in _EVENTBRIDGE_FIELDS}
    fields |= {"version": _fixed("0"), "detail-type": _fixed(event.name)}
    fields |= _properties(contract.envelope, "detail")
    fields |= {
        "detail.type": _fixed(event.type_of(version.major)),
        "detail.dataschema": _fixed(version.schema["$id"]),
        "detail.datacontenttype": _fixed("application/json"),
    }
    del fields["detail.data"]
    fields |= _properties(version.schema, "detail.data")
    if names := version.entry.get("filters"):
        previous = None if before == NO_STATUS else before
        fields[f"detail.data.{names['status']}"] = _fixed(status)
        fields[f"detail.data.{names['previous_status']}"] = _fixed(previous)
    if "change" in version.schema["properties"]:  # as the publisher writes how it came about
        changes: tuple[str, ...] = ("changed",)
        if status == "REMOVED":
            changes = ("removed",)
        elif before == NO_STATUS:
            changes = ("created", "changed", "snapshot")
        fields["detail.data.change"] = Domain(values=changes)
    return fields


def _properties(schema: Mapping[str, Any], path: str) -> dict[str, Domain]:
    domains = {}
    for name, rules in schema["properties"].items():
        types = rules.get("type", "string")
        values = (rules["const"],) if "const" in rules else rules.get("enum")
        domains[f"{path}.{name}"] = Domain(
            values=None if values is None else tuple(values),
            types=frozenset([types] if isinstance(types, str) else types),
            pattern=rules.get("pattern"),
            optional=name not in schema.get("required", ()),
        )
    return domains


def _fixed(value: str | None) -> Domain:
    return Domain(values=(value,))


# Rendering


def render(
    event: EventContract,
    transport: Transport,
    *,
    versions: Sequence[int],
    statuses: Sequence[str] = (),
    latest_state: bool,
) -> Filter:
    """A subscription's filter: an SNS policy for message attributes, or an EventBridge pattern.

    `versions` are those that the subscriber reads, `statuses` those that it wants (empty: all);
    `latest_state`: whether it keeps each customer's latest status.

    Raises: WrongUse: no such version, or a status that none of the versions has.
    """
    wanted = _wanted(event, versions, statuses)
    types = [event.type_of(major) for major in wanted]
    if transport is Transport.SNS:
        return {"type": types, **_sns_statuses(list(dict.fromkeys(statuses)), latest_state)}
    detail: Filter = {"type": types}
    if statuses:
        alternatives: list[Filter] = []
        for major, known in wanted.items():
            fields = event.version(major).entry["filters"]
            alternatives.append({"data": {fields["status"]: known}})
            if latest_state:
                alternatives.append({"data": {fields["previous_status"]: [*known, None]}})
        detail |= {"$or": alternatives} if len(alternatives) > 1 else alternatives[0]
    return {"detail-type": [event.name], "detail": detail}


def render_entry(event: EventContract, entry: Mapping[str, Any]) -> Filter:
    """The SNS filter policy of a subscriber, by its entry in the registry."""
    return render(
        event,
        Transport.SNS,
        versions=entry["versions"],
        statuses=entry.get("filter_statuses") or [],
        latest_state=entry["latest_state"],
    )


def _sns_statuses(statuses: list[str], latest_state: bool) -> Filter:
    if not statuses:
        return {}
    if not latest_state:
        return {"status": statuses}
    leaves: list[Filter] = [{"prefix": f"{status}>"} for status in (*statuses, NO_STATUS)]
    return {"transition": [*leaves, *({"suffix": f">{status}"} for status in statuses)]}


def _wanted(
    event: EventContract, versions: Sequence[int], statuses: Sequence[str]
) -> dict[int, list[str]]:
    """The wanted statuses that each version knows, lowest version first.

    A version that knows none of them is left out: it has no message about them.
    """
    if not versions:
        raise WrongUse(f"A filter of {event.name} needs at least one major version.")
    known: dict[int, list[str]] = {}
    for major in sorted(set(versions)):
        version = event.version(major)
        fields = version.entry.get("filters")
        known[major] = version.schema["properties"][fields["status"]]["enum"] if fields else []
    every = list(dict.fromkeys(status for listed in known.values() for status in listed))
    if unknown := [status for status in statuses if status not in every]:
        expected = ", ".join(every) or "none: the event has no status"
        raise WrongUse(f"{unknown[0]!r} is not a status of {event.name}; known: {expected}.")
    wanted = {
        major: [status for status in dict.fromkeys(statuses) if status in listed]
        for major, listed in known.items()
    }
    return {major: listed for major, listed in wanted.items() if listed or not statuses}
