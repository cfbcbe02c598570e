"""`fanout subscribers`: one line for each."""

from typing import Annotated

import typer
from rich.markup import escape

from fanout.aws import AwsTarget
from fanout.console import OUT, print_json, table
from fanout.subscribers.listing import Coverage, SubscriberView, look

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


# Private functions


def _behind(view: SubscriberView) -> str:
    if not view.queue.total:
        return "0"
    age = view.oldest_age_seconds
    return f"{view.queue.total:,}" + (f", oldest {age:,} s" if age is not None else "")
