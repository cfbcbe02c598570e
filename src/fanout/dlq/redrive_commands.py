"""`fanout dlq redrive`: SQS's own move, for large and unfiltered ones, with the destination named.

What it can't do is said before it starts: it takes all there is, what comes in meanwhile as well,
and nobody learns what became of a single message.
"""

from collections.abc import Callable
from typing import Annotated

import typer
from rich.markup import escape

from fanout.aws import AwsTarget
from fanout.console import ERR, OUT, print_json, progress, table
from fanout.dlq import selection as options
from fanout.dlq.move_task import ENDED, RATE_MAX, RUNNING, MoveTask, MoveTasks
from fanout.errors import ExitCode, Found, Refused, WrongUse
from fanout.runs.lock import Locks
from fanout.runs.options import Execute, Json, RunsDir, run_store
from fanout.runs.pace import Stopping
from fanout.runs.store import Operator, Run, find_operator
from fanout.sqs.subscription import Subscription, find_subscription, subject_of

COMMAND = "dlq redrive"
POLL_SECONDS = 2.0
LIMITS = (
    (
        "SQS moves all of the DLQ, what comes in meanwhile too, and tells of no single message: "
        "there is no filter, no edit, no canary and no report. `fanout dlq replay` has them."
    ),
    (
        "Parked messages keep their marks. They and SNS's have no source queue to go back to, "
        "which is why the destination is never guessed."
    ),
    "Cancelling stops it and brings nothing back; 500 a second and 36 hours at most.",
)


def redrive(
    context: typer.Context,
    subscriber: options.SubscriberName,
    *,
    to: Annotated[
        str | None, typer.Option("--to", metavar="QUEUE_ARN", help="The queue to move to.")
    ] = None,
    rate: Annotated[
        int | None,
        typer.Option(min=1, max=RATE_MAX, help="Messages a second at most; SQS decides if not."),
    ] = None,
    cancel: Annotated[bool, typer.Option("--cancel", help="Stop the task that runs.")] = False,
    execute: Execute = False,
    runs_dir: RunsDir = None,
    as_json: Json = False,
) -> None:
    """Have SQS itself move a whole DLQ to a queue; without --to, tell how its tasks stand.

    Exit code 0: moved (or the plan or the tasks were shown, or one was cancelled); 1: the task
    failed or was cancelled, or there is none to cancel; 2: wrong use; 3: refused by AWS, or another
    operator is at it; 130: no longer watched, while SQS goes on.
    """
    target: AwsTarget = context.obj
    subscription = find_subscription(target, subscriber)
    tasks = MoveTasks(target.client("sqs"), subscription.subscriber.dlq_arn)
    if cancel:
        _cancel(tasks, subscriber, as_json=as_json)
        return
    if to is None:
        _show(tasks.list(), as_json=as_json)
        return
    _require_nobody_waits(subscription)
    _require_destination(subscription, to)
    for sentence in LIMITS:
        ERR.print(f"[yellow]{escape(sentence)}[/]")
    depth = subscription.dlq.facts().depth
    plan = {"from": subscription.subscriber.dlq_arn, "to": to, "messages": depth.total}
    if not execute:
        if as_json:
            print_json(plan)
        else:
            OUT.print(escape(f"Plan: about {depth.total:,} messages from {plan['from']} to {to}."))
        ERR.print("Nothing was moved. To do it, repeat the command with --execute.")
        return
    operator = find_operator(target)
    run = run_store(target, runs_dir).create(
        COMMAND,
        subject=subject_of(target, subscription),
        options={"to": to, "rate": rate, "execute": True},
        operator=operator,
    )
    with run:
        ended = _carry_out(target, subscription, tasks, run, operator)
    _tell(ended, run.run_id, as_json=as_json)


def watch(tasks: MoveTasks, stopping: Stopping, show: Callable[[MoveTask], None]) -> MoveTask:
    """Follow the newest task until it ends, or until asked to stop.

    Raises:
        Refused: SQS tells of no task.
    """
    while True:
        task = tasks.latest()
        if task is None:
            raise Refused("SQS tells of no move task of this DLQ, though one was started.")
        show(task)
        if task.status in ENDED or stopping.asked():
            return task
        stopping.wait(POLL_SECONDS)


# Private functions


def _require_nobody_waits(subscription: Subscription) -> None:
    """Raises: WrongUse where the subscriber parks by customer.

    What SQS moves gets a new id, and keeps no trace of its old one unless the consumer parked it:
    its note would stand first for good.
    """
    if notes := subscription.subscriber.parked_groups_table:
        name = subscription.subscriber.name
        raise WrongUse(
            f"{name} parks by customer: its notes in {notes} name messages by ids that SQS's own "
            f"move replaces, so their customers' events would wait for ever. Use `fanout dlq "
            f"replay {name}`, which keeps them."
        )


def _carry_out(
    target: AwsTarget,
    subscription: Subscription,
    tasks: MoveTasks,
    run: Run,
    operator: Operator,
) -> MoveTask:
    """Start it and follow it, under the lock, with who and when in the journal."""
    locks = Locks(target.client("ssm"), target.prefix)
    name = subscription.subscriber.name
    with (
        progress() as bar,
        Stopping() as stopping,
        locks.hold(name, operator=operator, run_id=run.run_id, tell=run.note) as lock,
    ):
        bar_task = bar.add_task("redrive", total=None)

        def show(task: MoveTask) -> None:
            lock.keep()
            bar.update(bar_task, completed=task.moved, total=task.to_move)

        run.freeze(cut_off=subscription.dlq.facts().asked_at, left_out=LIMITS)
        run.start(operator)
        run.note(f"SQS is asked to move everything to {run.options['to']}")
        tasks.start(run.options["to"], rate=run.options["rate"])
        ended = watch(tasks, stopping, show)
        run.note(f"SQS says: {ended.status}, {ended.moved:,} moved{_because(ended)}")
        if ended.status in ENDED:
            run.finish()
        else:
            run.pause("No longer watched; SQS goes on.")
        return ended


def _require_destination(subscription: Subscription, to: str) -> None:
    subscriber = subscription.subscriber
    parts = to.split(":")
    if len(parts) != 6 or parts[2] != "sqs":  # noqa: PLR2004 (an ARN's parts)
        raise WrongUse(f"--to {to!r} is no queue's ARN; the queue is {subscriber.queue_arn}.")
    if to == subscriber.dlq_arn:
        raise WrongUse("--to names the DLQ itself.")
    if to.endswith(".fifo") != subscriber.dlq_arn.endswith(".fifo"):
        raise WrongUse(f"One of {to} and {subscriber.dlq_arn} is FIFO and the other is not.")


def _cancel(tasks: MoveTasks, subscriber: str, *, as_json: bool) -> None:
    running = next((one for one in tasks.list() if one.status == RUNNING), None)
    if running is None:
        raise Found(f"No move task of {subscriber}'s DLQ is running.")
    moved = tasks.cancel(running)
    if as_json:
        print_json({"cancelled": True, "moved": moved})
    else:
        OUT.print(f"Cancelled. About {moved:,} were moved and stay moved.")


def _show(found: list[MoveTask], *, as_json: bool) -> None:
    if as_json:
        print_json({"tasks": [one.to_document() for one in found]})
        return
    rows = table("Move tasks, newest first", "started (UTC)", "status", "moved", "of", "to")
    for one in found:
        of = "-" if one.to_move is None else f"{one.to_move:,}"
        started = f"{one.started_at:%Y-%m-%d %H:%M:%S}"
        to = escape(one.destination_arn)
        rows.add_row(started, escape(one.status + _because(one)), f"{one.moved:,}", of, to)
    OUT.print(rows)


def _tell(task: MoveTask, run_id: str, *, as_json: bool) -> None:
    if as_json:
        print_json({"run_id": run_id, **task.to_document()})
    else:
        OUT.print(f"{task.status}: about {task.moved:,} moved{escape(_because(task))}.")
    if task.status not in ENDED:
        ERR.print("SQS goes on. To stop it: [bold]fanout dlq redrive SUBSCRIBER --cancel[/]")
        raise typer.Exit(int(ExitCode.INTERRUPTED))
    if task.status != "COMPLETED":
        raise typer.Exit(int(ExitCode.FOUND))


def _because(task: MoveTask) -> str:
    return f" ({task.failure})" if task.failure else ""
