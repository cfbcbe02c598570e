"""Send messages from an export file, each once, in a run that can be gone on with.

The run's selection is the file's message ids; the bodies stay in the file, whose checksum the run
keeps. A file that holds a message twice (a discard that crashed writes such) has it sent once.
"""

from collections.abc import Callable, Iterator, Sequence
from dataclasses import dataclass, field
from datetime import datetime
from pathlib import Path
from typing import Any

from rich.markup import escape

from customer_events.instants import to_wire
from event_consumer.consume_batch import Reader
from fanout.aws import AwsTarget
from fanout.console import ERR, OUT, print_json, progress, table
from fanout.dlq import files as export_file
from fanout.dlq.diagnosis import diagnose, facts_of
from fanout.dlq.steps import (
    ATTRIBUTES_MAX,
    IMPORTED,
    OPEN,
    REFUSED,
    SEND,
    WELL_ENDS,
    WINDOW_MAX,
    Score,
    in_batches,
    in_waves,
    refusal,
    sending,
)
from fanout.errors import ExitCode, WrongUse
from fanout.runs.journal import done, ended, intent
from fanout.runs.ledger import Item, State
from fanout.runs.lock import Locks
from fanout.runs.operation import Result, why_it_broke_off
from fanout.runs.pace import Stopping
from fanout.runs.store import Operator, Run
from fanout.sqs.message import REPLAYED, DeadMessage, attributes_size_bytes
from fanout.sqs.queue import Destination, QueueFacts, Sending
from fanout.sqs.subscription import Subscription

TO_DLQ, TO_QUEUE = "dlq", "queue"


def freeze_file(path: Path, run: Run, reader: Reader, *, cut_off: datetime) -> None:
    """Select every message of the file.

    Raises:
        WrongUse: a line of it is no exported message; nothing was sent.
    """
    run.select(
        facts_of(one, diagnose(one, reader))
        for one in export_file.read(path)
        if run.ledger.get(one.message_id) is None
    )
    run.freeze(cut_off=cut_off)


@dataclass(slots=True, kw_only=True)
class Import:
    """One stretch of work on a run.

    Args:
        to: `TO_DLQ` keeps every message attribute; `TO_QUEUE` takes off what brought it here.
        keep_lock, stop: called before each batch.
        progress: called with the score after each batch.
    """

    run: Run
    path: Path
    to: str
    destination: Destination
    keep_lock: Callable[[], None]
    stop: Callable[[], bool]
    progress: Callable[[Score], None]
    score: Score = field(default_factory=Score)
    _blocked_groups: set[str] = field(default_factory=set)

    def work(self) -> None:
        """Send what was not sent yet, in the order of the file.

        Raises:
            WrongUse: the file is not the one that was selected from.
        """
        if export_file.checksum(self.path) != self.run.options["sha256"]:
            raise WrongUse(
                f"{self.path} was changed since the run was planned: bring it back, or import it "
                "as it is now in a new run, which would send again what this run has sent."
            )
        facts = self.destination.facts()
        for window in self._windows():
            for wave in in_waves(window) if facts.fifo else [window]:
                for batch in in_batches(wave):
                    if self.stop():
                        return
                    self.keep_lock()
                    self._send(batch, facts)
                    self.progress(self.score)

    # Private functions

    def _windows(self) -> Iterator[list[DeadMessage]]:
        window: dict[str, DeadMessage] = {}
        for one in export_file.read(self.path):
            item = self.run.ledger.get(one.message_id)
            if item is not None and self._is_left(item):
                window.setdefault(one.message_id, one)
            if len(window) == WINDOW_MAX:
                yield list(window.values())
                window = {}
        yield list(window.values())

    def _is_left(self, item: Item) -> bool:
        """What was sent before a crash only has to be said."""
        if item.state is State.DID:
            self.run.record(ended([{**item.detail, "id": item.id, "end": IMPORTED}]))
            self.score.well += 1
            return False
        return item.state is not State.ENDED

    def _send(self, batch: Sequence[DeadMessage], facts: QueueFacts) -> None:
        made = [self._made(one, facts) for one in batch if one.group_id not in self._blocked_groups]
        refused = {one.message_id: why for one in made if (why := _why_not(one, facts))}
        if refused:
            self.run.record(
                ended({"id": one, "end": REFUSED, "why": why} for one, why in refused.items())
            )
            self.score.failed += len(refused)
        wanted = [one for one in made if one.message_id not in refused]
        if not wanted:
            return
        self.run.record(intent(SEND, [one.message_id for one in wanted]))
        effects = self.destination.send(wanted)
        results: list[dict[str, Any]] = [
            {"id": one.message_id, "ok": one.ok}
            | ({"new_id": one.new_id} if one.ok else {"why": one.why})
            for one in effects
        ]
        endings = [{"end": IMPORTED, **one} for one in results if one["ok"]]
        self.run.record(done(SEND, results), *([ended(endings)] if endings else []))
        self.score.well += len(endings)
        self.score.failed += len(results) - len(endings)
        if facts.fifo:
            sent = {one["id"] for one in endings}
            self._blocked_groups.update(
                str(one.group_id) for one in batch if one.message_id not in sent
            )

    def _made(self, message: DeadMessage, facts: QueueFacts) -> Sending:
        made = sending(message, facts, self.run.run_id)
        if self.to == TO_QUEUE:
            return made
        # A dead message has to tell why it is dead, and, if there is room, of its first delivery.
        attributes = dict(message.attributes)
        if len(attributes) < ATTRIBUTES_MAX:
            attributes[REPLAYED] = made.entry["MessageAttributes"][REPLAYED]
        return Sending(
            message_id=message.message_id,
            entry={**made.entry, "MessageAttributes": attributes},
            size_bytes=len(message.body.encode()) + attributes_size_bytes(attributes),
        )


def _why_not(made: Sending, facts: QueueFacts) -> str:
    if facts.fifo and "MessageGroupId" not in made.entry:
        return "NoGroup: it comes from a standard queue, and this one is FIFO"
    return refusal(made, facts)


# A stretch of work on an import: its plan, its lock, and what it came to


IMPORT = "dlq import"


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
