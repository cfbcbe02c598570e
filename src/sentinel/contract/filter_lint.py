"""What is wrong with a subscription's filter, judged by what the bus can carry. Pure."""

import json
import math
from collections import defaultdict
from collections.abc import Iterator
from typing import Any, Final, Literal, NamedTuple

from sentinel.contract.filters import (
    NO_STATUS,
    Clause,
    Domain,
    Filter,
    Kind,
    Match,
    Transport,
    branches,
    fault_of,
    is_or,
    kinds_of,
    match,
    matches,
    text_of,
)
from sentinel.contract.folder import Contract

_EVENTBRIDGE_KEYS = frozenset(
    {"source", "detail-type", "detail", "account", "region", "resources", "version", "id", "time"}
)
_LISTED_MAX = 3


class Finding(NamedTuple):
    """One thing that is wrong: a stable `rule`, a sentence, and the key in the filter.

    With the severity `warning` the filter may stay, but its author should know.
    """

    rule: str
    sentence: str
    key: str = ""
    severity: Literal["error", "warning"] = "error"


LIMITS: Final = {
    Transport.SNS: {"keys": 5, "combinations of values": 150, "bytes": 256 * 1024},
    Transport.EVENTBRIDGE: {"combinations of $or": 1000, "characters": 2048},
}
"""What a transport takes; EventBridge counts alternatives of $or, SNS values as well.

https://docs.aws.amazon.com/eventbridge/latest/userguide/eb-quota.html (size: by default)
"""
_NUMBERS_MAX = {Transport.SNS: 10**9, Transport.EVENTBRIDGE: 5 * 10**9}
_NAMES = {Transport.SNS: "SNS", Transport.EVENTBRIDGE: "EventBridge"}


def transport_of(document: Any) -> Transport:
    """Recognised by the top-level keys: no SNS attribute has the name of an EventBridge field."""
    keys = set(_keys(document)) if isinstance(document, dict) else set()
    return Transport.EVENTBRIDGE if keys & _EVENTBRIDGE_KEYS else Transport.SNS


def lint(
    document: Any, contract: Contract, *, transport: Transport, latest_state: bool
) -> list[Finding]:
    """Everything that is wrong with a filter (parsed JSON); empty where it is good.

    `contract` is what the bus carries; with `latest_state` the subscriber keeps latest statuses.
    """
    if findings := refusals(document, transport):
        return findings
    kinds, alternatives = kinds_of(contract, transport), branches(document)
    findings = _dead_conditions(alternatives, kinds)
    if not findings and latest_state:
        return list(_hidden_leaves(alternatives, kinds))
    return findings


def refusals(document: Any, transport: Transport) -> list[Finding]:
    """What AWS would refuse, or not read as it was meant: its form, then its size."""
    if not isinstance(document, dict) or not document:
        return [Finding("form", "A filter is a JSON object with at least one key.")]
    return (
        list(_form(document, "", transport))
        or list(_overwritten(document))
        or list(_beyond_limits(document, transport))
    )


# Private functions


def _keys(document: Filter) -> list[str]:
    alternatives = document.get("$or")
    inner = alternatives if isinstance(alternatives, list) else []
    return [*document, *(key for each in inner if isinstance(each, dict) for key in _keys(each))]


def _form(document: Filter, path: str, transport: Transport) -> Iterator[Finding]:
    if not document:
        yield Finding("form", "An alternative of $or is an empty object.", path)
    for key, value in document.items():
        inner = f"{path}.{key}".strip(".")
        if is_or(key, value):
            for each in value:
                yield from _form(each, path, transport)
        elif isinstance(value, dict) and value and transport is Transport.EVENTBRIDGE:
            yield from _form(value, inner, transport)
        elif isinstance(value, dict):
            says = "expected a list; by message attributes a filter can't nest."
            yield Finding("nested", f"{inner}: {says}", inner)
        elif not isinstance(value, list) or not value:
            says = "expected a list of at least one value or condition."
            yield Finding("form", f"{inner}: {says}", inner)
        else:
            for fault in filter(None, (fault_of(each, transport) for each in value)):
                yield Finding("operator", f"{inner}: {fault}.", inner)


def _overwritten(document: Filter) -> Iterator[Finding]:
    """EventBridge lets the last of two rules for a field win, where a reader expects both."""
    paths = [[clause.path for clause in clauses] for clauses in branches(document)]
    for path in sorted({path for each in paths for path in each if each.count(path) > 1}):
        says = "given inside $or and beside it; only one of them would count."
        yield Finding("form", f"{path}: {says}", path)


def _beyond_limits(document: Filter, transport: Transport) -> Iterator[Finding]:
    alternatives, name, number_max = branches(document), _NAMES[transport], _NUMBERS_MAX[transport]
    clauses = _clauses(alternatives)
    text = json.dumps(document, separators=(",", ":"), ensure_ascii=False)
    counts = {
        "keys": len({clause.path for clause in clauses}),
        "combinations of values": sum(
            math.prod(len(each.conditions) for each in branch) for branch in alternatives
        ),
        "combinations of $or": len(alternatives),
        # Half a surrogate pair can't be matched, and has a size like any other character.
        "bytes": len(text.encode(errors="replace")),
        "characters": len(text),
    }
    for unit, most in LIMITS[transport].items():
        if counts[unit] > most:
            rule = "size" if unit in {"bytes", "characters"} else unit.partition(" ")[0]
            yield Finding(rule, f"{name} takes at most {most} {unit}; here are {counts[unit]}.")
    for clause in clauses:
        for number in _numbers(list(clause.conditions)):
            if not abs(number) <= number_max:
                sentence = (
                    f"{clause.path}: {name} compares numbers up to ±{number_max}, and {number} is "
                    "beyond; times in milliseconds and sequence numbers don't fit."
                )
                yield Finding("number", sentence, clause.path)


def _clauses(alternatives: list[list[Clause]]) -> list[Clause]:
    """Each clause once, though it may belong to several alternatives."""
    return list(dict.fromkeys(clause for branch in alternatives for clause in branch))


def _numbers(value: Any) -> Iterator[float]:
    if isinstance(value, (dict, list)):
        for inner in value.values() if isinstance(value, dict) else value:
            yield from _numbers(inner)
    elif isinstance(value, (int, float)) and not isinstance(value, bool):
        yield value


# Keys and values that can't match: at all, or not beside the other keys


def _dead_conditions(alternatives: list[list[Clause]], kinds: list[Kind]) -> list[Finding]:
    findings: list[Finding] = []
    for clause in _clauses(alternatives):
        domains = [kind.fields[clause.path] for kind in kinds if clause.path in kind.fields]
        beside = [branch for branch in alternatives if clause in branch]
        for condition in clause.conditions:
            if _can_match(condition, clause, beside, kinds):
                continue
            if not domains:
                findings.append(_unknown_key(clause, kinds))
                break
            findings.append(_dead_value(condition, clause, domains, beside))
    # Beside a value that is wrong in itself, nothing can match: a contradiction is no news then.
    return [each for each in findings if each.rule != "contradiction"] or findings


def _can_match(
    condition: Any, clause: Clause, beside: list[list[Clause]], kinds: list[Kind]
) -> bool:
    alone = Clause(path=clause.path, conditions=(condition,))
    narrowed = [[alone if each is clause else each for each in branch] for branch in beside]
    return any(matches(narrowed, kind.fields) > Match.NEVER for kind in kinds)


def _unknown_key(clause: Clause, kinds: list[Kind]) -> Finding:
    known = sorted({path for kind in kinds for path in kind.fields})
    parent = clause.path.rpartition(".")[0]
    siblings = [path for path in known if path.rpartition(".")[0] == parent] or known
    sentence = (
        f"{clause.path}: no message has this, so nothing would ever arrive; "
        f"known here: {', '.join(siblings)}."
    )
    return Finding("unknown-key", sentence, clause.path)


def _dead_value(
    condition: Any, clause: Clause, domains: list[Domain], beside: list[list[Clause]]
) -> Finding:
    text = text_of(condition)
    if any(match([condition], domain) for domain in domains):
        others = sorted({each.path for branch in beside for each in branch if each is not clause})
        rule, says = "contradiction", f"{text} never comes together with what the filter asks of "
        says += " and ".join(others)
    else:
        rule, says = "unknown-value", f"{text} can never match; {_expected(condition, domains)}"
    return Finding(rule, f"{clause.path}: {says}.", clause.path)


def _expected(condition: Any, domains: list[Domain]) -> str:
    values = list(dict.fromkeys(value for domain in domains for value in domain.values or ()))
    texts = {str(value) for value in values}
    if isinstance(condition, (int, float)) and str(condition) in texts:
        return f'it is carried as text: "{condition}"'
    if isinstance(condition, str) and condition.upper() in texts:
        return f'case matters: "{condition.upper()}"'
    if values:
        shown = [value if isinstance(value, str) else json.dumps(value) for value in values]
        return f"expected one of {', '.join(shown)}"
    types = sorted({name for domain in domains for name in domain.types})
    pattern = next((domain.pattern for domain in domains if domain.pattern), None)
    return f"expected {' or '.join(types)}" + (f" by the pattern {pattern}" if pattern else "")


# Would a subscriber that keeps the latest status see its customers leave that status?


def _hidden_leaves(alternatives: list[list[Clause]], kinds: list[Kind]) -> Iterator[Finding]:
    """What a latest-state subscriber would miss, for each type that the filter lets through."""
    seen_by_type: dict[str, dict[tuple[str, str], Match]] = defaultdict(dict)
    for kind in kinds:
        if kind.status and kind.status != kind.previous_status:
            transition = kind.previous_status, kind.status
            seen_by_type[kind.type][transition] = matches(alternatives, kind.fields)
    for type_name, seen in seen_by_type.items():
        if any(seen.values()):
            yield from _hidden_of_type(type_name, seen)


def _hidden_of_type(type_name: str, seen: dict[tuple[str, str], Match]) -> Iterator[Finding]:
    followed = {
        status
        for _, status in seen
        if all(verdict is Match.ALWAYS for pair, verdict in seen.items() if status in pair)
    }
    strays = [
        status
        for (before, status), verdict in seen.items()
        if verdict and not followed & {before, status} and not (followed and before == NO_STATUS)
    ]
    missed = {status: said for status in strays if (said := _missed(seen, status))}
    if missed:
        status, said = next(iter(missed.items()))
        sentence = (
            f"{type_name}: the subscriber would see customers become {status}, and not leave it: "
            f'{said}, so its row would stay {status}. Match both ends: "transition": [{{"prefix": '
            f'"{status}>"}}, {{"suffix": ">{status}"}}, {{"prefix": "{NO_STATUS}>"}}]; on '
            "EventBridge, the status and the previous one by $or."
        )
        yield Finding("hidden-leave", sentence)
    elif strays:
        sentence = (
            f"{type_name}: the subscriber would see some customers become {strays[0]} and others "
            "not, so its table would be neither complete nor right; match every way to it."
        )
        yield Finding("hidden-entry", sentence)
    elif said := _missed(seen, NO_STATUS):
        sentence = (
            f"{type_name}: {said}. Where the producer did not know the status before, such an "
            "event is the only one that shows the leave; add "
            f'{{"prefix": "{NO_STATUS}>"}} to transition.'
        )
        yield Finding("unknown-status-before", sentence, severity="warning")


def _missed(seen: dict[tuple[str, str], Match], status: str) -> str:
    """Says which transitions out of a status don't always come; empty where all do."""
    missed = [
        f"{before}>{after}"
        for (before, after), verdict in seen.items()
        if before == status and verdict is not Match.ALWAYS
    ]
    more = f" and {len(missed) - _LISTED_MAX} more" if len(missed) > _LISTED_MAX else ""
    says = f"{', '.join(missed[:_LISTED_MAX])}{more} {'does' if len(missed) == 1 else 'do'}"
    return f"{says} not match" if missed else ""
