"""Show the plan of a frozen run, carry it out with a progress bar, and tell what it came to."""

from typing import Any

import typer
from rich.markup import escape

from customer_events.instants import to_wire
from fanout.aws import AwsTarget
from fanout.console import ERR, OUT, print_json, progress, table
from fanout.dlq.freeze import Frozen, freeze
from fanout.dlq.movers import CONSUMER, FILE, QUEUE, describe_of, unreadable_end
from fanout.dlq.replay_session import Result, Session
from fanout.dlq.score import MEANINGS, OPEN, WELL_ENDS, Score
from fanout.dlq.selection import Selection
from fanout.dlq.stopping import Stopping
from fanout.dlq.subscription import Subscription
from fanout.errors import ExitCode, Found
from fanout.runs.operator import Operator
from fanout.runs.report import Report, fate, make_report
from fanout.runs.run import Run
from fanout.runs.store import RunStore


def select(subscription: Subscription, run: Run, *, as_json: bool, again: bool = False) -> None:
    """Freeze the selection that the run's options state, with a bar.

    `again`: an earlier try was killed, and what it read is hidden for a while yet.

    Raises:
        typer.Exit: with 130 where it was interrupted, with 0 where nothing is dead; no journal is
            left of the latter. Found: nothing matches the conditions; no journal is left.
    """
    with progress() as bar, Stopping() as stopping:
        task = bar.add_task("selecting", total=subscription.dlq.facts().depth.total)
        frozen = freeze(
            subscription.dlq,
            Selection.from_document(run.options["selection"]),
            run,
            reader=subscription.reader,
            limit=run.options["limit"],
            hold_seconds=run.options["hold_seconds"],
            stop=stopping.asked,
            patience_seconds=run.options["hold_seconds"] + 5 if again else 0,
            progress=lambda seen: bar.update(task, completed=seen),
            describe=describe_of(subscription, run),
            unreadable_end=unreadable_end(run),
        )
    if not run.is_frozen:
        ERR.print("Interrupted while reading: nothing was moved.")
        raise typer.Exit(int(ExitCode.INTERRUPTED))
    if not frozen.selected:
        run.drop()
        _nothing_selected(run, frozen, as_json=as_json)


def plan_document(run: Run) -> dict[str, Any]:
    """What a run is going to do, as one JSON object."""
    counts: dict[tuple[str, str], int] = {}
    unreadable: dict[str, int] = {}
    readable = 0
    for value, tally in run.ledger.tallies_by("unreadable"):
        if value:
            unreadable[value] = unreadable.get(value, 0) + tally.count
    for value, tally in run.ledger.tallies_by("readable"):
        readable += tally.count if value == "1" else 0
    for value, tally in run.ledger.tallies_by("reason"):
        name = (value, fate(tally.state, tally.step, tally.end))
        counts[name] = counts.get(name, 0) + tally.count
    return {
        "run_id": run.run_id,
        "subject": dict(run.header["subject"]),
        "options": dict(run.options),
        "cut_off": run.cut_off and to_wire(run.cut_off),
        "selected": run.ledger.count(),
        "to_do": run.ledger.count(*OPEN),
        "readable_now": readable,
        "unreadable": unreadable,
        "by_reason": [
            {"reason": reason, "state": state, "count": count}
            for (reason, state), count in sorted(counts.items())
        ],
        "left_out": list(run.left_out),
    }


def show_plan(plan: dict[str, Any], *, execute: bool) -> None:
    """Print the plan for a person."""
    options, subject = plan["options"], plan["subject"]
    where = {
        QUEUE: subject["queue_arn"],
        CONSUMER: subject["function_name"],
        FILE: options.get("file"),
    }[options["through"]]
    rows = table(f"Plan of {plan['run_id']}: {plan['to_do']:,} of {plan['selected']:,}", "", "")
    rows.show_header = False
    for one in plan["by_reason"]:
        state = "" if one["state"] == "waiting" else f" ({one['state']})"
        rows.add_row(f"{one['count']:,}", escape(one["reason"] + state))
    rows.add_section()
    rows.add_row("from", escape(subject["dlq_arn"]))
    rows.add_row(f"through {options['through']}", escape(str(where)))
    rows.add_row("cut-off", f"{plan['cut_off']}: what dies later is not in it")
    rate = options["rate"]
    pace = f"{rate:g} a second" if rate else "as fast as it goes"
    canary = f"{options['canary']:,} first, then the rest " if options["canary"] else ""
    unseen = options["through"] == QUEUE and not options["watch_seconds"]
    what = "failed sends; what comes back is not watched" if unseen else "failures"
    rows.add_row("pace", f"{canary}{pace}; stops above {options['failure_rate_max']:.0%} {what}")
    for operation in options.get("edit", {}).get("patch", []):
        rows.add_row("edit", escape(f"{operation['op']} {operation['path']}"))
    if "because" in options:
        rows.add_row("discard, because", escape(options["because"]))
    if options.get("notes"):
        rows.add_row("then", escape(f"remove their notes in {options['notes']}"))
    OUT.print(rows)
    unreadable = plan["selected"] - plan["readable_now"]
    if unreadable and options["through"] != FILE:
        why = ", ".join(f"{code} {count:,}" for code, count in plan["unreadable"].items())
        sentence = f"{unreadable:,} of them {_what_of_unreadable(options)} ({why})."
        ERR.print(f"[yellow]{escape(sentence)}[/]")
    for remark in plan["left_out"]:
        ERR.print(f"[yellow]{escape(remark)}[/]")
    if not execute:
        ERR.print(
            "Nothing was moved. To do it, with this very selection: "
            f"[bold]fanout dlq resume {plan['run_id']} --execute[/]"
        )


def carry_out(
    target: AwsTarget, subscription: Subscription, run: Run, operator: Operator
) -> Result:
    """Work on a run, with a bar and sentences on standard error.

    Raises:
        CommandError: as `Session.carry_out` does.
    """
    with progress() as bar:
        doing = run.header["command"].removeprefix("dlq ")
        task = bar.add_task(doing, total=run.ledger.count(*OPEN))

        def show(score: Score) -> None:
            failed = f", {score.failed:,} failed" if score.failed else ""
            bar.update(task, completed=score.handled, description=f"{doing}{failed}")

        session = Session(
            target=target,
            subscription=subscription,
            run=run,
            operator=operator,
            tell=lambda sentence: ERR.print(escape(sentence)),
            progress=show,
        )
        return session.carry_out()


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
            ERR.print(f"To go on: [bold]fanout dlq resume {run_id}[/]")
        raise typer.Exit(int(result.exit_code))


def print_report(report: Report) -> None:
    """Print what became of every selected item: the counts add up to the selection."""
    rows = table(f"{report.header['run_id']}: {report.status}", "fate", "count", "")
    rows.columns[1].justify = "right"
    for name, count in report.fates.items():
        colour = "green" if name in WELL_ENDS else "yellow"
        rows.add_row(f"[{colour}]{escape(name)}[/]", f"{count:,}", escape(MEANINGS.get(name, "")))
    rows.add_section()
    rows.add_row("all", f"{sum(report.fates.values()):,}", f"of {report.selected:,} selected")
    if report.perhaps_twice:
        rows.caption = (
            f"{report.perhaps_twice:,} may have been done twice (a step's end was unknown after a "
            "crash): the order guard makes the second a DUPLICATE."
        )
        rows.caption_justify = "left"
    OUT.print(rows)


# Private functions


def _nothing_selected(run: Run, frozen: Frozen, *, as_json: bool) -> None:
    """Raises: typer.Exit, Found; see `select`."""
    counts = frozen.reasons.items()
    reasons = ", ".join(f"{' '.join(reason.split())[:60]} ({count:,})" for reason, count in counts)
    there = f"those there are dead for: {reasons}" if reasons else "the DLQ showed none"
    for remark in frozen.remarks:
        ERR.print(f"[yellow]{escape(remark)}[/]")
    if as_json:
        print_json({"run_id": None, "selected": 0, "reasons": frozen.reasons})
    sentence = f"Nothing is selected: no dead message is meant; {there}."
    if run.options["selection"] or frozen.remarks:
        raise Found(sentence)
    ERR.print(escape(sentence))
    raise typer.Exit


def _what_of_unreadable(options: dict[str, Any]) -> str:
    if "edit" in options:
        return "would still not be valid, or the edit does not fit them, and stay as they are"
    if options.get("even_if_unreadable", True):
        return (
            "can't be read with this version's contract, and will be parked again unless the "
            "deployed consumer is newer"
        )
    return (
        "are left out, since this version's contract can't read them: edit or discard them, or "
        "add --even-if-unreadable where the deployed consumer is newer"
    )
