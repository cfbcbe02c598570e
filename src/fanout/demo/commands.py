"""`fanout demo`: the whole system on this machine, with 1,000 changes played through it."""

import json
import os
import shlex
import shutil
import sys
import tempfile
import time
from collections.abc import Callable, Iterator, Mapping
from contextlib import contextmanager
from pathlib import Path
from typing import Annotated, Any

import typer
from rich.markup import escape
from rich.progress import BarColumn, TaskID, TextColumn
from rich.table import Table

from fanout.aws import AwsTarget
from fanout.console import ERR, OUT, Json, option, print_json, progress, table
from fanout.demo.changes import CHANGES, CUSTOMERS, Op, check
from fanout.demo.run import run
from fanout.demo.witnesses import Counts
from fanout.errors import Found, WrongUse
from fanout.local import runtime
from fanout.local.deployment import LocalDeployment

RATE_DEFAULT = 100.0
_VERSIONS = ("2", "1,2")


def demo(
    context: typer.Context,
    *,
    changes: Annotated[
        Path | None, option("Changes to play, JSON Lines or CSV; a sample of 1,000 if left out.")
    ] = None,
    customers: Annotated[
        Path | None,
        option("Customers to import first; the sample's 200 with the sample's changes."),
    ] = None,
    rate: Annotated[float, option("Changes to write a second; 0: no limit.", min=0)] = RATE_DEFAULT,
    versions: Annotated[
        str, option("Major versions to publish: 2, or 1,2 side by side.", envvar="PUBLISH_VERSIONS")
    ] = "2",
    report: Annotated[Path | None, option("File to write the findings to, as JSON.")] = None,
    keep: Annotated[bool, option("Leave it running, and show what to try next.", "--keep")] = False,
    state: Annotated[
        Path, option("Folder for state and logs, with --keep.", "--state")
    ] = runtime.DEFAULT_STATE_DIR,
    as_json: Json = False,
) -> None:
    """Run it all on this machine with sample changes, and account for each of them.

    Exit codes: 0 nothing was lost and both tables agree, 1 otherwise.
    """
    target: AwsTarget = context.obj
    _expect(target, versions, report)
    imported = customers or (CUSTOMERS if changes is None else None)
    to_import = check(imported, only=Op.PUT) if imported else None
    to_play = check(changes or CHANGES)
    began = time.monotonic()

    def step(what: str) -> None:
        ERR.print(f"[dim]{time.monotonic() - began:5.1f} s[/]  {what} …")

    step("starting the embedded AWS")
    with (
        tempfile.TemporaryDirectory(prefix="fanout-demo-") as folder,
        runtime.running(  # gone at the end, or kept unless the demo breaks off
            state if keep else Path(folder) / "state",
            keep=keep,
            parameters={"PublishVersions": versions},
            prefix=target.prefix,
            region=target.region or runtime.DEFAULT_REGION,
            progress=step,
        ) as deployment,
    ):
        with bars() as show:
            finding = run(
                deployment, to_play, customers=to_import, rate=rate or None, step=step, show=show
            )
        if report is not None:
            report.write_text(json.dumps(finding, indent=2) + "\n", encoding="utf-8")
        if as_json:
            print_json(finding)
        else:
            print_summary(finding)
            if keep:
                print_next_steps(deployment, state)
    if not finding["good"]:
        raise Found(f"{'; '.join(finding['problems'])}.")


@contextmanager
def bars() -> Iterator[Callable[[Counts], None]]:
    """A bar on standard error for each count, or plain lines."""
    tasks: dict[str, TaskID] = {}
    with progress(
        TextColumn("  {task.description:<10}"),
        BarColumn(),
        TextColumn("{task.completed:>7,.0f} of {task.total:,.0f}"),
    ) as shown:

        def show(counts: Counts) -> None:
            for name, (done, total) in counts.items():
                if name not in tasks:
                    tasks[name] = shown.add_task(name, total=total)
                shown.update(tasks[name], completed=done, total=total)

        yield show


def print_summary(finding: Mapping[str, Any]) -> None:
    """Print what `run` reports as tables on standard output, and one sentence at the end."""
    for shown in (_poison(finding), _changes(finding), _speed(finding)):
        OUT.print()
        OUT.print(shown)
    differing = (
        f"{row['customer_id']}: expected {row['expected']}, found {row['found'] or 'no row'}"
        for row in finding["differences"]
    )
    for example in (*finding["lost_changes"], *differing, *finding["contradictions"]):
        OUT.print(f"  {example}", style="red", markup=False)
    OUT.print()
    if finding["problems"]:
        OUT.print(f"[bold red]Not good:[/] {'; '.join(finding['problems'])}.")
    else:
        OUT.print(
            "[bold green]Nothing was lost:[/] each change of status is in its row, or a later one "
            "is,\nand both tables agree, key by key."
        )


def print_next_steps(deployment: LocalDeployment, state: Path) -> None:
    """Print commands that work as they stand, now that the deployment runs on."""
    where = shlex.quote(str(state))
    fanout = "fanout" if shutil.which("fanout") else shlex.quote(sys.argv[0])
    attributes = "--message-attribute-names All --max-number-of-messages 10"
    steps = {
        "Point any AWS client at it": [deployment.export_line()],
        "Change a customer, and look at the Payments row": deployment.example(),
        "Read the dead messages with their reasons": [
            f"aws sqs receive-message --queue-url {deployment.dlq_url} {attributes}"
        ],
        "See how full the queues are, and end it": [
            f"{fanout} local status --state {where}",
            f"{fanout} local down --state {where}",
        ],
    }
    OUT.print("\n[bold]It is still running. What to try next:[/]")
    for what, commands in steps.items():
        OUT.print(f"\n{what}:\n")
        for command in commands:
            OUT.print(f"  {command}", markup=False)


# Private functions


def _changes(finding: Mapping[str, Any]) -> Table:
    """By outcome: what the ledger says, and beside it what the consumer says of itself."""
    imported, played = finding["customers_imported"], finding["changes_played"]
    changes, repeats = finding["status_changes"], finding["events_published_again"]
    events = f"of version {' and '.join(map(str, finding['versions']))}"
    events += f", {repeats:,} of them twice" if repeats else ""
    others = f"the other {imported + played - changes:,} writes made none"
    rows = table("What became of every change", "", "ledger", "consumer", "", right={1, 2})
    for name, count, meaning in (
        ("customers imported", imported, ""),
        ("changes played", played, ""),
        ("changes of status", changes, others),
        ("events published", finding["events_published"], events),
    ):
        rows.add_row(name, f"{count:,}", "", meaning)
    rows.add_section()
    own = finding["consumer_deliveries"]
    for outcome, counted_as, meaning in (
        ("applied", "applied", "was in the row"),
        ("duplicate", None, "came again, and was recognised"),
        ("stale", "superseded", "a later one was there first"),
        ("parked", "parked", f"the poison: {len(finding['poison'])} more"),
        ("retried", None, "came back later"),
    ):
        ledger = f"{finding[counted_as]:,}" if counted_as else ""
        rows.add_row(outcome, ledger, f"{own[outcome]:,}" if own else "not measured", meaning)
    rows.add_section()
    rows.add_row("lost", _good(finding["lost"]), "", "each followed to its end")
    compared = f"of {finding['rows_compared']:,} compared"
    rows.add_row("rows that differ", _good(finding["rows_differing"]), "", compared)
    return rows


def _speed(finding: Mapping[str, Any]) -> str:
    """How the time is taken: on one clock, from just before the write to the row's applied_at."""
    latency, speed = finding["latency"], finding["changes_per_second"]
    lines = ["[bold]From write to row[/]  not measured"]
    if latency is not None:
        shown = "p50 {p50} ms · p95 {p95} ms · p99 {p99} ms · worst {max} ms".format(
            **{key.partition("_")[0]: f"{value:,.0f}" for key, value in latency.items()}
        )
        lines = [
            f"[bold]From write to row[/]  {shown}",
            f"                   over {latency['measured']:,} applied changes",
        ]
    if speed is not None:
        asked = finding["rate_per_second"]
        paced = f"written at {asked:g} a second" if asked else "written as fast as it goes"
        lines.append(
            f"[bold]Throughput[/]         {speed:,} changes a second "
            f"for {finding['seconds']:.1f} s, {paced}"
        )
    return "\n".join(lines)


def _poison(finding: Mapping[str, Any]) -> Table:
    rows = table("Poison messages in the payments DLQ", "sent", "parked_reason", "what it says")
    for sent in finding["poison"]:
        reason = f"[yellow]{sent['reason']}[/]" if sent["reason"] else "[bold red]not in the DLQ[/]"
        note = ": ".join(filter(None, (sent["field"], sent["expected"])))
        rows.add_row(escape(sent["what"]), reason, escape(note))
    return rows


def _good(count: int) -> str:
    return f"[bold {'red' if count else 'green'}]{count:,}[/]"


def _expect(target: AwsTarget, versions: str, report: Path | None) -> None:
    if target.endpoint_url is not None or target.profile is not None:
        raise WrongUse(
            "The demo brings its own AWS on this machine: leave --endpoint-url and --profile out."
        )
    if versions not in _VERSIONS:
        raise WrongUse(f"--versions {versions!r}: expected {' or '.join(_VERSIONS)}.")
    if report is not None and (report.is_dir() or not os.access(report.parent, os.W_OK)):
        raise WrongUse(f"--report {report} can't be written: name a file in a folder that can.")
