"""A stretch of work on an import: its plan, its lock, and what it came to."""

from pathlib import Path
from typing import Any

from rich.markup import escape

from customer_events.instants import to_wire
from fanout.aws import AwsTarget
from fanout.console import ERR, OUT, print_json, progress, table
from fanout.dlq.importing import TO_QUEUE, Import
from fanout.dlq.lock import Locks
from fanout.dlq.replay_session import Result, why_it_broke_off
from fanout.dlq.score import OPEN, WELL_ENDS, Score
from fanout.dlq.stopping import Stopping
from fanout.dlq.subscription import Subscription
from fanout.errors import ExitCode
from fanout.runs.operator import Operator
from fanout.runs.run import Run

COMMAND = "dlq import"


def show_import_plan(run: Run, *, execute: bool, as_json: bool) -> None:
    """Print what an import is going to do."""
    options, subject = run.options, run.header["subject"]
    where = subject["queue_arn"] if options["through"] == TO_QUEUE else subject["dlq_arn"]
    plan: dict[str, Any] = {
        "run_id": run.run_id,
        "subject": dict(subject),
        "options": dict(options),
        "cut_off": run.cut_off and to_wire(run.cut_off),
        "selected": run.ledger.count(),
        "to_do": run.ledger.count(*OPEN),
        "to": where,
    }
    if as_json:
        print_json(plan)
        return
    rows = table(f"Plan of {run.run_id}: {plan['to_do']:,} of {plan['selected']:,}", "", "")
    rows.show_header = False
    rows.add_row("from", escape(options["file"]))
    rows.add_row("to", escape(where))
    OUT.print(rows)
    if not execute:
        ERR.print(f"Nothing was sent. To do it: [bold]fanout dlq resume {run.run_id} --execute[/]")


def carry_out_import(
    target: AwsTarget, subscription: Subscription, run: Run, operator: Operator
) -> Result:
    """Send what is left to send, under the lock, and say in the journal how it ended.

    Raises:
        CommandError, ClientError, BotoCoreError: after the journal was told.
    """
    to = run.options["through"]
    locks = Locks(target.client("ssm"), target.prefix)
    with (
        progress() as bar,
        Stopping() as stopping,
        locks.hold(
            subscription.subscriber.name, operator=operator, run_id=run.run_id, tell=run.note
        ) as lock,
    ):
        task = bar.add_task("import", total=run.ledger.count(*OPEN))

        def show(score: Score) -> None:
            bar.update(task, completed=score.handled)

        run.start(operator)
        try:
            Import(
                run=run,
                path=Path(run.options["file"]),
                to=to,
                destination=subscription.queue if to == TO_QUEUE else subscription.dlq,
                keep_lock=lock.keep,
                stop=stopping.asked,
                progress=show,
            ).work()
        except BaseException as error:
            run.pause(why_it_broke_off(error))
            raise
        return _close(run, interrupted=stopping.asked())


# Private functions


def _close(run: Run, *, interrupted: bool) -> Result:
    left = run.ledger.count(*OPEN)
    badly = sum(one.count for one in run.ledger.tallies() if one.end and one.end not in WELL_ENDS)
    if not left:
        run.finish()
    else:
        run.pause(f"{left:,} are left.")
    if interrupted and left:
        sentence = f"Interrupted, with {left:,} left."
        return Result(exit_code=ExitCode.INTERRUPTED, sentence=sentence)
    if left or badly:
        sentence = f"{badly:,} could not be sent, and {left:,} are left to do."
        return Result(exit_code=ExitCode.FOUND, sentence=sentence)
    return Result(exit_code=ExitCode.DONE, sentence="Every message of the file was sent.")
