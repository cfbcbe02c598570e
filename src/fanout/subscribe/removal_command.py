"""`fanout subscribe remove`: the plan, and with `--execute` a subscriber that has drained."""

from typing import Annotated, Any

import typer

from fanout.aws import AwsTarget
from fanout.console import ERR, OUT, print_json, progress
from fanout.errors import ExitCode, Found
from fanout.subscribe.leaving import Leaving, drain, look, require_consumer, unsubscribe
from fanout.subscribers.queue_depth import QueueDepth

TIMEOUT_DEFAULT_SECONDS = 600


def remove(
    context: typer.Context,
    name: Annotated[str, typer.Argument(help="The subscriber that leaves.")],
    *,
    abandon: Annotated[
        bool, typer.Option("--abandon", help="Don't wait for the queue: its messages are lost.")
    ] = False,
    timeout_seconds: Annotated[
        int, typer.Option(min=1, help="How long to wait for the queue to be empty.")
    ] = TIMEOUT_DEFAULT_SECONDS,
    execute: Annotated[bool, typer.Option("--execute", help="Do it; else only the plan.")] = False,
    as_json: Annotated[bool, typer.Option("--json", help="Print one JSON document.")] = False,
) -> None:
    """Unsubscribe a service and let it finish what it has; then say what to delete.

    Deletes nothing itself. Exit code 0 when planned or drained; 1 where messages are left when the
    time is up, or dead ones are in the DLQ; 2 for no such subscriber, 3 where AWS refuses.
    """
    target: AwsTarget = context.obj
    leaving = look(target, name)
    if not as_json:
        _show(leaving)
    if not execute:
        if as_json:
            print_json(_document(leaving, executed=False))
        else:
            OUT.print("Nothing was changed. Add --execute to do it.")
        return
    if not abandon:
        require_consumer(leaving)
    unsubscribe(target, leaving)
    ERR.print("Unsubscribed: nothing new arrives.")
    depth = leaving.queue if abandon else _drain(target, leaving, timeout_seconds)
    # The consumer may have parked some of what it drained.
    after = look(target, name)
    if as_json:
        print_json(_document(after, executed=True))
    else:
        _tell_next(after)
    if (depth.total and not abandon) or after.dlq.total:
        raise typer.Exit(ExitCode.FOUND)


# Private functions


def _drain(target: AwsTarget, leaving: Leaving, timeout_seconds: int) -> QueueDepth:
    with progress() as bar:
        task = bar.add_task("messages left", total=leaving.queue.total or 1)

        def told(depth: QueueDepth) -> None:
            bar.update(task, completed=max(0, leaving.queue.total - depth.total))

        depth = drain(target, leaving, timeout_seconds=timeout_seconds, told=told)
    if depth.total:
        raise Found(
            f"{depth.total:,} messages are still in the queue after {timeout_seconds} seconds; "
            "nothing new arrives. Run the command again, and don't delete the stack before."
        )
    return depth


def _show(leaving: Leaving) -> None:
    OUT.print(f"{leaving.subscriber.name} leaves", style="bold", markup=False)
    for loss in leaving.losses():
        OUT.print(f"  {loss}", markup=False)
    if not leaving.deliveries:
        OUT.print("  It is unsubscribed already.")


def _tell_next(leaving: Leaving) -> None:
    name = leaving.subscriber.name
    if leaving.dlq.total:
        OUT.print(
            f"{leaving.dlq.total:,} dead messages are left: fanout dlq show {name}", markup=False
        )
    for number, step in enumerate(_next_steps(leaving), start=1):
        OUT.print(f"  {number}. {step}", markup=False)


def _next_steps(leaving: Leaving) -> list[str]:
    name = leaving.subscriber.name
    delete = (
        f"aws cloudformation delete-stack --stack-name {leaving.stack}: its table, its DLQ and "
        "their contents stay until they are deleted by hand."
        if leaving.stack
        else f"terraform destroy in infra/terraform/subscribers/{name}: its table has to be "
        "unprotected first."
    )
    forget = (
        "Take its entry out of schemas/customer_status_changed/registry.yaml, delete its files "
        f"(git grep -l {name.replace('-', '_')}_consumer), and run fanout schema registry, "
        "asyncapi and docs."
    )
    return [delete, forget]


def _document(leaving: Leaving, *, executed: bool) -> dict[str, Any]:
    return {
        "name": leaving.subscriber.name,
        "executed": executed,
        "deliveries": list(leaving.deliveries),
        "queue": leaving.queue.total,
        "dlq": leaving.dlq.total,
        "rows": leaving.rows,
        "losses": leaving.losses(),
        "next": _next_steps(leaving),
    }
