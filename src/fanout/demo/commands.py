"""`fanout demo`: the whole system on this machine, with 1,000 changes played through it."""

import json
import os
import tempfile
import time
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from types import TracebackType
from typing import Annotated, Any, Self

import typer
from rich.progress import BarColumn, TaskID, TextColumn

from fanout.aws import AwsTarget
from fanout.console import ERR, print_json, progress
from fanout.demo import sample
from fanout.demo.changes import Op
from fanout.demo.changes_file import check
from fanout.demo.report import Report
from fanout.demo.run import Plan, run
from fanout.demo.summary import print_next_steps, print_summary
from fanout.demo.watch import Counts
from fanout.errors import Found, WrongUse
from fanout.local import runtime
from fanout.local.deployment import LocalDeployment

RATE_DEFAULT = 100.0
_VERSIONS = ("2", "1,2")


def demo(
    context: typer.Context,
    *,
    changes: Annotated[
        Path | None,
        typer.Option(help="Changes to play, JSON Lines or CSV; a sample of 1,000 if left out."),
    ] = None,
    customers: Annotated[
        Path | None,
        typer.Option(help="Customers to import first; the sample's 200 with the sample's changes."),
    ] = None,
    rate: Annotated[
        float, typer.Option(min=0, help="Changes to write a second; 0: as fast as it goes.")
    ] = RATE_DEFAULT,
    versions: Annotated[
        str,
        typer.Option(
            envvar="PUBLISH_VERSIONS", help="Major versions to publish: 2, or 1,2 side by side."
        ),
    ] = "2",
    report: Annotated[
        Path | None, typer.Option(help="File to write the findings to, as JSON.")
    ] = None,
    keep: Annotated[
        bool, typer.Option("--keep", help="Leave it running, and tell what to try next.")
    ] = False,
    state: Annotated[
        Path, typer.Option("--state", help="Folder for state and logs, with --keep.")
    ] = runtime.DEFAULT_STATE_DIR,
    as_json: Annotated[bool, typer.Option("--json", help="Print one JSON document.")] = False,
) -> None:
    """Play status changes through the whole system, here, and account for each of them.

    Exit code 0 where nothing is lost and both tables agree, 1 where not, 2 for a bad file.
    """
    _expect(context.obj, versions, report)
    plan = _plan(changes, customers, rate)
    show = Steps()
    with _deployment(context.obj, versions, state if keep else None, show) as deployment:
        with show:
            finding = run(deployment, plan, show)
        _tell(finding, report, as_json=as_json)
        if keep and not as_json:
            print_next_steps(deployment, state)
    if not finding.is_good:
        raise Found(f"{'; '.join(finding.problems)}.")


class Steps:
    """Progress on standard error: a line for each step, and within it bars or plain lines."""

    def __init__(self) -> None:
        self._bars = progress(
            TextColumn("  {task.description:<10}"),
            BarColumn(),
            TextColumn("{task.completed:>7,.0f} of {task.total:,.0f}"),
        )
        self._tasks: dict[str, TaskID] = {}
        self._began = time.monotonic()

    def __enter__(self) -> Self:
        """Begin to show bars."""
        self._bars.start()
        return self

    def __exit__(
        self,
        kind: type[BaseException] | None,
        error: BaseException | None,
        trace: TracebackType | None,
    ) -> None:
        """Leave no bar behind."""
        self._bars.stop()

    def step(self, what: str) -> None:
        """Say what begins, and when."""
        ERR.print(f"[dim]{time.monotonic() - self._began:5.1f} s[/]  {what} …")

    def counts(self, counts: Counts) -> None:
        """Move the bars."""
        for name, done, total in (
            ("written", counts.written, counts.to_write),
            ("published", counts.events, counts.events_expected),
            ("applied", counts.applied, counts.transitions),
        ):
            if name not in self._tasks:
                self._tasks[name] = self._bars.add_task(name, total=total)
            self._bars.update(self._tasks[name], completed=done, total=total)


# Private functions


def _expect(target: AwsTarget, versions: str, report: Path | None) -> None:
    """Refuse what can't work before anything is started."""
    if target.endpoint_url is not None or target.profile is not None:
        raise WrongUse(
            "The demo brings its own AWS on this machine: leave --endpoint-url and --profile out."
        )
    if versions not in _VERSIONS:
        raise WrongUse(f"--versions {versions!r}: expected {' or '.join(_VERSIONS)}.")
    if report is not None and (report.is_dir() or not os.access(report.parent, os.W_OK)):
        raise WrongUse(f"--report {report} can't be written: name a file in a folder that can.")


def _plan(changes: Path | None, customers: Path | None, rate: float) -> Plan:
    """Check every line of both files."""
    imported = customers or (sample.CUSTOMERS if changes is None else None)
    return Plan(
        customers=check(imported, only=Op.PUT) if imported else None,
        changes=check(changes or sample.CHANGES),
        rate=rate or None,
    )


@contextmanager
def _deployment(
    target: AwsTarget, versions: str, kept_in: Path | None, show: Steps
) -> Iterator[LocalDeployment]:
    """A deployment of the demo's own: gone at the end, or kept unless the demo breaks off."""
    settings: dict[str, Any] = {
        "parameters": {"PublishVersions": versions},
        "prefix": target.prefix,
        "region": target.region or runtime.DEFAULT_REGION,
        "progress": show.step,
    }
    show.step("starting the embedded AWS")
    if kept_in is None:
        with (
            tempfile.TemporaryDirectory(prefix="fanout-demo-") as folder,
            runtime.running(Path(folder) / "state", **settings) as deployment,
        ):
            yield deployment
        return
    deployment = runtime.start(kept_in, **settings)
    try:
        yield deployment
    except BaseException:
        runtime.stop(kept_in)
        raise


def _tell(finding: Report, report: Path | None, *, as_json: bool) -> None:
    document = finding.to_document()
    if report is not None:
        try:
            report.write_text(json.dumps(document, indent=2) + "\n", encoding="utf-8")
        except OSError as error:
            raise WrongUse(f"--report {report} can't be written: {error.strerror}.") from None
    if as_json:
        print_json(document)
    else:
        print_summary(finding)
