"""A filter, taken apart into what must hold together: `$or` gives one branch per alternative."""

from dataclasses import dataclass
from itertools import product
from typing import Any

from fanout.catalogue.filter_conditions import ABSENT, OPERATORS, Domain, Match, match
from fanout.catalogue.filter_vocabulary import Kind

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


# Private functions


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
