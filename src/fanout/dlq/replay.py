"""Bring frozen messages back: canary first, then the rest at a rate, until too many fail.

The messages are received anew, since nothing was held since the selection was frozen; the run's
ledger tells which are meant and how far each has come, so the same code begins a run and goes on
with one after a crash.
"""

import sys
from collections.abc import Callable, Sequence
from dataclasses import dataclass, field
from typing import Any

from event_consumer.consume_batch import Reader
from fanout.dlq.diagnosis import diagnose
from fanout.dlq.freeze import DATE_RESOLUTION, facts_of
from fanout.dlq.message import DeadMessage
from fanout.dlq.moving import DELETE, REFUSED, SENT, Deleting, Moved, Mover
from fanout.dlq.pace import Pace
from fanout.dlq.ports import DeadLetters, Notes
from fanout.dlq.releasing import Releasing
from fanout.dlq.score import CAME_BACK, OPEN, WINDOW_BYTES_MAX, WINDOW_MAX, Limits, Score
from fanout.dlq.selection import Selection, dead_since
from fanout.dlq.settling import Settling, good_end, is_moved
from fanout.dlq.sweep import Sweep
from fanout.runs.ledger import Item, State
from fanout.runs.records import ended, intent, selected
from fanout.runs.run import Run


@dataclass(slots=True, kw_only=True)
class Replay:
    """One stretch of work on a run.

    Args:
        mover: makes the mover of this run, given what deletes.
        keep_lock: called before each batch.
        stop: asked between batches.
        progress: called with the score after each batch.
        notes: of a subscriber that parks by customer, where this run's messages are thrown away.
        describe, unreadable_end: as `freeze` takes them, for what shows up on FIFO.
    """

    run: Run
    dlq: DeadLetters
    fifo: bool
    selection: Selection
    reader: Reader
    mover: Callable[[Deleting], Mover]
    pace: Pace
    limits: Limits
    keep_lock: Callable[[], None]
    stop: Callable[[], bool]
    progress: Callable[[Score], None] = lambda _score: None
    notes: Notes | None = None
    describe: Callable[..., dict[str, Any]] = facts_of
    unreadable_end: str = ""
    score: Score = field(default_factory=Score)
    _blocked_groups: set[str] = field(default_factory=set)
    _tried: set[str] = field(default_factory=set)
    _quota: int = 0
    _selected: int = 0

    def work(self, *, most: int | None = None) -> bool:
        """One pass over the DLQ, over at most so many messages; whether it saw all there is to see.

        A message that failed in this stretch of work is not tried again in it.
        """
        settling = self._settling()
        settling.finish_releases()
        left = self.run.ledger.count(*OPEN) - len(self._tried)
        if left == 0 and not self.fifo:
            return False
        # On FIFO more may show up than is known of now.
        self._quota = min(most or sys.maxsize, sys.maxsize if self.fifo else left)
        self._selected = self.run.ledger.count()
        settling.expect()
        with Sweep(
            self.dlq,
            hold_seconds=self.limits.hold_seconds,
            stop=self._must_stop,
            patience_seconds=self.limits.hold_seconds + 5,
            doubt_seconds=self.limits.hold_seconds + 1 if self.run.starts > 1 else 0,
            expects=self._expects,
        ) as sweep:
            deleting = Deleting(
                self.run,
                self.dlq,
                receipt=sweep.handle,
                forget=sweep.forget,
                releasing=settling.releasing,
            )
            self._pass(sweep, deleting, self.mover(deleting), settling)
            if not sweep.came_to_end or self._must_stop():
                return False
            if not self.fifo:
                return True
            settling.overtaken()
            return self.dlq.facts().depth.total <= sweep.held

    def settle_missing(self) -> int:
        """After a pass that saw everything: see `Settling.missing`."""
        return self._settling().missing(self._tried)

    def note_comebacks(self) -> int:
        """Read the DLQ for messages that were sent and are here again; how many there are."""
        before = self.score.failed
        with Sweep(self.dlq, hold_seconds=self.limits.hold_seconds, stop=self.stop) as sweep:
            for page in sweep.pages():
                self.keep_lock()
                for message in page:
                    self._note_comeback(message)
        return self.score.failed - before

    # Private functions

    def _settling(self) -> Settling:
        releasing = Releasing(self.run, self.notes)
        return Settling(run=self.run, releasing=releasing, score=self.score)

    def _expects(self) -> bool:
        """Whether selected messages are left that this stretch has not met."""
        return self.run.ledger.count(*OPEN) > len(self._tried)

    def _must_stop(self) -> bool:
        return self.stop() or self.score.is_over(self.limits.failure_rate_max)

    def _pass(self, sweep: Sweep, deleting: Deleting, mover: Mover, settling: Settling) -> None:
        window: list[DeadMessage] = []
        size_bytes = 0
        # On FIFO, what is taken hides the rest of its group until it is gone.
        window_max = 1 if self.fifo else self.pace.ahead(WINDOW_MAX)
        for page in sweep.pages():
            for message in page:
                settling.see(message)
                if self._quota and self._is_to_be_moved(message, deleting):
                    window.append(message)
                    size_bytes += message.size_bytes
            full = len(window) >= window_max or size_bytes >= WINDOW_BYTES_MAX
            if full or not self._quota:
                self._move(window, mover)
                window, size_bytes = [], 0
            if not self._quota:
                return
        self._move(window, mover)

    def _is_to_be_moved(self, message: DeadMessage, deleting: Deleting) -> bool:
        """Whether a message is to be moved now; what was moved already is only deleted."""
        item = self.run.ledger.get(message.message_id)
        if item is None and not self._note_comeback(message):
            item = self._revealed(message)
        if item is None:
            return False
        if self.fifo and item.end == REFUSED and "edit" in self.run.options:
            self._blocked_groups.add(message.group_id or "")  # what follows must not overtake
        if item.id in self._tried or message.group_id in self._blocked_groups:
            return False
        if item.state is not State.ENDED:
            self._quota -= 1
        if is_moved(item):
            self._finish(message, item, deleting)
            return False
        return item.state is not State.ENDED

    def _revealed(self, message: DeadMessage) -> Item | None:
        """On FIFO: a message that was there at the cut-off, behind one that has gone."""
        cut_off = self.run.cut_off
        limit = self.run.options.get("limit")
        if not self.fifo or cut_off is None or message.sent_at > cut_off:
            return None
        if limit is not None and self._selected >= limit:
            return None
        diagnosis = diagnose(message, self.reader)
        if not self.selection.matches(message, diagnosis):
            return None
        facts = self.describe(message, diagnosis)
        entries = [selected([facts])]
        if self.unreadable_end and not facts["readable"]:
            ending = {"id": facts["id"], "end": self.unreadable_end, "why": facts["unreadable"]}
            entries.append(ended([ending]))
        self.run.record(*entries)
        self._selected += 1
        return self.run.ledger.get(message.message_id)

    def _finish(self, message: DeadMessage, item: Item, deleting: Deleting) -> None:
        """It was sent, or ended well, before a crash: all that is left is to delete it."""
        detail = {name: one for name, one in item.detail.items() if name != "why"}
        end = good_end(item)
        self.keep_lock()
        if item.state is not State.ENDED:
            self.run.record(intent(DELETE, [item.id]))
        moved = deleting.delete([message], {item.id: {**detail, "end": end}})
        if item.state is not State.ENDED:
            self._count(moved, [message])

    def _move(self, window: Sequence[DeadMessage], mover: Mover) -> None:
        for batch in mover.batches(self._in_order(window)):
            if self._must_stop():
                return
            going = [one for one in batch if one.group_id not in self._blocked_groups]
            if not going:
                continue
            self.pace.take(len(going))
            if self._must_stop():
                return
            self.keep_lock()
            self._count(mover.move(going), going)

    def _count(self, moved: Moved, messages: Sequence[DeadMessage]) -> None:
        self.score.well += moved.well
        self.score.failed += moved.failed
        for message in messages:
            if message.message_id in moved.failed_ids:
                self._tried_in_vain(message)
        self.progress(self.score)

    def _tried_in_vain(self, message: DeadMessage) -> None:
        item = self.run.ledger.get(message.message_id)
        if item is not None and item.state is not State.ENDED:
            self._tried.add(message.message_id)
        # On FIFO what follows must not overtake. What SQS will never take blocks nobody; what an
        # edit did not mend may well be mended by the next.
        is_final = item is not None and item.end == REFUSED and "edit" not in self.run.options
        if self.fifo and message.group_id and not is_final:
            self._blocked_groups.add(message.group_id)

    def _in_order(self, window: Sequence[DeadMessage]) -> list[DeadMessage]:
        """A customer's messages by sequence, oldest first; unreadable ones keep their place."""
        keyed = []
        for position, message in enumerate(window):
            event = diagnose(message, self.reader).event
            name = (event.customer_id, event.sequence) if event else ("", f"{position:08}")
            keyed.append((name, position, message))
        return [message for _, _, message in sorted(keyed, key=lambda one: one[:2])]

    def _note_comeback(self, message: DeadMessage) -> bool:
        """Whether a message that is not in the selection is one that was sent and parked again."""
        first = message.first_delivery.message_id
        item = self.run.ledger.by_alias(first) or self.run.ledger.get(first)
        cut_off = self.run.cut_off
        if item is None or item.end not in {SENT, CAME_BACK} or cut_off is None:
            return False
        if dead_since(message) < cut_off - DATE_RESOLUTION:  # the second of the selection counts
            return False
        if item.end == CAME_BACK:
            return True
        why = diagnose(message, self.reader).cause.code
        ending = {"id": item.id, "end": CAME_BACK, "why": why, "back_as": message.message_id}
        self.run.record(ended([ending]))
        self.score.well = max(0, self.score.well - 1)
        self.score.failed += 1
        return True
