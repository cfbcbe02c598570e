"""`fanout archive replay`: plan, start, follow and cancel a replay to one subscriber."""

import time
from datetime import UTC, datetime
from typing import Annotated, Any

import typer
from rich.markup import escape

from fanout.archive.archives import Archive, EventBridgeArchive, Plan, Progress, SnsArchive, Window
from fanout.aws import AwsTarget
from fanout.console import ERR, OUT, print_json, progress, table
from fanout.discovery import find_bus, find_subscriber
from fanout.errors import WrongUse
from fanout.runs.lock import Locks
from fanout.runs.store import find_operator
from fanout.text import instant_or_age, moment

POLL_SECONDS = 5.0
archive_app = typer.Typer(
    name="archive", help="Deliver archived events again.", no_args_is_help=True
)


@archive_app.callback()
def _group() -> None:
    """Deliver archived events again."""


@archive_app.command("replay")
def replay(
    context: typer.Context,
    subscriber: Annotated[str, typer.Argument(help="The subscriber, and nobody else.")],
    *,
    begins: Annotated[
        str | None, typer.Option("--from", help="An age, such as 12h or 7d, or an instant in UTC.")
    ] = None,
    ends: Annotated[str | None, typer.Option("--to", help="Likewise; now, if left out.")] = None,
    execute: Annotated[
        bool, typer.Option("--execute", help="Start it; without, only the plan is shown.")
    ] = False,
    wait: Annotated[bool, typer.Option(help="Follow it until it is over.")] = True,
    follow: Annotated[
        str | None, typer.Option("--follow", help="Follow this replay, by its name.")
    ] = None,
    cancel: Annotated[
        str | None, typer.Option("--cancel", help="Cancel this replay (EventBridge only).")
    ] = None,
    as_json: Annotated[bool, typer.Option("--json", help="Print one JSON document.")] = False,
) -> None:
    """Replay an EventBridge archive, or that of an SNS FIFO topic, to one subscriber only.

    Exit code 0: completed, or the plan was shown; 1: it failed or was cancelled; 2: wrong use;
    3: refused by AWS, or an SNS replay to the subscriber is under way, which is named; 130:
    interrupted (the replay goes on: --follow it, or --cancel it).
    """
    archive = _archive(context.obj, subscriber)
    if cancel is not None:
        archive.cancel(cancel)
        _tell(cancel, archive.progress(cancel), as_json=as_json)
        return
    if follow is not None:
        _follow(archive, follow, as_json=as_json)
        return
    window = _window(begins, ends)
    plan = archive.plan(window)
    if not execute or not as_json:
        _show(subscriber, plan, window, execute=execute, as_json=as_json)
    if not execute:
        return
    name = _start(context.obj, subscriber, archive, plan)
    ERR.print(escape(f"Replay {name} has begun."))
    if wait:
        _follow(archive, name, as_json=as_json)
    else:
        _tell(name, archive.progress(name), as_json=as_json)


# Private functions


def _start(target: AwsTarget, subscriber: str, archive: Archive, plan: Plan) -> str:
    """Begin, while no other operator does; the replay's name.

    Raises:
        Refused: somebody else begins one at this moment, or one is under way.
    """
    locks = Locks(target.client("ssm"), target.prefix)
    operator = find_operator(target)
    with locks.hold(
        f"archive.{subscriber}",
        operator=operator,
        run_id="archive replay",
        tell=lambda sentence: ERR.print(escape(sentence)),
    ):
        return archive.start(plan)


def _archive(target: AwsTarget, name: str) -> Archive:
    """Raises: WrongUse where the transport keeps no archive."""
    bus = find_bus(target)
    subscriber = find_subscriber(target, name)
    if bus.transport == "eventbridge":
        return EventBridgeArchive(
            target.client("events"),
            bus_arn=bus.arn,
            subscriber=name,
            queue_arn=subscriber.queue_arn,
        )
    if bus.transport == "sns-fifo":
        return SnsArchive(
            target.client("sns"),
            topic_arn=bus.arn,
            subscriber=name,
            queue_arn=subscriber.queue_arn,
        )
    raise WrongUse(
        f"The transport {bus.transport} keeps no archive: seed the subscriber with today's state "
        f"instead, `fanout backfill {name}`."
    )


def _window(begins: str | None, ends: str | None) -> Window:
    now = datetime.now(UTC)
    if begins is None:
        raise WrongUse("--from is missing: an age, such as 12h, or an instant.")
    return Window(
        begins_at=instant_or_age(begins, now=now, option="--from"),
        ends_at=now if ends is None else instant_or_age(ends, now=now, option="--to"),
        now=now,
    )


def _show(subscriber: str, plan: Plan, window: Window, *, execute: bool, as_json: bool) -> None:
    if as_json:
        print_json(plan.to_document(window))
        return
    rows = table(f"Replay to {subscriber}", "", "")
    rows.show_header = False
    rows.add_row("archive", escape(plan.archive))
    for one in plan.only_to:
        rows.add_row("only to", escape(one))
    rows.add_row("published (UTC)", f"{moment(window.begins_at)} to {moment(window.ends_at)}")
    OUT.print(rows)
    for remark in plan.remarks:
        ERR.print(f"[yellow]{escape(remark)}[/]")
    if not execute:
        ERR.print("Nothing was started. Repeat with [bold]--execute[/] to do it.")


def _follow(archive: Archive, name: str, *, as_json: bool) -> None:
    """Raises: typer.Exit with 1 where it did not complete."""
    with progress() as bars:
        task = bars.add_task("replaying", total=None)
        while not (found := archive.progress(name)).is_over:
            what = f"replaying: {found.state}, up to {moment(found.up_to)}"
            bars.update(task, description=escape(what))
            time.sleep(POLL_SECONDS)
    _tell(name, found, as_json=as_json)
    if not found.went_well:
        raise typer.Exit(1)


def _tell(name: str, found: Progress, *, as_json: bool) -> None:
    if as_json:
        document: dict[str, Any] = {"replay": name, "state": found.state, "why": found.why}
        print_json(document | {"up_to": found.up_to})
        return
    why = f" ({found.why})" if found.why else ""
    OUT.print(escape(f"Replay {name}: {found.state}{why}"))
