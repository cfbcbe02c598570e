"""`fanout dlq edit`: change what is dead, so that its subscriber can read it, and send it."""

import os
import shlex
import subprocess
import tempfile
from pathlib import Path
from typing import Annotated

import typer

from fanout.aws import AwsTarget
from fanout.dlq import options
from fanout.dlq.diagnosis import diagnose
from fanout.dlq.editing import Edit, from_editor, from_patch, shown
from fanout.dlq.message import DeadMessage
from fanout.dlq.movers import EDIT, QUEUE
from fanout.dlq.replay_commands import make_run
from fanout.dlq.selection import Selection
from fanout.dlq.sending import Unsendable
from fanout.dlq.subscription import Subscription, find_subscription
from fanout.dlq.sweep import Sweep
from fanout.errors import Found, Refused, WrongUse


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
    execute: options.Execute = False,
    runs_dir: options.RunsDir = None,
    journal: options.JournalCopy = None,
    as_json: options.Json = False,
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
    store = options.run_store(target, runs_dir)
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


# Private functions


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
