"""Show the plan of a frozen run, carry it out, and tell what it came to."""

from collections.abc import Iterator
from typing import Any

import typer
from rich.markup import escape

from customer_events.instants import to_wire
from fanout.console import ERR, OUT, print_json, progress, table, working
from fanout.dlq.pace import Pace
from fanout.errors import ExitCode
from fanout.failures.deployment import Deployment
from fanout.failures.documents import StreamRange
from fanout.failures.endings import DISCARDED, GONE, MEANINGS, OPEN, RECOVERED, WELL_ENDS
from fanout.failures.moving import Moving
from fanout.failures.publisher_function import PublisherFunction, lambda_client
from fanout.failures.recovery import Progress, Recovery
from fanout.failures.session import Result, conclude, stretch
from fanout.runs.ledger import Item
from fanout.runs.operator import Operator
from fanout.runs.report import Report, make_report
from fanout.runs.run import Run
from fanout.runs.store import RunStore

RECOVER = "publisher failures recover"
DISCARD = "publisher failures discard"
_PAGE = 100


def plan_document(run: Run) -> dict[str, Any]:
    """What a run is going to do, as one JSON object; records are counted by what is expected."""
    groups: dict[tuple[str, str], dict[str, int]] = {}
    totals = dict.fromkeys(("records", "publish", "ignore", "refuse"), 0)
    for item in run.ledger.items(*OPEN):
        name = (str(item.facts["reason"]), str(item.facts["refused_for"]))
        group = groups.setdefault(name, dict.fromkeys(("objects", *totals), 0))
        group["objects"] += 1
        for count in totals:
            group[count] += int(item.facts[count])
            totals[count] += int(item.facts[count])
    return {
        "run_id": run.run_id,
        "command": run.header["command"],
        "subject": dict(run.header["subject"]),
        "options": dict(run.options),
        "cut_off": run.cut_off and to_wire(run.cut_off),
        "selected": run.ledger.count(),
        "to_do": run.ledger.count(*OPEN),
        **totals,
        "groups": [
            {"reason": reason, "would_be_refused_for": refused, **counts}
            for (reason, refused), counts in sorted(groups.items())
        ],
        "left_out": list(run.left_out),
    }


def show_plan(plan: dict[str, Any], *, execute: bool) -> None:
    """Print the plan for a person."""
    title = f"Plan of {plan['run_id']}: {plan['to_do']:,} objects, {plan['records']:,} records"
    rows = table(title, "objects", "records", "cause", "now")
    for one in plan["groups"]:
        refused = f"{one['refuse']:,} would be refused again: {one['would_be_refused_for']}"
        rows.add_row(
            f"{one['objects']:,}",
            f"{one['records']:,}",
            escape(one["reason"]),
            escape(f"{one['publish']:,} publish, {one['ignore']:,} no change")
            + (f"\n[red]{escape(refused)}[/]" if one["refuse"] else ""),
        )
    OUT.print(rows)
    if plan["refuse"] and plan["command"] == RECOVER:
        ERR.print(
            f"[yellow]{plan['refuse']:,} records would be refused again, unless the deployed "
            "publisher knows better. A stream record can't be edited: write the item anew in "
            "Accounts, then `discard` what that supersedes.[/]"
        )
    if rate := plan["options"].get("rate"):
        ERR.print(f"At {rate:g} records a second at most.")
    for remark in plan["left_out"]:
        ERR.print(f"[yellow]{escape(remark)}[/]")
    if not execute:
        ERR.print(
            "Nothing was changed. To do it, with this very selection: "
            f"[bold]fanout publisher failures resume {plan['run_id']} --execute[/]"
        )


def carry_out(deployment: Deployment, run: Run, operator: Operator) -> Result:
    """Work on a run, with a bar and sentences on standard error.

    Raises:
        CommandError: somebody else is at it, or the function can't report outcomes.
    """
    work = _discard if run.header["command"] == DISCARD else _recover
    return work(deployment, run, operator)


def tell_result(result: Result, run_id: str, store: RunStore, *, as_json: bool) -> None:
    """Print what the run has come to, and exit with the result's code.

    Raises:
        typer.Exit: unless everything ended well.
    """
    report = make_report(store.records(run_id))
    if as_json:
        print_json(report.to_document() | {"exit_code": int(result.exit_code)})
    else:
        print_report(report)
        colour = "green" if result.exit_code is ExitCode.DONE else "bold yellow"
        OUT.print(f"[{colour}]{escape(result.sentence)}[/]")
    if result.exit_code is not ExitCode.DONE:
        if report.status != "finished":
            ERR.print(f"To go on: [bold]fanout publisher failures resume {run_id}[/]")
        raise typer.Exit(int(result.exit_code))


def print_report(report: Report) -> None:
    """Print what became of every selected object: the counts add up to the selection."""
    rows = table(f"{report.header['run_id']}: {report.status}", "fate", "objects", "")
    for name, count in report.fates.items():
        colour = "green" if name in WELL_ENDS else "yellow"
        rows.add_row(f"[{colour}]{escape(name)}[/]", f"{count:,}", escape(MEANINGS.get(name, "")))
    rows.add_section()
    rows.add_row("all", f"{sum(report.fates.values()):,}", f"of {report.selected:,} selected")
    if report.perhaps_twice:
        rows.caption = (
            f"{report.perhaps_twice:,} may have been published twice (a call's end was unknown "
            "after a crash): the same event ids make the second a DUPLICATE."
        )
        rows.caption_justify = "left"
    OUT.print(rows)


def named_range(run: Run) -> StreamRange | None:
    """The range of the stream that a run's options name."""
    found = run.options.get("range")
    return StreamRange(**found) if found else None


# Private functions


def _recover(deployment: Deployment, run: Run, operator: Operator) -> Result:
    function = PublisherFunction(
        lambda_client(deployment.target), deployment.publisher.function_name
    )
    function.require_reporting()
    loading = deployment.loading(named=named_range(run), from_stream=run.options["from_stream"])
    with stretch(deployment.target, run, operator, _tell) as at_work, progress() as bar:
        task = bar.add_task("recovering", total=run.ledger.count(*OPEN))

        def tell_progress(now: Progress) -> None:
            bar.update(task, completed=now.objects)

        recovery = Recovery(
            run=run,
            load=loading.load,
            function=function,
            moving=Moving(
                run,
                deployment.store,
                folder="recovered",
                end=RECOVERED,
                end_if_missing=RECOVERED,  # published, and moved by somebody else
            ),
            id_attribute=deployment.rules.customer_id_attribute,
            keep_lock=at_work.keep_lock,
            stop=at_work.stop,
            tell_progress=tell_progress,
            pace=Pace(run.options.get("rate"), wait=at_work.wait),
        )
        recovery.work()
        return conclude(run, stuck_for=recovery.stuck_for, was_stopped=at_work.stop())


def _discard(deployment: Deployment, run: Run, operator: Operator) -> Result:
    moving = Moving(run, deployment.store, folder="discarded", end=DISCARDED, end_if_missing=GONE)
    why = {"why": run.options["because"]}
    with (
        stretch(deployment.target, run, operator, _tell) as at_work,
        working("discarding", run.ledger.count(*OPEN)) as discarded,
    ):
        for page in _pages(run):
            if at_work.stop():
                break
            at_work.keep_lock()
            moving.move(page, {one.id: why for one in page})
            discarded(len(page))
        return conclude(run, stuck_for="", was_stopped=at_work.stop())


def _pages(run: Run) -> Iterator[list[Item]]:
    page: list[Item] = []
    for item in run.ledger.items(*OPEN):
        page.append(item)
        if len(page) == _PAGE:
            yield page
            page = []
    if page:
        yield page


def _tell(sentence: str) -> None:
    ERR.print(escape(sentence))
