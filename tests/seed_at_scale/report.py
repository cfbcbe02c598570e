"""What a run has shown, as JSON and for a person."""

import json
from collections.abc import Mapping
from dataclasses import asdict, dataclass
from typing import Any

from rich.console import Console
from rich.table import Table

_MIB = 2**20


@dataclass(frozen=True, slots=True, kw_only=True)
class Report:
    """A run, and `broken`: a sentence for each thing that did not hold.

    `others` counts the messages in somebody else's queue by what they tell; `deepest` is the
    subscriber's queue as it was seen; `growth` is of the resumed command's memory.
    """

    customers: int
    changes: int
    read: int
    sent: int
    filled_seconds: float
    seeded_seconds: float
    deepest: int
    peak_bytes_killed: int
    peak_bytes_resumed: int
    growth: float
    others: Mapping[str, int]
    rows: int
    rows_live: int
    drifted: int
    broken: tuple[str, ...]

    @property
    def good(self) -> bool:
        """Whether everything held."""
        return not self.broken

    def to_json(self) -> str:
        """One JSON object with every field."""
        document: dict[str, Any] = {"good": self.good, **asdict(self)}
        return json.dumps(document, indent=2)


def tell(report: Report, console: Console) -> None:
    """Print it for a person."""
    rows = Table("", "", title="A seed at scale", title_justify="left")
    rows.columns[1].justify = "right"
    for what, value in (
        ("customers", f"{report.customers:,}"),
        ("live changes while it was seeded", f"{report.changes:,}"),
        ("customers read, the killed run's included", f"{report.read:,}"),
        ("snapshots sent", f"{report.sent:,}"),
        ("seconds to write the customers", f"{report.filled_seconds:,.0f}"),
        ("seconds to seed", f"{report.seeded_seconds:,.0f}"),
        ("most messages in the queue", f"{report.deepest:,}"),
        ("most memory before the kill, MiB", f"{report.peak_bytes_killed / _MIB:,.0f}"),
        ("most memory after it, MiB", f"{report.peak_bytes_resumed / _MIB:,.0f}"),
        ("  second half over first half", f"{report.growth:.3f}"),
        *((f"in Payments' queue: {kind}", f"{n:,}") for kind, n in report.others.items()),
        ("rows", f"{report.rows:,}"),
        ("  by live changes alone", f"{report.rows_live:,}"),
        ("  drifted, says reconcile", f"{report.drifted:,}"),
    ):
        rows.add_row(what, value)
    console.print(rows)
    for sentence in report.broken:
        console.print(f"[bold red]broken[/]  {sentence}")
    if report.good:
        console.print("[bold green]Every row is right.[/]")
