"""`fanout dlq discard`: throw away what can never succeed, with a reason, into a file first."""

from datetime import UTC, datetime
from pathlib import Path
from typing import Annotated

import typer

from fanout.aws import AwsTarget
from fanout.dlq import options
from fanout.dlq.movers import FILE
from fanout.dlq.replay_commands import make_run
from fanout.dlq.subscription import find_subscription
from fanout.errors import WrongUse

COMMAND = "dlq discard"


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
    execute: options.Execute = False,
    runs_dir: options.RunsDir = None,
    journal: options.JournalCopy = None,
    as_json: options.Json = False,
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
    store = options.run_store(target, runs_dir)
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
    make_run(target, subscription, store, COMMAND, how, as_json=as_json)


# Private functions


def _file(folder: Path, subscriber: str) -> Path:
    """A name of its own in the folder of journals."""
    return folder / "discarded" / f"{subscriber}-{datetime.now(UTC):%Y%m%d-%H%M%S-%f}.jsonl"
