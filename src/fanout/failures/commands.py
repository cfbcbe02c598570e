"""`fanout publisher failures …`: the commands of the group, each from the module that holds it."""

import typer

from fanout.failures import list_command, look_commands, run_commands

publisher_app = typer.Typer(
    name="publisher", help="Look after the publisher of a deployment.", no_args_is_help=True
)
failures_app = typer.Typer(
    name="failures",
    help="Read the publisher's failure store, and publish again what is in it.",
    no_args_is_help=True,
)
publisher_app.add_typer(failures_app)
failures_app.command("list")(look_commands.list_failures)
failures_app.command("show")(look_commands.show)
failures_app.command("recover")(run_commands.recover)
failures_app.command("discard")(run_commands.discard)
failures_app.command("resume")(run_commands.resume)
failures_app.command("runs")(list_command.runs)
failures_app.command("report")(run_commands.report)
