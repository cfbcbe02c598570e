"""`fanout subscribe new` and `remove`."""

from pathlib import Path
from typing import Annotated, Any

import typer

from customer_events.event import NEWEST_MAJOR
from fanout.console import ERR, OUT, print_json
from fanout.errors import WrongUse
from fanout.packaging.build import here
from fanout.subscribe.choices import Bus, Choices, RuleKind
from fanout.subscribe.creation import Plan, carry_out, make_plan, write_handout
from fanout.subscribe.removal_command import remove

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
    bus: Annotated[Bus, typer.Option(help="How the SAM part subscribes.")] = Bus.SNS,
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


# Private functions


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
