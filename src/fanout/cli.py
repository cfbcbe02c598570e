"""`fanout`: the root of the command line, its global options and its exit codes.

A command is imported when it is called, so a help page does not wait for the AWS SDK.
"""

import io
import os
import re
import sys
from importlib import metadata
from pkgutil import resolve_name
from typing import Annotated, Any, Final

import typer
from rich.markup import escape
from typer.core import TyperCommand, TyperGroup

from fanout.aws import AwsTarget, sentence_for
from fanout.console import ERR, OUT, option, warn
from fanout.errors import CommandError, ExitCode, WrongUse

COMMANDS: Final = {
    "local": "fanout.local.commands:local_app",
    "status": "fanout.watch.status:status",
    "where": "fanout.watch.where:where",
    "doctor": "fanout.watch.doctor:doctor",
    "tail": "fanout.watch.tail:tail",
    "demo": "fanout.demo.commands:demo",
    "subscribers": "fanout.subscribers.commands:subscribers_app",
    "backfill": "fanout.accounts.backfill:backfill",
    "reconcile": "fanout.accounts.reconcile:reconcile",
    "dlq": "fanout.dlq.commands:dlq_app",
    "failures": "fanout.failures.commands:failures_app",
    "archive": "fanout.archive.commands:archive_app",
    "runs": "fanout.runs.commands:runs_app",
    "schema": "fanout.contract.commands:schema_app",
    "package": "fanout.packaging.commands:package",
}
"""Every command, as MODULE:NAME."""

HELP: Final = {
    "local": "Run the whole system on this machine, on an embedded AWS.",
    "status": "Show the whole path at once: what is wrong first, and what to type next.",
    "where": "Follow one customer: the item, its changes of the last day, and where each one is.",
    "doctor": "Check how the deployment is set up, and say how to fix what is wrong.",
    "tail": "Watch events from now on: ids, transition, version and lag; bodies with --reveal.",
    "demo": "Run it all on this machine with sample changes, and account for each of them.",
    "subscribers": "List the subscribers; add, remove, pause or resume one.",
    "backfill": "Send today's state of every customer to one subscriber's queue, and to no other.",
    "reconcile": "Compare Accounts with a subscriber's table: what differs, since when, and why.",
    "dlq": "Inspect dead messages by cause, fix them, and replay them.",
    "failures": "Inspect what could not be published, by cause, and publish it again.",
    "archive": "Replay the bus's archive to one subscriber.",
    "runs": "List, show and resume the runs of every command.",
    "schema": "Check, freeze and generate the contract; make and check filters.",
    "package": "Build the Lambda packages, reproducibly, with only what each service imports.",
}
"""What a group of commands is for, and the first paragraph of any other command's own help."""

OPERATIONS: Final = {
    "backfill": "fanout.accounts.backfill:Backfill",
    "reconcile": "fanout.accounts.reconcile:Reconcile",
    "dlq replay": "fanout.dlq.replay:DlqReplay",
    "dlq edit": "fanout.dlq.replay:DlqEdit",
    "dlq discard": "fanout.dlq.replay:DlqDiscard",
    "dlq import": "fanout.dlq.import_:DlqImport",
    "publisher failures recover": "fanout.failures.recover:FailuresRecover",
    "publisher failures discard": "fanout.failures.recover:FailuresDiscard",
    "dlq blocked": "fanout.dlq.blocked:DlqUnblock",
    "dlq waiting": "fanout.dlq.blocked:DlqUnblock",  # as journals of before the rename have it
}
"""What a run can be of, by its journal's `command`; `fanout runs` imports one when it is needed."""

RENAMED: Final = {
    ("subscribe",): ("subscribers",),
    ("dlq", "waiting"): ("dlq", "blocked", "--check"),
    **{
        (*group, old): ("runs", new, "--of", of)
        for group, of in ((("dlq",), "dlq"), (("publisher", "failures"), "failures"))
        for old, new in (("runs", "list"), ("report", "show"), ("resume", "resume"))
    },
    ("publisher", "failures", "list"): ("failures", "list", "--check"),
    ("publisher", "failures"): ("failures",),
    **{("schema", name): ("schema", "generate", name) for name in ("registry", "asyncapi", "docs")},
}
"""Old names, which work until the next release, with a notice."""

RENAMED_OPTIONS: Final = {"--release": "--unblock", "--reason": "--because"}
"""Old names of options of `dlq waiting`, likewise."""

GLOBAL_OPTIONS: Final = ("--prefix", "--profile", "--region", "--endpoint-url")


class LazyCommands(TyperGroup):
    """Lists `COMMANDS` from `HELP` alone, and imports the one that is called."""

    def __init__(self, **settings: Any) -> None:
        super().__init__(**settings)
        self.commands = {name: TyperCommand(name, help=HELP[name]) for name in COMMANDS}

    def parse_args(self, ctx: Any, args: list[str]) -> list[str]:
        """Take global options from after the command too, and old names; see `TyperGroup`."""
        if ctx.resilient_parsing and args[-1:] and args[-1] in GLOBAL_OPTIONS:
            args = args[:-1]  # a shell completes its value
        options, words = _global_options_first(args)
        return super().parse_args(ctx, [*options, *_renamed(words)])

    def resolve_command(self, ctx: Any, args: list[str]) -> Any:
        """See `TyperGroup.resolve_command`."""
        name, command, rest = super().resolve_command(ctx, args)
        return name, command and load(str(name)), rest


def load(name: str) -> Any:
    """A command in full, with the commands below it."""
    command, holder = resolve_name(COMMANDS[name]), typer.Typer()
    if isinstance(command, typer.Typer):
        holder.add_typer(command, name=name, help=HELP[name])
    else:
        holder.command(name)(command)
    return typer.main.get_group(holder).commands[name]


def _show_version(asked: bool) -> None:
    if asked:
        OUT.print(metadata.version("customer-status-fanout"))
        raise typer.Exit


app = typer.Typer(
    name="fanout",
    cls=LazyCommands,
    help="Run, inspect and repair the customer-status fan-out.\n\n"
    f"{', '.join(GLOBAL_OPTIONS)} can stand\nbefore or after the command. "
    "What changes something on AWS only\nshows its plan without --execute.\n\n"
    "Exit codes: 0 done, 1 something was found or is left, 2 wrong use,\n"
    "3 refused by AWS or unreachable, 130 interrupted, safely.",
    context_settings={"help_option_names": ["-h", "--help"]},
    no_args_is_help=True,
    pretty_exceptions_enable=False,
)


@app.callback()
def target(
    context: typer.Context,
    *,
    prefix: Annotated[
        str, option("Prefix of the deployment's SSM parameters.", envvar="FANOUT_PREFIX")
    ] = "fanout",
    profile: Annotated[
        str | None, option("AWS profile; the standard AWS variables work too.")
    ] = None,
    region: Annotated[str | None, option("AWS region.")] = None,
    endpoint_url: Annotated[
        str | None, option("Another AWS endpoint, such as the embedded one.")
    ] = None,
    version: Annotated[
        bool,
        option("Print the version and exit.", "--version", is_eager=True, callback=_show_version),
    ] = False,
) -> None:
    """Say which deployment the command works on."""
    del version
    if re.fullmatch(r"[A-Za-z0-9_-]+", prefix) is None:
        raise WrongUse(f"--prefix {prefix!r}: expected letters, digits, - and _, such as fanout.")
    context.meta["fanout.operations"] = OPERATIONS
    context.obj = AwsTarget(
        prefix=prefix, profile=profile, region=region, endpoint_url=endpoint_url
    )


def main(application: typer.Typer = app) -> None:
    """Run the command line; turn every expected failure into one sentence and an exit code."""
    _show_what_no_terminal_can()
    try:
        try:
            application(standalone_mode=True)
        finally:
            if sys.stdout is not None:
                sys.stdout.flush()
    except KeyboardInterrupt:
        sys.exit(ExitCode.INTERRUPTED)
    except Exception as error:
        sentence, exit_code = _ending(error)
        if sentence is None:
            raise
        _say_last(sentence)
        sys.exit(exit_code)


# Private functions


def _global_options_first(args: list[str]) -> tuple[list[str], list[str]]:
    """The global options with their values, wherever they stand before `--`, and the rest."""
    options: list[str] = []
    words: list[str] = []
    waiting = iter(args)
    for word in waiting:
        if word == "--":
            words += [word, *waiting]
        elif word in GLOBAL_OPTIONS:
            value = next(waiting, None)
            if value is None:
                raise typer.BadParameter("a value has to follow.", param_hint=word)
            options += [word, value]
        else:
            is_global = word.partition("=")[0] in GLOBAL_OPTIONS
            (options if is_global else words).append(word)
    return options, words


def _renamed(words: list[str]) -> list[str]:
    """The words of a command by its present name; says so where that is another."""
    for old, new in RENAMED.items():
        if tuple(words[: len(old)]) == old:
            rest = words[len(old) :]
            if "waiting" in old:
                parts = [word.partition("=") for word in rest]
                rest = [
                    RENAMED_OPTIONS.get(name, name) + sign + value for name, sign, value in parts
                ]
            return _say_renamed(words, [*new, *rest])
    if words[:2] == ["schema", "check"] and "--record" in words:
        kept = [word for word in words[2:] if word != "--record"]
        return _say_renamed(words, ["schema", "record", *kept])
    is_old_list = words[:1] == ["subscribers"] and set(words[1:]) <= {"--json"}
    return _say_renamed(words, ["subscribers", "list", *words[1:]]) if is_old_list else words


def _say_renamed(old: list[str], new: list[str]) -> list[str]:
    warn(f"`fanout {' '.join(old)}` is now `fanout {' '.join(new)}`; the old name goes soon.")
    return new


def _ending(error: Exception) -> tuple[str | None, int]:
    """How to say an expected failure, and its exit code; None for one that nobody expected."""
    if isinstance(error, CommandError):
        return str(error), error.exit_code
    if isinstance(error, OSError):
        name = f": {error.filename}" if error.filename else ""
        return f"The machine refused: {error.strerror or error}{name}.", ExitCode.REFUSED
    from botocore.exceptions import BotoCoreError, ClientError

    is_known = isinstance(error, BotoCoreError | ClientError)
    return sentence_for(error) if is_known else None, ExitCode.REFUSED


def _say_last(sentence: str) -> None:
    """Say it even where an output is full or gone, so that Python has nothing to add at its end."""
    try:
        ERR.print(f"[bold red]fanout:[/] {escape(sentence)}")
        if sys.stdout is not None:
            sys.stdout.flush()
    except OSError:
        nowhere = os.open(os.devnull, os.O_WRONLY)
        for stream in (sys.stdout, sys.stderr):
            if stream is not None:
                os.dup2(nowhere, stream.fileno())


def _show_what_no_terminal_can() -> None:
    """A file's name or a message may hold half a surrogate pair: shown escaped, no crash."""
    for stream in (sys.stdout, sys.stderr):
        if isinstance(stream, io.TextIOWrapper):
            stream.reconfigure(errors="backslashreplace")
