"""`fanout dlq resume`, `runs` and `report`: go on with a run, list them, tell of one."""

import json
from collections.abc import Iterable, Iterator
from contextlib import contextmanager
from itertools import islice
from pathlib import Path
from typing import Annotated, Any

import typer
from rich.markup import escape

from fanout.aws import AwsTarget
from fanout.console import OUT, print_json, table
from fanout.dlq import options
from fanout.dlq.carrying_out import print_report
from fanout.dlq.export_file import write_lines
from fanout.dlq.resume import RESUMERS
from fanout.dlq.score import MEANINGS, WELL_ENDS
from fanout.dlq.spans import moment
from fanout.errors import WrongUse
from fanout.runs import s3_copy
from fanout.runs.ledger import Ledger, State
from fanout.runs.page import LISTED_MAX, html_page
from fanout.runs.records import Record
from fanout.runs.report import Report, item_document, make_report
from fanout.runs.store import RunStore, StoredRun

GROUP = "dlq "
"""What the commands of the runs listed here begin with."""


def resume(
    context: typer.Context,
    run: options.RunName,
    *,
    execute: Annotated[
        bool, typer.Option("--execute", help="Begin a run that was only planned so far.")
    ] = False,
    runs_dir: options.RunsDir = None,
    journal: Annotated[
        str | None,
        typer.Option(
            "--journal", metavar="S3-URI", help="Bring the journal from its copy, if not here."
        ),
    ] = None,
    as_json: options.Json = False,
) -> None:
    """Go on with a run after a crash, an interruption or a stop; or begin one that was planned.

    What was begun with --execute goes on without it. Exit codes as of the run's own command.
    """
    target: AwsTarget = context.obj
    store = options.run_store(target, runs_dir)
    if journal is not None and not any(one.run_id == run for one in store.runs()):
        s3_copy.fetch(target, journal, run, store.folder)
    found = store.find(run)
    assert found.header is not None, "find leaves out what has no header"
    command = found.header.fields["command"]
    if command not in RESUMERS:
        raise WrongUse(f"{found.run_id} is a run of `fanout {command}`: resume it there.")
    RESUMERS[command](target, store, found.run_id, execute=execute, as_json=as_json)


def runs(
    context: typer.Context, *, runs_dir: options.RunsDir = None, as_json: options.Json = False
) -> None:
    """List the runs of this deployment that were made on this machine. Exit code 0."""
    store = options.run_store(context.obj, runs_dir)
    reports = [make_report(store.records(one.run_id)) for one in store.runs() if _is_ours(one)]
    if as_json:
        print_json({"runs": [one.to_document() for one in reports]})
        return
    rows = table(f"Runs in {store.folder}", "run", "subscriber", "status", "selected", "became")
    for one in reports:
        became = ", ".join(f"{count:,} {fate}" for fate, count in one.fates.items())
        subscriber = str(one.header["subject"].get("subscriber", "-"))
        rows.add_row(
            one.header["run_id"], escape(subscriber), one.status, f"{one.selected:,}", became
        )
    OUT.print(rows)


def report(
    context: typer.Context,
    run: options.RunName,
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

    Exit code 0 where all ended well, 1 where not (yet).
    """
    store = options.run_store(context.obj, runs_dir)
    found = make_report(store.records(run))
    if html is not None:
        left = list(islice(_left(store, run), LISTED_MAX))
        _write(html, [html_page(found, meanings=MEANINGS, well=WELL_ENDS, left=left)])
    if messages is not None:
        with _ledger(store, run) as ledger:
            _write(messages, (json.dumps(item_document(one)) + "\n" for one in ledger.items()))
    if originals is not None:
        write_lines(originals, _originals(store.records(run)))
    if as_json:
        print_json(found.to_document())
    else:
        _print(found)
    if any(fate not in WELL_ENDS for fate in found.fates):
        raise typer.Exit(1)


# Private functions


def _is_ours(stored: StoredRun) -> bool:
    return stored.header is not None and stored.header.fields["command"].startswith(GROUP)


@contextmanager
def _ledger(store: RunStore, run: str) -> Iterator[Ledger]:
    ledger = Ledger.of(store.records(run))
    try:
        yield ledger
    finally:
        ledger.close()


def _left(store: RunStore, run: str) -> Iterator[dict[str, Any]]:
    with _ledger(store, run) as ledger:
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
