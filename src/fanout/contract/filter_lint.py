"""What is wrong with a subscription's filter, judged by what the bus can carry. Pure."""

import json
import math
from collections import defaultdict
from collections.abc import Iterator, Sequence
from enum import StrEnum
from typing import Any

from fanout.contract import filters as filter_pattern
from fanout.contract.filters import (
    NONE,
    Clause,
    Domain,
    Finding,
    Kind,
    Match,
    branches,
    eventbridge_kinds,
    fault_of,
    is_or,
    match,
    matches,
    sns_kinds,
    text_of,
)
from fanout.contract.folder import Contract

# Would a subscriber that keeps the latest status see its customers leave that status? Pure


_SHOWN_MAX = 3


def hidden_leaves(found: list[list[Clause]], kinds: list[Kind]) -> Iterator[Finding]:
    """What a latest-state subscriber would miss, for each type that the filter lets through."""
    by_type: dict[str, list[Kind]] = defaultdict(list)
    for kind in kinds:
        if kind.status and kind.status != kind.previous_status:
            by_type[kind.type].append(kind)
    for type_name, transitions in by_type.items():
        seen = {(one.previous_status, one.status): matches(found, one) for one in transitions}
        if any(seen.values()):
            yield from _for_type(type_name, seen)


def _for_type(type_name: str, seen: dict[tuple[str, str], Match]) -> Iterator[Finding]:
    statuses = list(dict.fromkeys(status for _, status in seen))
    followed = {
        status
        for status in statuses
        if all(how is Match.ALWAYS for pair, how in seen.items() if status in pair)
    }
    strays = [
        pair
        for pair, how in seen.items()
        if how and not followed & set(pair) and not (followed and pair[0] == NONE)
    ]
    if strays:
        yield _refusal(type_name, [status for _, status in strays], seen)
        return
    unheard = [
        f"{before}>{status}"
        for (before, status), how in seen.items()
        if before == NONE and how is not Match.ALWAYS
    ]
    if unheard:
        sentence = (
            f"{type_name}: {_do_not_match(unheard)}. Where the status before was unknown to the "
            "producer, such an event is the only one that tells of the leave; add "
            f'{{"prefix": "{NONE}>"}} to transition.'
        )
        yield Finding(rule="unknown-status-before", sentence=sentence, warning=True)


def _refusal(type_name: str, entered: list[str], seen: dict[tuple[str, str], Match]) -> Finding:
    for status in dict.fromkeys(entered):
        leaves = [
            f"{before}>{after}"
            for (before, after), how in seen.items()
            if before == status and how is not Match.ALWAYS
        ]
        if leaves:
            sentence = (
                f"{type_name}: the subscriber would see customers become {status}, and not leave "
                f"it: {_do_not_match(leaves)}, so its row would stay {status}. Match both ends: "
                f'"transition": [{{"prefix": "{status}>"}}, {{"suffix": ">{status}"}}, '
                f'{{"prefix": "{NONE}>"}}]; on EventBridge, the status and the previous one by $or.'
            )
            return Finding(rule="hidden-leave", sentence=sentence)
    sentence = (
        f"{type_name}: the subscriber would see some customers become {entered[0]} and others "
        "not, so its table would be neither complete nor right; match every way to it."
    )
    return Finding(rule="hidden-entry", sentence=sentence)


def _do_not_match(transitions: list[str]) -> str:
    shown = ", ".join(transitions[:_SHOWN_MAX])
    more = len(transitions) - _SHOWN_MAX
    verb = "does" if len(transitions) == 1 else "do"
    return f"{shown}{f' and {more} more' if more > 0 else ''} {verb} not match"


# The form of a filter, and the limits that SNS and EventBridge set to it


SNS_KEYS_MAX = 5
SNS_COMBINATIONS_MAX = 150
SNS_NUMBER_MAX = 10**9
SNS_BYTES_MAX = 256 * 1024
EVENTBRIDGE_COMBINATIONS_MAX = 1000
EVENTBRIDGE_NUMBER_MAX = 5 * 10**9
EVENTBRIDGE_CHARACTERS_MAX = 2048
"""Of a pattern, by default: https://docs.aws.amazon.com/eventbridge/latest/userguide/eb-quota.html"""


def broken_limits(document: Any, transport: str) -> list[Finding]:
    """What AWS would refuse, or would not read as it was meant; empty where there is nothing.

    Args:
        document: the filter as parsed JSON.
        transport: `sns` (by message attributes) or `eventbridge`.
    """
    if not isinstance(document, dict) or not document:
        sentence = "A filter is a JSON object with at least one key."
        return [Finding(rule="form", sentence=sentence)]
    faults = list(_form(document, "", transport)) or list(_overwritten(document))
    if faults:
        return faults
    return list(_limits(document, sns=transport == "sns"))


def _form(document: dict[str, Any], path: str, transport: str) -> Iterator[Finding]:
    if not document:
        yield Finding(rule="form", path=path, sentence="An alternative of $or is an empty object.")
    for key, value in document.items():
        inner = f"{path}.{key}".strip(".")
        if is_or(key, value):
            for one in value:
                yield from _form(one, path, transport)
        elif isinstance(value, dict) and transport != "sns" and value:
            yield from _form(value, inner, transport)
        else:
            yield from _conditions(value, inner, transport)


def _conditions(value: Any, path: str, transport: str) -> Iterator[Finding]:
    if isinstance(value, dict):
        sentence = f"{path}: expected a list; by message attributes a filter can't nest."
        yield Finding(rule="nested", path=path, sentence=sentence)
    elif not isinstance(value, list) or not value:
        sentence = f"{path}: expected a list of at least one value or condition."
        yield Finding(rule="form", path=path, sentence=sentence)
    else:
        for fault in filter(None, (fault_of(one, transport) for one in value)):
            yield Finding(rule="operator", path=path, sentence=f"{path}: {fault}.")


def _overwritten(document: dict[str, Any]) -> Iterator[Finding]:
    """EventBridge lets the last of two rules for a field win, where a reader expects both."""
    branches_paths = [[clause.path for clause in branch] for branch in branches(document)]
    for path in sorted(
        {path for paths in branches_paths for path in paths if paths.count(path) > 1}
    ):
        sentence = f"{path}: given inside $or and beside it; only one of them would count."
        yield Finding(rule="form", path=path, sentence=sentence)


def _limits(document: dict[str, Any], *, sns: bool) -> Iterator[Finding]:
    found = branches(document)
    clauses = {id(clause): clause for branch in found for clause in branch}.values()
    keys = sorted({clause.path for clause in clauses})
    if sns and len(keys) > SNS_KEYS_MAX:
        sentence = f"SNS takes at most {SNS_KEYS_MAX} keys; here are {len(keys)}: "
        yield Finding(rule="keys", sentence=f"{sentence}{', '.join(keys)}.")
    products = [math.prod(len(clause.conditions) for clause in branch) for branch in found]
    who, total, total_max, what, number_max = (
        ("SNS", sum(products), SNS_COMBINATIONS_MAX, "values", SNS_NUMBER_MAX)
        if sns
        else (
            "EventBridge",
            len(found),
            EVENTBRIDGE_COMBINATIONS_MAX,
            "$or",
            EVENTBRIDGE_NUMBER_MAX,
        )
    )
    if total > total_max:
        sentence = f"{who} takes at most {total_max} combinations of {what}; here are {total}."
        yield Finding(rule="combinations", sentence=sentence)
    for clause in clauses:
        for number in _numbers(list(clause.conditions)):
            if not abs(number) <= number_max:
                sentence = (
                    f"{clause.path}: {who} compares numbers up to ±{number_max}, and {number} is "
                    "beyond; times in milliseconds and sequence numbers don't fit."
                )
                yield Finding(rule="number", path=clause.path, sentence=sentence)
    text = json.dumps(document, separators=(",", ":"), ensure_ascii=False)
    # Half a surrogate pair can't be matched, and has a size like any other character.
    if sns and len(text.encode(errors="replace")) > SNS_BYTES_MAX:
        yield Finding(rule="size", sentence=f"SNS takes at most {SNS_BYTES_MAX} bytes.")
    if not sns and len(text) > EVENTBRIDGE_CHARACTERS_MAX:
        sentence = (
            f"EventBridge takes {EVENTBRIDGE_CHARACTERS_MAX} characters; here are {len(text)}."
        )
        yield Finding(rule="size", sentence=sentence)


def _numbers(value: Any) -> Iterator[float]:
    if isinstance(value, dict):
        for one in value.values():
            yield from _numbers(one)
    elif isinstance(value, list):
        for one in value:
            yield from _numbers(one)
    elif isinstance(value, (int, float)) and not isinstance(value, bool):
        yield value


class Transport(StrEnum):
    """Whose language a filter is written in."""

    SNS = "sns"
    EVENTBRIDGE = "eventbridge"


_EVENTBRIDGE_KEYS = frozenset(
    {"source", "detail-type", "detail", "account", "region", "resources", "version", "id", "time"}
)


def transport_of(document: Any) -> Transport:
    """Told by the top-level keys: no SNS attribute has the name of an EventBridge field."""
    found = isinstance(document, dict) and set(_keys(document)) & _EVENTBRIDGE_KEYS
    return Transport.EVENTBRIDGE if found else Transport.SNS


def lint(
    document: Any, contract: Contract, *, transport: Transport, latest_state: bool
) -> list[Finding]:
    """Everything that is wrong with a filter; empty where it is good.

    Args:
        document: the filter as parsed JSON.
        contract: what the bus carries.
        transport: whose language it is.
        latest_state: whether the subscriber keeps each customer's latest status.
    """
    findings = broken_limits(document, transport.value)
    if findings:
        return findings
    kinds = sns_kinds(contract) if transport is Transport.SNS else eventbridge_kinds(contract)
    found = branches(document)
    findings = _dead_conditions(found, kinds)
    if not findings and latest_state:
        findings = list(hidden_leaves(found, kinds))
    return findings


def _keys(document: dict[str, Any]) -> list[str]:
    alternatives = document.get("$or")
    if not isinstance(alternatives, list):
        return list(document)
    inner = [one for one in alternatives if isinstance(one, dict)]
    return [*document, *(key for one in inner for key in _keys(one))]


def _dead_conditions(found: list[list[Clause]], kinds: list[Kind]) -> list[Finding]:
    """Keys and values that can't match: at all, or not beside the other keys."""
    findings: list[Finding] = []
    clauses = {id(clause): clause for branch in found for clause in branch}
    for clause in clauses.values():
        domains = [kind.fields[clause.path] for kind in kinds if clause.path in kind.fields]
        beside = [branch for branch in found if any(one is clause for one in branch)]
        for condition in clause.conditions:
            if _lives(condition, clause, beside, kinds):
                continue
            if not domains:
                findings.append(_unknown_key(clause, kinds))
                break
            findings.append(_dead_value(condition, clause, domains, beside))
    # Beside a value that is wrong in itself, nothing can match: that is no news of the others.
    return [one for one in findings if one.rule != "contradiction"] or findings


def _lives(condition: Any, clause: Clause, beside: list[list[Clause]], kinds: list[Kind]) -> bool:
    alone = Clause(path=clause.path, conditions=(condition,))
    narrowed = [[alone if one is clause else one for one in branch] for branch in beside]
    return any(filter_pattern.matches(narrowed, kind) > Match.NEVER for kind in kinds)


def _unknown_key(clause: Clause, kinds: list[Kind]) -> Finding:
    known = sorted({path for kind in kinds for path in kind.fields})
    parent = clause.path.rpartition(".")[0]
    siblings = [path for path in known if path.rpartition(".")[0] == parent] or known
    return Finding(
        rule="unknown-key",
        path=clause.path,
        sentence=f"{clause.path}: no message has this, so nothing would ever arrive; "
        f"known here: {', '.join(siblings)}.",
    )


def _dead_value(
    condition: Any, clause: Clause, domains: Sequence[Domain], beside: list[list[Clause]]
) -> Finding:
    text = text_of(condition)
    if any(match(condition, domain) > Match.NEVER for domain in domains):
        others = sorted({one.path for branch in beside for one in branch if one is not clause})
        return Finding(
            rule="contradiction",
            path=clause.path,
            sentence=f"{clause.path}: {text} never comes together with what the filter asks of "
            f"{' and '.join(others)}.",
        )
    return Finding(
        rule="unknown-value",
        path=clause.path,
        sentence=f"{clause.path}: {text} can never match; {_expected(condition, domains)}.",
    )


def _expected(condition: Any, domains: Sequence[Domain]) -> str:
    values = list(dict.fromkeys(one for domain in domains for one in domain.values or ()))
    texts = {str(value): value for value in values}
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
