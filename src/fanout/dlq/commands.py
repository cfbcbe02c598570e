"""`fanout dlq …`: the commands of the group, each from the module that holds it."""

import json
import os
import shlex
import subprocess
import tempfile
from collections.abc import Callable, Iterable, Iterator, Sequence
from contextlib import AbstractContextManager
from datetime import UTC, datetime
from itertools import chain, islice
from pathlib import Path
from typing import Annotated, Any, Literal

import typer
from rich.markup import escape

from customer_events.instants import to_wire
from fanout.aws import AwsTarget
from fanout.console import ERR, OUT, print_json, progress, table, warn
from fanout.dlq import blocked as waiting_command
from fanout.dlq import files as export_file
from fanout.dlq import import_ as import_session
from fanout.dlq import overview as look_commands
from fanout.dlq import redrive_commands
from fanout.dlq import replay as movers
from fanout.dlq import selection as options
from fanout.dlq.diagnosis import diagnose
from fanout.dlq.edit import Edit, from_editor, from_patch, shown
from fanout.dlq.files import write_lines
from fanout.dlq.import_ import IMPORT, carry_out_import, freeze_file, show_import_plan
from fanout.dlq.replay import (
    CONSUMER,
    EDIT,
    FILE,
    QUEUE,
    Frozen,
    Session,
    describe_of,
    freeze,
    unreadable_end,
    what_was_not_seen,
)
from fanout.dlq.selection import Selection
from fanout.dlq.steps import CAME_BACK, GONE, MEANINGS, OPEN, WELL_ENDS, Score, Unsendable
from fanout.errors import ExitCode, Found, Refused, WrongUse
from fanout.runs import s3_copy
from fanout.runs.journal import Record
from fanout.runs.ledger import Ledger, State
from fanout.runs.operation import Result
from fanout.runs.options import Execute, JournalCopy, Json, RunName, RunsDir, run_store
from fanout.runs.pace import Stopping
from fanout.runs.report import (
    LISTED_MAX,
    Endings,
    Report,
    account,
    account_of_several,
    fate,
    html_page,
    item_document,
    make_report,
)
from fanout.runs.s3_copy import copy_for
from fanout.runs.store import Operator, Run, RunStore, StoredRun, clock, find_operator
from fanout.sqs.message import DeadMessage, to_line
from fanout.sqs.scan import Sweep
from fanout.sqs.subscription import Subscription, find_subscription, subject_of
from fanout.text import moment

# Show the plan of a frozen run, carry it out with a progress bar, and tell what it came to


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


# `fanout dlq replay`: freeze a selection, show the plan, and, with --execute, carry it out


REPLAY = "dlq replay"


def replay(
    context: typer.Context,
    subscriber: options.SubscriberName,
    *,
    through: Annotated[
        Literal["queue", "consumer"],
        typer.Option(
            help="queue: send to the subscriber's queue. consumer: hand to its function, and get "
            "the true outcome of each message."
        ),
    ] = "queue",
    group: options.Group = None,
    customer: options.Customer = None,
    reason: options.Reason = None,
    older_than: options.OlderThan = None,
    newer_than: options.NewerThan = None,
    version: options.Version = None,
    where: options.Where = None,
    message: options.MessageId = None,
    limit: options.Limit = None,
    canary: options.Canary = 0,
    rate: options.Rate = None,
    failure_rate_max: Annotated[
        float, typer.Option(min=0, max=1, help="Stop when more than this part of them fails.")
    ] = options.FAILURE_RATE_MAX,
    watch_seconds: options.WatchSeconds = 15,
    even_if_unreadable: Annotated[
        bool,
        typer.Option(
            "--even-if-unreadable",
            help="Also what this version's contract can't read, for a consumer that is newer.",
        ),
    ] = False,
    hold_seconds: options.HoldSeconds = options.HOLD_DEFAULT,
    execute: Execute = False,
    runs_dir: RunsDir = None,
    journal: JournalCopy = None,
    as_json: Json = False,
) -> None:
    """Bring dead messages back: plan first, and with --execute do it.

    The selection is frozen in a journal before anything moves; what dies later is not in it.
    Exit code 0: all selected ended well (or the plan was shown); 1: some did not, or are left;
    2: wrong use; 3: refused by AWS, or another operator is at it; 130: interrupted, safely.
    """
    target: AwsTarget = context.obj
    subscription = find_subscription(target, subscriber)
    facts = subscription.dlq.facts()
    wanted = options.selection(
        subscription,
        facts.arn,
        group=group,
        customer=customer,
        reason=reason,
        older_than=older_than,
        newer_than=newer_than,
        version=version,
        where=where,
        message=message,
    )
    if through == CONSUMER and subscription.subscriber.function_name is None:
        raise WrongUse(f"{subscriber} names no function in its SSM parameter: use --through queue.")
    how = {
        "through": through,
        "selection": wanted.to_document(),
        "limit": limit,
        "canary": canary,
        "rate": rate,
        "failure_rate_max": failure_rate_max,
        "watch_seconds": watch_seconds,
        "even_if_unreadable": even_if_unreadable,
        "hold_seconds": hold_seconds,
        "journal": journal,
        "execute": execute,
    }
    store = run_store(target, runs_dir)
    make_run(target, subscription, store, REPLAY, how, as_json=as_json)


def make_run(
    target: AwsTarget,
    subscription: Subscription,
    store: RunStore,
    command: str,
    how: dict[str, Any],
    *,
    as_json: bool,
) -> None:
    """Make the run, show its plan, and carry it out if that is wanted."""
    operator = find_operator(target)
    subject = subject_of(target, subscription)
    copy_to = copy_for(target, how["journal"], warn)
    run = store.create(command, subject=subject, options=how, operator=operator, copy_to=copy_to)
    with run:
        select(subscription, run, as_json=as_json)
        plan = plan_document(run)
        if not as_json:
            show_plan(plan, execute=how["execute"])
        if not how["execute"]:
            if as_json:
                print_json(plan)
            return
        result = carry_out(target, subscription, run, operator)
    tell_result(result, run.run_id, store, as_json=as_json)


# `fanout dlq discard`: throw away what can never succeed, with a reason, into a file first


DISCARD = "dlq discard"


def discard(
    context: typer.Context,
    subscriber: options.SubscriberName,
    *,
    because: Annotated[
        str, typer.Option("--reason", help="Why they are thrown away; the journal keeps it.")
    ],
    group: options.Group = None,
    customer: options.Customer = None,
    cause: options.CauseCode = None,
    older_than: options.OlderThan = None,
    newer_than: options.NewerThan = None,
    version: options.Version = None,
    where: options.Where = None,
    message: options.MessageId = None,
    everything: Annotated[bool, typer.Option("--all", help="All that is dead.")] = False,
    limit: options.Limit = None,
    to: Annotated[
        Path | None,
        typer.Option("--to", help="The file to write them to; next to the journal if left out."),
    ] = None,
    rate: options.Rate = None,
    hold_seconds: options.HoldSeconds = options.HOLD_DEFAULT,
    execute: Execute = False,
    runs_dir: RunsDir = None,
    journal: JournalCopy = None,
    as_json: Json = False,
) -> None:
    """Throw dead messages away: plan first; with --execute, into a file and then out of the DLQ.

    `fanout dlq import` brings them back from the file. Where a customer's events wait behind a
    parked one, those behind a discarded one are free to be replayed.
    Exit code 0: all selected are discarded (or the plan was shown); 1: some are left; 2: wrong
    use; 3: refused by AWS or the disk, or another operator is at it; 130: interrupted, safely.
    """
    target: AwsTarget = context.obj
    if not because.strip():
        raise WrongUse("--reason is empty: say why they may go, for whoever asks later.")
    subscription = find_subscription(target, subscriber)
    wanted = options.selection(
        subscription,
        subscription.dlq.facts().arn,
        group=group,
        customer=customer,
        reason=cause,
        older_than=older_than,
        newer_than=newer_than,
        version=version,
        where=where,
        message=message,
    )
    if everything == bool(wanted.to_document()):
        raise WrongUse("Say which messages: by conditions such as --group, or else by --all.")
    store = run_store(target, runs_dir)
    file = (to or _file(store.folder, subscriber)).resolve()
    if file.exists() or (to is not None and not file.parent.is_dir()):
        raise WrongUse(f"{file} exists, or its folder does not: name a new file with --to.")
    how = {
        "through": FILE,
        "because": because.strip(),
        "file": str(file),
        "notes": subscription.subscriber.parked_groups_table,
        "selection": wanted.to_document(),
        "limit": limit,
        "canary": 0,
        "rate": rate,
        "failure_rate_max": options.FAILURE_RATE_MAX,
        "watch_seconds": 0,
        "hold_seconds": hold_seconds,
        "journal": journal,
        "execute": execute,
    }
    make_run(target, subscription, store, DISCARD, how, as_json=as_json)


def _file(folder: Path, subscriber: str) -> Path:
    """A name of its own in the folder of journals."""
    return folder / "discarded" / f"{subscriber}-{datetime.now(UTC):%Y%m%d-%H%M%S-%f}.jsonl"


# `fanout dlq edit`: change what is dead, so that its subscriber can read it, and send it


def edit(
    context: typer.Context,
    subscriber: options.SubscriberName,
    *,
    message: options.MessageId = None,
    group: options.Group = None,
    customer: options.Customer = None,
    reason: options.Reason = None,
    older_than: options.OlderThan = None,
    newer_than: options.NewerThan = None,
    version: options.Version = None,
    where: options.Where = None,
    patch: Annotated[
        Path | None, typer.Option("--patch", help="A JSON Patch (RFC 6902) of the document.")
    ] = None,
    editor: Annotated[
        bool, typer.Option("--editor", help="Open the one --message in $VISUAL or $EDITOR.")
    ] = False,
    limit: options.Limit = None,
    canary: options.Canary = 0,
    rate: options.Rate = None,
    watch_seconds: options.WatchSeconds = 15,
    hold_seconds: options.HoldSeconds = options.HOLD_DEFAULT,
    execute: Execute = False,
    runs_dir: RunsDir = None,
    journal: JournalCopy = None,
    as_json: Json = False,
) -> None:
    """Change dead messages and send them: plan first, and with --execute do it.

    Each is validated as its subscriber reads it before it is sent; what would not be valid stays
    as it is. The journal keeps the originals; the new message names its own in `edited_from`.
    Exit code 0: all selected ended well (or the plan was shown); 1: some did not, or are left;
    2: wrong use; 3: refused by AWS, or another operator is at it; 130: interrupted, safely.
    """
    target: AwsTarget = context.obj
    if editor == (patch is not None) or (editor and message is None):
        raise WrongUse("Give either --patch FILE, or --editor with one --message ID.")
    subscription = find_subscription(target, subscriber)
    wanted = options.selection(
        subscription,
        subscription.dlq.facts().arn,
        group=group,
        customer=customer,
        reason=reason,
        older_than=older_than,
        newer_than=newer_than,
        version=version,
        where=where,
        message=message,
    )
    if not wanted.to_document():
        raise WrongUse("Say which messages to edit, by --message, --group or another condition.")
    change = (
        from_patch(_text(patch), str(patch))
        if patch is not None
        else by_hand(_one(subscription, wanted, hold_seconds), subscription)
    )
    how = {
        "through": QUEUE,
        "edit": change.to_document(),
        "selection": wanted.to_document(),
        "limit": limit,
        "canary": canary,
        "rate": rate,
        "failure_rate_max": options.FAILURE_RATE_MAX,
        "watch_seconds": watch_seconds,
        "hold_seconds": hold_seconds,
        "journal": journal,
        "execute": execute,
    }
    store = run_store(target, runs_dir)
    make_run(target, subscription, store, EDIT, how, as_json=as_json)


def by_hand(message: DeadMessage, subscription: Subscription) -> Edit:
    """What a person makes of a message in their editor, valid or refused.

    Raises:
        WrongUse: nothing was changed, or the result is not valid; names the field.
        Refused: the editor can't be run, or ended with an error.
    """
    before = shown(message)
    after = _edited(before)
    if after == before:
        raise WrongUse("Nothing was changed, so nothing is sent.")
    try:
        change = from_editor(message, after)
        change.apply(message, subscription.reader)
    except Unsendable as error:
        raise WrongUse(f"Nothing is sent: {error}.") from None
    return change


def _edited(text: str) -> str:
    """The text as the person's editor left it; the file is theirs alone, and gone afterwards."""
    command = shlex.split(os.environ.get("VISUAL") or os.environ.get("EDITOR") or "vi")
    with tempfile.TemporaryDirectory(prefix="fanout-edit-") as folder:
        path = Path(folder) / "message.json"
        path.write_text(text, encoding="utf-8")
        try:
            subprocess.run([*command, str(path)], check=True)  # noqa: S603 (the person's own editor)
            return path.read_text(encoding="utf-8")
        except (OSError, UnicodeDecodeError, subprocess.CalledProcessError) as error:
            raise Refused(
                f"The editor {command[0]!r} failed ({type(error).__name__}): set EDITOR to one "
                "that works. Nothing was sent."
            ) from None


def _one(subscription: Subscription, wanted: Selection, hold_seconds: int) -> DeadMessage:
    """Raises: Found where no dead message matches."""
    with Sweep(subscription.dlq, hold_seconds=hold_seconds) as sweep:
        for page in sweep.pages():
            for one in page:
                if wanted.matches(one, diagnose(one, subscription.reader)):
                    return one
    raise Found(f"Nothing dead in {subscription.subscriber.name} matches {wanted.message_id} now.")


def _text(path: Path) -> str:
    try:
        return path.read_text(encoding="utf-8")
    except (OSError, UnicodeDecodeError) as error:
        raise WrongUse(f"{path} can't be read: {error}.") from None


# `fanout dlq export` and `import`: dead messages to a file, and back


def export(
    context: typer.Context,
    subscriber: options.SubscriberName,
    *,
    to: Annotated[Path, typer.Option("--to", help="A new file, of JSON Lines.")],
    group: options.Group = None,
    customer: options.Customer = None,
    reason: options.Reason = None,
    older_than: options.OlderThan = None,
    newer_than: options.NewerThan = None,
    version: options.Version = None,
    where: options.Where = None,
    message: options.MessageId = None,
    hold_seconds: options.HoldSeconds = options.HOLD_DEFAULT,
    as_json: Json = False,
) -> None:
    """Copy dead messages into a file, complete, bodies and all; the DLQ keeps them.

    The file is written whole or not at all, and is readable by you alone.
    Exit code 0: written; 1: nothing matches, so there is an empty file; 2: wrong use; 3: refused
    by AWS or the disk; 130: interrupted, no file.
    """
    target: AwsTarget = context.obj
    subscription = find_subscription(target, subscriber)
    facts = subscription.dlq.facts()
    wanted = options.selection(
        subscription,
        facts.arn,
        group=group,
        customer=customer,
        reason=reason,
        older_than=older_than,
        newer_than=newer_than,
        version=version,
        where=where,
        message=message,
    )
    with (
        Stopping() as stopping,
        Sweep(subscription.dlq, hold_seconds=hold_seconds, stop=stopping.asked) as sweep,
        progress() as bar,
    ):
        task = bar.add_task("exporting", total=facts.depth.total)

        def lines() -> Iterator[dict[str, Any]]:
            for one in _matching(sweep, subscription, wanted):
                bar.update(task, completed=sweep.seen)
                yield to_line(one)
            if stopping.asked():
                raise KeyboardInterrupt

        count = export_file.write_lines(to, lines())
        remarks = what_was_not_seen(facts, sweep.seen)
    for remark in remarks:
        warn(remark)
    if as_json:
        print_json({"file": str(to), "messages": count, "left_out": remarks})
    else:
        OUT.print(f"{count:,} messages written to {escape(str(to))}; the DLQ still has them.")
    if not count:
        raise typer.Exit(int(ExitCode.FOUND))


def import_(
    context: typer.Context,
    subscriber: options.SubscriberName,
    *,
    source: Annotated[Path, typer.Option("--from", help="A file that an export or discard wrote.")],
    through: Annotated[
        Literal["dlq", "queue"],
        typer.Option(help="dlq: back among the dead, with their causes. queue: to be handled."),
    ] = "dlq",
    execute: Execute = False,
    runs_dir: RunsDir = None,
    journal: JournalCopy = None,
    as_json: Json = False,
) -> None:
    """Send the messages of a file: plan first, and with --execute do it.

    Exit code 0: all were sent (or the plan was shown); 1: some were not; 2: wrong use; 3: refused
    by AWS, or another operator is at it; 130: interrupted, safely.
    """
    target: AwsTarget = context.obj
    subscription = find_subscription(target, subscriber)
    path = source.resolve()
    how = {
        "through": through,
        "file": str(path),
        "sha256": export_file.checksum(path),
        "journal": journal,
        "execute": execute,
    }
    store = run_store(target, runs_dir)
    operator = find_operator(target)
    run = store.create(
        IMPORT,
        subject=subject_of(target, subscription),
        options=how,
        operator=operator,
        copy_to=copy_for(target, journal, warn),
    )
    with run:
        freeze_file(path, run, subscription.reader, cut_off=datetime.now(UTC))
        if not run.ledger.count():
            run.drop()
            raise Found(f"{path} holds no message: nothing is selected.")
        if not as_json or not execute:
            show_import_plan(run, execute=execute, as_json=as_json)
        if not execute:
            return
        result = carry_out_import(target, subscription, run, operator)
    tell_result(result, run.run_id, store, as_json=as_json)


def _matching(sweep: Sweep, subscription: Subscription, wanted: Selection) -> Iterator[Any]:
    for page in sweep.pages():
        for one in page:
            if wanted.matches(one, diagnose(one, subscription.reader)):
                yield one


# How to go on with a run of each command, by the command's name


def resume_replay(
    target: AwsTarget, store: RunStore, run_id: str, *, execute: bool, as_json: bool
) -> None:
    """Go on with a replay."""
    header = store.find(run_id).header
    assert header is not None, "the caller has found it"
    subscription = find_subscription(target, header.fields["subject"]["subscriber"])
    require_same_dlq(subscription, header.fields["subject"])
    copy_to = copy_for(target, header.fields["options"].get("journal"), warn)
    with store.open(run_id, copy_to=copy_to) as run:
        if not run.is_frozen:
            warn("It was killed while it selected, before anything moved: selecting anew.")
            select(subscription, run, as_json=as_json, again=True)
        going = execute or run.was_started or run.options["execute"]
        if not as_json:
            show_plan(plan_document(run), execute=going)
        if not going:
            if as_json:
                print_json(plan_document(run))
            return
        result = carry_out(target, subscription, run, find_operator(target))
    tell_result(result, run_id, store, as_json=as_json)


def resume_import(
    target: AwsTarget, store: RunStore, run_id: str, *, execute: bool, as_json: bool
) -> None:
    """Go on with an import."""
    header = store.find(run_id).header
    assert header is not None, "the caller has found it"
    subscription = find_subscription(target, header.fields["subject"]["subscriber"])
    require_same_dlq(subscription, header.fields["subject"])
    copy_to = copy_for(target, header.fields["options"].get("journal"), warn)
    with store.open(run_id, copy_to=copy_to) as run:
        if not run.is_frozen:
            path = Path(run.options["file"])
            freeze_file(path, run, subscription.reader, cut_off=clock())
        going = execute or run.was_started or run.options["execute"]
        if not as_json or not going:
            import_session.show_import_plan(run, execute=going, as_json=as_json)
        if not going:
            return
        operator = find_operator(target)
        result = import_session.carry_out_import(target, subscription, run, operator)
    tell_result(result, run_id, store, as_json=as_json)


def require_same_dlq(subscription: Subscription, subject: dict[str, Any]) -> None:
    """Raises: WrongUse where the run was made on another DLQ than the subscriber has here."""
    if subscription.subscriber.dlq_arn != subject["dlq_arn"]:
        raise WrongUse(
            f"The run was made on {subject['dlq_arn']}; here the DLQ of "
            f"{subscription.subscriber.name} is {subscription.subscriber.dlq_arn}: check "
            "--profile, --region and --prefix."
        )


Resumer = Callable[..., None]

RESUMERS: dict[str, Resumer] = {
    REPLAY: resume_replay,
    movers.EDIT: resume_replay,
    DISCARD: resume_replay,
    import_session.IMPORT: resume_import,
}
"""By `command` of a run's header; each is called as `resume_replay` is."""


# `fanout dlq resume` and `runs`: go on with a run, list them


GROUP = "dlq "
"""What the commands of the runs listed here begin with."""


def resume(
    context: typer.Context,
    run: RunName,
    *,
    execute: Annotated[
        bool, typer.Option("--execute", help="Begin a run that was only planned so far.")
    ] = False,
    runs_dir: RunsDir = None,
    journal: Annotated[
        str | None,
        typer.Option(
            "--journal", metavar="S3-URI", help="Bring the journal from its copy, if not here."
        ),
    ] = None,
    as_json: Json = False,
) -> None:
    """Go on with a run after a crash, an interruption or a stop; or begin one that was planned.

    What was begun with --execute goes on without it. Exit codes as of the run's own command.
    """
    target: AwsTarget = context.obj
    store = run_store(target, runs_dir)
    if journal is not None and not any(one.run_id == run for one in store.runs()):
        s3_copy.fetch(target, journal, run, store.folder)
    found = store.find(run)
    assert found.header is not None, "find leaves out what has no header"
    command = found.header.fields["command"]
    if command not in RESUMERS:
        raise WrongUse(f"{found.run_id} is a run of `fanout {command}`: resume it there.")
    RESUMERS[command](target, store, found.run_id, execute=execute, as_json=as_json)


def runs(context: typer.Context, *, runs_dir: RunsDir = None, as_json: Json = False) -> None:
    """List the runs of this deployment that were made on this machine. Exit code 0."""
    store = run_store(context.obj, runs_dir)
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


def _is_ours(stored: StoredRun) -> bool:
    return stored.header is not None and stored.header.fields["command"].startswith(GROUP)


# `fanout dlq report`: what became of each message of a run, or of several told as one


_ENDINGS = Endings(well=WELL_ENDS, back=WELL_ENDS | {CAME_BACK, GONE}, gone=GONE)


def report(
    context: typer.Context,
    runs: Annotated[
        list[str],
        typer.Argument(
            metavar="RUN...", help="A run id, a part of it, or `last`; several are told as one."
        ),
    ],
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
    runs_dir: RunsDir = None,
    as_json: Json = False,
) -> None:
    """Tell what became of each selected message of a run, in numbers that add up, and when.

    Several runs of one subscriber are told as one: each message once, with its last fate.
    Exit code 0 where all ended well, 1 where not (yet).
    """
    store = run_store(context.obj, runs_dir)
    stored = _named(store, runs)
    with _account(store, stored) as (found, ledger):
        if html is not None:
            left = list(islice(_left(ledger), LISTED_MAX))
            _write(html, [html_page(found, meanings=MEANINGS, well=WELL_ENDS, left=left)])
        if messages is not None:
            _write(messages, (json.dumps(item_document(one)) + "\n" for one in ledger.items()))
    if originals is not None:
        lines = chain.from_iterable(store.records(one.run_id) for one in stored)
        write_lines(originals, _originals(lines))
    if as_json:
        print_json(found.to_document())
    else:
        _print(found)
    if any(fate not in WELL_ENDS for fate in found.fates):
        raise typer.Exit(1)


def _named(store: RunStore, names: Sequence[str]) -> list[StoredRun]:
    """The runs, each once, oldest first."""
    found = {one.run_id: one for one in map(store.find, names)}
    return [found[run_id] for run_id in sorted(found)]


def _account(
    store: RunStore, stored: Sequence[StoredRun]
) -> AbstractContextManager[tuple[Report, Ledger]]:
    if len(stored) == 1:
        return account(store.records(stored[0].run_id))
    return account_of_several(stored, _ENDINGS)


def _left(ledger: Ledger) -> Iterator[dict[str, Any]]:
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


dlq_app = typer.Typer(
    name="dlq",
    help="Read dead messages, tell why they are dead, and bring them back.",
    no_args_is_help=True,
)
dlq_app.command("list")(look_commands.list_queues)
dlq_app.command("show")(look_commands.show)
dlq_app.command("replay")(replay)
dlq_app.command("edit")(edit)
dlq_app.command("export")(export)
dlq_app.command("import")(import_)
dlq_app.command("discard")(discard)
dlq_app.command("redrive")(redrive_commands.redrive)
dlq_app.command("waiting")(waiting_command.waiting)
dlq_app.command("resume")(resume)
dlq_app.command("runs")(runs)
dlq_app.command("report")(report)
