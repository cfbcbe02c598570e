"""Bring frozen messages back: canary first, then the rest at a rate, until too many fail.

The messages are received anew, since nothing was held since the selection was frozen; the run's
ledger tells which are meant and how far each has come, so the same code begins a run and goes on
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
from typing import Any

from event_consumer.consume_batch import Reader
from event_consumer.parked_groups import ParkedGroupsTable
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
    OPEN,
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
    Releasing,
    Score,
    ThroughConsumer,
    ThroughQueue,
)
from fanout.errors import ExitCode, WrongUse
from fanout.runs.journal import ended, intent, selected
from fanout.runs.ledger import Item, State
from fanout.runs.lock import Locks
from fanout.runs.operation import Result, why_it_broke_off
from fanout.runs.pace import Pace, Stopping
from fanout.runs.store import SELECTED_PER_LINE, Operator, Run
from fanout.sqs.message import DeadMessage
from fanout.sqs.queue import DeadLetters, Notes, QueueFacts
from fanout.sqs.scan import Sweep
from fanout.sqs.subscription import Subscription, notes_of

# Freeze what a command is about: ids in its journal, and a cut-off time. Nothing stays held


_REASONS_MAX = 20
DATE_RESOLUTION = timedelta(seconds=1)
"""AWS tells its time in whole seconds."""


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
    unreadable = (one for one in run.ledger.items(State.WAITING) if not one.facts["readable"])
    while page := list(islice(unreadable, SELECTED_PER_LINE)):
        run.record(
            ended({"id": one.id, "end": end, "why": one.facts["unreadable"]} for one in page)
        )


# Say what became of messages that are not in the DLQ any more, once a pass over it shows so


@dataclass(slots=True, kw_only=True)
class Settling:
    """Ends items of a run that nothing is left to be done for in the DLQ.

    Args:
        releasing: frees who waits behind what is gone.
        score: counts what it ends.
    """

    run: Run
    releasing: Releasing
    score: Score
    _furthest: dict[str, int] = field(default_factory=dict)

    def finish_releases(self) -> None:
        """Of an earlier stretch: what is deleted, and still held up those behind it."""
        self._end_well(
            [one for one in self.run.ledger.items(State.DOING, State.DID) if _is_deleted(one)]
        )

    def expect(self) -> None:
        """Before a pass over a FIFO DLQ: watch the groups in which a deletion is unconfirmed."""
        self._furthest = {
            str(one.facts["message_group"]): -1
            for one in self.run.ledger.items(State.DOING)
            if one.step == DELETE and "message_group" in one.facts
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
        begun = (one for one in self.run.ledger.items(State.DOING) if one.step == DELETE)
        self._end_well([one for one in begun if self._is_overtaken(one)])

    def missing(self, tried: AbstractSet[str]) -> int:
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
        ids = [one.id for one in items]
        if release := self.releasing.begin(ids):
            self.run.record(*release)
            self.releasing.release(ids)
        endings = [{**one.detail, "id": one.id, "end": good_end(one)} for one in items]
        self.run.record(ended(endings))
        self.score.well += len(items)


def is_moved(item: Item) -> bool:
    """Sent or well ended, and confirmed; only its deletion, or what follows that, is not."""
    if item.state is State.ENDED:
        return item.end in WELL_ENDS
    return item.state is State.DID or item.step in {DELETE, RELEASE}


def good_end(item: Item) -> str:
    """How an item that was moved has ended, as the steps so far tell."""
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


# Which mover a run has, by its command; what can't work is refused before anything is moved


QUEUE, CONSUMER, FILE = "queue", "consumer", "file"
"""Where a run's messages go: the option `through`."""
EDIT = "dlq edit"
MakeMover = Callable[[Deleting], Mover]


def mover_of(target: AwsTarget, subscription: Subscription, run: Run, dlq: QueueFacts) -> MakeMover:
    """What makes the mover of a run.

    Raises:
        WrongUse, Refused: the run can't be carried out here.
    """
    through = run.options["through"]
    if through == FILE:
        file = ExportFile(Path(run.options["file"]))
        return lambda deleting: Discarding(run, file, deleting)
    queue = subscription.queue.facts()
    if through == CONSUMER:
        return _through_consumer(target, subscription, run, queue)
    if queue.fifo != dlq.fifo:
        raise WrongUse(
            f"The queue is {_type(queue)} and its DLQ {_type(dlq)}: messages of one do not fit "
            "the other. Replay --through consumer."
        )
    making: Making = AsItIs(queue, run.run_id)
    if run.header["command"] == EDIT:
        edit = from_document(run.options["edit"])
        making = Edited(edit, subscription.reader, queue, run.run_id)
    return lambda deleting: ThroughQueue(run, subscription.queue, queue, deleting, making)


def describe_of(subscription: Subscription, run: Run) -> Callable[..., dict[str, Any]]:
    """What the journal of a run holds of a message."""
    if run.header["command"] != EDIT:
        return facts_of
    return partial(facts_after, from_document(run.options["edit"]), subscription.reader)


def unreadable_end(run: Run) -> str:
    """How what can't be read now ends before anything is moved; "" where it is tried."""
    if run.header["command"] == EDIT:
        return REFUSED
    tried = run.options["through"] == FILE or run.options.get("even_if_unreadable", True)
    return "" if tried else UNREADABLE


def _through_consumer(
    target: AwsTarget, subscription: Subscription, run: Run, queue: QueueFacts
) -> MakeMover:
    function = subscription.subscriber.function_name
    if function is None:
        raise WrongUse(
            f"{subscription.subscriber.name} names no function in its SSM parameter: "
            "replay --through queue."
        )
    consumer = ConsumerFunction(target.client("lambda"), function, queue_arn=queue.arn)
    consumer.require_reporting()
    return lambda deleting: ThroughConsumer(run, consumer, deleting)


def _type(queue: QueueFacts) -> str:
    return "FIFO" if queue.fifo else "standard"


# A stretch of work on a replay: its lock, its canary, its rest, and what it came to


_POLL_SECONDS = 0.5
_SETTLE_SECONDS = 5.0
"""A queue that counts nothing may still hold what was just sent: SQS's counts are late."""
_READ_MAX = 2_000
"""Dead messages up to which the DLQ is read after each stage, whatever SQS counts."""


@dataclass(slots=True, kw_only=True)
class Session:
    """Works on one run.

    Args:
        tell: called with sentences for the person at the terminal.
        progress: called with the score after each batch.
    """

    target: AwsTarget
    subscription: Subscription
    run: Run
    operator: Operator
    tell: Callable[[str], None]
    progress: Callable[[Score], None]
    _dead_before: int = 0
    _watched: int = 0

    def carry_out(self) -> Result:
        """Do what is left to do, and say in the journal how it ended.

        Raises:
            CommandError, ClientError, BotoCoreError: after the journal was told; what is left can
                be gone on with.
        """
        dlq = self.subscription.dlq.facts()
        mover = mover_of(self.target, self.subscription, self.run, dlq)
        notes = self._notes()
        locks = Locks(self.target.client("ssm"), self.target.prefix)
        name = self.subscription.subscriber.name
        with (
            Stopping() as stopping,
            locks.hold(
                name, operator=self.operator, run_id=self.run.run_id, tell=self._say
            ) as lock,
        ):
            self.run.start(self.operator, dlq_messages=dlq.depth.total)
            replay = self._replay(dlq, mover, stopping, lock.keep)
            replay.notes = notes
            self._dead_before = dlq.depth.total
            try:
                result = self._work(replay, stopping)
            except BaseException as error:
                self.run.pause(why_it_broke_off(error))
                raise
            if (grown := self._grown(replay.score)) > 0:
                self._say(
                    f"The DLQ still fills: about {grown:,} messages came in meanwhile. They are "
                    "not in this run; find out what puts them there before the next one."
                )
            left = self.run.ledger.count(*OPEN) + replay.score.behind
            if result.exit_code is ExitCode.DONE or not left:
                self.run.finish()
            else:
                self.run.pause(result.sentence)
            return result

    # Private functions

    def _notes(self) -> ParkedGroupsTable | None:
        """Where messages are thrown away, what frees those behind them; asked once, to be sure."""
        if self.run.options["through"] != FILE:
            return None
        notes = notes_of(self.target, self.subscription.subscriber)
        if notes is not None:
            notes.first(self.run.run_id)
        return notes

    def _replay(
        self,
        dlq: QueueFacts,
        mover: MakeMover,
        stopping: Stopping,
        keep_lock: Callable[[], None],
    ) -> Replay:
        options = self.run.options
        return Replay(
            run=self.run,
            dlq=self.subscription.dlq,
            fifo=dlq.fifo,
            selection=Selection.from_document(options["selection"]),
            reader=self.subscription.reader,
            mover=mover,
            pace=Pace(options["rate"], wait=stopping.wait),
            limits=Limits(
                failure_rate_max=options["failure_rate_max"], hold_seconds=options["hold_seconds"]
            ),
            keep_lock=keep_lock,
            stop=stopping.asked,
            progress=self.progress,
            describe=describe_of(self.subscription, self.run),
            unreadable_end=unreadable_end(self.run),
        )

    def _work(self, replay: Replay, stopping: Stopping) -> Result:
        canary = self._canary_left()
        if canary:
            replay.work(most=canary)
            self._watch(replay, stopping)
            score = replay.score
            self._say(f"Canary: {score.well} of {score.handled} well.")
            if score.is_over(replay.limits.failure_rate_max, few=1):
                return self._failing(score)
        self._work_by_stages(replay, stopping)
        if not stopping.asked() and replay.work() and (gone := replay.settle_missing()):
            self._say(f"{gone} selected messages are gone: deleted by someone, or expired.")
        if not stopping.asked():
            self._watch(replay, stopping, last=True)
        return self._judge(replay, stopping)

    def _work_by_stages(self, replay: Replay, stopping: Stopping) -> None:
        """Through the queue: see what came back of as many as were sent before sending more."""
        stage = handled = 0
        score = replay.score
        while self._is_watched() and score.handled - handled == stage and not stopping.asked():
            if score.is_over(replay.limits.failure_rate_max):
                return
            handled = score.handled
            stage = max(FEW, handled)
            replay.work(most=stage)
            self._watch(replay, stopping)

    def _is_watched(self) -> bool:
        return bool(self.run.options["through"] == QUEUE and self.run.options["watch_seconds"])

    def _canary_left(self) -> int:
        """How many of the canary's messages no earlier stretch of work has dealt with."""
        ends = self._ends()
        dealt_with = ends.total() - ends[""] - ends[unreadable_end(self.run) or UNREADABLE]
        return max(0, int(self.run.options["canary"] or 0) - dealt_with)

    def _judge(self, replay: Replay, stopping: Stopping) -> Result:
        left = self.run.ledger.count(*OPEN)
        ends = self._ends()
        badly = sum(count for end, count in ends.items() if end and end not in WELL_ENDS)
        left_out = f" ({ends[UNREADABLE]:,} were left out)" if ends[UNREADABLE] else ""
        if stopping.asked() and left:
            return Result(
                exit_code=ExitCode.INTERRUPTED, sentence=f"Interrupted, with {left:,} left."
            )
        score = replay.score
        if (left or score.behind) and score.is_over(replay.limits.failure_rate_max):
            return self._failing(score)
        if left or badly:
            return Result(
                exit_code=ExitCode.FOUND,
                sentence=f"{badly:,} did not end well{left_out}, and {left:,} are left to do.",
            )
        return Result(exit_code=ExitCode.DONE, sentence="Every selected message ended well.")

    def _ends(self) -> Counter[str]:
        ends: Counter[str] = Counter()
        for one in self.run.ledger.tallies():
            ends[one.end] += one.count
        return ends

    def _failing(self, score: Score) -> Result:
        return Result(
            exit_code=ExitCode.FOUND,
            sentence=f"Stopped: {score.failed + score.behind:,} of {score.handled:,} failed"
            f"{' or died meanwhile' if score.behind else ''}, which is more than "
            f"--failure-rate-max {self.run.options['failure_rate_max']:g} allows.",
        )

    def _watch(self, replay: Replay, stopping: Stopping, *, last: bool = False) -> None:
        """Through the queue only the consumer knows how it ends: see what comes back.

        A large DLQ is read in between only if it grew.
        """
        score = replay.score
        if not self._is_watched() or not score.well or self._watched == score.handled:
            return
        empty = True
        seconds = self.run.options["watch_seconds"]
        began = time.monotonic()
        settled = began + min(seconds, _SETTLE_SECONDS)
        while not stopping.asked():
            empty = not self.subscription.queue.facts().depth.total
            if time.monotonic() >= (settled if empty else began + seconds):
                break
            stopping.wait(_POLL_SECONDS)
        if last and not empty:
            self._say(
                f"The queue still holds messages after {seconds:g} seconds; what comes back "
                "to the DLQ later is not in this report."
            )
        is_small = self.subscription.dlq.facts().depth.total <= _READ_MAX
        if not last and not is_small and self._grown(score) <= 0:
            return
        self._watched = score.handled if empty else 0
        if back := replay.note_comebacks():
            self._say(f"{back:,} were parked again.")
        if replay.fifo:
            score.behind = max(0, self._grown(score))

    def _grown(self, score: Score) -> int:
        """About how many messages came into the DLQ that are not known to have come back."""
        return self.subscription.dlq.facts().depth.total - (self._dead_before - score.well)

    def _say(self, sentence: str) -> None:
        self.run.note(sentence)
        self.tell(sentence)
