"""`fanout dlq …`: the commands of the group, each from the module that holds it."""

import typer

from fanout.dlq import (
    discard_commands,
    edit_commands,
    file_commands,
    look_commands,
    redrive_commands,
    replay_commands,
    report_command,
    run_commands,
    waiting_command,
)

dlq_app = typer.Typer(
    name="dlq",
    help="Read dead messages, tell why they are dead, and bring them back.",
    no_args_is_help=True,
)
dlq_app.command("list")(look_commands.list_queues)
dlq_app.command("show")(look_commands.show)
dlq_app.command("replay")(replay_commands.replay)
dlq_app.command("edit")(edit_commands.edit)
dlq_app.command("export")(file_commands.export)
dlq_app.command("import")(file_commands.import_)
dlq_app.command("discard")(discard_commands.discard)
dlq_app.command("redrive")(redrive_commands.redrive)
dlq_app.command("waiting")(waiting_command.waiting)
dlq_app.command("resume")(run_commands.resume)
dlq_app.command("runs")(run_commands.runs)
dlq_app.command("report")(report_command.report)
