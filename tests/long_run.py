"""What a run of minutes on the embedded AWS has shown: `make chaos`, `make seed-at-scale`."""

import json
from collections.abc import Mapping
from dataclasses import asdict, dataclass

from rich.console import Console
from rich.table import Table


@dataclass(frozen=True, slots=True, kw_only=True)
class Report:
    """A run: what was counted, by its name, and a sentence for each thing that did not hold."""

    title: str
    figures: Mapping[str, float]
    broken: tuple[str, ...]

    def to_json(self) -> str:
        return json.dumps({"good": not self.broken, **asdict(self)}, indent=2)

    def print(self, console: Console) -> None:
        rows = Table("", "", title=self.title, title_justify="left")
        rows.columns[1].justify = "right"
        for name, figure in self.figures.items():
            rows.add_row(name, f"{figure:,.3f}" if figure % 1 else f"{figure:,.0f}")
        console.print(rows)
        for sentence in self.broken:
            console.print(f"[bold red]broken[/]  {sentence}", highlight=False)
        if not self.broken:
            console.print("[bold green]Every guarantee held.[/]")
