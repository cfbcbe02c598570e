"""`fanout archive replay`: plan, start, follow and cancel a replay to one subscriber."""

import time
from collections.abc import Mapping
from datetime import UTC, datetime
from typing import Annotated

import typer
from rich.markup import escape

from fanout.archive.archives import COMPLETED, EventBridgeArchive, Plan, SnsArchive
from fanout.aws import AwsTarget
from fanout.console import ERR, OUT, Json, option, print_facts, print_json, progress, warn
from fanout.errors import WrongUse
from fanout.runs.lock import Lock
from fanout.runs.options import Execute
from fanout.runs.store import find_operator
from fanout.text import instant_or_age, moment
from sentinel.discovery import find_bus, find_subscriber

POLL_SECONDS = 5.0
ARCHIVES: Mapping[str, type[EventBridgeArchive | SnsArchive]] = {
    "eventbridge": EventBridgeArchive,
    "sns-fifo": SnsArchive,
}
archive_app = typer.Typer(no_args_is_help=True)


@archive_app.callback()
def _group() -> None:
    """Deliver archived events again."""


@archive_app.command("replay")
def replay(
    context: typer.Context,
    subscriber: Annotated[str, typer.Argument(help="The subscriber, such as payments.")],
    *,
    begins: Annotated[
        str | None, option("An age, such as 12h or 7d, or an instant in UTC.", "--from")
    ] = None,
    ends: Annotated[str | None, option("Likewise; now if left out.", "--to")] = None,
    execute: Execute = False,
    wait: Annotated[bool, option("Follow it until it is over.")] = True,
    follow: Annotated[str | None, option("Follow this replay, by its name.")] = None,
    cancel: Annotated[str | None, option("Cancel this replay (EventBridge only).")] = None,
    as_json: Json = False,
) -> None:
    """Replay an EventBridge archive, or that of an SNS FIFO topic, to one subscriber only.

    Exit codes: 0 completed (or only the plan was shown); 1 it failed or was
    cancelled; 3 AWS refused, or an SNS replay to the subscriber is running;
    130 interrupted (the replay continues: --follow or --cancel it).
    """
    archive, name = _archive(context.obj, subscriber), cancel or follow
    if cancel is not None:
        archive.cancel(cancel)
    elif follow is None:
        published = window(begins, ends)
        plan = archive.plan(*published)
        if not (execute and as_json):
            _show(subscriber, plan, published, execute=execute, as_json=as_json)
        if execute:
            with Lock(
                target=context.obj,
                name=f"archive/{subscriber}",
                operator=find_operator(context.obj),
                run_id="archive replay",
                report=lambda sentence: ERR.print(escape(sentence)),
            ):
                name = archive.start(plan)
            ERR.print(escape(f"Replay {name} has begun."))
    if name is not None:
        wait = cancel is None and (wait or follow is not None)
        _report(archive, name, wait=wait, as_json=as_json)


def window(begins: str | None, ends: str | None) -> tuple[datetime, datetime]:
    """When the events were published. Raises: WrongUse: it ends before it begins, or after now."""
    now = datetime.now(UTC)
    if begins is None:
        raise WrongUse("--from is missing: an age, such as 12h, or an instant.")
    begins_at = instant_or_age(begins, now=now, option="--from")
    ends_at = now if ends is None else instant_or_age(ends, now=now, option="--to")
    if begins_at >= ends_at:
        raise WrongUse("--from must be before --to.")
    if ends_at > now:
        raise WrongUse("--to is in the future: a replay covers what is archived already.")
    return begins_at, ends_at


# Private functions


def _archive(target: AwsTarget, name: str) -> EventBridgeArchive | SnsArchive:
    """Raises: WrongUse where the transport keeps no archive."""
    bus = find_bus(target)
    if bus.transport in ARCHIVES:
        return ARCHIVES[bus.transport](
            target=target, bus=bus, subscriber=find_subscriber(target, name)
        )
    raise WrongUse(
        f"The transport {bus.transport} keeps no archive: seed the subscriber with today's state "
        f"instead, `fanout backfill {name}`."
    )


def _show(
    subscriber: str,
    plan: Plan,
    published: tuple[datetime, datetime],
    *,
    execute: bool,
    as_json: bool,
) -> None:
    if as_json:
        when = dict(zip(("from", "to"), published, strict=True))
        about = {"archive": plan.archive, "only_to": plan.only_to}
        print_json(about | when | {"remarks": plan.remarks})
        return
    rows = [("archive", plan.archive), *(("only to", arn) for arn in plan.only_to)]
    rows.append(("published (UTC)", " to ".join(map(moment, published))))
    print_facts(f"Replay to {subscriber}", rows)
    warn(*plan.remarks)
    if not execute:
        ERR.print("Nothing was started. Repeat with [bold]--execute[/] to do it.")


def _report(
    archive: EventBridgeArchive | SnsArchive, name: str, *, wait: bool, as_json: bool
) -> None:
    """Say how far it is, or how it ended. Raises: typer.Exit: waited for, it did not complete."""
    with progress() as bars:
        task = bars.add_task("replaying", total=None)
        while not (now := archive.progress(name)).is_over and wait:
            text = f"replaying: {now.state}, up to {moment(now.up_to)}"
            bars.update(task, description=escape(text))
            time.sleep(POLL_SECONDS)
    if as_json:
        print_json({"replay": name, "state": now.state, "why": now.why, "up_to": now.up_to})
    else:
        OUT.print(escape(f"Replay {name}: {now.state}" + (f" ({now.why})" if now.why else "")))
    if wait and now.state.lower() != COMPLETED:
        raise typer.Exit(1)
