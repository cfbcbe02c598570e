"""Everything about a command that changes something but its steps themselves.

A command builds its `Operation` and calls `begin`; `fanout runs resume` reopens one from a
journal's header and calls `resume`. Both do the same, in this order:

1. `begin` makes the run, with the operation's `subject()` and the command's options in its header;
   `resume` opens it.
2. Where the selection is not frozen yet, `select` freezes it.
3. `plan` is shown. Without `--execute` it ends here; `fanout runs resume RUN --execute` continues.
4. `steps` checks that it can be done, and returns what does it.
5. The lock is taken, signals are caught, the journal says that work begins, and the steps are done.
   Before each batch they ask `work.stop()`, call `work.pace.take(count)` and `work.keep_lock()`,
   and afterwards `work.progress(...)`.
6. The verdict (an exit code and a sentence) follows from the items that are left or ended badly;
   the journal says `paused` or `finished`; the report is printed, with how to resume.

The options of a run are a dictionary in its header. The engine reads `execute` and, if it
is there, `rate` (items a second); the rest is the operation's own.
"""

from abc import ABC, abstractmethod
from collections.abc import Callable, Mapping
from contextlib import ExitStack, nullcontext
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any, ClassVar, Self

import typer
from botocore.exceptions import BotoCoreError, ClientError
from rich.markup import escape

from customer_events.instants import to_wire
from fanout.aws import AwsTarget, sentence_for
from fanout.console import ERR, OUT, print_facts, print_json, progress, table, warn
from fanout.errors import CommandError, ExitCode, Found, WrongUse
from fanout.runs.journal import Entry, Kind
from fanout.runs.ledger import State
from fanout.runs.lock import Lock
from fanout.runs.options import run_store
from fanout.runs.pace import Stopping
from fanout.runs.report import report_of
from fanout.runs.store import Operator, Run, RunStore, find_operator
from sentinel.pace import Pace

OPEN = (State.WAITING, State.DOING, State.DID, State.FAILED)
"""Where an item stands that a run is not done with."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Words:
    """How an operation's items end.

    `good`: the ends that are good; `meanings`: a sentence for each fate of a report; `item`: what
    one is, in the singular; `twice`: what becomes of an item whose step was done twice; `left_out`:
    the end of what is not even tried.
    """

    good: frozenset[str]
    meanings: Mapping[str, str] = field(default_factory=dict)
    item: str = "message"
    twice: str = "the order guard makes the second a DUPLICATE"
    left_out: str = ""


@dataclass(frozen=True, slots=True, kw_only=True)
class Plan:
    """What a run is going to do: fields of the JSON plan, rows of the table, and warnings."""

    document: Mapping[str, Any] = field(default_factory=dict)
    rows: tuple[tuple[str, str], ...] = ()
    remarks: tuple[str, ...] = ()


@dataclass(frozen=True, slots=True, kw_only=True)
class Nothing:
    """What to say if nothing was selected; `asked`: whether that is exit code 1."""

    sentence: str = "Nothing is selected."
    asked: bool = False
    document: Mapping[str, Any] = field(default_factory=dict)


@dataclass(frozen=True, slots=True, kw_only=True)
class Ending:
    """Why the steps stopped early, or "", and how much is left besides the run's items."""

    sentence: str = ""
    left: int = 0


@dataclass(frozen=True, slots=True, kw_only=True)
class Selecting:
    """What `Operation.select` is given.

    `again`: an earlier try was killed; `stop`: asked between calls; `progress`: called with how
    many were looked at so far, and of how many if that is known; `holding`: what has to stay open
    until the steps have ended.
    """

    again: bool = False
    stop: Callable[[], bool] = lambda: False
    progress: Callable[..., None] = lambda _done, _total=None: None
    holding: ExitStack = field(default_factory=ExitStack)


@dataclass(frozen=True, slots=True, kw_only=True)
class Work:
    """What the steps are given.

    `progress` takes how many items were dealt with so far, how many of them failed, and (`total`)
    of how many, where that is not the run's own number of items; `say` prints a sentence and puts
    it into the journal's timeline.
    """

    stopping: Stopping
    keep_lock: Callable[[], None]
    pace: Pace
    progress: Callable[..., None]
    say: Callable[[str], None]

    @property
    def stop(self) -> Callable[[], bool]:
        """Whether somebody wants it to stop."""
        return self.stopping.asked


class Operation(ABC):
    """What one command supplies.

    `command` is as a journal's header holds it, such as `dlq replay`; `target` is the deployment;
    `lock` is what nobody else may work on meanwhile, such as `dlq/payments`.
    """

    command: ClassVar[str]
    words: ClassVar[Words]
    target: AwsTarget
    lock: str | None = None

    @classmethod
    @abstractmethod
    def reopen(cls, target: AwsTarget, header: Mapping[str, Any]) -> Self:
        """The operation of a run. Raises: WrongUse: it was made for something else than is here."""

    @abstractmethod
    def subject(self) -> Mapping[str, Any]:
        """What it works on, as the header holds it."""

    @abstractmethod
    def select(self, run: Run, selecting: Selecting) -> Nothing:
        """Write the selection and freeze it; where it was asked to stop, don't freeze."""

    @abstractmethod
    def plan(self, run: Run) -> Plan:
        """What is going to be done."""

    @abstractmethod
    def steps(self, run: Run) -> Callable[[Work], Ending]:
        """What does it, once checked. Raises: CommandError: it can't be done, and nothing was."""

    def results(self) -> Mapping[str, Any]:
        """Fields of its own that the JSON report has, once the steps have ended."""
        return {}


def begin(
    operation: Operation, options: Mapping[str, Any], *, runs_dir: Path | None, as_json: bool
) -> None:
    """Make a run, show its plan, and do it if the option `execute` says so. Raises: typer.Exit."""
    operator = find_operator(operation.target)
    run = run_store(operation.target, runs_dir).create(
        operation.command, subject=operation.subject(), options=options, operator=operator
    )
    with run, ExitStack() as holding:
        try:
            _select(operation, run, holding, again=False, as_json=as_json)
        except WrongUse:
            run.drop()  # a resume would be refused alike
            raise
        _carry_out(operation, run, operator, execute=options["execute"], as_json=as_json)


def resume(
    target: AwsTarget,
    operation: type[Operation],
    store: RunStore,
    run_id: str,
    *,
    execute: bool,
    as_json: bool,
) -> None:
    """Open a run and do what is left; with `execute` also if only planned. Raises: typer.Exit."""
    reopened = operation.reopen(target, store.find(run_id).header.fields)
    with store.open(run_id) as run, ExitStack() as holding:
        if not run.is_frozen:
            warn("It was killed while it selected, before anything was changed: selecting anew.")
            _select(reopened, run, holding, again=True, as_json=as_json)
        execute = execute or run.ledger.starts > 0 or bool(run.options.get("execute"))
        _carry_out(reopened, run, find_operator(target), execute=execute, as_json=as_json)


def perform(
    operation: Operation,
    run: Run,
    operator: Operator,
    *,
    log: Callable[[str], None] = lambda sentence: ERR.print(escape(sentence)),
) -> tuple[ExitCode, str]:
    """Do what is left of a run whose selection is frozen, and say in its journal how it ended.

    The exit code that this comes to, and a sentence that says why.

    Raises: CommandError, ClientError, BotoCoreError: the journal says so; a resume goes on.
    """
    steps, name = operation.steps(run), operation.lock

    def say(sentence: str) -> None:
        run.record(Entry(kind=Kind.NOTE, fields={"text": sentence}))
        log(sentence)

    with (
        progress() as bar,
        Stopping() as stopping,
        Lock(target=operation.target, name=name, operator=operator, run_id=run.run_id, report=say)
        if name
        else nullcontext() as lock,
    ):
        doing = operation.command.rpartition(" ")[2]
        task = bar.add_task(doing, total=run.ledger.count(*OPEN))

        def show(done: int, failed: int = 0, total: int | None = None) -> None:
            failures = f", {failed:,} failed" if failed else ""
            bar.update(task, completed=done, total=total, description=f"{doing}{failures}")

        work = Work(
            stopping=stopping,
            keep_lock=lock.keep if lock else lambda: None,
            pace=Pace(run.options.get("rate"), wait=stopping.wait),
            progress=show,
            say=say,
        )
        run.start(operator)
        try:
            ending = steps(work)
        except BaseException as error:
            run.pause(_why(error))
            log(f"{run.run_id} is paused. To resume: fanout runs resume {run.run_id}")
            raise
        return _close(operation, run, ending, interrupted=stopping.asked())


def print_report(report: Mapping[str, Any], words: Words) -> None:
    """Print what became of every selected item: the counts add up to the selection."""
    title, twice = f"{report['run_id']}: {report['status']}", report["perhaps_twice"]
    rows = table(title, "fate", f"{words.item}s", "", right={1})
    for name, count in report["fates"].items():
        colour = "green" if name in words.good else "yellow"
        meaning = escape(words.meanings.get(name, ""))
        rows.add_row(f"[{colour}]{escape(name)}[/]", f"{count:,}", meaning)
    rows.add_section()
    count = sum(report["fates"].values())
    rows.add_row("all", f"{count:,}", f"of {report['selected']:,} selected")
    if twice:
        rows.caption = (
            f"{twice:,} may have been done twice (a step's end was unknown after a crash): "
            f"{words.twice}."
        )
    OUT.print(rows)


# Private functions


def _select(
    operation: Operation, run: Run, holding: ExitStack, *, again: bool, as_json: bool
) -> None:
    """Raises: typer.Exit, Found: it was interrupted, or there is nothing to do."""
    with progress() as bar, Stopping() as stopping:
        task = bar.add_task("selecting", total=None)

        def show(done: int, total: int | None = None) -> None:
            bar.update(task, completed=done, total=total)

        nothing = operation.select(
            run, Selecting(again=again, stop=stopping.asked, progress=show, holding=holding)
        )
    if not run.is_frozen:
        ERR.print("Interrupted while selecting: nothing was changed.")
        raise typer.Exit(int(ExitCode.INTERRUPTED))
    if run.ledger.count():
        return
    left_out = run.ledger.left_out
    run.drop()
    warn(*left_out)
    if as_json:
        print_json({"run_id": None, "selected": 0, "left_out": left_out, **nothing.document})
    if nothing.asked or left_out:
        raise Found(nothing.sentence)
    ERR.print(escape(nothing.sentence))
    raise typer.Exit


def _show_plan(operation: Operation, run: Run, *, execute: bool, as_json: bool) -> None:
    plan, ledger = operation.plan(run), run.ledger
    to_do, selected = ledger.count(*OPEN), ledger.count()
    if as_json:
        print_json(
            {
                "run_id": run.run_id,
                "command": operation.command,
                "subject": run.header["subject"],
                "options": run.options,
                "cut_off": ledger.cut_off and to_wire(ledger.cut_off),
                "selected": selected,
                "to_do": to_do,
                **plan.document,
                "left_out": ledger.left_out,
            }
        )
        return
    title = f"Plan of {run.run_id}: {to_do:,} of {selected:,} {operation.words.item}s"
    print_facts(title, plan.rows)
    warn(*plan.remarks, *ledger.left_out)
    if not execute:
        ERR.print(
            "Nothing was changed. To do it, with this very selection: "
            f"[bold]fanout runs resume {run.run_id} --execute[/]"
        )


def _close(
    operation: Operation, run: Run, ending: Ending, *, interrupted: bool
) -> tuple[ExitCode, str]:
    """Judge what the run has come to, and say in the journal how this stretch of work ended."""
    words, open_count, sentence = operation.words, run.ledger.count(*OPEN), ending.sentence
    left = open_count + ending.left
    ends = run.ledger.ends()
    badly = sum(count for end, count in ends.items() if end not in words.good)
    if interrupted and left:
        sentence = sentence or f"Interrupted, with {left:,} {words.item}s left."
    elif not sentence and (open_count or badly):
        left_out = ends[words.left_out]
        more = f" ({left_out:,} were left out)" if left_out else ""
        sentence = f"{badly:,} did not end well{more}, and {open_count:,} are left to do."
    if not sentence:
        run.finish()
        return ExitCode.DONE, f"Every selected {words.item} ended well."
    if left:
        run.pause(sentence)
    else:
        run.finish(sentence)
    return ExitCode.INTERRUPTED if interrupted and left else ExitCode.FOUND, sentence


def _carry_out(
    operation: Operation, run: Run, operator: Operator, *, execute: bool, as_json: bool
) -> None:
    """Show the plan, do it, and print what it has come to; JSON is one document, of the last.

    Raises: typer.Exit: unless everything ended well.
    """
    if not (as_json and execute):
        _show_plan(operation, run, execute=execute, as_json=as_json)
    if not execute:
        return
    exit_code, sentence = perform(operation, run, operator)
    report = report_of(run.ledger)
    if as_json:
        print_json(report | {**operation.results(), "exit_code": int(exit_code)})
    else:
        print_report(report, operation.words)
        colour = "green" if exit_code is ExitCode.DONE else "bold yellow"
        OUT.print(f"[{colour}]{escape(sentence)}[/]")
    if exit_code is not ExitCode.DONE:
        if report["status"] != "finished":
            ERR.print(f"To resume: [bold]fanout runs resume {run.run_id}[/]")
        raise typer.Exit(int(exit_code))


def _why(error: BaseException) -> str:
    """Why the work broke off, as a sentence for the journal."""
    if isinstance(error, ClientError | BotoCoreError):
        return sentence_for(error)
    if isinstance(error, CommandError):
        return str(error)
    return "Interrupted." if isinstance(error, KeyboardInterrupt) else type(error).__name__
