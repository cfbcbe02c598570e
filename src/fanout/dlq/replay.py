"""Bring frozen messages back: canary first, then the rest at a rate, until too many fail.

The messages are received anew, since nothing was held since the selection was frozen; the run's
ledger says which are meant and how far each has come, so the same code begins a run and goes on
with one after a crash.
"""

import sys
import time
from collections import Counter
from collections.abc import Callable, Iterator, Mapping, Sequence
from collections.abc import Set as AbstractSet
from dataclasses import dataclass, field
from datetime import timedelta
from functools import partial
from itertools import islice
from pathlib import Path
from typing import Any, Self

from customer_events.instants import to_wire
from event_consumer.consume_batch import Reader
from fanout.aws import AwsTarget
from fanout.dlq.diagnosis import Diagnosis, diagnose, facts_of
from fanout.dlq.edit import Edited, facts_after, from_document
from fanout.dlq.files import ExportFile
from fanout.dlq.selection import Selection, dead_since
from fanout.dlq.steps import (
    CAME_BACK,
    DELETE,
    FEW,
    GONE,
    MEANINGS,
    REFUSED,
    RELEASE,
    SENT,
    UNREADABLE,
    WELL_ENDS,
    WINDOW_BYTES_MAX,
    WINDOW_MAX,
    AsItIs,
    ConsumerFunction,
    Deleting,
    Discarding,
    Limits,
    Making,
    Moved,
    Mover,
    Score,
    ThroughConsumer,
    ThroughQueue,
    Unblocking,
)
from fanout.errors import WrongUse
from fanout.runs.journal import ended, intent, selected
from fanout.runs.ledger import Item, State
from fanout.runs.operation import OPEN, Ending, Nothing, Operation, Plan, Selecting, Words, Work
from fanout.runs.pace import Pace
from fanout.runs.store import SELECTED_PER_LINE, Run
from fanout.sqs.message import DeadMessage
from fanout.sqs.queue import DeadLetters, Notes, QueueFacts
from fanout.sqs.scan import Sweep
from fanout.sqs.subscription import Subscription, find_subscription, notes_of, subject_of

# Freeze what a command is about: ids in its journal, and a cut-off time. Nothing stays held


_REASONS_MAX = 20
DATE_RESOLUTION = timedelta(seconds=1)
"""AWS's Date header has whole seconds."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Frozen:
    """How many messages were selected, of how many seen, and why those are dead.

    `remarks` say what was not seen.
    """

    selected: int
    seen: int
    reasons: Mapping[str, int]
    remarks: tuple[str, ...]


def freeze(
    dlq: DeadLetters,
    selection: Selection,
    run: Run,
    *,
    reader: Reader,
    limit: int | None,
    hold_seconds: int,
    stop: Callable[[], bool],
    patience_seconds: float = 0,
    progress: Callable[[int], None] = lambda _seen: None,
    describe: Callable[[DeadMessage, Diagnosis], dict[str, Any]] | None = None,
    unreadable_end: str = "",
) -> Frozen:
    """Read the DLQ once and write what is selected into the run.

    At most `limit` messages are selected. With an `unreadable_end`, what can't be read now (or not
    be sent, as edited) is ended so at once, and does not count.
    `patience_seconds`: how long to wait for what somebody, or a killed run of this command, hides
    just now. `stop` is asked before each call; `progress` is called with how many messages were
    seen so far.
    `describe` says what the journal holds of a message; `facts_of` by default.
    Where it is stopped, or was killed before, the run stays without a selection (`Run.is_frozen`);
    freezing again completes it.
    """
    describe = describe or facts_of
    facts = dlq.facts()
    reasons: Counter[str] = Counter()
    cut_off = facts.asked_at + DATE_RESOLUTION
    with Sweep(
        dlq,
        hold_seconds=hold_seconds,
        stop=stop,
        patience_seconds=patience_seconds,
        doubt_seconds=hold_seconds + 1 if patience_seconds else 0,
    ) as sweep:
        matching = (
            describe(message, diagnosis)
            for message, diagnosis in _seen(sweep, reader, progress, reasons)
            if message.sent_at <= cut_off
            and selection.matches(message, diagnosis)
            and run.ledger.get(message.message_id) is None  # from before a crash
        )
        most = None if limit is None else limit - run.ledger.count()
        run.select(_limited(matching, most, all_count=not unreadable_end))
        if stop():
            return Frozen(selected=0, seen=sweep.seen, reasons=reasons, remarks=())
        if unreadable_end:
            _leave_out(run, unreadable_end)
        seen, selected = sweep.seen, run.ledger.count()
        at_limit = limit is not None and run.ledger.count(State.WAITING) >= limit
        remarks = [] if at_limit else what_was_not_seen(facts, seen)
    if at_limit:
        remarks.append(f"--limit {limit} was reached: there may be more.")
    run.freeze(cut_off=cut_off, left_out=remarks)
    return Frozen(selected=selected, seen=seen, reasons=reasons, remarks=tuple(remarks))


def what_was_not_seen(facts: QueueFacts, seen: int) -> list[str]:
    """Sentences for what a reading of the DLQ may have left out."""
    remarks = []
    if facts.fifo:
        remarks.append(
            "This DLQ is FIFO: SQS shows only the first messages of each message group until "
            "they are gone; later ones of the same customers are behind them."
        )
    if facts.depth.in_flight:
        remarks.append(
            f"{facts.depth.in_flight:,} are hidden just now: somebody else is reading them, or was "
            "killed while reading; they show up within a minute of that."
        )
    missing = facts.depth.waiting - seen
    if missing > 0 and not facts.fifo:
        remarks.append(
            f"{seen:,} of about {facts.depth.waiting:,} were read; SQS hides at most 120,000 of a "
            "queue at a time, and its own count is approximate. Repeat the command for the rest."
        )
    return remarks


def _seen(
    sweep: Sweep, reader: Reader, progress: Callable[[int], None], reasons: Counter[str]
) -> Iterator[tuple[DeadMessage, Diagnosis]]:
    for page in sweep.pages():
        progress(sweep.seen)
        for message in page:
            diagnosis = diagnose(message, reader)
            if diagnosis.cause.code in reasons or len(reasons) < _REASONS_MAX:
                reasons[diagnosis.cause.code] += 1
            yield message, diagnosis


def _limited(
    items: Iterator[dict[str, Any]], most: int | None, *, all_count: bool
) -> Iterator[dict[str, Any]]:
    left = sys.maxsize if most is None else most
    while left > 0 and (item := next(items, None)) is not None:
        left -= all_count or item["readable"]
        yield item


def _leave_out(run: Run, end: str) -> None:
    """End what can't be read, before anything is moved."""
    unreadable = (item for item in run.ledger.items(State.WAITING) if not item.facts["readable"])
    while page := list(islice(unreadable, SELECTED_PER_LINE)):
        run.record(
            ended(
                {"id": message.id, "end": end, "why": message.facts["unreadable"]}
                for message in page
            )
        )


# Say what became of messages that are not in the DLQ any more, once a pass over it shows so


@dataclass(slots=True, kw_only=True)
class MissingMessages:
    """Ends items of a run that nothing is left to be done for in the DLQ.

    Args:
        unblocking: frees who waits behind what is gone.
        score: counts what it ends.
    """

    run: Run
    unblocking: Unblocking
    score: Score
    _furthest: dict[str, int] = field(default_factory=dict)

    def finish_unblocking(self) -> None:
        """Of an earlier stretch: what is deleted, and still held up those behind it."""
        self._end_well(
            [item for item in self.run.ledger.items(State.DOING, State.DID) if _is_deleted(item)]
        )

    def expect(self) -> None:
        """Before a pass over a FIFO DLQ: watch the groups in which a deletion is unconfirmed."""
        self._furthest = {
            str(item.facts["message_group"]): -1
            for item in self.run.ledger.items(State.DOING)
            if item.step == DELETE and "message_group" in item.facts
        }

    def see(self, message: DeadMessage) -> None:
        """A message that the pass has met."""
        group = message.group_id
        if group in self._furthest and message.sequence_number:
            self._furthest[group] = max(self._furthest[group], int(message.sequence_number))

    def overtaken(self) -> None:
        """After a pass over a FIFO DLQ in which nobody else held a message.

        SQS shows the messages of a group in their order: where it showed a later one, or none, the
        one whose deletion was begun is not there.
        """
        begun = (item for item in self.run.ledger.items(State.DOING) if item.step == DELETE)
        self._end_well([one for one in begun if self._is_overtaken(one)])

    def resolve(self, tried: AbstractSet[str]) -> int:
        """After a pass that saw everything; how many are gone that were not done with.

        What was sent and whose deletion was under way is done with.
        """
        missing = 0
        for item in self.run.ledger.items(*OPEN):
            if item.id in tried:
                continue
            if is_moved(item):
                self._end_well([item])
                continue
            begun = f"; its {item.step} was begun" if item.state is State.DOING else ""
            why = f"deleted by someone, or expired{begun}"
            self.run.record(ended([{"id": item.id, "end": GONE, "why": why}]))
            self.score.failed += 1
            missing += 1
        return missing

    # Private functions

    def _is_overtaken(self, item: Item) -> bool:
        furthest = self._furthest.get(str(item.facts.get("message_group")))
        if furthest is None:
            return False
        return furthest < 0 or furthest > int(item.facts["sequence_number"])

    def _end_well(self, items: Sequence[Item]) -> None:
        if not items:
            return
        ids = [item.id for item in items]
        if release := self.unblocking.begin(ids):
            self.run.record(*release)
            self.unblocking.release(ids)
        endings = [{**one.detail, "id": one.id, "end": good_end(one)} for one in items]
        self.run.record(ended(endings))
        self.score.well += len(items)


def is_moved(item: Item) -> bool:
    """Sent or well ended, and confirmed; only its deletion, or what follows that, is not."""
    if item.state is State.ENDED:
        return item.end in WELL_ENDS
    return item.state is State.DID or item.step in {DELETE, RELEASE}


def good_end(item: Item) -> str:
    """How an item that was moved has ended, by its steps so far."""
    return str(item.end or item.detail.get("end") or item.detail.get("outcome") or SENT)


def _is_deleted(item: Item) -> bool:
    """Its deletion was confirmed, and its end is not in the journal."""
    return item.step == RELEASE or (item.step == DELETE and item.state is State.DID)


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
    _began: float = field(default_factory=lambda: time.monotonic())  # noqa: PLW0108 (looked up anew)

    def work(self, *, most: int | None = None) -> bool:
        """One pass over the DLQ, over at most so many messages; whether it saw all there is to see.

        A message that failed in this stretch of work is not tried again in it.
        """
        missing = self._missing()
        missing.finish_unblocking()
        left = self.run.ledger.count(*OPEN) - len(self._tried)
        if left == 0 and not self.fifo:
            return False
        # On FIFO more may show up than is known of now.
        self._quota = min(most or sys.maxsize, sys.maxsize if self.fifo else left)
        self._selected = self.run.ledger.count()
        missing.expect()
        with Sweep(
            self.dlq,
            hold_seconds=self.limits.hold_seconds,
            stop=self._must_stop,
            patience_seconds=self.limits.hold_seconds + 5,
            doubt_seconds=self._doubt_seconds(),
            expects=self._expects,
        ) as sweep:
            deleting = Deleting(
                self.run,
                self.dlq,
                receipt=sweep.handle,
                forget=sweep.forget,
                unblocking=missing.unblocking,
            )
            self._pass(sweep, deleting, self.mover(deleting), missing)
            if not sweep.came_to_end or self._must_stop():
                return False
            if not self.fifo:
                return True
            missing.overtaken()
            return self.dlq.facts().depth.total <= sweep.held

    def end_missing(self) -> int:
        """After a pass that saw everything: see `MissingMessages.resolve`."""
        return self._missing().resolve(self._tried)

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

    def _missing(self) -> MissingMessages:
        unblocking = Unblocking(self.run, self.notes)
        return MissingMessages(run=self.run, unblocking=unblocking, score=self.score)

    def _doubt_seconds(self) -> float:
        """For how much longer a killed process's hold may last that SQS does not count yet."""
        if self.run.ledger.starts == 1:
            return 0
        return max(0, self._began + self.limits.hold_seconds + 1 - time.monotonic())

    def _expects(self) -> bool:
        """Whether selected messages are left that this stretch has not met."""
        return self.run.ledger.count(*OPEN) > len(self._tried)

    def _must_stop(self) -> bool:
        return self.stop() or self.score.is_over(self.limits.failure_rate_max)

    def _pass(
        self, sweep: Sweep, deleting: Deleting, mover: Mover, missing: MissingMessages
    ) -> None:
        window: list[DeadMessage] = []
        size_bytes = 0
        # On FIFO, what is taken hides the rest of its group until it is gone.
        window_max = 1 if self.fifo else self.pace.ahead(WINDOW_MAX)
        for page in sweep.pages():
            for message in page:
                missing.see(message)
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
            going = [message for message in batch if message.group_id not in self._blocked_groups]
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
        # edit did not fix may well be fixed by the next.
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


# The operations of the DLQ: what each run selects, plans and does


QUEUE, CONSUMER, FILE = "queue", "consumer", "file"
"""Where a run's messages go: the option `through`."""


class DlqReplay(Operation):
    """`fanout dlq replay`; editing and discarding differ in what they make of a message."""

    command = "dlq replay"
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

    def select(self, run: Run, selecting: Selecting) -> Nothing:
        """See `Operation.select`."""
        hold_seconds = run.options["hold_seconds"]
        total = self.subscription.dlq.facts().depth.total
        frozen = freeze(
            self.subscription.dlq,
            Selection.from_document(run.options["selection"]),
            run,
            reader=self.subscription.reader,
            limit=run.options["limit"],
            hold_seconds=hold_seconds,
            stop=selecting.stop,
            # What a killed try has read is hidden for a while yet.
            patience_seconds=hold_seconds + 5 if selecting.again else 0,
            progress=lambda seen: selecting.progress(seen, total),
            describe=self._describe(run),
            unreadable_end=self._unreadable_end(run),
        )
        counts = frozen.reasons.items()
        reasons = ", ".join(f"{' '.join(code.split())[:60]} ({count:,})" for code, count in counts)
        there = f"those there are dead for: {reasons}" if reasons else "the DLQ showed none"
        return Nothing(
            sentence=f"Nothing is selected: no dead message is meant; {there}.",
            asked=bool(run.options["selection"]),
            document={"reasons": frozen.reasons},
        )

    def plan(self, run: Run) -> Plan:
        """See `Operation.plan`."""
        counts: Counter[tuple[str, str]] = Counter()
        unreadable: Counter[str] = Counter()
        for reason, tally in run.ledger.tallies_by("reason"):
            counts[reason, tally.fate] += tally.count
        for code, tally in run.ledger.tallies_by("unreadable"):
            unreadable[code] += tally.count
        readable = sum(
            tally.count for value, tally in run.ledger.tallies_by("readable") if value == "1"
        )
        by_reason = [
            {"reason": reason, "state": state, "count": count}
            for (reason, state), count in sorted(counts.items())
        ]
        del unreadable[""]
        rows = [(f"{one['count']:,}", _reason_row(one)) for one in by_reason]
        return Plan(
            document={
                "readable_now": readable,
                "unreadable": dict(unreadable),
                "by_reason": by_reason,
            },
            rows=(*rows, *self._plan_rows(run)),
            remarks=self._plan_remarks(run, unreadable) if run.ledger.count() > readable else (),
        )

    def steps(self, run: Run) -> Callable[[Work], Ending]:
        """See `Operation.steps`."""
        facts = self.subscription.dlq.facts()
        mover = self._mover(run, facts)
        notes = self._notes(run)

        def work(work: Work) -> Ending:
            replay = Replay(
                run=run,
                dlq=self.subscription.dlq,
                fifo=facts.fifo,
                selection=Selection.from_document(run.options["selection"]),
                reader=self.subscription.reader,
                mover=mover,
                pace=work.pace,
                limits=Limits(
                    failure_rate_max=run.options["failure_rate_max"],
                    hold_seconds=run.options["hold_seconds"],
                ),
                keep_lock=work.keep_lock,
                stop=work.stop,
                progress=lambda score: work.progress(score.handled, score.failed),
                notes=notes,
                describe=self._describe(run),
                unreadable_end=self._unreadable_end(run),
            )
            return _Stages(
                work=work, replay=replay, subscription=self.subscription, facts=facts
            ).run()

        return work

    def verdict_note(self, ends: Mapping[str, int]) -> str:
        """See `Operation.verdict_note`."""
        left_out = ends.get(UNREADABLE, 0)
        return f" ({left_out:,} were left out)" if left_out else ""

    # What an edit or a discard does differently

    def _describe(self, run: Run) -> Callable[..., dict[str, Any]]:  # noqa: ARG002 (an edit's)
        """What the journal holds of a message."""
        return facts_of

    def _unreadable_end(self, run: Run) -> str:
        """How what can't be read now ends before anything is moved; "" where it is tried."""
        return "" if run.options.get("even_if_unreadable", True) else UNREADABLE

    def _notes(self, run: Run) -> Notes | None:  # noqa: ARG002 (a discard's)
        """What unblocks those behind a message that is thrown away."""
        return None

    def _making(self, run: Run, queue: QueueFacts) -> Making:
        """What is sent for a message."""
        return AsItIs(queue, run.run_id)

    def _mover(self, run: Run, dlq: QueueFacts) -> Callable[[Deleting], Mover]:
        """What makes the mover of a run.

        Raises:
            WrongUse, Refused: it can't be done here.
        """
        queue = self.subscription.queue.facts()
        if run.options["through"] == CONSUMER:
            return self._through_consumer(run, queue)
        if queue.fifo != dlq.fifo:
            raise WrongUse(
                f"The queue is {_type(queue)} and its DLQ {_type(dlq)}: messages of one do not fit "
                "the other. Replay --through consumer."
            )
        making = self._making(run, queue)
        return lambda deleting: ThroughQueue(run, self.subscription.queue, queue, deleting, making)

    def _through_consumer(self, run: Run, queue: QueueFacts) -> Callable[[Deleting], Mover]:
        subscriber = self.subscription.subscriber
        if subscriber.function_name is None:
            raise WrongUse(
                f"{subscriber.name} names no function in its SSM parameter: use --through queue."
            )
        consumer = ConsumerFunction(
            self.target.client("lambda"), subscriber.function_name, queue_arn=queue.arn
        )
        consumer.require_reporting()
        return lambda deleting: ThroughConsumer(run, consumer, deleting)

    def _plan_rows(self, run: Run) -> Iterator[tuple[str, str]]:
        options, subject = run.options, run.header["subject"]
        through = options["through"]
        where = {
            QUEUE: subject["queue_arn"],
            CONSUMER: subject["function_name"],
            FILE: options.get("file"),
        }[through]
        yield "from", subject["dlq_arn"]
        yield f"through {through}", str(where)
        yield (
            "cut-off",
            f"{to_wire(run.cut_off) if run.cut_off else '-'}: what dies later is not in it",
        )
        rate = options["rate"]
        pace = f"{rate:g} a second" if rate else "as fast as it goes"
        canary = f"{options['canary']:,} first, then the rest " if options["canary"] else ""
        unseen = through == QUEUE and not options["watch_seconds"]
        what = "failed sends; what comes back is not watched" if unseen else "failures"
        yield "pace", f"{canary}{pace}; stops above {options['failure_rate_max']:.0%} {what}"

    def _plan_remarks(self, run: Run, unreadable: Mapping[str, int]) -> tuple[str, ...]:
        why = ", ".join(f"{code} {count:,}" for code, count in unreadable.items())
        count = sum(unreadable.values())
        return (f"{count:,} of them {self._what_of_unreadable(run)} ({why}).",)

    def _what_of_unreadable(self, run: Run) -> str:
        if run.options.get("even_if_unreadable", True):
            return (
                "can't be read with this version's contract, and will be parked again unless the "
                "deployed consumer is newer"
            )
        return (
            "are left out, since this version's contract can't read them: edit or discard them, or "
            "add --even-if-unreadable where the deployed consumer is newer"
        )


class DlqEdit(DlqReplay):
    """`fanout dlq edit`: what is sent is the edited message, if its subscriber can read it."""

    command = "dlq edit"

    def _describe(self, run: Run) -> Callable[..., dict[str, Any]]:
        return partial(facts_after, from_document(run.options["edit"]), self.subscription.reader)

    def _unreadable_end(self, run: Run) -> str:  # noqa: ARG002 (the same for every edit)
        return REFUSED

    def _making(self, run: Run, queue: QueueFacts) -> Making:
        edit = from_document(run.options["edit"])
        return Edited(edit, self.subscription.reader, queue, run.run_id)

    def _plan_rows(self, run: Run) -> Iterator[tuple[str, str]]:
        yield from super()._plan_rows(run)
        for operation in run.options["edit"]["patch"]:
            yield "edit", f"{operation['op']} {operation['path']}"

    def _what_of_unreadable(self, run: Run) -> str:  # noqa: ARG002 (the same for every edit)
        return "would still not be valid, or the edit does not fit them, and stay as they are"


class DlqDiscard(DlqReplay):
    """`fanout dlq discard`: into a file, on the disk, and only then out of the DLQ."""

    command = "dlq discard"

    def _unreadable_end(self, run: Run) -> str:  # noqa: ARG002 (whatever is dead may be discarded)
        return ""

    def _notes(self, run: Run) -> Notes | None:
        notes = notes_of(self.target, self.subscription.subscriber)
        if notes is not None:
            notes.first(run.run_id)  # asked once, to be sure that it can be
        return notes

    def _mover(self, run: Run, dlq: QueueFacts) -> Callable[[Deleting], Mover]:  # noqa: ARG002
        file = ExportFile(Path(run.options["file"]))
        return lambda deleting: Discarding(run, file, deleting)

    def _plan_rows(self, run: Run) -> Iterator[tuple[str, str]]:
        yield from super()._plan_rows(run)
        yield "because", run.options["because"]
        if run.options.get("notes"):
            yield "then", f"remove their notes in {run.options['notes']}"

    def _plan_remarks(self, run: Run, unreadable: Mapping[str, int]) -> tuple[str, ...]:  # noqa: ARG002
        return ()


def same_subscription(target: AwsTarget, subject: Mapping[str, Any]) -> Subscription:
    """The subscription that a run was made on.

    Raises:
        WrongUse: the subscriber has another DLQ here.
    """
    subscription = find_subscription(target, subject["subscriber"])
    if subscription.subscriber.dlq_arn != subject["dlq_arn"]:
        raise WrongUse(
            f"The run was made on {subject['dlq_arn']}; here the DLQ of "
            f"{subscription.subscriber.name} is {subscription.subscriber.dlq_arn}: check "
            "--profile, --region and --prefix."
        )
    return subscription


def _reason_row(counted: Mapping[str, Any]) -> str:
    state = "" if counted["state"] == "waiting" else f" ({counted['state']})"
    return f"{counted['reason']}{state}"


def _type(queue: QueueFacts) -> str:
    return "FIFO" if queue.fifo else "standard"


# One stretch of work: the canary, then stages, each watched for what comes back, then the rest


_POLL_SECONDS = 0.5
_SETTLE_SECONDS = 5.0
"""A queue that counts nothing may still hold what was just sent: SQS's counts are late."""
_READ_MAX = 2_000
"""Dead messages up to which the DLQ is read after each stage, whatever SQS counts."""


@dataclass(slots=True, kw_only=True)
class _Stages:
    work: Work
    replay: Replay
    subscription: Subscription
    facts: QueueFacts
    _watched: int = 0

    def run(self) -> Ending:
        ending = self._canary() or self._rest()
        if (grown := self._grown()) > 0:
            self.work.say(
                f"The DLQ still fills: about {grown:,} messages came in meanwhile. They are "
                "not in this run; find out what puts them there before the next one."
            )
        return ending

    def _canary(self) -> Ending | None:
        canary = self._canary_left()
        if not canary:
            return None
        score = self.replay.score
        self.replay.work(most=canary)
        self._watch()
        self.work.say(f"Canary: {score.well} of {score.handled} well.")
        return self._too_many_failed(few=1)

    def _rest(self) -> Ending:
        self._work_by_stages()
        if not self.work.stop() and self.replay.work() and (gone := self.replay.end_missing()):
            self.work.say(f"{gone} selected messages are gone: deleted by someone, or expired.")
        if not self.work.stop():
            self._watch(last=True)
        return self._too_many_failed() or Ending()

    def _work_by_stages(self) -> None:
        """Through the queue: see what came back of as many as were sent before sending more."""
        stage = handled = 0
        score = self.replay.score
        while self._is_watched() and score.handled - handled == stage and not self.work.stop():
            if score.is_over(self.replay.limits.failure_rate_max):
                return
            handled = score.handled
            stage = max(FEW, handled)
            self.replay.work(most=stage)
            self._watch()

    def _is_watched(self) -> bool:
        options = self.replay.run.options
        return bool(options["through"] == QUEUE and options["watch_seconds"])

    def _canary_left(self) -> int:
        """How many of the canary's messages no earlier stretch of work has dealt with."""
        skipped = {"", self.replay.unreadable_end or UNREADABLE}
        run = self.replay.run
        dealt_with = sum(tally.count for tally in run.ledger.tallies() if tally.end not in skipped)
        return max(0, int(run.options["canary"] or 0) - dealt_with)

    def _too_many_failed(self, *, few: int = FEW) -> Ending | None:
        score, bound = self.replay.score, self.replay.limits.failure_rate_max
        left = self.replay.run.ledger.count(*OPEN)
        if not (left or score.behind) or not score.is_over(bound, few=few):
            return None
        sentence = (
            f"Stopped: {score.failed + score.behind:,} of {score.handled:,} failed"
            f"{' or died meanwhile' if score.behind else ''}, which is more than "
            f"--failure-rate-max {bound:g} allows."
        )
        return Ending(sentence=sentence, left=score.behind)

    def _watch(self, *, last: bool = False) -> None:
        """Through the queue only the consumer knows how it ends: see what comes back.

        A large DLQ is read in between only if it grew.
        """
        score, work = self.replay.score, self.work
        if not self._is_watched() or not score.well or self._watched == score.handled:
            return
        empty = True
        seconds = self.replay.run.options["watch_seconds"]
        began = time.monotonic()
        settled = began + min(seconds, _SETTLE_SECONDS)
        while not work.stop():
            empty = not self.subscription.queue.facts().depth.total
            if time.monotonic() >= (settled if empty else began + seconds):
                break
            work.stopping.wait(_POLL_SECONDS)
        if last and not empty:
            work.say(
                f"The queue still holds messages after {seconds:g} seconds; what comes back "
                "to the DLQ later is not in this report."
            )
        is_small = self.subscription.dlq.facts().depth.total <= _READ_MAX
        if not last and not is_small and self._grown() <= 0:
            return
        self._watched = score.handled if empty else 0
        if back := self.replay.note_comebacks():
            work.say(f"{back:,} were parked again.")
        if self.replay.fifo:
            score.behind = max(0, self._grown())

    def _grown(self) -> int:
        """About how many messages came into the DLQ that are not known to have come back."""
        before = self.facts.depth.total
        return self.subscription.dlq.facts().depth.total - (before - self.replay.score.well)
