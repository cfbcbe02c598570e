"""Whether one condition of a filter can match what a field may hold.

The operators are those of SNS filter policies and EventBridge patterns, which are close kin:
https://docs.aws.amazon.com/sns/latest/dg/string-value-matching.html and
https://docs.aws.amazon.com/eventbridge/latest/userguide/eb-create-pattern-operators.html
"""

import ipaddress
import math
import re
from collections.abc import Callable, Iterator, Mapping, Sequence
from dataclasses import dataclass
from enum import IntEnum
from functools import partial
from itertools import product
from typing import Any

from fanout.contract.folder import Contract, EventContract, EventVersion
from fanout.errors import WrongUse

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


# What a check of a filter answers with


@dataclass(frozen=True, slots=True, kw_only=True)
class Finding:
    """One thing that is wrong: a stable `rule`, the key in the filter, and a sentence.

    `warning`: the filter may stay, but its author should know.
    """

    rule: str
    path: str = ""
    sentence: str
    warning: bool = False


# What the bus carries, as a filter sees it: every kind of message with what its fields may hold


NONE = "NONE"
"""Stands for no known status before, as the `transition` attribute writes it."""
_EVENTBRIDGE_FIELDS = ("id", "account", "time", "region")


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


def sns_kinds(contract: Contract) -> list[Kind]:
    """Every kind of message by its SNS message attributes."""
    return list(_kinds(contract, _sns_fields))


def eventbridge_kinds(contract: Contract) -> list[Kind]:
    """Every kind of message by the paths of its EventBridge event, such as `detail.data.status`."""
    return list(_kinds(contract, partial(_eventbridge_fields, contract)))


def _kinds(contract: Contract, fields_of: Callable[..., Mapping[str, Domain]]) -> Iterator[Kind]:
    for event in contract.events:
        for version in event.versions:
            for before, status in _transitions(version):
                yield Kind(
                    type=event.type_of(version.major),
                    major=version.major,
                    previous_status=before,
                    status=status,
                    fields=fields_of(event, version, before, status),
                )


def _transitions(version: EventVersion) -> Iterator[tuple[str, str]]:
    """Each pair of statuses that the schema allows; one pair of nothing where it has none."""
    fields = version.entry.get("filters")
    if not fields:
        yield "", ""
        return
    properties = version.schema["properties"]
    before = [value or NONE for value in properties[fields["previous_status"]]["enum"]]
    yield from product(before, properties[fields["status"]]["enum"])


def _sns_fields(
    event: EventContract, version: EventVersion, before: str, status: str
) -> dict[str, Domain]:
    fields = {
        "type": _one(event.type_of(version.major)),
        "schema_version": _one(str(version.major)),
    }
    if status:
        fields |= {"status": _one(status), "transition": _one(f"{before}>{status}")}
    return fields


def _eventbridge_fields(
    contract: Contract, event: EventContract, version: EventVersion, before: str, status: str
) -> dict[str, Domain]:
    fields = {name: Domain() for name in _EVENTBRIDGE_FIELDS}
    fields |= {"source": Domain(), "version": _one("0"), "detail-type": _one(event.name)}
    fields |= _properties(contract.envelope, "detail")
    fields |= {
        "detail.type": _one(event.type_of(version.major)),
        "detail.dataschema": _one(version.schema["$id"]),
        "detail.datacontenttype": _one("application/json"),
    }
    del fields["detail.data"]
    fields |= _properties(version.schema, "detail.data")
    names = version.entry.get("filters")
    if names:
        previous = None if before == NONE else before
        fields[f"detail.data.{names['status']}"] = _one(status)
        fields[f"detail.data.{names['previous_status']}"] = _one(previous)
    if "change" in version.schema["properties"]:
        fields["detail.data.change"] = Domain(values=_changes(before, status))
    return fields


def _properties(schema: Mapping[str, Any], path: str) -> dict[str, Domain]:
    required = schema.get("required", ())
    return {
        f"{path}.{name}": _domain(rules, always_there=name in required)
        for name, rules in schema["properties"].items()
    }


def _domain(rules: Mapping[str, Any], *, always_there: bool) -> Domain:
    if "const" in rules:
        return Domain(values=(rules["const"],), always_there=always_there)
    if "enum" in rules:
        return Domain(values=tuple(rules["enum"]), always_there=always_there)
    types = rules.get("type", "string")
    return Domain(
        types=frozenset([types] if isinstance(types, str) else types),
        pattern=rules.get("pattern"),
        always_there=always_there,
    )


def _changes(before: str, status: str) -> tuple[str, ...]:
    """How a transition can come about, as the publisher tells it."""
    if status == "REMOVED":
        return ("removed",)
    return ("created", "changed", "snapshot") if before == NONE else ("changed",)


def _one(value: str | None) -> Domain:
    return Domain(values=(value,))


# A filter, taken apart into what must hold together: `$or` gives one branch per alternative


_ALTERNATIVES_MIN = 2


@dataclass(frozen=True, slots=True, eq=False, kw_only=True)
class Clause:
    """A field and the conditions of which one must hold; each is itself, wherever it stands."""

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
        and all(isinstance(one, dict) and not OPERATORS & set(one) for one in value)
    )


def branches(document: dict[str, Any], path: str = "") -> list[list[Clause]]:
    """The filter matches where all clauses of some branch do."""
    parts: list[list[list[Clause]]] = []
    for key, value in document.items():
        inner = f"{path}.{key}".strip(".")
        if is_or(key, value):
            parts.append([branch for one in value for branch in branches(one, path)])
        elif isinstance(value, dict):
            parts.append(branches(value, inner))
        else:
            parts.append([[Clause(path=inner, conditions=tuple(value))]])
    return [[clause for part in chosen for clause in part] for chosen in product(*parts)]


def matches(found: list[list[Clause]], kind: Kind) -> Match:
    """Whether a filter lets through all, some or none of the messages of a kind."""
    return max((_all_match(branch, kind) for branch in found), default=Match.NEVER)


def _all_match(branch: list[Clause], kind: Kind) -> Match:
    return min((_clause_matches(clause, kind) for clause in branch), default=Match.ALWAYS)


def _clause_matches(clause: Clause, kind: Kind) -> Match:
    domain = kind.fields.get(clause.path, ABSENT)
    verdict = max((match(one, domain) for one in clause.conditions), default=Match.NEVER)
    if verdict is Match.SOMETIMES and domain.values and domain.always_there:
        held = all(
            any(match(one, Domain(values=(value,))) for one in clause.conditions)
            for value in domain.values
        )
        return Match.ALWAYS if held else Match.SOMETIMES
    return verdict


# Render a subscription's filter: an SNS filter policy, or an EventBridge pattern. Pure


Filter = dict[str, Any]


def render_sns(
    event: EventContract,
    *,
    versions: Sequence[int],
    statuses: Sequence[str] = (),
    latest_state: bool,
) -> Filter:
    """A filter policy for the scope `MessageAttributes`.

    Args:
        event: the event that the subscriber wants.
        versions: the major versions that it reads.
        statuses: the statuses that it wants; empty for all.
        latest_state: whether it keeps each customer's latest status.

    Raises:
        WrongUse: no such version, or a status that none of the versions has.
    """
    statuses = tuple(dict.fromkeys(statuses))
    wanted = _wanted(event, versions, statuses)
    policy: Filter = {"type": [event.type_of(major) for major in wanted]}
    if statuses and latest_state:
        policy["transition"] = [
            *({"prefix": f"{status}>"} for status in (*statuses, NONE)),
            *({"suffix": f">{status}"} for status in statuses),
        ]
    elif statuses:
        policy["status"] = list(statuses)
    return policy


def render_eventbridge(
    event: EventContract,
    *,
    versions: Sequence[int],
    statuses: Sequence[str] = (),
    latest_state: bool,
) -> Filter:
    """An event pattern; arguments and errors as in `render_sns`."""
    wanted = _wanted(event, versions, statuses)
    detail: Filter = {"type": [event.type_of(major) for major in wanted]}
    if statuses:
        alternatives: list[Filter] = []
        for major, known in wanted.items():
            fields = event.version(major).entry["filters"]
            alternatives.append({"data": {fields["status"]: known}})
            if latest_state:
                alternatives.append({"data": {fields["previous_status"]: [*known, None]}})
        detail |= {"$or": alternatives} if len(alternatives) > 1 else alternatives[0]
    return {"detail-type": [event.name], "detail": detail}


def _wanted(
    event: EventContract, versions: Sequence[int], statuses: Sequence[str]
) -> dict[int, list[str]]:
    """The statuses that are wanted of each version, lowest first: those that the version knows.

    A version that knows none of them is left out: it has nothing to tell of them.
    """
    if not versions:
        raise WrongUse(f"A filter of {event.name} needs at least one major version.")
    known: dict[int, list[str]] = {}
    for major in sorted(set(versions)):
        version = event.version(major)
        fields = version.entry.get("filters")
        known[major] = version.schema["properties"][fields["status"]]["enum"] if fields else []
    every = list(dict.fromkeys(status for found in known.values() for status in found))
    if unknown := [status for status in statuses if status not in every]:
        expected = ", ".join(every) or "none: the event has no status"
        raise WrongUse(f"{unknown[0]!r} is no status of {event.name}; known: {expected}.")
    wanted = {
        major: [status for status in dict.fromkeys(statuses) if status in found]
        for major, found in known.items()
    }
    return {major: found for major, found in wanted.items() if found or not statuses}
