"""What is done with a batch of dead messages, step by step, each in the journal.

`send`, then `delete` (through the queue); `consume`, then `delete` (through the consumer); or
`export`, then `delete` (a discard). The intent of a step is on the disk before the step; a message
is deleted only after its send, or its good outcome, was confirmed and that is on the disk too.
"""

import hashlib
import json
import os
import re
from abc import ABC, abstractmethod
from collections.abc import Callable, Iterator, Mapping, Sequence
from dataclasses import dataclass, field
from itertools import chain, zip_longest
from pathlib import Path
from typing import Any, ClassVar

from event_consumer.parked_groups import ParkedGroupsTable
from event_consumer.sqs_queue import ATTRIBUTES_MAX, batches
from fanout.overlap import Overlapped, overlap
from fanout.runs.function import ReportingFunction, calls
from fanout.runs.journal import PRIVATE_MODE, done, ended, file_refusal, intent, sync_folder
from fanout.runs.store import Run
from fanout.sqs.message import DeadMessage, replayed_attributes, to_lambda_record, to_line
from fanout.sqs.queue import Effect, QueueFacts, Sending, SqsQueue

SEND, CONSUME, EXPORT, DELETE, RELEASE = "send", "consume", "export", "delete", "release"
"""The steps. `release` frees who waits behind a message that is gone (park by customer)."""

# How a message ends


SENT, REFUSED, PARKED = "SENT", "REFUSED", "PARKED"
WELL = frozenset({"APPLIED", "DUPLICATE", "STALE"})
"""Outcomes after which a message is done with, and may be deleted."""
CAME_BACK, GONE, UNREADABLE = "CAME_BACK", "GONE", "UNREADABLE"
DISCARDED, IMPORTED, RELEASED = "DISCARDED", "IMPORTED", "RELEASED"
WELL_ENDS = frozenset({SENT, DISCARDED, IMPORTED, RELEASED, *WELL})
MEANINGS = {
    SENT: "Sent to the queue and deleted from the DLQ; the consumer decides.",
    "APPLIED": "The row changed; deleted from the DLQ.",
    "DUPLICATE": "The row already held this very event; deleted from the DLQ.",
    "STALE": "The row already held something newer; deleted from the DLQ.",
    PARKED: "Refused by the consumer again; still in the DLQ, as it was.",
    UNREADABLE: "Left out: this version's contract can't read it. It is in the DLQ, as it "
    "was: edit or discard it, or replay it with --even-if-unreadable.",
    CAME_BACK: "Sent, and parked again: it is in the DLQ as a new message.",
    GONE: "No longer in the DLQ: deleted by someone, or expired.",
    DISCARDED: "Written to the file, on the disk, and deleted from the DLQ.",
    IMPORTED: "Sent from the file.",
    RELEASED: "It was gone; its customer's later events do not wait for it any more.",
    REFUSED: "It can't be sent so, the report's list says why; it is where it was.",
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


# What is sent for a dead message, and what SQS would refuse


BATCH_BYTES_MAX = 250_000
"""Of several messages in one call. SQS takes 1 MiB (256 KiB before August 2025)."""
_REFUSED = re.compile("[^\t\n\r\x20-\ud7ff\ue000-\ufffd\U00010000-\U0010ffff]")
"""What SQS takes in no message (its reference of SendMessage)."""


class Unsendable(Exception):
    """A message that can't be sent, and why: a short code, a colon, what is wrong."""


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
    return Sending(message_id=message.message_id, entry=entry)


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
    if destination.fifo and "MessageGroupId" not in made.entry:
        return "NoGroup: it comes from a standard queue, and this one is FIFO"
    if len(made.entry["MessageAttributes"]) > ATTRIBUTES_MAX:
        return (
            f"TooManyAttributes: more than {ATTRIBUTES_MAX} with our own: replay through consumer"
        )
    return ""


# The subscriber's own function, asked to handle messages and to say what became of each


RETRY = "RETRY"


@dataclass(frozen=True, slots=True, kw_only=True)
class ConsumerFunction(ReportingFunction):
    """The subscriber's function; `queue_arn`: where the messages are said to come from."""

    queue_arn: str

    def handle(self, messages: Sequence[DeadMessage]) -> list[Mapping[str, Any]]:
        """Hand over messages; the function's outcome of each, `RETRY` where none came.

        What an invocation did whose answer is lost, the guard knows.
        """
        records = [to_lambda_record(message, queue_arn=self.queue_arn) for message in messages]
        outcomes: dict[str, Mapping[str, Any]] = {}
        why = "NotReported"
        for call in calls(records, lambda record: record):
            answers, failure = self.ask(call)
            why = failure or why
            outcomes |= {str(answer["message_id"]): answer for answer in answers or ()}
        return [
            outcomes.get(message.message_id)
            or {"message_id": message.message_id, "outcome": RETRY, "reason": why}
            for message in messages
        ]


# The ways out of the DLQ


Wave = Sequence[Sequence[DeadMessage]]
"""Batches that are moved side by side, since no two of them have messages of one customer."""


@dataclass
class Mover(ABC):
    """Does with a batch what has to be done before its messages may be deleted.

    `notes`: of a subscriber that parks by customer, where messages are thrown away: each is
    withdrawn with its message, so that nobody waits behind it.
    """

    run: Run
    step: ClassVar[str]
    notes: ParkedGroupsTable | None = field(default=None, kw_only=True)

    def batches(self, messages: Sequence[DeadMessage], most: int) -> Iterator[list[DeadMessage]]:
        """The messages in the order and the batches, of so many at most, in which to move them."""
        return batches(messages, count_max=most)

    def move(self, wave: Wave) -> dict[str, dict[str, Any]]:
        """Do the step; how each message ends that is to be deleted now, by its id.

        The intent to delete these is in the journal.

        Raises:
            Exception: of a call that failed, once the results of the others are in the journal.
        """
        attempted = self.attempt(wave)
        results = list(chain.from_iterable(attempted.answers))
        parked = [{"end": PARKED, **each} for each in results if each.get("outcome") == PARKED]
        ends = {result["id"]: _ending(result) for result in results if result["ok"]}
        to_delete = ends if attempted.error is None else ()
        self.run.record(done(self.step, results), ended(parked), intent(DELETE, to_delete))
        attempted.require_all()
        return ends

    @abstractmethod
    def attempt(self, wave: Wave) -> Overlapped[list[dict[str, Any]]]:
        """Note the intent and do the step; the results of each call, as the journal holds them."""


@dataclass
class ThroughQueue(Mover):
    """Send to a queue; `facts`: its own.

    `make`: what is sent in place of a message, which the journal then holds; raises `Unsendable`
    where nothing can be. None: the message itself is.
    """

    step = SEND
    destination: SqsQueue
    facts: QueueFacts
    make: Callable[[DeadMessage], Sending] | None = None

    def batches(self, messages: Sequence[DeadMessage], most: int) -> Iterator[list[DeadMessage]]:
        """On FIFO one message of a group at a time: the next goes once this one is confirmed."""
        groups: dict[str | None, list[DeadMessage]] = {}
        for message in messages:
            group = message.group_id if self.facts.fifo else message.message_id
            groups.setdefault(group, []).append(message)
        for turn in zip_longest(*groups.values()):
            each = filter(None, turn)
            yield from batches(each, self._size, count_max=most, bytes_max=BATCH_BYTES_MAX)

    def attempt(self, wave: Wave) -> Overlapped[list[dict[str, Any]]]:
        """End what can't be sent as `REFUSED`, and send the others."""
        messages = list(chain.from_iterable(wave))
        made = {message.message_id: self._made(message) for message in messages}
        refused = [
            {"id": message_id, "end": REFUSED, "why": why}
            for message_id, why in made.items()
            if isinstance(why, str)
        ]
        self.run.record(ended(refused))
        sent = [message for message in messages if isinstance(made[message.message_id], Sending)]
        originals = {"originals": list(map(to_line, sent))} if self.make else {}
        self.run.record(intent(SEND, [each.message_id for each in sent], **originals))
        sendings = ([made[message.message_id] for message in batch] for batch in wave)
        calls = ([each for each in call if isinstance(each, Sending)] for call in sendings)
        send = self.destination.send
        return overlap(lambda call: list(map(Effect.to_result, send(call))), filter(None, calls))

    # Private functions

    def _size(self, message: DeadMessage) -> int:
        """About that of what is sent for it: an edit may make it larger."""
        made = self.make and self._made(message)
        return made.size_bytes if isinstance(made, Sending) else message.size_bytes

    def _made(self, message: DeadMessage) -> Sending | str:
        """What to send, or why it can't be sent."""
        if self.make is None:
            made = sending(message, self.facts, self.run.run_id)
        else:
            try:
                made = self.make(message)
            except Unsendable as error:
                return str(error)
        return refusal(made, self.facts) or made


@dataclass
class ThroughConsumer(Mover):
    """Hand to the consumer function, which itself keeps a customer's newest state."""

    step = CONSUME
    consumer: ConsumerFunction

    def attempt(self, wave: Wave) -> Overlapped[list[dict[str, Any]]]:
        """See `Mover.attempt`."""
        self.run.record(intent(CONSUME, _ids(wave)))
        return overlap(lambda batch: list(map(_outcome, self.consumer.handle(batch))), wave)


@dataclass
class Discarding(Mover):
    """Write to a file, on the disk: JSON Lines as `to_line` makes them, readable by you alone.

    A torn last line (of a crash) is cut off: nothing was acted upon. A message whose export was
    begun before a crash is exported again: the file may hold it twice, and an import takes it once.

    Raises: Refused: the file can't be opened, or takes no more; nothing may be deleted.
    """

    step = EXPORT
    path: Path

    def __post_init__(self) -> None:
        try:
            self.path.parent.mkdir(parents=True, exist_ok=True)
            with os.fdopen(os.open(self.path, os.O_RDWR | os.O_CREAT, PRIVATE_MODE), "r+b") as file:
                file.truncate(sum(len(line) for line in file if line.endswith(b"\n")))
            sync_folder(self.path.parent)
        except OSError as error:
            raise file_refusal(self.path, error) from None

    def attempt(self, wave: Wave) -> Overlapped[list[dict[str, Any]]]:
        """See `Mover.attempt`."""
        ids = _ids(wave)
        self.run.record(intent(EXPORT, ids))
        lines = (json.dumps(to_line(each), ensure_ascii=False) for each in chain(*wave))
        try:
            with self.path.open("ab") as file:
                file.writelines(f"{line}\n".encode() for line in lines)
                file.flush()
                os.fsync(file.fileno())
        except OSError as error:
            raise file_refusal(self.path, error) from None
        results = [{"id": message_id, "ok": True, "outcome": DISCARDED} for message_id in ids]
        return Overlapped(answers=[results])


def _ids(wave: Wave) -> list[str]:
    return [message.message_id for batch in wave for message in batch]


def _ending(result: Mapping[str, Any]) -> dict[str, Any]:
    """How a message ends whose step went well, once it is deleted."""
    ending = {"end": result.get("outcome", SENT)}
    return ending | ({"new_id": result["new_id"]} if "new_id" in result else {})


def _outcome(answer: Mapping[str, Any]) -> dict[str, Any]:
    """The function's answer about a message, as the journal holds it."""
    where = f"{answer.get('field') or ''}: {answer.get('expected') or ''}".strip(": ")
    about = {"why": str(answer.get("reason") or ""), "where": where}
    outcome = str(answer["outcome"])
    return {
        "id": str(answer["message_id"]),
        "ok": outcome in WELL,
        "outcome": outcome,
        **{name: text for name, text in about.items() if text},
    }
