"""`fanout demo`: the whole system on this machine, with 1,000 changes played through it."""

import json
import os
import shlex
import shutil
import sys
import tempfile
import time
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from types import TracebackType
from typing import Annotated, Any, Self

import typer
from rich.markup import escape
from rich.progress import BarColumn, TaskID, TextColumn
from rich.table import Table

from fanout.aws import AwsTarget
from fanout.console import ERR, OUT, print_json, progress, table
from fanout.demo import changes as sample
from fanout.demo.audit import Fate
from fanout.demo.changes import Op, check
from fanout.demo.run import EXAMPLES_MAX, Plan, Report, lost_change, run
from fanout.demo.witnesses import Counts
from fanout.errors import Found, WrongUse
from fanout.local import runtime
from fanout.local.deployment import LocalDeployment

# Tell a person what the demo found, and what to try next


def print_summary(report: Report) -> None:
    """Print tables on standard output, and one sentence at the end."""
    OUT.print()
    OUT.print(_poison(report))
    OUT.print()
    OUT.print(_account(report))
    OUT.print()
    for line in _speed(report):
        OUT.print(line)
    for line in _examples(report):
        OUT.print(f"  [red]{escape(line)}[/]")
    OUT.print()
    OUT.print(verdict(report))


def verdict(report: Report) -> str:
    """One sentence in rich's markup: all is well, or what is not."""
    if report.problems:
        return f"[bold red]Not good:[/] {'; '.join(report.problems)}."
    return (
        "[bold green]Nothing was lost:[/] every change of status is in its row or was superseded "
        "by a later one that is, and both tables agree, key by key."
    )


def print_next_steps(deployment: LocalDeployment, state: Path) -> None:
    """Print commands that work as they stand, now that the deployment goes on."""
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
    OUT.print("\n[bold]It goes on running. What to try next:[/]")
    for what, commands in steps.items():
        OUT.print(f"\n{what}:\n")
        for command in commands:
            OUT.print(f"  {command}", markup=False)


def _account(report: Report) -> Table:
    """By outcome: what the ledger found, and beside it what the consumer says of itself."""
    account, played = report.account, report.played
    rows = table("What became of every change", "", "ledger", "consumer", "")
    rows.columns[1].justify = rows.columns[2].justify = "right"
    imported, changes = played.customers_imported, played.changes_played
    idle = imported + changes - len(account.entries)
    repeats = account.deliveries - account.events
    events = f"of version {' and '.join(map(str, report.versions))}"
    rows.add_row("customers imported", f"{imported:,}")
    rows.add_row("changes played", f"{changes:,}")
    rows.add_row(
        "changes of status", f"{len(account.entries):,}", "", f"the other {idle:,} writes made none"
    )
    rows.add_row(
        "events published",
        f"{account.events:,}",
        "",
        f"{events}, {repeats:,} of them twice" if repeats else events,
        end_section=True,
    )
    _add_outcomes(rows, report)
    rows.add_row("lost", _good(len(account.lost)), "", "each followed to its end")
    differences = len(report.comparison.differences)
    rows.add_row(
        "rows that differ", _good(differences), "", f"of {report.comparison.customers:,} compared"
    )
    return rows


def _add_outcomes(rows: Table, report: Report) -> None:
    count = report.account.count
    for outcome, found, meaning in (
        ("applied", f"{count(Fate.APPLIED):,}", "was in the row"),
        ("duplicate", "", "came again, and was recognised"),
        ("stale", f"{count(Fate.SUPERSEDED):,}", "a later one was there first"),
        ("parked", f"{count(Fate.PARKED):,}", f"the poison: {len(report.poison)} more"),
        ("retried", "", "came back later"),
    ):
        own = "not measured" if report.deliveries is None else f"{report.deliveries[outcome]:,}"
        rows.add_row(outcome, found, own, meaning, end_section=outcome == "retried")


def _speed(report: Report) -> Iterator[str]:
    """How the time is taken: on one clock, from just before the write to the row's applied_at."""
    found, played = report.latency, report.played
    if found is None:
        yield "[bold]From write to row[/]  not measured"
    else:
        yield (
            f"[bold]From write to row[/]  p50 {found.p50_milliseconds:,.0f} ms · "
            f"p95 {found.p95_milliseconds:,.0f} ms · p99 {found.p99_milliseconds:,.0f} ms · "
            f"worst {found.max_milliseconds:,.0f} ms"
        )
        yield (
            f"                   over {found.measured:,} applied changes, from just before the "
            "write to applied_at"
        )
    if report.changes_per_second is not None:
        asked = played.rate_per_second
        paced = f"written at {asked:g} a second" if asked else "written as fast as it goes"
        yield (
            f"[bold]Throughput[/]         {report.changes_per_second:,} changes a second "
            f"for {played.seconds:.1f} s, {paced}"
        )


def _poison(report: Report) -> Table:
    rows = table("Poison messages in the payments DLQ", "sent", "parked_reason", "what it says")
    for one in report.poison:
        reason = f"[yellow]{one.reason}[/]" if one.reason else "[bold red]not in the DLQ[/]"
        said = f"{one.field}: {one.expected}" if one.field else one.expected
        rows.add_row(escape(one.what), reason, escape(said))
    return rows


def _examples(report: Report) -> Iterator[str]:
    yield from map(lost_change, report.account.lost[:EXAMPLES_MAX])
    yield from map(str, report.comparison.differences[:EXAMPLES_MAX])
    yield from report.account.contradictions[:EXAMPLES_MAX]


def _good(count: int) -> str:
    return f"[bold {'red' if count else 'green'}]{count:,}[/]"


RATE_DEFAULT = 100.0
_VERSIONS = ("2", "1,2")


def demo(
    context: typer.Context,
    *,
    changes: Annotated[
        Path | None,
        typer.Option(help="Changes to play, JSON Lines or CSV; a sample of 1,000 if left out."),
    ] = None,
    customers: Annotated[
        Path | None,
        typer.Option(help="Customers to import first; the sample's 200 with the sample's changes."),
    ] = None,
    rate: Annotated[
        float, typer.Option(min=0, help="Changes to write a second; 0: as fast as it goes.")
    ] = RATE_DEFAULT,
    versions: Annotated[
        str,
        typer.Option(
            envvar="PUBLISH_VERSIONS", help="Major versions to publish: 2, or 1,2 side by side."
        ),
    ] = "2",
    report: Annotated[
        Path | None, typer.Option(help="File to write the findings to, as JSON.")
    ] = None,
    keep: Annotated[
        bool, typer.Option("--keep", help="Leave it running, and tell what to try next.")
    ] = False,
    state: Annotated[
        Path, typer.Option("--state", help="Folder for state and logs, with --keep.")
    ] = runtime.DEFAULT_STATE_DIR,
    as_json: Annotated[bool, typer.Option("--json", help="Print one JSON document.")] = False,
) -> None:
    """Play status changes through the whole system, here, and account for each of them.

    Exit code 0 where nothing is lost and both tables agree, 1 where not, 2 for a bad file.
    """
    _expect(context.obj, versions, report)
    plan = _plan(changes, customers, rate)
    show = Steps()
    with _deployment(context.obj, versions, state if keep else None, show) as deployment:
        with show:
            finding = run(deployment, plan, show)
        _tell(finding, report, as_json=as_json)
        if keep and not as_json:
            print_next_steps(deployment, state)
    if not finding.is_good:
        raise Found(f"{'; '.join(finding.problems)}.")


class Steps:
    """Progress on standard error: a line for each step, and within it bars or plain lines."""

    def __init__(self) -> None:
        self._bars = progress(
            TextColumn("  {task.description:<10}"),
            BarColumn(),
            TextColumn("{task.completed:>7,.0f} of {task.total:,.0f}"),
        )
        self._tasks: dict[str, TaskID] = {}
        self._began = time.monotonic()

    def __enter__(self) -> Self:
        """Begin to show bars."""
        self._bars.start()
        return self

    def __exit__(
        self,
        kind: type[BaseException] | None,
        error: BaseException | None,
        trace: TracebackType | None,
    ) -> None:
        """Leave no bar behind."""
        self._bars.stop()

    def step(self, what: str) -> None:
        """Say what begins, and when."""
        ERR.print(f"[dim]{time.monotonic() - self._began:5.1f} s[/]  {what} …")

    def counts(self, counts: Counts) -> None:
        """Move the bars."""
        for name, done, total in (
            ("written", counts.written, counts.to_write),
            ("published", counts.events, counts.events_expected),
            ("applied", counts.applied, counts.transitions),
        ):
            if name not in self._tasks:
                self._tasks[name] = self._bars.add_task(name, total=total)
            self._bars.update(self._tasks[name], completed=done, total=total)


def _expect(target: AwsTarget, versions: str, report: Path | None) -> None:
    """Refuse what can't work before anything is started."""
    if target.endpoint_url is not None or target.profile is not None:
        raise WrongUse(
            "The demo brings its own AWS on this machine: leave --endpoint-url and --profile out."
        )
    if versions not in _VERSIONS:
        raise WrongUse(f"--versions {versions!r}: expected {' or '.join(_VERSIONS)}.")
    if report is not None and (report.is_dir() or not os.access(report.parent, os.W_OK)):
        raise WrongUse(f"--report {report} can't be written: name a file in a folder that can.")


def _plan(changes: Path | None, customers: Path | None, rate: float) -> Plan:
    """Check every line of both files."""
    imported = customers or (sample.CUSTOMERS if changes is None else None)
    return Plan(
        customers=check(imported, only=Op.PUT) if imported else None,
        changes=check(changes or sample.CHANGES),
        rate=rate or None,
    )


@contextmanager
def _deployment(
    target: AwsTarget, versions: str, kept_in: Path | None, show: Steps
) -> Iterator[LocalDeployment]:
    """A deployment of the demo's own: gone at the end, or kept unless the demo breaks off."""
    settings: dict[str, Any] = {
        "parameters": {"PublishVersions": versions},
        "prefix": target.prefix,
        "region": target.region or runtime.DEFAULT_REGION,
        "progress": show.step,
    }
    show.step("starting the embedded AWS")
    if kept_in is None:
        with (
            tempfile.TemporaryDirectory(prefix="fanout-demo-") as folder,
            runtime.running(Path(folder) / "state", **settings) as deployment,
        ):
            yield deployment
        return
    deployment = runtime.start(kept_in, **settings)
    try:
        yield deployment
    except BaseException:
        runtime.stop(kept_in)
        raise


def _tell(finding: Report, report: Path | None, *, as_json: bool) -> None:
    document = finding.to_document()
    if report is not None:
        try:
            report.write_text(json.dumps(document, indent=2) + "\n", encoding="utf-8")
        except OSError as error:
            raise WrongUse(f"--report {report} can't be written: {error.strerror}.") from None
    if as_json:
        print_json(document)
    else:
        print_summary(finding)
