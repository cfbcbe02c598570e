"""Send messages from an export file, each once, in a run that can be resumed.

The run's selection is the file's message ids; the bodies stay in the file, whose checksum the run
keeps. A file that holds a message twice (a discard that crashed writes such) has it sent once.
"""

import hashlib
import json
from collections.abc import Callable, Iterator
from dataclasses import replace
from functools import partial
from itertools import chain
from pathlib import Path

from event_consumer.sqs_queue import ATTRIBUTES_MAX
from fanout.dlq.diagnosis import diagnose, facts_of
from fanout.dlq.replay import QUEUE, WINDOW_MAX, DlqOperation, Score
from fanout.dlq.steps import IMPORTED, SEND, ThroughQueue, sending
from fanout.errors import WrongUse
from fanout.runs.journal import MALFORMED, clock, done, ended
from fanout.runs.ledger import State
from fanout.runs.operation import Ending, Nothing, Plan, Selecting, Work
from fanout.runs.store import Run
from fanout.sqs.message import REPLAYED, DeadMessage, from_line
from fanout.sqs.queue import BATCH_MAX, QueueFacts, Sending


class DlqImport(DlqOperation):
    """`fanout dlq import`."""

    command = "dlq import"

    def select(self, run: Run, selecting: Selecting) -> Nothing:  # noqa: ARG002 (a file is soon read)
        """See `Operation.select`. Raises: WrongUse: a line is no exported message."""
        path = Path(run.options["file"])
        reader = self.subscription.reader
        run.select(
            facts_of(message, diagnose(message, reader))
            for message in read(path)
            if run.ledger.get(message.message_id) is None
        )
        run.freeze(cut_off=clock())
        return Nothing(sentence=f"{path} holds no message: nothing is selected.", asked=True)

    def plan(self, run: Run) -> Plan:
        """See `Operation.plan`."""
        subject = run.header["subject"]
        to = subject["queue_arn"] if run.options["through"] == QUEUE else subject["dlq_arn"]
        return Plan(document={"to": to}, rows=(("from", run.options["file"]), ("to", to)))

    def steps(self, run: Run) -> Callable[[Work], Ending]:
        """See `Operation.steps`. Raises: WrongUse: it is not the file that was selected from."""
        path = Path(run.options["file"])
        if checksum(path) != run.options["sha256"]:
            raise WrongUse(
                f"{path} was changed since the run was planned: bring it back, or import it as it "
                "is now in a new run, which would send again what this run has sent."
            )
        return partial(self._send_all, run, path)

    # Private functions

    def _send_all(self, run: Run, path: Path, work: Work) -> Ending:
        to_queue = run.options["through"] == QUEUE
        destination = self.subscription.queue if to_queue else self.subscription.dlq
        facts = destination.facts()
        make = None if to_queue else _as_dead(facts, run.run_id)
        mover = ThroughQueue(run, destination, facts, make=make)
        score = Score()
        blocked_groups: set[str | None] = set()
        windows = _windows(run, path, score)
        for batch in chain.from_iterable(mover.batches(each, BATCH_MAX) for each in windows):
            if work.stop():
                break
            messages = [dead for dead in batch if dead.group_id not in blocked_groups]
            if not messages:
                continue
            work.keep_lock()
            results = list(chain.from_iterable(mover.attempt([messages]).require_all()))
            sent = [{"end": IMPORTED, **result} for result in results if result["ok"]]
            run.record(done(SEND, results), ended(sent))
            score.well += len(sent)
            score.failed += len(messages) - len(sent)
            if facts.fifo:  # what SQS will never take blocks nobody
                failed = {result["id"] for result in results if not result["ok"]}
                blocked_groups.update(
                    each.group_id for each in messages if each.message_id in failed
                )
            work.progress(score.handled, score.failed)
        return Ending()


def read(path: Path) -> Iterator[DeadMessage]:
    """The messages of a file, one by one. Raises: WrongUse: it can't be read; names the line."""
    try:
        with path.open(encoding="utf-8") as file:
            for number, line in enumerate(file, start=1):
                try:
                    message = from_line(json.loads(line))
                except MALFORMED as error:
                    raise WrongUse(
                        f"{path}, line {number}, is no exported message ({type(error).__name__}): "
                        "expected what `fanout dlq export` writes."
                    ) from None
                yield message
    except (OSError, UnicodeDecodeError) as error:
        why = getattr(error, "strerror", None) or "it is no UTF-8 text"
        raise WrongUse(f"{path} can't be read: {why}.") from None


def checksum(path: Path) -> str:
    """SHA-256 of a file. Raises: WrongUse where it can't be read."""
    try:
        with path.open("rb") as file:
            return hashlib.file_digest(file, "sha256").hexdigest()
    except OSError as error:
        raise WrongUse(f"{path} can't be read: {error.strerror}.") from None


def _windows(run: Run, path: Path, score: Score) -> Iterator[list[DeadMessage]]:
    """What is left to be sent; of what was sent before a crash that only has to be said."""
    window: dict[str, DeadMessage] = {}
    for message in read(path):
        item = run.ledger.get(message.message_id)
        if item is not None and item.state is State.DID:
            run.record(ended([{**item.detail, "id": item.id, "end": IMPORTED}]))
            score.well += 1
        elif item is not None and item.state is not State.ENDED:
            window.setdefault(message.message_id, message)
        if len(window) == WINDOW_MAX:
            yield list(window.values())
            window = {}
    yield list(window.values())


def _as_dead(facts: QueueFacts, run_id: str) -> Callable[[DeadMessage], Sending]:
    """A dead message has to say why it is dead, and, if there is room, of its first delivery."""

    def make(message: DeadMessage) -> Sending:
        made = sending(message, facts, run_id)
        attributes = dict(message.attributes)
        if len(attributes) < ATTRIBUTES_MAX:
            attributes[REPLAYED] = made.entry["MessageAttributes"][REPLAYED]
        return replace(made, entry={**made.entry, "MessageAttributes": attributes})

    return make
