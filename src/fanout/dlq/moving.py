"""What a replay does with a batch of dead messages, step by step, each in the journal.

`send`, then `delete` (through the queue); or `consume`, then `delete` (through the consumer). The
intent of a step is on the disk before the step; a message is deleted only after its send, or its
good outcome, was confirmed and that is on the disk too.
"""

from collections.abc import Callable, Iterator, Sequence
from dataclasses import dataclass
from typing import Any, Protocol

from fanout.dlq.message import DeadMessage
from fanout.dlq.ports import (
    BATCH_MAX,
    Consumer,
    DeadLetters,
    Destination,
    QueueFacts,
    Receipt,
    Sending,
    Verdict,
)
from fanout.dlq.releasing import Releasing
from fanout.dlq.sending import AsItIs, Making, Unsendable, in_batches, in_waves, refusal
from fanout.runs.records import done, ended, intent
from fanout.runs.run import Run

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
        releasing: frees who waits behind what is gone.
    """

    def __init__(
        self,
        run: Run,
        dlq: DeadLetters,
        *,
        receipt: Callable[[DeadMessage], Receipt],
        forget: Callable[[Sequence[str]], None],
        releasing: Releasing | None = None,
    ) -> None:
        self._run = run
        self._releasing = releasing or Releasing(run, None)
        self._dlq = dlq
        self._receipt = receipt
        self._forget = forget

    def delete(self, messages: Sequence[DeadMessage], ends: dict[str, dict[str, Any]]) -> Moved:
        """Delete at most `BATCH_MAX` messages whose intent is in the journal already.

        `ends` holds, by message id, the `end` that a deleted message has come to, and details.
        """
        effects = self._dlq.delete([self._receipt(one) for one in messages])
        results = [
            {"id": one.message_id, "ok": one.ok, **ends[one.message_id]}
            | ({} if one.ok else {"why": one.why})
            for one in effects
        ]
        gone = [one.message_id for one in effects if one.ok]
        endings = ended({"id": one, **ends[one]} for one in gone)
        self._forget(gone)
        if release := self._releasing.begin(gone):
            self._run.record(done(DELETE, results), *release)
            self._releasing.release(gone)
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
        wanted = [one for one in messages if one.message_id not in refused]
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
        for one in messages:
            try:
                made = self._making.make(one)
            except Unsendable as error:
                refused[one.message_id] = str(error)
                continue
            sendings[one.message_id] = made
            if why := refusal(made, self._facts):
                refused[one.message_id] = why
        return sendings, refused

    def _send(self, messages: list[DeadMessage], sendings: dict[str, Sending]) -> Moved:
        kept = self._making.keep(messages)
        self._run.record(intent(SEND, [one.message_id for one in messages], **kept))
        effects = self._destination.send([sendings[one.message_id] for one in messages])
        sent = {one.message_id: one.new_id for one in effects if one.ok}
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
        verdicts = {one.message_id: one for one in self._consumer.handle(messages)}
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


# Private functions


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
