"""`fanout`: the root of the command line, its global options and its exit codes."""

import io
import sys
from typing import Annotated

import typer
from botocore.exceptions import BotoCoreError, ClientError
from rich.markup import escape

from fanout.archive.commands import archive_app
from fanout.aws import AwsTarget, sentence_for
from fanout.backfill.commands import backfill
from fanout.console import ERR
from fanout.demo.commands import demo
from fanout.dlq.commands import dlq_app
from fanout.errors import CommandError, ExitCode
from fanout.failures.commands import publisher_app
from fanout.local.commands import local_app
from fanout.packaging.commands import package
from fanout.reconcile.commands import reconcile
from fanout.schema.commands import schema_app
from fanout.subscribe.commands import subscribe_app
from fanout.subscribers.commands import subscribers

app = typer.Typer(
    name="fanout",
    help="Run, inspect and repair the customer-status fan-out.",
    no_args_is_help=True,
    add_completion=False,
    pretty_exceptions_enable=False,
)
app.add_typer(local_app)
app.add_typer(schema_app)
app.add_typer(dlq_app)
app.add_typer(subscribe_app)
app.add_typer(publisher_app)
app.add_typer(archive_app)
app.command()(backfill)
app.command()(reconcile)
app.command()(subscribers)
app.command()(demo)
app.command()(package)


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
        application(standalone_mode=True)
    except CommandError as error:
        ERR.print(f"[bold red]fanout:[/] {escape(str(error))}")
        sys.exit(error.exit_code)
    except (BotoCoreError, ClientError) as error:
        ERR.print(f"[bold red]fanout:[/] {escape(sentence_for(error))}")
        sys.exit(ExitCode.REFUSED)
    except KeyboardInterrupt:
        sys.exit(ExitCode.INTERRUPTED)


# Private functions


def _show_what_no_terminal_can() -> None:
    """A file's name or a message may hold half a surrogate pair: shown escaped, no crash."""
    for stream in (sys.stdout, sys.stderr):
        if isinstance(stream, io.TextIOWrapper):
            stream.reconfigure(errors="backslashreplace")
