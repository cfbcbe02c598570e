"""`fanout dlq …`: the commands of the group, each from the module that holds it."""

from collections.abc import Iterator
from datetime import UTC, datetime
from pathlib import Path
from typing import Annotated, Any, Literal

import typer
from rich.markup import escape

from fanout.console import OUT, Json, option, print_json, progress, warn
from fanout.dlq import overview as look_commands
from fanout.dlq import selection as options
from fanout.dlq.blocked import blocked
from fanout.dlq.diagnosis import diagnose
from fanout.dlq.edit import edit_by_hand, from_patch
from fanout.dlq.import_ import DlqImport, checksum
from fanout.dlq.replay import (
    CONSUMER,
    FILE,
    QUEUE,
    DlqDiscard,
    DlqEdit,
    DlqReplay,
    require_function,
)
from fanout.errors import ExitCode, Found, WrongUse
from fanout.runs.journal import write_lines
from fanout.runs.operation import begin
from fanout.runs.options import Execute, RunsDir, renamed, run_store
from fanout.runs.pace import Stopping
from fanout.sqs.message import DeadMessage, to_line
from fanout.sqs.scan import Sweep
from fanout.sqs.subscription import Subscription, find_subscription
from sentinel.contract.folder import read_text


@options.with_options
def replay(
    context: typer.Context,
    subscriber: options.SubscriberName,
    *,
    through: Annotated[
        Literal["queue", "consumer"],
        option(
            "queue: send to the subscriber's queue. consumer: invoke its function, which "
            "reports the outcome of each message."
        ),
    ] = "queue",
    conditions: options.Conditions,
    canary: options.Canary = 0,
    failure_rate_max: Annotated[
        float, option("Stop if a larger share of them fails.", min=0, max=1)
    ] = options.FAILURE_RATE_MAX,
    watch: options.Watch = "10s",
    even_if_unreadable: Annotated[
        bool,
        option(
            "Also what your version can't read, for a newer consumer.",
            "--even-if-unreadable",
        ),
    ] = False,
    run: options.RunOptions,
) -> None:
    """Replay dead messages.

    The selection is frozen in a journal before anything moves; what dies
    later is not in it.

    Exit codes: 0 all selected succeeded (or only the plan was shown), 1 some
    failed or are left, 3 AWS refused or another operator holds the lock.
    """
    subscription = find_subscription(context.obj, subscriber)
    wanted = conditions.selection(subscription)
    if through == CONSUMER:
        require_function(subscription.subscriber)
    how = {
        **run.to_document(wanted, canary=canary, watch=watch, failure_rate_max=failure_rate_max),
        "through": through,
        "even_if_unreadable": even_if_unreadable,
    }
    begin(DlqReplay(context.obj, subscription), how, runs_dir=run.runs_dir, as_json=run.as_json)


@options.with_options
def discard(
    context: typer.Context,
    subscriber: options.SubscriberName,
    *,
    because: Annotated[str | None, option("Why; required, and kept in the journal.")] = None,
    conditions: options.DiscardConditions,
    old_because: Annotated[str | None, typer.Option("--reason", hidden=True)] = None,
    everything: Annotated[bool, option("All dead messages.", "--all")] = False,
    to: Annotated[
        Path | None, option("The file to write them to; beside the journal if left out.", "--to")
    ] = None,
    run: options.RunOptions,
) -> None:
    """Discard dead messages: write them to a file, then delete them from the DLQ.

    `fanout dlq import` brings them back from the file. Messages that waited
    behind a discarded one can then be replayed.

    Exit codes: 0 all selected are discarded (or only the plan was shown), 1
    some are left, 3 AWS refused or another operator holds the lock.
    """
    because = (renamed("--reason", old_because, "--because", because) or "").strip()
    if not because:
        raise WrongUse("--because is missing: say why they may go, for whoever asks later.")
    subscription = find_subscription(context.obj, subscriber)
    wanted = conditions.selection(subscription)
    if everything == bool(wanted.to_document()):
        raise WrongUse("Say which messages: by conditions such as --group, or else by --all.")
    store = run_store(context.obj, run.runs_dir)
    name = f"{subscriber}-{datetime.now(UTC):%Y%m%d-%H%M%S-%f}.jsonl"
    file = (to or store.folder / "discarded" / name).resolve()
    if file.exists() or (to is not None and not file.parent.is_dir()):
        raise WrongUse(f"{file} exists, or its folder does not: name a new file with --to.")
    how = {
        **run.to_document(wanted),
        "through": FILE,
        "because": because,
        "file": str(file),
        "notes": subscription.subscriber.parked_groups_table,
    }
    begin(DlqDiscard(context.obj, subscription), how, runs_dir=run.runs_dir, as_json=run.as_json)


@options.with_options
def edit(
    context: typer.Context,
    subscriber: options.SubscriberName,
    *,
    conditions: options.Conditions,
    patch: Annotated[Path | None, option("A JSON Patch (RFC 6902) of the document.")] = None,
    editor: Annotated[
        bool, option("Open the one --message in $VISUAL or $EDITOR.", "--editor")
    ] = False,
    canary: options.Canary = 0,
    watch: options.Watch = "10s",
    run: options.RunOptions,
) -> None:
    """Edit dead messages and send them to the subscriber's queue.

    Each edited message is first read as its subscriber will read it; if it
    would still be refused, it stays as it is. The journal keeps the
    originals, and the new message names its own in `edited_from`.

    Exit codes: 0 all selected succeeded (or only the plan was shown), 1 some
    failed or are left, 3 AWS refused or another operator holds the lock.
    """
    if editor == (patch is not None) or (editor and conditions.message is None):
        raise WrongUse("Give either --patch FILE, or --editor with one --message ID.")
    subscription = find_subscription(context.obj, subscriber)
    wanted = conditions.selection(subscription)
    if not wanted.to_document():
        raise WrongUse("Say which messages to edit, by --message, --group or another condition.")
    if patch is not None:
        change = from_patch(read_text(patch, str(patch)), str(patch))
    else:
        message = _first(subscription, wanted, options.hold_seconds(run.hold))
        change = edit_by_hand(message, subscription.reader)
    how = {
        **run.to_document(wanted, canary=canary, watch=watch),
        "through": QUEUE,
        "edit": change.to_document(),
    }
    begin(DlqEdit(context.obj, subscription), how, runs_dir=run.runs_dir, as_json=run.as_json)


def _first(subscription: Subscription, wanted: options.Selection, hold_seconds: int) -> DeadMessage:
    """Raises: Found where no dead message matches."""
    with Sweep(subscription.dlq, hold_seconds=hold_seconds) as sweep:
        for message in _matching(sweep, subscription, wanted):
            return message
    raise Found(
        f"Nothing in the DLQ of {subscription.subscriber.name} matches {wanted.message_id} now."
    )


@options.with_options
def export(
    context: typer.Context,
    subscriber: options.SubscriberName,
    *,
    to: Annotated[Path, option("A new file, of JSON Lines.", "--to")],
    conditions: options.Conditions,
    hold: options.Hold = options.HOLD_DEFAULT,
    as_json: Json = False,
) -> None:
    """Copy dead messages to a file, bodies included; the DLQ keeps them.

    The file is written completely or not at all, and only you can read it.

    Exit codes: 0 written, 1 nothing matches (the file is empty), 130
    interrupted (no file).
    """
    subscription = find_subscription(context.obj, subscriber)
    facts = subscription.dlq.facts()
    wanted = conditions.selection(subscription)
    with (
        Stopping() as stopping,
        Sweep(
            subscription.dlq, hold_seconds=options.hold_seconds(hold), stop=stopping.asked
        ) as sweep,
        progress() as bar,
    ):
        task = bar.add_task("exporting", total=facts.depth.total)

        def lines() -> Iterator[dict[str, Any]]:
            for message in _matching(sweep, subscription, wanted):
                bar.update(task, completed=sweep.seen)
                yield to_line(message)
            if stopping.asked():
                raise KeyboardInterrupt

        count = write_lines(to, lines())
        remarks = options.what_was_not_seen(facts, sweep.seen)
    warn(*remarks)
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
    source: Annotated[Path, option("A file that an export or discard wrote.", "--from")],
    through: Annotated[
        Literal["dlq", "queue"],
        option("dlq: back to the DLQ, with their causes. queue: to be handled."),
    ] = "dlq",
    execute: Execute = False,
    runs_dir: RunsDir = None,
    as_json: Json = False,
) -> None:
    """Send the messages of a file that an export or a discard wrote.

    Exit codes: 0 all were sent (or only the plan was shown), 1 some were not,
    3 AWS refused or another operator holds the lock.
    """
    subscription = find_subscription(context.obj, subscriber)
    path = source.resolve()
    how = {"through": through, "file": str(path), "sha256": checksum(path), "execute": execute}
    begin(DlqImport(context.obj, subscription), how, runs_dir=runs_dir, as_json=as_json)


def _matching(
    sweep: Sweep, subscription: Subscription, wanted: options.Selection
) -> Iterator[DeadMessage]:
    for message in sweep.messages():
        if wanted.matches(message, diagnose(message, subscription.reader)):
            yield message


dlq_app = typer.Typer(no_args_is_help=True)
dlq_app.command("list")(look_commands.list_queues)
dlq_app.command("show")(look_commands.show)
dlq_app.command("replay")(replay)
dlq_app.command("edit")(edit)
dlq_app.command("export")(export)
dlq_app.command("import")(import_)
dlq_app.command("discard")(discard)
dlq_app.command("blocked")(blocked)
