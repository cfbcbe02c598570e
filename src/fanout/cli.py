"""`fanout`: the root of the command line, its global options and its exit codes.

A command is imported when it is called, so a help page does not wait for the AWS SDK.
"""

import io
import os
import sys
from importlib import import_module
from typing import Annotated, Any, Final

import typer
from rich.markup import escape
from typer.core import TyperCommand, TyperGroup

from fanout.aws import AwsTarget, sentence_for
from fanout.console import ERR
from fanout.errors import CommandError, ExitCode

COMMANDS: Final = {
    "local": (
        "fanout.local.commands:local_app",
        "Run the whole system on this machine, on an embedded AWS.",
    ),
    "demo": (
        "fanout.demo.commands:demo",
        "Play status changes through the whole system, here, and account for each of them.",
    ),
    "subscribers": (
        "fanout.subscribers.commands:subscribers",
        "Show who subscribes, to what, how far behind, what is dead, and what tests cover it.",
    ),
    "subscribe": (
        "fanout.subscribers.commands:subscribe_app",
        "Let a new service join, and let one leave.",
    ),
    "backfill": (
        "fanout.accounts.backfill:backfill",
        "Send today's state of every customer to one subscriber's queue, and to nobody else's.",
    ),
    "reconcile": (
        "fanout.accounts.reconcile:reconcile",
        "Compare Accounts with a subscriber's table; tell what drifted, for how long, and why.",
    ),
    "dlq": (
        "fanout.dlq.commands:dlq_app",
        "Read dead messages, tell why they are dead, and bring them back.",
    ),
    "publisher": (
        "fanout.failures.commands:publisher_app",
        "Look after the publisher of a deployment.",
    ),
    "archive": ("fanout.archive.commands:archive_app", "Deliver archived events again."),
    "schema": (
        "fanout.contract.commands:schema_app",
        "Change the contract without breaking anyone.",
    ),
    "package": (
        "fanout.packaging.commands:package",
        "Build the Lambda packages: only what each service imports, the same bytes every time.",
    ),
}
"""Every command: MODULE:NAME, and the first paragraph of its help (a test compares the two)."""


class LazyCommands(TyperGroup):
    """Lists `COMMANDS` from their texts alone, and imports the one that is called."""

    def __init__(self, **settings: Any) -> None:
        super().__init__(**settings)
        self.commands = {
            name: TyperCommand(name, help=text) for name, (_, text) in COMMANDS.items()
        }

    def resolve_command(self, ctx: Any, args: list[str]) -> Any:
        """See `TyperGroup.resolve_command`."""
        name, command, rest = super().resolve_command(ctx, args)
        return name, command and load(str(name)), rest


def load(name: str) -> Any:
    """A command in full, with the commands below it."""
    module, _, attribute = COMMANDS[name][0].partition(":")
    found, holder = getattr(import_module(module), attribute), typer.Typer()
    if isinstance(found, typer.Typer):
        holder.add_typer(found)
    else:
        holder.command(name)(found)
    return typer.main.get_group(holder).commands[name]


app = typer.Typer(
    name="fanout",
    cls=LazyCommands,
    help="Run, inspect and repair the customer-status fan-out.",
    no_args_is_help=True,
    add_completion=False,
    pretty_exceptions_enable=False,
)


@app.callback()
def target(
    context: typer.Context,
    prefix: Annotated[
        str, typer.Option(envvar="FANOUT_PREFIX", help="Prefix of the deployment's SSM parameters.")
    ] = "fanout",
    profile: Annotated[
        str | None, typer.Option(help="AWS profile; the standard AWS variables do as well.")
    ] = None,
    region: Annotated[str | None, typer.Option(help="AWS region.")] = None,
    endpoint_url: Annotated[
        str | None, typer.Option(help="Another AWS endpoint, such as the embedded one.")
    ] = None,
) -> None:
    """Say which deployment the command works on."""
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
