"""`fanout runs`: list, show and resume the runs of every operation.

`cli` says which operations there are, by the `command` of a journal's header: it puts
`MODULE:CLASS` of each into the context, and one is imported when a run of it is shown or resumed.
"""

import json
from collections.abc import Iterable, Iterator, Mapping
from contextlib import closing
from itertools import islice
from pathlib import Path
from pkgutil import resolve_name
from typing import Annotated, Any, Final

import typer
from rich.markup import escape

from customer_events.instants import from_wire
from fanout.console import OUT, Json, option, print_facts, print_json, table
from fanout.errors import ExitCode, WrongUse
from fanout.runs.journal import Record, read, write_lines
from fanout.runs.ledger import Ledger
from fanout.runs.operation import Operation, Words, print_report, resume
from fanout.runs.options import RunName, RunsDir, run_store
from fanout.runs.report import LISTED_MAX, html_page, item_document, make_report, report_of
from fanout.runs.store import StoredRun
from fanout.text import moment

OPERATIONS: Final = "fanout.operations"  # where in the context's `meta` the operations are
Of = Annotated[str, option("Only runs of this command or group, such as `dlq replay`.", "--of")]

runs_app = typer.Typer(no_args_is_help=True)


@runs_app.command("list")
def list_runs(
    context: typer.Context, *, of: Of = "", runs_dir: RunsDir = None, as_json: Json = False
) -> None:
    """List the runs of this deployment that were started on this machine."""
    store = run_store(context.obj, runs_dir)
    reports = [make_report(run.path) for run in store.runs() if run.is_of(of)]
    if as_json:
        print_json({"runs": reports})
        return
    title = escape(f"Runs in {store.folder}")
    rows = table(title, "run", "command", "status", "became", whole={0})
    for report in reports:
        became = ", ".join(f"{count:,} {fate}" for fate, count in report["fates"].items())
        subscriber = report["subject"].get("subscriber") or ""
        what = f"{report['command'].removeprefix('publisher ')} {subscriber}".rstrip()
        rows.add_row(report["run_id"], escape(what), report["status"], escape(became))
    OUT.print(rows)


@runs_app.command("show")
def show_run(
    context: typer.Context,
    run: RunName,
    *,
    of: Of = "",
    html: Annotated[Path | None, option("Write the report to this HTML file.")] = None,
    messages: Annotated[
        Path | None, option("Write each item's outcome to this file, as JSON Lines.")
    ] = None,
    originals: Annotated[
        Path | None, option("Write an edit's original messages to this file.")
    ] = None,
    runs_dir: RunsDir = None,
    as_json: Json = False,
) -> None:
    """Show the outcome of each selected item of a run; the counts add up to the selection.

    Exit codes: 0 all succeeded, 1 some did not, or not yet.
    """
    stored = run_store(context.obj, runs_dir).find(run, of=of)
    operation = operation_of(context, stored)
    words = operation.words if operation else Words(good=frozenset())
    with closing(Ledger.of(read(stored.path))) as ledger:
        report = report_of(ledger)
        if html is not None:
            items = (item for item in ledger.items() if item.end not in words.good)
            bad = list(map(item_document, islice(items, LISTED_MAX)))
            _write(html, [html_page(report, meanings=words.meanings, good=words.good, bad=bad)])
        if messages is not None:
            _write(messages, (json.dumps(item_document(item)) + "\n" for item in ledger.items()))
    if originals is not None:
        write_lines(originals, _originals(read(stored.path)))
    if as_json:
        print_json(report)
    else:
        print_report(report, words)
        events = ((moment(from_wire(event["at"])), event["text"]) for event in report["timeline"])
        print_facts("Timeline (UTC)", events)
    if ledger.status != "finished" or ledger.complaint or not report["fates"].keys() <= words.good:
        raise typer.Exit(int(ExitCode.FOUND))


@runs_app.command("resume")
def resume_run(
    context: typer.Context,
    run: RunName,
    *,
    of: Of = "",
    execute: Annotated[
        bool, option("Begin a run that was only planned so far.", "--execute")
    ] = False,
    runs_dir: RunsDir = None,
    as_json: Json = False,
) -> None:
    """Resume a run after a crash, an interruption or a stop; or begin one that was planned.

    A run that was begun with --execute resumes without it.

    Exit codes: as the run's own command.
    """
    store = run_store(context.obj, runs_dir)
    stored = store.find(run, of=of)
    operation = operation_of(context, stored)
    if operation is None:
        command = stored.header.fields["command"]
        raise WrongUse(f"{stored.run_id} is a run of `fanout {command}`, which can't be resumed.")
    resume(context.obj, operation, store, stored.run_id, execute=execute, as_json=as_json)


def operation_of(context: typer.Context, stored: StoredRun) -> type[Operation] | None:
    """The operation whose run this is; None where this version has none of that command."""
    operations: Mapping[str, str] = context.meta[OPERATIONS]
    location = operations.get(stored.header.fields["command"])
    operation: type[Operation] | None = resolve_name(location) if location else None
    return operation


# Private functions


def _originals(records: Iterable[Record]) -> Iterator[dict[str, Any]]:
    """Each original once, though a crash made its send be begun twice."""
    known: set[str] = set()
    for record in records:
        for message in record.fields.get("originals", ()):
            if message["message_id"] not in known:
                known.add(message["message_id"])
                yield message


def _write(path: Path, parts: Iterable[str]) -> None:
    """Raises: WrongUse where the file can't be written."""
    try:
        with path.open("w", encoding="utf-8", errors="backslashreplace") as file:
            file.writelines(parts)
    except OSError as error:
        raise WrongUse(f"{path} can't be written: {error.strerror}.") from None
