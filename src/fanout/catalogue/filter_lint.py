"""What is wrong with a subscription's filter, judged by what the bus can carry. Pure."""

import json
from collections.abc import Sequence
from enum import StrEnum
from typing import Any

from fanout.catalogue import filter_leaves, filter_pattern
from fanout.catalogue.contract_folder import Contract
from fanout.catalogue.filter_conditions import Domain, Match, match, text_of
from fanout.catalogue.filter_findings import Finding
from fanout.catalogue.filter_limits import broken_limits
from fanout.catalogue.filter_pattern import Clause, branches
from fanout.catalogue.filter_vocabulary import Kind, eventbridge_kinds, sns_kinds


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
        findings = list(filter_leaves.hidden_leaves(found, kinds))
    return findings


# Private functions


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
