"""What a replay does with a batch of dead messages, step by step, each in the journal.

`send`, then `delete` (through the queue); or `consume`, then `delete` (through the consumer). The
intent of a step is on the disk before the step; a message is deleted only after its send, or its
good outcome, was confirmed and that is on the disk too.
"""

import hashlib
import re
from collections.abc import Callable, Iterator, Mapping, Sequence
from dataclasses import dataclass
from typing import Any, Protocol

from fanout.dlq.files import ExportFile
from fanout.runs.function import ReportingFunction, calls
from fanout.runs.journal import Entry, done, ended, intent
from fanout.runs.store import Run
from fanout.sqs.message import (
    DeadMessage,
    attributes_size_bytes,
    replayed_attributes,
    to_lambda_record,
)
from fanout.sqs.queue import (
    BATCH_MAX,
    Consumer,
    DeadLetters,
    Destination,
    Notes,
    QueueFacts,
    Receipt,
    Sending,
    Verdict,
)

# Free who waits behind messages that leave the DLQ without being handled (park by customer)


RELEASE = "release"


class Unblocking:
    """Withdraws notes, each step in the journal.

    Args:
        notes: of the subscriber; None where nobody waits, and there is nothing to do.
    """

    def __init__(self, run: Run, notes: Notes | None) -> None:
        self._run = run
        self._notes = notes

    def begin(self, message_ids: Sequence[str]) -> list[Entry]:
        """What the journal has to hold before `release`, after the deletion was confirmed."""
        return [intent(RELEASE, message_ids)] if self._notes is not None and message_ids else []

    def release(self, message_ids: Sequence[str]) -> None:
        """Withdraw the notes of these, by the ids of their first deliveries."""
        if self._notes is None:
            return
        for message_id in message_ids:
            item = self._run.ledger.get(message_id)
            group = item.facts.get("message_group") if item is not None else None
            if item is not None and group:
                self._notes.withdraw(str(group), str(item.facts.get("alias") or item.id))


# What a replay sends for a dead message, in which order, and what SQS would refuse


BATCH_BYTES_MAX = 500_000
"""Of the bodies in one call. SQS takes 1 MiB; a body alone may be as large as that."""
ATTRIBUTES_MAX = 10
"""Message attributes of one message."""
_REFUSED = re.compile("[^\t\n\r\x20-\ud7ff\ue000-\ufffd\U00010000-\U0010ffff]")
"""What SQS takes in no message (its reference of SendMessage)."""


class Unsendable(Exception):
    """A message that can't be sent, and why: a short code, a colon, what is wrong."""


class Making(Protocol):
    """What a run sends for a message."""

    def make(self, message: DeadMessage) -> Sending:
        """Raises: Unsendable where nothing can be sent for it."""
        ...

    def keep(self, messages: Sequence[DeadMessage]) -> dict[str, Any]:
        """What the journal has to hold of these before they are sent."""
        ...


class AsItIs:
    """The port `Making` of a replay."""

    def __init__(self, destination: QueueFacts, run_id: str) -> None:
        self._destination = destination
        self._run_id = run_id

    def make(self, message: DeadMessage) -> Sending:
        """See `Making.make`."""
        return sending(message, self._destination, self._run_id)

    def keep(self, messages: Sequence[DeadMessage]) -> dict[str, Any]:  # noqa: ARG002 (the port's)
        """See `Making.keep`: the DLQ holds them until they are sent as they are."""
        return {}


def sending(message: DeadMessage, destination: QueueFacts, run_id: str) -> Sending:
    """What to send: the same body and attributes, our marks off, the first delivery kept.

    On FIFO the dedup id is new, else a message that was delivered within five minutes would vanish;
    it is the same for the same run, so that sending again after a crash is recognised by SQS.
    """
    attributes = replayed_attributes(message)
    entry: dict[str, Any] = {"MessageBody": message.body, "MessageAttributes": attributes}
    if message.trace_header:
        header = {"DataType": "String", "StringValue": message.trace_header}
        entry["MessageSystemAttributes"] = {"AWSTraceHeader": header}
    if message.group_id:
        entry["MessageGroupId"] = message.group_id
    if destination.fifo:
        name = hashlib.sha256(f"{run_id}/{message.message_id}".encode()).hexdigest()
        entry["MessageDeduplicationId"] = name
    size_bytes = len(message.body.encode()) + attributes_size_bytes(attributes)
    return Sending(message_id=message.message_id, entry=entry, size_bytes=size_bytes)


def sendable(text: str) -> str:
    r"""A JSON text with what SQS takes in no message as `\uffff`, which says the same."""
    return _REFUSED.sub(lambda match: f"\\u{ord(match[0]):04x}", text)


def refusal(made: Sending, destination: QueueFacts) -> str:
    """Why SQS would never take a message; "" where it would."""
    if made.size_bytes > destination.size_bytes_max:
        return (
            f"TooLarge: {made.size_bytes:,} bytes, and the queue takes "
            f"{destination.size_bytes_max:,}: raise its MaximumMessageSize"
        )
    if _REFUSED.search(made.entry["MessageBody"]):
        return "Unsendable: it holds a character that SQS takes in no message"
    if len(made.entry["MessageAttributes"]) > ATTRIBUTES_MAX:
        return (
            f"TooManyAttributes: more than {ATTRIBUTES_MAX} with our own: replay through consumer"
        )
    return ""


def in_waves(messages: Sequence[DeadMessage]) -> list[list[DeadMessage]]:
    """The first message of each group, then the second of each, and so on."""
    waves: list[list[DeadMessage]] = []
    turns: dict[str, int] = {}
    for message in messages:
        turn = turns.get(message.group_id or "", 0)
        turns[message.group_id or ""] = turn + 1
        if turn == len(waves):
            waves.append([])
        waves[turn].append(message)
    return waves


def in_batches(
    messages: Sequence[DeadMessage],
    size_of: Callable[[DeadMessage], int] = lambda one: one.size_bytes,
) -> Iterator[list[DeadMessage]]:
    """As many as one SendMessageBatch takes, by number and by size as they are sent."""
    batch: list[DeadMessage] = []
    size_bytes = 0
    for message in messages:
        own = size_of(message)
        if batch and (len(batch) == BATCH_MAX or size_bytes + own > BATCH_BYTES_MAX // 2):
            yield batch
            batch, size_bytes = [], 0
        batch.append(message)
        size_bytes += own
    if batch:
        yield batch


SEND, CONSUME, DELETE = "send", "consume", "delete"
SENT, REFUSED, PARKED = "SENT", "REFUSED", "PARKED"
WELL = frozenset({"APPLIED", "DUPLICATE", "STALE"})
"""Outcomes after which a message is done with, and may be deleted."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Moved:
    """How a batch ended: what is done with, and what is left in the DLQ."""

    well: int
    failed: int
    failed_ids: tuple[str, ...] = ()


class Mover(Protocol):
    """One way to bring messages back."""

    step: str

    def batches(self, messages: Sequence[DeadMessage]) -> Iterator[list[DeadMessage]]:
        """The messages in the order and the batches in which to move them."""
        ...

    def move(self, messages: Sequence[DeadMessage]) -> Moved:
        """Move one batch."""
        ...


class Deleting:
    """Deletes what is done with from the DLQ.

    Args:
        receipt: the newest receipt of a message, hidden for long enough.
        forget: called with the ids that are gone.
        unblocking: frees who waits behind what is gone.
    """

    def __init__(
        self,
        run: Run,
        dlq: DeadLetters,
        *,
        receipt: Callable[[DeadMessage], Receipt],
        forget: Callable[[Sequence[str]], None],
        unblocking: Unblocking | None = None,
    ) -> None:
        self._run = run
        self._unblocking = unblocking or Unblocking(run, None)
        self._dlq = dlq
        self._receipt = receipt
        self._forget = forget

    def delete(self, messages: Sequence[DeadMessage], ends: dict[str, dict[str, Any]]) -> Moved:
        """Delete at most `BATCH_MAX` messages whose intent is in the journal already.

        `ends` holds, by message id, the `end` that a deleted message has come to, and details.
        """
        effects = self._dlq.delete([self._receipt(message) for message in messages])
        results = [
            {"id": effect.message_id, "ok": effect.ok, **ends[effect.message_id]}
            | ({} if effect.ok else {"why": effect.why})
            for effect in effects
        ]
        gone = [one.message_id for one in effects if one.ok]
        endings = ended({"id": message_id, **ends[message_id]} for message_id in gone)
        self._forget(gone)
        if release := self._unblocking.begin(gone):
            self._run.record(done(DELETE, results), *release)
            self._unblocking.release(gone)
            self._run.record(endings)
        else:
            self._run.record(done(DELETE, results), endings)
        failed = tuple(one.message_id for one in effects if not one.ok)
        return Moved(well=len(gone), failed=len(failed), failed_ids=failed)


class ThroughQueue:
    """Send to the subscriber's queue, then delete."""

    step = SEND

    def __init__(
        self,
        run: Run,
        destination: Destination,
        facts: QueueFacts,
        deleting: Deleting,
        making: Making | None = None,
    ) -> None:
        self._run = run
        self._making = making or AsItIs(facts, run.run_id)
        self._destination = destination
        self._facts = facts
        self._deleting = deleting

    def batches(self, messages: Sequence[DeadMessage]) -> Iterator[list[DeadMessage]]:
        """On FIFO one message of a group at a time: the next goes once this one is confirmed."""
        waves = in_waves(messages) if self._facts.fifo else [list(messages)]
        for wave in waves:
            yield from in_batches(wave, self._size)

    def move(self, messages: Sequence[DeadMessage]) -> Moved:
        """See `Mover.move`."""
        sendings, refused = self._made(messages)
        if refused:
            self._run.record(
                ended({"id": one, "end": REFUSED, "why": why} for one, why in refused.items())
            )
        wanted = [message for message in messages if message.message_id not in refused]
        moved = self._send(wanted, sendings) if wanted else Moved(well=0, failed=0)
        return Moved(
            well=moved.well,
            failed=moved.failed + len(refused),
            failed_ids=(*moved.failed_ids, *refused),
        )

    # Private functions

    def _size(self, message: DeadMessage) -> int:
        """Of what is sent for it: an edit may make it larger."""
        try:
            return self._making.make(message).size_bytes
        except Unsendable:
            return message.size_bytes

    def _made(self, messages: Sequence[DeadMessage]) -> tuple[dict[str, Sending], dict[str, str]]:
        """What to send, and for what can't be sent why not, by message id."""
        sendings: dict[str, Sending] = {}
        refused: dict[str, str] = {}
        for message in messages:
            try:
                made = self._making.make(message)
            except Unsendable as error:
                refused[message.message_id] = str(error)
                continue
            sendings[message.message_id] = made
            if why := refusal(made, self._facts):
                refused[message.message_id] = why
        return sendings, refused

    def _send(self, messages: list[DeadMessage], sendings: dict[str, Sending]) -> Moved:
        kept = self._making.keep(messages)
        self._run.record(intent(SEND, [one.message_id for one in messages], **kept))
        effects = self._destination.send([sendings[message.message_id] for message in messages])
        sent = {effect.message_id: effect.new_id for effect in effects if effect.ok}
        results = [
            {"id": one.message_id, "ok": one.ok}
            | ({"new_id": one.new_id} if one.ok else {"why": one.why})
            for one in effects
        ]
        failed = tuple(one.message_id for one in effects if not one.ok)
        if not sent:
            self._run.record(done(SEND, results))
            return Moved(well=0, failed=len(failed), failed_ids=failed)
        self._run.record(done(SEND, results), intent(DELETE, sent))
        ends = {one: {"end": SENT, "new_id": new_id} for one, new_id in sent.items()}
        deleted = self._deleting.delete([m for m in messages if m.message_id in sent], ends)
        return Moved(
            well=deleted.well,
            failed=len(failed) + deleted.failed,
            failed_ids=(*failed, *deleted.failed_ids),
        )


class ThroughConsumer:
    """Hand to the consumer function, then delete what ended well."""

    step = CONSUME

    def __init__(self, run: Run, consumer: Consumer, deleting: Deleting) -> None:
        self._run = run
        self._consumer = consumer
        self._deleting = deleting

    def batches(self, messages: Sequence[DeadMessage]) -> Iterator[list[DeadMessage]]:
        """In order; the consumer itself keeps a customer's newest state."""
        for start in range(0, len(messages), BATCH_MAX):
            yield list(messages[start : start + BATCH_MAX])

    def move(self, messages: Sequence[DeadMessage]) -> Moved:
        """See `Mover.move`."""
        self._run.record(intent(CONSUME, [one.message_id for one in messages]))
        verdicts = {message.message_id: message for message in self._consumer.handle(messages)}
        well = [one for one, verdict in verdicts.items() if verdict.outcome in WELL]
        entries = [done(CONSUME, map(_result, verdicts.values()))]
        parked = [one for one in verdicts.values() if one.outcome == PARKED]
        if parked:
            entries.append(ended({"end": PARKED, **_result(one)} for one in parked))
        if well:
            entries.append(intent(DELETE, well))
        self._run.record(*entries)
        failed = tuple(one for one in verdicts if one not in well)
        if not well:
            return Moved(well=0, failed=len(failed), failed_ids=failed)
        ends = {one: {"end": verdicts[one].outcome} for one in well}
        deleted = self._deleting.delete([m for m in messages if m.message_id in well], ends)
        return Moved(
            well=deleted.well,
            failed=len(failed) + deleted.failed,
            failed_ids=(*failed, *deleted.failed_ids),
        )


def _result(verdict: Verdict) -> dict[str, Any]:
    result: dict[str, Any] = {
        "id": verdict.message_id,
        "ok": verdict.outcome in WELL,
        "outcome": verdict.outcome,
    }
    if verdict.reason:
        result["why"] = verdict.reason
    if verdict.field or verdict.expected:
        result["where"] = f"{verdict.field}: {verdict.expected}".strip(": ")
    return result


# The subscriber's own function, asked to handle messages and to say what became of each


RETRY = "RETRY"


class ConsumerFunction:
    """The port `Consumer` on Lambda.

    Args:
        client: a boto3 Lambda client.
        function_name: the subscriber's function.
        queue_arn: the subscriber's queue, which the messages are said to come from.
    """

    def __init__(self, client: Any, function_name: str, *, queue_arn: str) -> None:
        self._function = ReportingFunction(
            client=client,
            name=function_name,
            remedy="Deploy it with the current event_consumer, or replay --through queue.",
        )
        self._queue_arn = queue_arn

    def require_reporting(self) -> None:
        """See `Consumer.require_reporting`."""
        self._function.require_reporting()

    def handle(self, messages: Sequence[DeadMessage]) -> list[Verdict]:
        """See `Consumer.handle`. What an invocation did whose answer is lost, the guard knows."""
        records = [to_lambda_record(message, queue_arn=self._queue_arn) for message in messages]
        verdicts: dict[str, Verdict] = {}
        why = "NotReported"
        for call in calls(records, lambda record: record):
            outcomes, failure = self._function.ask(call)
            why = failure or why
            for outcome in outcomes or ():
                verdict = _verdict(outcome)
                verdicts[verdict.message_id] = verdict
        return [
            verdicts.get(
                one.message_id, Verdict(message_id=one.message_id, outcome=RETRY, reason=why)
            )
            for one in messages
        ]


def _verdict(found: Mapping[str, Any]) -> Verdict:
    return Verdict(
        message_id=str(found["message_id"]),
        outcome=str(found["outcome"]),
        reason=str(found.get("reason") or ""),
        field=str(found.get("field") or ""),
        expected=str(found.get("expected") or ""),
    )


# What a stretch of replaying has come to, and the words for how a message ended


CAME_BACK = "CAME_BACK"
"""It was sent, and the consumer parked it again."""
GONE = "GONE"
"""It was selected, and is no longer in the DLQ: deleted by someone, or expired."""
DISCARDED = "DISCARDED"
"""It was written to a file, and deleted."""
IMPORTED = "IMPORTED"
"""It was sent from a file."""
RELEASED = "RELEASED"
"""It was gone, and nobody waits for it any more."""
UNREADABLE = "UNREADABLE"
"""It was left out of a replay, since this version's contract can't read it."""
WELL_ENDS = frozenset({"SENT", "APPLIED", "DUPLICATE", "STALE", DISCARDED, IMPORTED, RELEASED})
"""Good ends."""
MEANINGS = {
    "SENT": "Sent to the queue and deleted from the DLQ; the consumer decides.",
    "APPLIED": "The row changed; deleted from the DLQ.",
    "DUPLICATE": "The row already held this very event; deleted from the DLQ.",
    "STALE": "The row already held something newer; deleted from the DLQ.",
    "PARKED": "Refused by the consumer again; still in the DLQ, as it was.",
    UNREADABLE: "Left out: this version's contract can't read it. It is in the DLQ, as it "
    "was: edit or discard it, or replay it with --even-if-unreadable.",
    CAME_BACK: "Sent, and parked again: it is in the DLQ as a new message.",
    GONE: "No longer in the DLQ: deleted by someone, or expired.",
    DISCARDED: "Written to the file, on the disk, and deleted from the DLQ.",
    IMPORTED: "Sent from the file.",
    RELEASED: "It was gone; its customer's later events do not wait for it any more.",
    "REFUSED": "It can't be sent so, the report's list says why; it is where it was.",
    "waiting": "Not tried; still in the DLQ. Resume the run.",
    "send unconfirmed": "Its send was begun and not confirmed; still in the DLQ. Resume the run.",
    "send done": "Sent; not deleted from the DLQ yet. Resume the run: it deletes only.",
    "send failed": "SQS did not take it; still in the DLQ. Resume the run to try again.",
    "export unconfirmed": "Its export was begun; still in the DLQ. Resume the run.",
    "export done": "In the file; not deleted from the DLQ yet. Resume the run: it deletes only.",
    "consume unconfirmed": "Handed to the consumer, no answer yet; in the DLQ. Resume the run.",
    "consume done": "Ended well; not deleted from the DLQ yet. Resume the run.",
    "consume failed": "RETRY: something it needs was down; still in the DLQ. Resume the run.",
    "delete unconfirmed": "Done with; its deletion is unconfirmed. Resume the run: it deletes "
    "only; should it be delivered again, the order guard makes it a DUPLICATE.",
    "delete done": "Deleted from the DLQ; its customer's later events wait for it yet. Resume the "
    "run: it frees them.",
    "release unconfirmed": "Deleted from the DLQ; its customer's later events may wait for it yet. "
    "Resume the run: it frees them.",
    "delete failed": "Done with, but still in the DLQ. Resume the run: it deletes only.",
}
"""What each fate in a report means."""
WINDOW_MAX = 100
"""Messages in memory at a time; a customer's are put in order within it."""
WINDOW_BYTES_MAX = 8_000_000
FEW = 10
"""Below this many a failure rate says nothing, except after a canary."""


@dataclass(slots=True, kw_only=True)
class Score:
    """What this stretch of work has come to so far.

    `behind` are messages that came into a FIFO DLQ meanwhile, and are not shown until those of
    their groups are gone that are in front of them: taken for ones that came back.
    """

    well: int = 0
    failed: int = 0
    behind: int = 0

    @property
    def handled(self) -> int:
        """All that were dealt with."""
        return self.well + self.failed

    def is_over(self, bound: float, *, few: int = FEW) -> bool:
        """Whether too many failed."""
        return self.handled >= few and self.failed + self.behind > bound * self.handled


@dataclass(frozen=True, slots=True, kw_only=True)
class Limits:
    """`failure_rate_max`: 0 to 1; `hold_seconds`: how long a message stays hidden after a kill."""

    failure_rate_max: float
    hold_seconds: int


# Throw dead messages away: into a file first, on the disk, and only then out of the DLQ


EXPORT, DELETE = "export", "delete"


class Discarding:
    """The port `Mover` of a discard.

    A message whose export was begun before a crash is exported again: the file may hold it twice,
    and an import takes it once.
    """

    step = EXPORT

    def __init__(self, run: Run, file: ExportFile, deleting: Deleting) -> None:
        self._run = run
        self._file = file
        self._deleting = deleting

    def batches(self, messages: Sequence[DeadMessage]) -> Iterator[list[DeadMessage]]:
        """See `Mover.batches`."""
        for start in range(0, len(messages), BATCH_MAX):
            yield list(messages[start : start + BATCH_MAX])

    def move(self, messages: Sequence[DeadMessage]) -> Moved:
        """See `Mover.move`."""
        ids = [message.message_id for message in messages]
        self._run.record(intent(EXPORT, ids))
        self._file.append(messages)
        results = [{"id": message_id, "ok": True, "outcome": DISCARDED} for message_id in ids]
        self._run.record(done(EXPORT, results), intent(DELETE, ids))
        return self._deleting.delete(messages, {one: {"end": DISCARDED} for one in ids})
