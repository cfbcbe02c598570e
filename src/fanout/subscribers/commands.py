"""`fanout subscribers list | new | remove | pause | resume`."""

from datetime import UTC, datetime, timedelta
from pathlib import Path
from typing import Annotated, Any

import typer
from rich.markup import escape

from customer_events.event import NEWEST_MAJOR
from customer_events.shipped import SHIPPED, project_root
from fanout.aws import AwsTarget
from fanout.console import ERR, OUT, Json, option, print_facts, print_json, progress, table
from fanout.errors import ExitCode, Found, WrongUse
from fanout.runs.options import Execute, seconds_of
from fanout.subscribers import creation, pausing
from fanout.subscribers.creation import Choices, RuleKind
from fanout.subscribers.listing import Coverage, view_all
from fanout.subscribers.removal import Removal, drain, read_removal, require_consumer, unsubscribe
from fanout.text import moment
from sentinel.contract.filters import Transport

DRAIN_SECONDS = 600
"""How long `remove` waits for the queue to be empty."""

subscribers_app = typer.Typer(no_args_is_help=True)

# `fanout subscribers list`

_MARKS = {
    Coverage.CURRENT: "current version",
    Coverage.OLD_VERSION: "[yellow]an old version only[/]",
    Coverage.UNREGISTERED: "[red]none: not in the registry[/]",
    Coverage.OTHER_VERSIONS: "[red]of other versions[/]",
}


@subscribers_app.command("list")
def list_(context: typer.Context, *, as_json: Json = False) -> None:
    """List who subscribes, to what, how far behind, what is dead, and what tests cover it."""
    views = view_all(context.obj)
    if as_json:
        print_json(views)
        return
    shown = table(
        "Subscribers", "name", "versions", "statuses", "since", "behind", "dead", "contract tests"
    )
    for view in views:
        listed, behind, dead = view["statuses"], view["behind"], view["dead"]
        age = behind["oldest_age_seconds"] if behind["messages"] else None
        shown.add_row(
            escape(view["name"]),
            ", ".join(map(str, view["versions"])),
            escape("all" if listed is None else ", ".join(listed) or "see its filter"),
            escape(view["since"] or "not noted"),
            f"{behind['messages']:,}" + ("" if age is None else f", oldest {age:,} s"),
            f"[red]{dead:,}[/]" if dead else "0",
            _MARKS[view["contract"]],
        )
    OUT.print(shown)


# `fanout subscribers new`


@subscribers_app.command("new")
def new(
    name: Annotated[str, typer.Argument(help="The subscriber, such as fraud.")],
    *,
    rule: Annotated[
        RuleKind, option("Keep the latest status, or handle every transition.")
    ] = RuleKind.LATEST_STATE,
    status: Annotated[
        list[str] | None, option("The statuses that it wants; all if left out.", metavar="A,B")
    ] = None,
    version: Annotated[
        list[int] | None,
        option("A major version that it reads; repeatable; the newest if left out."),
    ] = None,
    external: Annotated[
        bool, option("Infrastructure only: its code lives elsewhere.", "--external")
    ] = False,
    bus: Annotated[Transport, option("How the SAM part subscribes.")] = Transport.SNS,
    handout: Annotated[
        Path | None,
        option("With --external: where the contract goes; dist/contract-NAME if left out."),
    ] = None,
    project: Annotated[
        Path | None, option("The clone to write to; the running one if left out.")
    ] = None,
    as_json: Json = False,
) -> None:
    """Write a new subscriber beside the others; only its rule is left to write.

    Exit codes: 0 written; 2 wrong name or filter, a file is in the way, or
    one that has to change has uncommitted changes (nothing is written).
    """
    root = project or project_root()
    if root == SHIPPED:
        raise WrongUse(
            "A subscriber is written into a clone of the repository: --project names it."
        )
    words = [word.strip() for text in status or [] for word in text.split(",")]
    choices = Choices(
        name=name,
        rule=rule,
        versions=tuple(dict.fromkeys(version or [NEWEST_MAJOR])),
        statuses=tuple(dict.fromkeys(word for word in words if word)),
        bus=bus,
        external=external,
    )
    if handout is not None and not external:
        raise WrongUse("--handout is for --external: a consumer here has the contract at hand.")
    plan = creation.make_plan(root, choices)
    copies: list[Path] = []
    if external:
        copies = creation.write_handout(root, plan, handout or root / "dist" / f"contract-{name}")
    creation.write(root, plan)
    document = {
        "name": name,
        "written": sorted(plan.new),
        "changed": sorted(plan.changed),
        "handout": [str(path) for path in copies],
        "filter": choices.filter(plan.event),
        "next": _next_steps(choices),
    }
    if as_json:
        print_json(document)
    else:
        _show_new(document, seeded=choices.reads_newest)


def _show_new(document: dict[str, Any], *, seeded: bool) -> None:
    for title, key in (("Written", "written"), ("Changed", "changed"), ("To hand out", "handout")):
        if document[key]:
            OUT.print(f"{title}:")
            OUT.print(*(f"  {path}" for path in document[key]), sep="\n", markup=False)
    OUT.print("Next:")
    _show_steps(document["next"])
    if not seeded:
        ERR.print("Version 1 has no snapshots: this subscriber can't be seeded by backfill.")


def _show_steps(steps: list[str]) -> None:
    for number, step in enumerate(steps, start=1):
        OUT.print(f"  {number}. {step}", markup=False)


def _next_steps(choices: Choices) -> list[str]:
    template = f"infra/sam/subscribers/{choices.name}.yaml"
    if choices.external:
        return [
            f"Deploy {template}, or infra/terraform/subscribers/{choices.name}",
            "Hand the folder with schemas and examples to the other team",
        ]
    seeded = choices.latest_state and choices.reads_newest
    return [
        f"Write src/{choices.package}/{choices.module}.py and its tests",
        "make check && make test",
        f"fanout local deploy {template}   (on AWS: sam build and sam deploy, or terraform)",
        *([f"fanout backfill {choices.name} --execute"] * seeded),
    ]


# `fanout subscribers remove`


@subscribers_app.command("remove")
def remove(
    context: typer.Context,
    name: Annotated[str, typer.Argument(help="The subscriber to remove.")],
    *,
    abandon: Annotated[
        bool, option("Don't wait for the queue: its messages are lost.", "--abandon")
    ] = False,
    execute: Execute = False,
    as_json: Json = False,
) -> None:
    """Unsubscribe a service, let it empty its queue, and say what to delete; deletes nothing.

    Exit codes: 0 planned, or unsubscribed with an empty queue; 1 messages are
    left when the time is up, or are in the DLQ.
    """
    target: AwsTarget = context.obj
    before = read_removal(target, name)
    if not as_json:
        _show_losses(before)
    if not execute:
        if as_json:
            print_json(_removal_document(before, executed=False))
        else:
            OUT.print("Nothing was changed. Add --execute to do it.")
        return
    if not abandon:
        require_consumer(before)
    unsubscribe(target, before)
    ERR.print("Unsubscribed: nothing new arrives.")
    if not abandon:
        _drain(target, before)
    # The consumer may have parked some of what it drained.
    after = read_removal(target, name)
    if as_json:
        print_json(_removal_document(after, executed=True))
    else:
        if after.dlq.total:
            OUT.print(f"{after.dlq.total:,} dead messages: fanout dlq show {name}", markup=False)
        _show_steps(_delete_steps(after))
    if after.dlq.total:
        raise typer.Exit(ExitCode.FOUND)


def _drain(target: AwsTarget, removal: Removal) -> None:
    left = waiting = removal.queue.total
    with progress() as bar:
        task = bar.add_task("messages left", total=waiting or 1)
        for depth in drain(target, removal, timeout_seconds=DRAIN_SECONDS):
            left = depth.total
            bar.update(task, completed=max(0, waiting - left))
    if left:
        raise Found(
            f"{left:,} messages are still in the queue after {DRAIN_SECONDS} seconds; "
            "nothing new arrives. Run the command again before you delete the stack."
        )


def _show_losses(removal: Removal) -> None:
    OUT.print(f"To remove: {removal.subscriber.name}", style="bold", markup=False)
    for loss in removal.losses():
        OUT.print(f"  {loss}", markup=False)
    if not removal.deliveries:
        OUT.print("  It is unsubscribed already.")


def _delete_steps(removal: Removal) -> list[str]:
    name, stack = removal.subscriber.name, removal.subscriber.stack
    delete = (
        f"aws cloudformation delete-stack --stack-name {stack}: its table, its DLQ and their "
        "contents stay until you delete them."
        if stack
        else f"terraform destroy in infra/terraform/subscribers/{name}: unprotect its table first."
    )
    forget = (
        "Take its entry out of schemas/customer_status_changed/registry.yaml, delete its files "
        f"(git grep -l {name.replace('-', '_')}_consumer), and run fanout schema generate."
    )
    return [delete, forget]


def _removal_document(removal: Removal, *, executed: bool) -> dict[str, Any]:
    return {
        "name": removal.subscriber.name,
        "executed": executed,
        "deliveries": list(removal.deliveries),
        "queue": removal.queue.total,
        "dlq": removal.dlq.total,
        "rows": removal.rows,
        "losses": removal.losses(),
        "next": _delete_steps(removal),
    }


# `fanout subscribers pause | resume`

Name = Annotated[str, typer.Argument(help="The subscriber.")]


@subscribers_app.command("pause")
def pause(
    context: typer.Context,
    name: Name,
    *,
    length: Annotated[str, option("How long its alarms stay quiet: 30m, 2h, 3d.", "--for")],
    because: Annotated[str, option("Why; `fanout status` shows it.")],
    execute: Execute = False,
    as_json: Json = False,
) -> None:
    """Switch a consumer off for a while: events wait in its queue, its alarms notify nobody.

    It stays off until `fanout subscribers resume`.

    Exit codes: 0 planned, or paused; 2 no such subscriber, or its queue would
    lose messages in the pause.
    """
    length_of = timedelta(seconds=seconds_of(length, option="--for"))
    now = datetime.now(UTC)
    plan = pausing.plan_pause(context.obj, name, length=length_of, because=because, now=now)
    _carry_out(context.obj, plan, execute=execute, as_json=as_json)


@subscribers_app.command("resume")
def resume(
    context: typer.Context, name: Name, *, execute: Execute = False, as_json: Json = False
) -> None:
    """Switch a paused consumer on again: it handles what waits, and its alarms notify again."""
    plan = pausing.plan_resume(context.obj, name)
    _carry_out(context.obj, plan, execute=execute, as_json=as_json)


def _carry_out(target: AwsTarget, plan: pausing.Plan, *, execute: bool, as_json: bool) -> None:
    if execute:
        pausing.carry_out(target, plan)
    pause, alarms, waiting = plan.pause, plan.alarms, plan.queue.depth.total
    if as_json:
        print_json(
            {
                "name": plan.name,
                "executed": execute,
                "pause": pause and pause.to_document(),
                "waiting": waiting,
                "alarms": alarms,
            }
        )
        return
    known = "none are here" if alarms is None else f"{len(alarms)} of {plan.name}"
    facts: list[tuple[str, object]] = [("messages that wait", f"{waiting:,}")]
    if pause:
        facts += [
            ("mapping", f"{plan.mapping_id} is disabled"),
            ("until", f"{moment(pause.until)} UTC; then its alarms are heard, and it stays off"),
            ("muted alarms", known),
            ("starts to lose", f"{moment(pause.loses_at)} UTC, by the queue's retention"),
            ("switched on early by", "a deployment with Terraform"),
        ]
    else:
        facts += [("mapping", f"{plan.mapping_id} is enabled"), ("alarms", f"heard: {known}")]
    print_facts(f"{'Pause' if pause else 'Resume'} {plan.name}", facts)
    OUT.print("Done." if execute else "Nothing was changed. Add --execute to do it.")
