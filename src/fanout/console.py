"""Everything a command shows: tables and colour for a person, one JSON document for a program.

Results go to standard output; progress, plans in `--json` mode and warnings go to standard error.
Rich leaves colour and control codes out when the stream is piped.
"""

import json
import os
from typing import Any, Final

from rich.console import Console, ConsoleOptions
from rich.progress import BarColumn, MofNCompleteColumn, Progress, TextColumn, TimeRemainingColumn
from rich.table import Table

PIPED_COLUMNS: Final = 200
"""How wide a table may become in a pipe, where the 80 columns that Rich takes would fold its cells
into pieces that no `grep` finds. `COLUMNS` says otherwise."""


class _Output(Console):
    """A console that is wide where nobody's terminal says how wide it is."""

    @property
    def options(self) -> ConsoleOptions:
        found = super().options
        said = self.is_terminal or os.environ.get("COLUMNS")
        return found if said else found.update(width=PIPED_COLUMNS)


OUT = _Output(highlight=False, soft_wrap=True)
ERR = _Output(stderr=True, highlight=False, soft_wrap=True)


def print_json(document: Any) -> None:
    """Write the command's one JSON document to standard output."""
    OUT.file.write(json.dumps(document, indent=2, sort_keys=False, default=str) + "\n")


def table(title: str, *columns: str) -> Table:
    """A table in the house style; add rows, then print it with `OUT.print`."""
    result = Table(title=title, title_justify="left", title_style="bold", header_style="bold")
    for column in columns:
        result.add_column(column, overflow="fold")
    return result


def progress() -> Progress:
    """A progress bar on standard error, gone when the work is done; silent when piped."""
    return Progress(
        TextColumn("{task.description}"),
        BarColumn(),
        MofNCompleteColumn(),
        TimeRemainingColumn(),
        console=ERR,
        transient=True,
        disable=not ERR.is_terminal,
    )
