"""What a chaos run found, for a person and as JSON."""

import json
from dataclasses import asdict, dataclass
from typing import Any

from rich.console import Console
from rich.table import Table


@dataclass(frozen=True, slots=True, kw_only=True)
class Ends:
    """How the changes ended, by count."""

    writes: int
    changes: int
    applied: int
    superseded: int
    lost: int
    events: int
    deliveries: int
    rows: int
    rows_differing: int


@dataclass(frozen=True, slots=True, kw_only=True)
class Restored:
    """What was dead or parked after the chaos and was brought back; `left` is what could not be."""

    messages_replayed: int
    objects_recovered: int
    left: tuple[str, ...]


@dataclass(frozen=True, slots=True, kw_only=True)
class Faults:
    """What was done to the system.

    `by_kind` counts the calls of Lambda functions that met a fault, of `calls`; `unanswered` those
    that the embedded AWS itself did not answer, as when it was paused for too long.
    """

    calls: int
    by_kind: dict[str, int]
    by_service: dict[str, int]
    workers_killed: int
    unanswered: int
    pauses: int
    paused_seconds: float


@dataclass(frozen=True, slots=True, kw_only=True)
class Report:
    """A run. `broken` has a sentence for each guarantee that did not hold, and is empty if all did.

    `chaos_seconds` is how long faults came; `calm_seconds` how long it then took to settle.
    """

    seed: int
    chaos_seconds: float
    calm_seconds: float
    faults: Faults
    ends: Ends
    restored: Restored
    broken: tuple[str, ...]

    @property
    def good(self) -> bool:
        """Whether every guarantee held."""
        return not self.broken

    def to_json(self) -> str:
        """One JSON object with every field."""
        document: dict[str, Any] = {"good": self.good, **asdict(self)}
        return json.dumps(document, indent=2)


def tell(report: Report, console: Console) -> None:
    """Print it for a person."""
    faults, ends, restored = report.faults, report.ends, report.restored
    rows = Table("", "", title=f"Chaos, seed {report.seed}", title_justify="left")
    rows.columns[1].justify = "right"
    for what, count in (
        ("seconds of chaos", report.chaos_seconds),
        ("seconds until all was calm", report.calm_seconds),
        ("calls of the functions", faults.calls),
        *((f"  {kind}", count) for kind, count in faults.by_kind.items()),
        ("  not answered by the emulator", faults.unanswered),
        ("workers killed", faults.workers_killed),
        ("pauses of the emulator", faults.pauses),
        ("  seconds in all", faults.paused_seconds),
        ("writes", ends.writes),
        ("changes of status", ends.changes),
        ("  applied", ends.applied),
        ("  superseded", ends.superseded),
        ("  lost", ends.lost),
        ("events, distinct", ends.events),
        ("  delivered", ends.deliveries),
        ("messages replayed from the DLQ", restored.messages_replayed),
        ("objects recovered from the failure store", restored.objects_recovered),
        ("rows compared", ends.rows),
        ("  that differ", ends.rows_differing),
    ):
        rows.add_row(what, f"{count:,.0f}")
    console.print(rows)
    for sentence in report.broken:
        console.print(f"[bold red]broken[/]  {sentence}", highlight=False)
    if report.good:
        console.print("[bold green]Every guarantee held.[/]")
