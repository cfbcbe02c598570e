"""`fanout dlq …`: the commands of the group, each from the module that holds it."""

import typer

from fanout.dlq import look_commands, replay_commands, run_commands

dlq_app = typer.Typer(
    name="dlq",
    help="Read dead messages, tell why they are dead, and bring them back.",
    no_args_is_help=True,
)
dlq_app.command("list")(look_commands.list_queues)
dlq_app.command("show")(look_commands.show)
dlq_app.command("replay")(replay_commands.replay)
dlq_app.command("resume")(run_commands.resume)
dlq_app.command("runs")(run_commands.runs)
dlq_app.command("report")(run_commands.report)
