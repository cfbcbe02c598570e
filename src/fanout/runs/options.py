"""Options that every command with a run takes."""

import re
from pathlib import Path
from typing import Annotated

import typer

from fanout.aws import AwsTarget
from fanout.console import option, warn
from fanout.errors import WrongUse
from fanout.runs.store import RunStore
from fanout.text import UNIT_SECONDS

Reveal = Annotated[bool, option("Show customer ids and personal fields as they are.", "--reveal")]
Check = Annotated[bool, option("Exit with 1 if there is something, for scripts.", "--check")]
Execute = Annotated[bool, option("Run it; otherwise only show the plan.", "--execute")]
RunName = Annotated[str, typer.Argument(metavar="RUN", help="A run's id, a part of it, or `last`.")]
RunsDir = Annotated[
    Path | None, option("Folder of journals; your state folder if left out.", "--runs-dir")
]


def run_store(target: AwsTarget, runs_dir: Path | None) -> RunStore:
    """Where the journals are."""
    return RunStore(runs_dir or target.state_folder / "runs")


def seconds_of(text: str, *, option: str) -> float:
    """Read `30s`, `15m` or `2h`, as seconds; so is a bare number until the next release.

    Raises: WrongUse: it is none of these.
    """
    match = re.fullmatch(r"(\d{1,6}(?:\.\d{1,6})?)([smhd]?)", text, re.ASCII)
    if match is None:
        raise WrongUse(f"{option} {text!r}: expected a duration such as 30s, 15m or 2h.")
    if not match[2]:
        warn(f"{option} {text}: write {text}s; a number without a unit goes with the next release.")
    return float(match[1]) * UNIT_SECONDS[match[2] or "s"]


def renamed(old: str, old_value: str | None, new: str, value: str | None) -> str | None:
    """An option's value under either of its names, with a notice for the old one."""
    if old_value is not None:
        warn(f"`{old}` is `{new}` now, and goes with the next release.")
    return old_value if value is None else value
