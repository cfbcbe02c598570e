"""Everything a command shows: tables and colour for a person, one JSON document for a program.

Results go to standard output; progress, plans in `--json` mode and warnings go to standard error.
Rich leaves colour and control codes out when the stream is piped. What could move a terminal's
cursor, hide text or turn its direction comes from data, never from us: it is shown escaped.
"""

import json
import os
import threading
import time
from collections.abc import Callable, Container, Iterable, Iterator
from contextlib import contextmanager, suppress
from datetime import datetime
from typing import Annotated, Any, Final

import typer
from rich.console import Console, ConsoleDimensions, ConsoleOptions, JustifyMethod, RenderableType
from rich.markup import escape
from rich.progress import (
    BarColumn,
    MofNCompleteColumn,
    Progress,
    ProgressColumn,
    Task,
    TextColumn,
    TimeRemainingColumn,
)
from rich.segment import Segment
from rich.table import Table
from rich.text import Text

from customer_events.instants import to_wire

PIPED_COLUMNS: Final = 200
"""How wide a table or a paragraph may become in a pipe, where the 80 columns that Rich takes would
fold it into pieces that no `grep` finds. `COLUMNS` says otherwise."""

LINES_SECONDS: Final = 10.0
"""How often long work reports its progress where standard error is not a terminal."""


class _Output(Console):
    """A console that is wide where nobody's terminal says how wide it is, and shows data as text.

    Strings are escaped before their width is measured; whatever else Rich renders, before it is
    written.
    """

    @property  # type: ignore[misc] # nobody sets it
    def size(self) -> ConsoleDimensions:
        size = super().size
        said = self.is_terminal or os.environ.get("COLUMNS")
        return size if said else size._replace(width=PIPED_COLUMNS)

    def render_str(self, text: str, **how: Any) -> Text:
        return super().render_str(printable(text), **how)

    def render(
        self, renderable: RenderableType, options: ConsoleOptions | None = None
    ) -> Iterable[Segment]:
        for segment in super().render(renderable, options):
            yield segment if segment.control else Segment(printable(segment.text), segment.style)


def printable(text: str) -> str:
    r"""The text with what does not print shown as `\x1b` or `\u202e`; lines stay lines."""
    return "".join(
        character
        if character.isprintable() or character in "\n\t"
        else character.encode("unicode_escape").decode()
        for character in text
    )


OUT = _Output(highlight=False, soft_wrap=True, emoji=False)
ERR = _Output(stderr=True, highlight=False, soft_wrap=True, emoji=False)


def option(text: str, *names: str, **how: Any) -> Any:
    """An option of a command: its help text, and else what `typer.Option` takes."""
    return typer.Option(*names, help=text, **how)


Json = Annotated[bool, option("Print one JSON document.", "--json")]


def print_json(document: Any) -> None:
    """Write the command's one JSON document to standard output, in ASCII that prints."""
    text = json.dumps(document, indent=2, sort_keys=False, default=_as_text)
    OUT.file.write(text.replace("\x7f", "\\u007f") + "\n")


def table(
    title: str, *columns: str, right: Container[int] = (), whole: Container[int] = ()
) -> Table:
    """A table in the house style; add rows, then print it with `OUT.print`.

    `right` are the indexes of columns of numbers, `whole` those whose cells stay on one line.
    """
    result = Table(title=title, title_justify="left", title_style="bold", header_style="bold")
    result.caption_justify = "left"
    for index, column in enumerate(columns):
        side: JustifyMethod = "right" if index in right else "left"
        result.add_column(column, overflow="fold", justify=side, no_wrap=index in whole)
    return result


def print_facts(title: str, facts: Iterable[tuple[str, object]]) -> None:
    """Print a name and a value in each row; a value that is None or "" is left out."""
    rows = table(escape(title), "", "")
    rows.show_header = False
    for name, value in facts:
        if value not in (None, ""):
            rows.add_row(escape(name), escape(str(value)))
    OUT.print(rows)


class _Lines(Progress):
    """A line every few seconds instead of bars that move: for a pipe, a log or a scheduled job."""

    def start(self) -> None:
        self._ended = threading.Event()
        self._reporter = threading.Thread(target=self._report, daemon=True, name="progress")
        self._reporter.start()

    def stop(self) -> None:
        self._ended.set()
        self._reporter.join()

    def _report(self) -> None:
        began = time.monotonic()
        with suppress(OSError):  # nobody reads the output: the work continues
            while not self._ended.wait(LINES_SECONDS):
                self._print_line()
            if time.monotonic() - began > LINES_SECONDS:
                self._print_line()

    def _print_line(self) -> None:
        if self.tasks:
            ERR.print("; ".join(_line(task) for task in self.tasks), style="dim", markup=False)


def progress(*columns: ProgressColumn) -> Progress:
    """Progress on standard error: bars on a terminal, else a plain line every `LINES_SECONDS`.

    The usual columns are the description, a bar, the count and the time left.
    """
    if not ERR.is_terminal:
        return _Lines(console=ERR, disable=True)
    usual = (TextColumn("{task.description}"), BarColumn(), MofNCompleteColumn())
    shown = columns or (*usual, TimeRemainingColumn())
    return Progress(*shown, console=ERR, transient=True)


@contextmanager
def working(what: str, total: float | None = None) -> Iterator[Callable[[float], None]]:
    """Show that one thing is being worked on; call what this yields with what was done since."""
    with progress() as bars:
        task = bars.add_task(what, total=total)
        yield lambda done: bars.advance(task, done)


# Private functions


def _as_text(value: object) -> str:
    return to_wire(value) if isinstance(value, datetime) else str(value)


def _line(task: Task) -> str:
    of = "" if task.total is None else f" of {task.total:,.0f}"
    count = f": {task.completed:,.0f}{of}" if task.completed or of else ""
    return f"{task.description}{count} ({task.elapsed or 0:,.0f} s)"


def warn(*sentences: str) -> None:
    """Print warnings on standard error."""
    for sentence in sentences:
        ERR.print(f"[yellow]{escape(sentence)}[/]")
