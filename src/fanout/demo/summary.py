"""Tell a person what the demo found, and what to try next."""

import shlex
from collections.abc import Iterator
from pathlib import Path

from rich.markup import escape
from rich.table import Table

from fanout.console import OUT, table
from fanout.demo.ledger import Fate
from fanout.demo.report import EXAMPLES_MAX, Report, lost_change
from fanout.local.deployment import LocalDeployment

_LATENCY = "just before the write until the row's applied_at, on this machine's clock"


def print_summary(report: Report) -> None:
    """Print tables on standard output, and one sentence at the end."""
    OUT.print()
    OUT.print(_poison(report))
    OUT.print()
    OUT.print(_account(report))
    OUT.print()
    OUT.print(_speed(report))
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
    attributes = "--message-attribute-names All --max-number-of-messages 10"
    steps = {
        "Point any AWS client at it": [deployment.export_line()],
        "Change a customer, and look at the Payments row": deployment.example(),
        "Read the dead messages with their reasons": [
            f"aws sqs receive-message --queue-url {deployment.dlq_url} {attributes}"
        ],
        "See how full the queues are, and end it": [
            f"fanout local status --state {where}",
            f"fanout local down --state {where}",
        ],
    }
    OUT.print("\n[bold]It goes on running. What to try next:[/]")
    for what, commands in steps.items():
        OUT.print(f"\n{what}:\n")
        for command in commands:
            OUT.print(f"  {command}", markup=False)


# Private functions


def _account(report: Report) -> Table:
    account, played = report.account, report.played
    rows = table("What became of every change", "", "count", "")
    rows.columns[1].justify = "right"
    writes = played.customers_imported + played.changes_played
    idle = writes - len(account.entries)
    repeats = account.deliveries - account.events
    rows.add_row("customers imported", _count(played.customers_imported), "")
    rows.add_row("changes played", _count(played.changes_played), "")
    rows.add_row("changes of status", _count(len(account.entries)), _idle(idle))
    majors = " and ".join(map(str, report.versions))
    rows.add_row(
        "events published",
        _count(account.events),
        f"version {majors}" + (f"; {repeats:,} delivered again" if repeats else ""),
        end_section=True,
    )
    rows.add_row("applied", _count(account.count(Fate.APPLIED)), "seen in the row")
    rows.add_row("duplicate", _own(report, "duplicate"), "delivered again, and recognised")
    rows.add_row("stale", _count(account.count(Fate.SUPERSEDED)), "a later change was there first")
    rows.add_row("parked", _count(account.count(Fate.PARKED)), _parked(report))
    lost = len(account.lost)
    rows.add_row("lost", _good(lost), "each write followed to its event and its end")
    rows.add_row(
        "rows that differ",
        _good(len(report.comparison.differences)),
        f"of {report.comparison.customers:,} compared",
    )
    return rows


def _speed(report: Report) -> Table:
    rows = table("How fast", "", "p50", "p95", "p99", "worst", "measured")
    found = report.latency
    if found is None:
        rows.add_row("write to row", "not measured", "", "", "", "")
    else:
        rows.add_row(
            "write to row",
            *(
                f"{value:,.0f} ms"
                for value in (
                    found.p50_milliseconds,
                    found.p95_milliseconds,
                    found.p99_milliseconds,
                    found.max_milliseconds,
                )
            ),
            f"{found.measured:,} changes: {_LATENCY}",
        )
    if report.changes_per_second is not None:
        asked = report.played.rate_per_second
        paced = f"written at {asked:g} a second" if asked else "written as fast as it goes"
        rows.caption = (
            f"{report.changes_per_second:,} changes a second for {report.played.seconds:.1f} s, "
            f"{paced}"
        )
        rows.caption_justify = "left"
    return rows


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


def _idle(idle: int) -> str:
    return f"the other {idle:,} left the status as it was: no event" if idle else ""


def _parked(report: Report) -> str:
    return f"besides the {len(report.poison)} poison messages"


def _own(report: Report, outcome: str) -> str:
    """A count that only the consumer itself can tell."""
    if report.deliveries is None:
        return "not measured"
    return _count(report.deliveries[outcome])


def _good(count: int) -> str:
    return f"[bold {'red' if count else 'green'}]{count:,}[/]"


def _count(count: int) -> str:
    return f"{count:,}"
