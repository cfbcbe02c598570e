"""The filters of subscriptions: SNS filter policies and EventBridge patterns. Pure.

`OPERATORS` declares, for each transport, what an operator takes and matches; checking, matching and
the lint all follow from it. The two languages are close kin:
https://docs.aws.amazon.com/sns/latest/dg/string-value-matching.html and
https://docs.aws.amazon.com/eventbridge/latest/userguide/eb-create-pattern-operators.html
"""

import ipaddress
import math
import re
from collections.abc import Callable, Iterator, Mapping, Sequence
from dataclasses import dataclass
from enum import IntEnum, StrEnum
from itertools import product
from typing import Any, Final, NamedTuple

from fanout.contract.folder import Contract, EventContract, EventVersion
from fanout.errors import WrongUse

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
_NUMBERS = frozenset({"number", "integer"})
_ALL_TYPES = frozenset({"null", "boolean", "string", "array", "object"}) | _NUMBERS


class Operator(NamedTuple):
    """One operator of a condition `{operator: operand}`.

    Attributes:
        expected: What its operand is, for an error.
        takes: Whether AWS documents the operand. AWS may refuse any other on deployment.
        holds: Whether a value of a fixed vocabulary, or MISSING, fulfils it, given the operand.
        types: The JSON types of the values that it can match.
    """

    expected: str
    takes: Callable[[Any], bool]
    holds: Callable[[Any, Any], bool]
    types: frozenset[str] = frozenset({"string"})


def _operators(transport: Transport) -> dict[str, Operator]:
    is_sns = transport is Transport.SNS
    affix = _is_text if is_sns else _is_text_in_any_case
    by_text = {
        "prefix": Operator("a text", affix, _on_text(str.startswith)),
        "suffix": Operator("a text", affix, _on_text(str.endswith)),
        "equals-ignore-case": Operator(
            "a text", _is_text, _on_text(lambda value, text: value.lower() == text.lower())
        ),
        "wildcard": Operator(
            rf"a text with at most {WILDCARDS_MAX} *, no two in a row (a literal one is \*)",
            _is_wildcard,
            _on_text(_matches_wildcard),
        ),
    }
    excludable = {"prefix": by_text["prefix"]} if is_sns else by_text
    return by_text | {
        "anything-but": Operator(
            "texts alone, numbers alone, or one documented operator with a text",
            lambda operand: _is_excludable(operand, excludable),
            lambda operand, value: (
                value is not MISSING
                and not any(holds(condition, value) for condition in _excluded(operand))
            ),
            _ALL_TYPES,
        ),
        "exists": Operator(
            "true or false",
            lambda operand: isinstance(operand, bool),
            lambda operand, value: (value is not MISSING) == operand,
            _ALL_TYPES,
        ),
        # No field with a fixed vocabulary holds a number or an address.
        "numeric": Operator(
            '[">", 0] or [">=", 0, "<", 5], low bound first', _is_comparison, _never, _NUMBERS
        ),
        "cidr": Operator("a block of addresses, such as 10.0.0.0/24", _is_cidr, _never),
    }


def text_of(condition: Any) -> str:
    """A condition as a person wrote it, for a sentence."""
    if isinstance(condition, str):
        return f'"{condition}"'
    if isinstance(condition, dict) and len(condition) == 1:
        [(operator, operand)] = condition.items()
        return f"{operator} {text_of(operand)}"
    if isinstance(condition, list):
        return ", ".join(text_of(item) for item in condition)
    if condition is None or isinstance(condition, bool):
        return {True: "true", False: "false", None: "null"}[condition]
    return str(condition)


def fault_of(condition: Any, transport: Transport) -> str | None:
    """Why the transport does not document such a condition; None where it does.

    Args:
        condition: A value, or an object of one operator.
        transport: SNS documents fewer forms.
    """
    if isinstance(condition, list):
        return "a list can't stand inside a list of conditions"
    if not isinstance(condition, dict):
        return None
    if len(condition) != 1:
        return "a condition has exactly one operator"
    [(name, operand)] = condition.items()
    operators = OPERATORS[transport]
    if name not in operators:
        return f"{name!r} is not an operator; expected one of {', '.join(sorted(operators))}"
    if operators[name].takes(operand):
        return None
    return f"{name} takes {operators[name].expected}, not {text_of(operand) or 'nothing'}"


def holds(condition: Any, value: Any) -> bool:
    """Whether a value of a fixed vocabulary, or MISSING, fulfils the condition."""
    if isinstance(condition, dict):
        [(name, operand)] = condition.items()
        return _EVERY_OPERATOR[name].holds(operand, value)
    return type(condition) is type(value) and bool(condition == value)


def _is_text(operand: Any) -> bool:
    return isinstance(operand, str)


def _is_text_in_any_case(operand: Any) -> bool:
    if isinstance(operand, dict) and len(operand) == 1:
        operand = operand.get("equals-ignore-case")
    return isinstance(operand, str)


def _is_wildcard(operand: Any) -> bool:
    if not isinstance(operand, str) or not _WILDCARD_TOKENS.fullmatch(operand):
        return False
    return re.sub(r"\\.", "", operand).count("*") <= WILDCARDS_MAX


def _is_excludable(operand: Any, operators: Mapping[str, Operator]) -> bool:
    """Texts alone or numbers alone, or an operator with a text; on EventBridge with texts."""
    if not isinstance(operand, dict):
        values = _as_list(operand)
        texts = [value for value in values if isinstance(value, str)]
        return bool(values) and (texts == values or all(map(_is_number, values)))
    if len(operand) != 1 or not operand.keys() <= operators.keys():
        return False
    [(name, texts)] = operand.items()
    listed = _as_list(texts) if len(operators) > 1 else [texts]
    return bool(listed) and all(
        text and isinstance(text, str) and operators[name].takes(text) for text in listed
    )


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


def _excluded(operand: Any) -> list[Any]:
    """Each condition that `anything-but` turns round: `{"prefix": ["A", "B"]}` has two."""
    if not isinstance(operand, dict):
        return _as_list(operand)
    return [{name: text} for name, texts in operand.items() for text in _as_list(texts)]


def _on_text(test: Callable[[str, str], bool]) -> Callable[[Any, Any], bool]:
    """`test` for an operand that is a text, or `{"equals-ignore-case": "act"}`."""

    def holds_for(operand: Any, value: Any) -> bool:
        if not isinstance(value, str):
            return False
        if isinstance(operand, dict):
            [operand] = operand.values()
            return test(value.lower(), operand.lower())
        return test(value, operand)

    return holds_for


def _matches_wildcard(value: str, text: str) -> bool:
    tokens = re.findall(r"\\.|.", text, re.DOTALL)
    parts = [".*" if part == "*" else re.escape(part[-1]) for part in tokens]
    return bool(re.fullmatch("".join(parts), value, re.DOTALL))


def _never(_operand: Any, _value: Any) -> bool:
    return False


def _as_list(value: Any) -> list[Any]:
    return value if isinstance(value, list) else [value]


OPERATORS: Final = {transport: _operators(transport) for transport in Transport}
_EVERY_OPERATOR: Final = OPERATORS[Transport.EVENTBRIDGE]


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


def match(conditions: Sequence[Any], domain: Domain) -> Match:
    """Whether some condition holds for all, some or none of what the field may hold."""
    if domain.values is None:
        return max((_match_open(each, domain) for each in conditions), default=Match.NEVER)
    possible = [*domain.values, *[MISSING] * domain.optional]
    held = [any(holds(each, value) for each in conditions) for value in possible]
    if not any(held):
        return Match.NEVER
    return Match.ALWAYS if all(held) else Match.SOMETIMES


def _match_open(condition: Any, domain: Domain) -> Match:
    """An open field can hold a given value or not: at best it matches sometimes."""
    if not isinstance(condition, dict):
        return Match.SOMETIMES if _fits(condition, domain) else Match.NEVER
    [(name, operand)] = condition.items()
    if name == "exists":
        if domain.optional:
            return Match.SOMETIMES
        return Match.ALWAYS if operand else Match.NEVER
    if not _EVERY_OPERATOR[name].types & domain.types:
        return Match.NEVER
    every_text = (name, operand) in (("prefix", ""), ("suffix", ""), ("wildcard", "*"))
    if every_text and not domain.optional and domain.types == {"string"}:
        return Match.ALWAYS
    return Match.SOMETIMES


def _fits(value: Any, domain: Domain) -> bool:
    if value is None:
        return "null" in domain.types
    if isinstance(value, bool):
        return "boolean" in domain.types
    if isinstance(value, str):
        fits_pattern = domain.pattern is None or re.search(domain.pattern, value)
        return "string" in domain.types and bool(fits_pattern)
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
        and all(isinstance(each, dict) and not _EVERY_OPERATOR.keys() & each for each in value)
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

    @property
    def transition(self) -> str:
        """`ACTIVE>SUSPENDED`."""
        return f"{self.previous_status}>{self.status}"


def matches(alternatives: list[list[Clause]], kind: Kind) -> Match:
    """Whether a filter lets through all, some or none of the messages of a kind."""
    verdicts = (
        min(
            (match(each.conditions, kind.fields.get(each.path, ABSENT)) for each in clauses),
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
    if "change" in version.schema["properties"]:
        fields["detail.data.change"] = Domain(values=_changes(before, status))
    return fields


def _properties(schema: Mapping[str, Any], path: str) -> dict[str, Domain]:
    required = schema.get("required", ())
    return {
        f"{path}.{name}": _domain(rules, optional=name not in required)
        for name, rules in schema["properties"].items()
    }


def _domain(rules: Mapping[str, Any], *, optional: bool) -> Domain:
    types = rules.get("type", "string")
    values = (rules["const"],) if "const" in rules else rules.get("enum")
    return Domain(
        values=None if values is None else tuple(values),
        types=frozenset([types] if isinstance(types, str) else types),
        pattern=rules.get("pattern"),
        optional=optional,
    )


def _changes(before: str, status: str) -> tuple[str, ...]:
    """How a transition can come about, as the publisher writes it."""
    if status == "REMOVED":
        return ("removed",)
    return ("created", "changed", "snapshot") if before == NO_STATUS else ("changed",)


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

    Args:
        event: The event that the subscriber wants.
        transport: Whose language.
        versions: The major versions that it reads.
        statuses: The statuses that it wants; empty for all.
        latest_state: Whether it keeps each customer's latest status.

    Raises:
        WrongUse: no such version, or a status that none of the versions has.
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
