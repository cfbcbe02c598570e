"""`fanout subscribers`: one line for each."""

from pathlib import Path
from typing import Annotated, Any

import typer
from rich.markup import escape

from customer_events.event import NEWEST_MAJOR
from fanout.aws import AwsTarget
from fanout.console import ERR, OUT, print_json, progress, table
from fanout.contract.filters import Transport
from fanout.errors import ExitCode, Found, WrongUse
from fanout.packaging.build import here
from fanout.sqs.queue import QueueDepth
from fanout.subscribers.creation import (
    Choices,
    Plan,
    RuleKind,
    carry_out,
    make_plan,
    write_handout,
)
from fanout.subscribers.listing import Coverage, SubscriberView, look
from fanout.subscribers.removal import Leaving, drain, look_at, require_consumer, unsubscribe

_MARKS = {
    Coverage.CURRENT: "current version",
    Coverage.OLD_VERSION: "[yellow]an old version only[/]",
    Coverage.UNREGISTERED: "[red]none: not in the registry[/]",
    Coverage.OTHER_VERSIONS: "[red]of other versions[/]",
}


def subscribers(
    context: typer.Context,
    *,
    as_json: Annotated[bool, typer.Option("--json", help="Print one JSON document.")] = False,
) -> None:
    """Show who subscribes, to what, how far behind, what is dead, and what tests cover it.

    Exit code 0; 2 where nothing is deployed under this prefix; 3 where AWS refuses.
    """
    target: AwsTarget = context.obj
    views = look(target)
    if as_json:
        print_json([view.to_document() for view in views])
        return
    shown = table(
        "Subscribers", "name", "versions", "statuses", "since", "behind", "dead", "contract tests"
    )
    for view in views:
        shown.add_row(
            escape(view.subscriber.name),
            ", ".join(map(str, view.subscriber.versions)),
            "all"
            if view.statuses is None
            else escape(", ".join(view.statuses) or "see its filter"),
            escape(view.subscriber.since or "not noted"),
            _behind(view),
            f"[red]{view.dlq.total:,}[/]" if view.dlq.total else "0",
            _MARKS[view.coverage],
        )
    OUT.print(shown)


def _behind(view: SubscriberView) -> str:
    if not view.queue.total:
        return "0"
    age = view.oldest_age_seconds
    return f"{view.queue.total:,}" + (f", oldest {age:,} s" if age is not None else "")


# `fanout subscribe remove`: the plan, and with `--execute` a subscriber that has drained


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
    leaving = look_at(target, name)
    if not as_json:
        _show(leaving)
    if not execute:
        if as_json:
            print_json(_removal_document(leaving, executed=False))
        else:
            OUT.print("Nothing was changed. Add --execute to do it.")
        return
    if not abandon:
        require_consumer(leaving)
    unsubscribe(target, leaving)
    ERR.print("Unsubscribed: nothing new arrives.")
    depth = leaving.queue if abandon else _drain(target, leaving, timeout_seconds)
    # The consumer may have parked some of what it drained.
    after = look_at(target, name)
    if as_json:
        print_json(_removal_document(after, executed=True))
    else:
        _tell_next(after)
    if (depth.total and not abandon) or after.dlq.total:
        raise typer.Exit(ExitCode.FOUND)


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
    for number, step in enumerate(_removal_next_steps(leaving), start=1):
        OUT.print(f"  {number}. {step}", markup=False)


def _removal_next_steps(leaving: Leaving) -> list[str]:
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


def _removal_document(leaving: Leaving, *, executed: bool) -> dict[str, Any]:
    return {
        "name": leaving.subscriber.name,
        "executed": executed,
        "deliveries": list(leaving.deliveries),
        "queue": leaving.queue.total,
        "dlq": leaving.dlq.total,
        "rows": leaving.rows,
        "losses": leaving.losses(),
        "next": _removal_next_steps(leaving),
    }


# `fanout subscribe new` and `remove`


subscribe_app = typer.Typer(
    name="subscribe", help="Let a new service join, and let one leave.", no_args_is_help=True
)
subscribe_app.command("remove")(remove)
Json = Annotated[bool, typer.Option("--json", help="Print one JSON document.")]


@subscribe_app.command("new")
def new(
    name: Annotated[str, typer.Argument(help="The subscriber, such as fraud.")],
    *,
    rule: Annotated[
        RuleKind, typer.Option(help="Keep the latest status, or handle every transition.")
    ] = RuleKind.LATEST_STATE,
    status: Annotated[
        list[str] | None,
        typer.Option(metavar="A,B", help="The statuses that it wants; all if left out."),
    ] = None,
    version: Annotated[
        list[int] | None,
        typer.Option(help="A major version that it reads; repeatable; the newest if left out."),
    ] = None,
    external: Annotated[
        bool, typer.Option("--external", help="Infrastructure only: its code lives elsewhere.")
    ] = False,
    bus: Annotated[Transport, typer.Option(help="How the SAM part subscribes.")] = Transport.SNS,
    handout: Annotated[
        Path | None,
        typer.Option(help="With --external: where schemas and examples go. [dist/contract-NAME]"),
    ] = None,
    project: Annotated[
        Path | None, typer.Option(help="The clone to write to; the running one if left out.")
    ] = None,
    as_json: Json = False,
) -> None:
    """Write a new subscriber next to the others; what is left to write is its rule.

    Exit code 0 when written; 2 where the name or the filter is wrong, a file is in the way, or one
    that has to change holds uncommitted changes. Then nothing was written.
    """
    root = project or here().root
    choices = Choices(
        name=name,
        rule=rule,
        versions=tuple(dict.fromkeys(version or [NEWEST_MAJOR])),
        statuses=_statuses(status or []),
        bus=bus,
        external=external,
    )
    if handout is not None and not external:
        raise WrongUse("--handout is for --external: a consumer here has the contract at hand.")
    plan = make_plan(root, choices)
    copies: list[Path] = []
    if external:
        copies = write_handout(root, plan, handout or root / "dist" / f"contract-{name}")
    carry_out(root, plan)
    if as_json:
        print_json(_document(plan, copies))
    else:
        _tell(plan, copies)


def _statuses(texts: list[str]) -> tuple[str, ...]:
    words = [word.strip() for text in texts for word in text.split(",")]
    return tuple(dict.fromkeys(word for word in words if word))


def _document(plan: Plan, copies: list[Path]) -> dict[str, Any]:
    return {
        "name": plan.choices.name,
        "written": sorted(map(str, plan.new)),
        "changed": sorted(map(str, plan.changed)),
        "handout": [str(path) for path in copies],
        "filter": plan.choices.filter(plan.event),
        "next": _next_steps(plan.choices),
    }


def _tell(plan: Plan, copies: list[Path]) -> None:
    for title, paths in (
        ("Written", sorted(map(str, plan.new))),
        ("Changed", sorted(map(str, plan.changed))),
        ("To hand out", [str(path) for path in copies]),
    ):
        if paths:
            OUT.print(f"{title}:")
            for path in paths:
                OUT.print(f"  {path}", markup=False)
    OUT.print("Next:")
    for number, step in enumerate(_next_steps(plan.choices), start=1):
        OUT.print(f"  {number}. {step}", markup=False)
    if not plan.choices.reads_newest:
        ERR.print("Version 1 knows no snapshots: this subscriber can't be seeded by backfill.")


def _next_steps(choices: Choices) -> list[str]:
    template = f"infra/sam/subscribers/{choices.name}.yaml"
    seeded = choices.latest_state and choices.reads_newest
    if choices.external:
        return [
            f"Deploy {template}, or infra/terraform/subscribers/{choices.name}",
            "Hand the folder with schemas and examples to the other team",
        ]
    return [
        f"Write src/{choices.package}/{choices.module}.py and its tests",
        "make check && make test",
        f"fanout local deploy {template}   (on AWS: make package, then sam deploy or terraform)",
        *([f"fanout backfill {choices.name} --execute"] * seeded),
    ]
