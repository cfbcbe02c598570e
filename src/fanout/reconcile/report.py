"""What a reconcile found, for a person and for a program."""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from datetime import datetime
from typing import Any

from rich.markup import escape

from customer_events.instants import to_wire
from fanout.console import OUT, table
from fanout.reconcile.comparison import Difference
from fanout.reconcile.difference_store import Group
from fanout.reconcile.first_look import Looked
from fanout.reconcile.repair import End

EXAMPLES_MAX = 100
"""How many customers are named in a document; a table names the first 20 of them."""
ROWS_MAX = 20


@dataclass(frozen=True, slots=True, kw_only=True)
class Report:
    """The finding. `at` is when it was made; `sampled` whether only a sample was compared.

    `repairs` counts how repairs ended, `left` is how many customers still differed after them;
    both are None where nothing was repaired.
    """

    subscriber: str
    at: datetime
    looked: Looked
    sampled: bool
    in_flight: int
    drifted: int
    groups: tuple[Group, ...]
    examples: tuple[Difference, ...]
    run_id: str | None = None
    repairs: Mapping[End, int] | None = None
    left: int | None = None

    @property
    def is_good(self) -> bool:
        """Whether every row that was compared agrees now."""
        return not (self.drifted if self.left is None else self.left)

    def to_document(self) -> dict[str, Any]:
        """One JSON object; `docs/reference/reconcile.md` lists its fields."""
        return {
            "subscriber": self.subscriber,
            "at": to_wire(self.at),
            "good": self.is_good,
            "sampled": self.sampled,
            "customers": self.looked.customers,
            "rows": self.looked.rows,
            "in_flight": self.in_flight,
            "drifted": self.drifted,
            "unchecked": dict(self.looked.unchecked),
            "groups": [group.to_document() for group in self.groups],
            "differences": [_document(one) for one in self.examples],
            "run_id": self.run_id,
            "repairs": {end.value: count for end, count in (self.repairs or {}).items()} or None,
            "left": self.left,
        }


def print_report(report: Report) -> None:
    """Tell a person."""
    what = "a sample of " if report.sampled else ""
    OUT.print(
        f"[bold]{report.subscriber}[/]: compared {what}{report.looked.customers:,} customers and "
        f"{report.looked.rows:,} rows; {report.drifted:,} drifted, {report.in_flight:,} in flight."
    )
    for name, count in sorted(report.looked.unchecked.items()):
        OUT.print(
            f"{escape(name)} of {count:,} rows cannot be checked: the rule reads what neither "
            "table keeps of an event, such as its reason."
        )
    if report.groups:
        _print_groups(report.groups)
        _print_examples(report.examples[:ROWS_MAX], report.at)
    if report.repairs is not None:
        ends = ", ".join(f"{count:,} {end}" for end, count in report.repairs.items() if count)
        OUT.print(f"Repairs (run {report.run_id}): {ends or 'none'}; {report.left:,} still differ.")


# Private functions


def _print_groups(groups: Sequence[Group]) -> None:
    shown = table("Drift", "drift", "cause", "rows", "oldest")
    for group in groups:
        oldest = to_wire(group.oldest) if group.oldest else "unknown"
        shown.add_row(group.drift, escape(group.cause), f"{group.count:,}", oldest)
    OUT.print(shown)


def _print_examples(examples: Sequence[Difference], now: datetime) -> None:
    shown = table("Such as", "customer", "drift", "Accounts", "row", "for")
    for one in examples:
        shown.add_row(
            escape(one.customer_id),
            one.drift,
            escape(one.expected or "not there"),
            escape(one.found or "not there"),
            _how_long(one, now),
        )
    OUT.print(shown)


def _how_long(difference: Difference, now: datetime) -> str:
    if difference.since is not None:
        return _age(now, difference.since)
    if difference.row_of is not None:
        return f"at most {_age(now, difference.row_of)}"
    return "unknown"


def _age(now: datetime, then: datetime) -> str:
    """`2 days, 3:04:05`."""
    return str(max(now - then, now - now)).partition(".")[0]


def _document(difference: Difference) -> dict[str, Any]:
    return {
        "customer_id": difference.customer_id,
        "drift": difference.drift.value,
        "cause": difference.cause,
        "expected": difference.expected,
        "found": difference.found,
        "since": difference.since and to_wire(difference.since),
        "row_of": difference.row_of and to_wire(difference.row_of),
    }
