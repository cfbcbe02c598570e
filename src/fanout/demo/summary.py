"""Tell a person what the demo found, and what to try next."""

import shlex
import shutil
import sys
from collections.abc import Iterator
from pathlib import Path

from rich.markup import escape
from rich.table import Table

from fanout.console import OUT, table
from fanout.demo.account import Fate
from fanout.demo.report import EXAMPLES_MAX, Report, lost_change
from fanout.local.deployment import LocalDeployment


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


# Private functions


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
