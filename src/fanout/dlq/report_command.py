"""`fanout dlq report`: what became of each message of a run, or of several told as one."""

import json
from collections.abc import Iterable, Iterator, Sequence
from contextlib import AbstractContextManager
from itertools import chain, islice
from pathlib import Path
from typing import Annotated, Any

import typer
from rich.markup import escape

from fanout.console import OUT, print_json, table
from fanout.dlq import options
from fanout.dlq.carrying_out import print_report
from fanout.dlq.export_file import write_lines
from fanout.dlq.score import CAME_BACK, GONE, MEANINGS, WELL_ENDS
from fanout.dlq.spans import moment
from fanout.errors import WrongUse
from fanout.runs.ledger import Ledger, State
from fanout.runs.page import LISTED_MAX, html_page
from fanout.runs.records import Record
from fanout.runs.report import Report, account, item_document
from fanout.runs.several import Endings, account_of_several
from fanout.runs.store import RunStore, StoredRun

_ENDINGS = Endings(well=WELL_ENDS, back=WELL_ENDS | {CAME_BACK, GONE}, gone=GONE)


def report(
    context: typer.Context,
    runs: Annotated[
        list[str],
        typer.Argument(
            metavar="RUN...", help="A run id, a part of it, or `last`; several are told as one."
        ),
    ],
    *,
    html: Annotated[
        Path | None, typer.Option("--html", help="Write it as a page that needs nothing else.")
    ] = None,
    messages: Annotated[
        Path | None,
        typer.Option("--messages", help="Write each selected message's fate, as JSON Lines."),
    ] = None,
    originals: Annotated[
        Path | None,
        typer.Option("--originals", help="Write an edit's original messages, as an export does."),
    ] = None,
    runs_dir: options.RunsDir = None,
    as_json: options.Json = False,
) -> None:
    """Tell what became of each selected message of a run, in numbers that add up, and when.

    Several runs of one subscriber are told as one: each message once, with its last fate.
    Exit code 0 where all ended well, 1 where not (yet).
    """
    store = options.run_store(context.obj, runs_dir)
    stored = _named(store, runs)
    with _account(store, stored) as (found, ledger):
        if html is not None:
            left = list(islice(_left(ledger), LISTED_MAX))
            _write(html, [html_page(found, meanings=MEANINGS, well=WELL_ENDS, left=left)])
        if messages is not None:
            _write(messages, (json.dumps(item_document(one)) + "\n" for one in ledger.items()))
    if originals is not None:
        lines = chain.from_iterable(store.records(one.run_id) for one in stored)
        write_lines(originals, _originals(lines))
    if as_json:
        print_json(found.to_document())
    else:
        _print(found)
    if any(fate not in WELL_ENDS for fate in found.fates):
        raise typer.Exit(1)


# Private functions


def _named(store: RunStore, names: Sequence[str]) -> list[StoredRun]:
    """The runs, each once, oldest first."""
    found = {one.run_id: one for one in map(store.find, names)}
    return [found[run_id] for run_id in sorted(found)]


def _account(
    store: RunStore, stored: Sequence[StoredRun]
) -> AbstractContextManager[tuple[Report, Ledger]]:
    if len(stored) == 1:
        return account(store.records(stored[0].run_id))
    return account_of_several(stored, _ENDINGS)


def _left(ledger: Ledger) -> Iterator[dict[str, Any]]:
    for item in ledger.items():
        if item.state is not State.ENDED or item.end not in WELL_ENDS:
            yield item_document(item)


def _originals(records: Iterable[Record]) -> Iterator[dict[str, Any]]:
    """Each original once, though a crash made its send be begun twice."""
    known: set[str] = set()
    for record in records:
        for one in record.fields.get("originals", ()):
            if one["message_id"] not in known:
                known.add(one["message_id"])
                yield one


def _print(found: Report) -> None:
    print_report(found)
    rows = table("Timeline (UTC)", "", "")
    rows.show_header = False
    for one in found.timeline:
        rows.add_row(moment(one.at), escape(one.text))
    OUT.print(rows)


def _write(path: Path, parts: Iterable[str]) -> None:
    """Raises: WrongUse where the file can't be written."""
    try:
        with path.open("w", encoding="utf-8") as file:
            file.writelines(parts)
    except OSError as error:
        raise WrongUse(f"{path} can't be written: {error.strerror}.") from None
