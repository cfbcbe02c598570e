"""Send messages from an export file, each once, in a run that can be gone on with.

The run's selection is the file's message ids; the bodies stay in the file, whose checksum the run
keeps. A file that holds a message twice (a discard that crashed writes such) has it sent once.
"""

from collections.abc import Callable, Iterator, Mapping, Sequence
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any, Self

from fanout.aws import AwsTarget
from fanout.dlq import files as export_file
from fanout.dlq.diagnosis import diagnose, facts_of
from fanout.dlq.replay import same_subscription
from fanout.dlq.steps import (
    ATTRIBUTES_MAX,
    IMPORTED,
    MEANINGS,
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
from fanout.errors import WrongUse
from fanout.runs.journal import clock, done, ended, intent
from fanout.runs.ledger import Item, State
from fanout.runs.operation import Ending, Nothing, Operation, Plan, Selecting, Words, Work
from fanout.runs.store import Run
from fanout.sqs.message import REPLAYED, DeadMessage, attributes_size_bytes
from fanout.sqs.queue import Destination, QueueFacts, Sending
from fanout.sqs.subscription import Subscription, subject_of

TO_DLQ, TO_QUEUE = "dlq", "queue"


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
        made = [
            self._made(message, facts)
            for message in batch
            if message.group_id not in self._blocked_groups
        ]
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
            {"id": effect.message_id, "ok": effect.ok}
            | ({"new_id": effect.new_id} if effect.ok else {"why": effect.why})
            for effect in effects
        ]
        endings = [{"end": IMPORTED, **result} for result in results if result["ok"]]
        self.run.record(done(SEND, results), *([ended(endings)] if endings else []))
        self.score.well += len(endings)
        self.score.failed += len(results) - len(endings)
        if facts.fifo:
            sent = {ending["id"] for ending in endings}
            self._blocked_groups.update(
                str(one.group_id) for one in batch if one.message_id not in sent
            )

    def _made(self, message: DeadMessage, facts: QueueFacts) -> Sending:
        made = sending(message, facts, self.run.run_id)
        if self.to == TO_QUEUE:
            return made
        # A dead message has to say why it is dead, and, if there is room, of its first delivery.
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


# The operation


class DlqImport(Operation):
    """`fanout dlq import`."""

    command = "dlq import"
    words = Words(good=WELL_ENDS, meanings=MEANINGS)

    def __init__(self, target: AwsTarget, subscription: Subscription) -> None:
        self.target = target
        self.subscription = subscription
        self.lock = f"dlq/{subscription.subscriber.name}"

    @classmethod
    def reopen(cls, target: AwsTarget, header: Mapping[str, Any]) -> Self:
        """See `Operation.reopen`."""
        return cls(target, same_subscription(target, header["subject"]))

    def subject(self) -> dict[str, Any]:
        """See `Operation.subject`."""
        return subject_of(self.target, self.subscription)

    def select(self, run: Run, selecting: Selecting) -> Nothing:  # noqa: ARG002 (a file is soon read)
        """Select every message of the file.

        Raises:
            WrongUse: a line of it is no exported message; nothing was sent.
        """
        path = Path(run.options["file"])
        reader = self.subscription.reader
        run.select(
            facts_of(message, diagnose(message, reader))
            for message in export_file.read(path)
            if run.ledger.get(message.message_id) is None
        )
        run.freeze(cut_off=clock())
        return Nothing(sentence=f"{path} holds no message: nothing is selected.", asked=True)

    def plan(self, run: Run) -> Plan:
        """See `Operation.plan`."""
        subject = run.header["subject"]
        to = subject["queue_arn"] if run.options["through"] == TO_QUEUE else subject["dlq_arn"]
        return Plan(document={"to": to}, rows=(("from", run.options["file"]), ("to", to)))

    def steps(self, run: Run) -> Callable[[Work], Ending]:
        """See `Operation.steps`."""
        to = run.options["through"]

        def work(work: Work) -> Ending:
            Import(
                run=run,
                path=Path(run.options["file"]),
                to=to,
                destination=self.subscription.queue if to == TO_QUEUE else self.subscription.dlq,
                keep_lock=work.keep_lock,
                stop=work.stop,
                progress=lambda score: work.progress(score.handled, score.failed),
            ).work()
            return Ending()

        return work
