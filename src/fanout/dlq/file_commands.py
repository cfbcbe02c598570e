"""`fanout dlq export` and `import`: dead messages to a file, and back."""

from collections.abc import Iterator
from datetime import UTC, datetime
from pathlib import Path
from typing import Annotated, Any, Literal

import typer
from rich.markup import escape

from fanout.aws import AwsTarget
from fanout.console import OUT, print_json, progress
from fanout.dlq import export_file, options
from fanout.dlq.carrying_out import tell_result
from fanout.dlq.diagnosis import diagnose
from fanout.dlq.freeze import what_was_not_seen
from fanout.dlq.import_session import COMMAND, carry_out_import, show_import_plan
from fanout.dlq.importing import freeze_file
from fanout.dlq.replay_commands import subject_of, warn
from fanout.dlq.selection import Selection
from fanout.dlq.stopping import Stopping
from fanout.dlq.subscription import Subscription, find_subscription
from fanout.dlq.sweep import Sweep
from fanout.errors import ExitCode, Found
from fanout.runs.operator import find_operator
from fanout.runs.s3_copy import copy_for


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
    as_json: options.Json = False,
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
                yield export_file.to_line(one)
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
    execute: options.Execute = False,
    runs_dir: options.RunsDir = None,
    journal: options.JournalCopy = None,
    as_json: options.Json = False,
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
    store = options.run_store(target, runs_dir)
    operator = find_operator(target)
    run = store.create(
        COMMAND,
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


# Private functions


def _matching(sweep: Sweep, subscription: Subscription, wanted: Selection) -> Iterator[Any]:
    for page in sweep.pages():
        for one in page:
            if wanted.matches(one, diagnose(one, subscription.reader)):
                yield one
