"""`fanout publisher failures runs`: the recoveries and discards that were made on this machine."""

import typer
from rich.markup import escape

from fanout.console import OUT, print_json, table
from fanout.dlq import options
from fanout.failures.carrying_out import DISCARD, RECOVER
from fanout.runs.report import Report, make_report
from fanout.runs.store import StoredRun

_VERBS = {RECOVER: "recover", DISCARD: "discard"}


def runs(
    context: typer.Context, *, runs_dir: options.RunsDir = None, as_json: options.Json = False
) -> None:
    """List the runs of this deployment's failure store that were made here. Exit code 0."""
    store = options.run_store(context.obj, runs_dir)
    reports = [make_report(store.records(one.run_id)) for one in store.runs() if _is_ours(one)]
    if as_json:
        print_json({"runs": [one.to_document() for one in reports]})
        return
    rows = table(escape(f"Runs in {store.folder}"), "run", "what", "status", "objects", "became")
    for one in reports:
        rows.add_row(*_row(one))
    OUT.print(rows)


# Private functions


def _is_ours(stored: StoredRun) -> bool:
    return stored.header is not None and stored.header.fields["command"] in _VERBS


def _row(report: Report) -> tuple[str, ...]:
    became = ", ".join(f"{count:,} {fate}" for fate, count in report.fates.items())
    return (
        report.header["run_id"],
        _VERBS[report.header["command"]],
        report.status,
        f"{report.selected:,}",
        escape(became),
    )
