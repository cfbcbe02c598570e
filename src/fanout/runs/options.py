"""Options that every command with a run takes."""

from pathlib import Path
from typing import Annotated

import typer

from fanout.aws import AwsTarget
from fanout.discovery import state_folder
from fanout.runs.store import RunStore

Json = Annotated[bool, typer.Option("--json", help="Print one JSON document.")]


Reveal = Annotated[
    bool, typer.Option("--reveal", help="Show customer ids and personal fields as they are.")
]


Check = Annotated[
    bool, typer.Option("--check", help="Exit with 1 where there is something, for a script.")
]


Execute = Annotated[bool, typer.Option("--execute", help="Do it; without, only the plan is shown.")]


JournalCopy = Annotated[
    str | None,
    typer.Option(
        "--journal", metavar="S3-URI", help="Also copy the journal to s3://bucket/prefix."
    ),
]


RunName = Annotated[str, typer.Argument(metavar="RUN", help="A run's id, a part of it, or `last`.")]


RunsDir = Annotated[
    Path | None,
    typer.Option("--runs-dir", help="Folder of journals; your state folder if left out."),
]


def run_store(target: AwsTarget, runs_dir: Path | None) -> RunStore:
    """Where the journals are."""
    return RunStore(runs_dir or state_folder(target.prefix) / "runs")
