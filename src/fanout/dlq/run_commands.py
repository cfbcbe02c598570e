"""`fanout dlq resume` and `runs`: go on with a run, list them."""

from typing import Annotated

import typer
from rich.markup import escape

from fanout.aws import AwsTarget
from fanout.console import OUT, print_json, table
from fanout.dlq import options
from fanout.dlq.resume import RESUMERS
from fanout.errors import WrongUse
from fanout.runs import s3_copy
from fanout.runs.report import make_report
from fanout.runs.store import StoredRun

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
    rows = table(
        escape(f"Runs in {store.folder}"), "run", "subscriber", "status", "selected", "became"
    )
    for one in reports:
        became = ", ".join(f"{count:,} {fate}" for fate, count in one.fates.items())
        subscriber = str(one.header["subject"].get("subscriber", "-"))
        rows.add_row(
            one.header["run_id"],
            escape(subscriber),
            one.status,
            f"{one.selected:,}",
            escape(became),
        )
    OUT.print(rows)


# Private functions


def _is_ours(stored: StoredRun) -> bool:
    return stored.header is not None and stored.header.fields["command"].startswith(GROUP)
