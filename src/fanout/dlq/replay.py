"""Bring frozen messages back: canary first, then the rest at a rate, until too many fail.

The messages are received anew, since nothing was held since the selection was frozen; the run's
ledger says which are meant and how far each has come, so the same code begins a run and resumes
one after a crash.
"""

import sys
import time
from collections import Counter
from collections.abc import Callable, Iterable, Iterator, Mapping, Sequence
from collections.abc import Set as AbstractSet
from dataclasses import dataclass, field
from datetime import datetime, timedelta
from functools import partial
from itertools import chain, islice
from pathlib import Path
from typing import Any, Self

from customer_events.instants import to_wire
from event_consumer.sqs_queue import batches
from fanout.aws import AwsTarget
from fanout.dlq.diagnosis import Diagnosis, diagnose, facts_of
from fanout.dlq.edit import from_document
from fanout.dlq.selection import Selection, dead_since, what_was_not_seen
from fanout.dlq.steps import (
    CAME_BACK,
    DELETE,
    GONE,
    MEANINGS,
    REFUSED,
    RELEASE,
    SENT,
    UNREADABLE,
    WELL_ENDS,
    ConsumerFunction,
    Discarding,
    Mover,
    ThroughConsumer,
    ThroughQueue,
    Unsendable,
    Wave,
)
from fanout.errors import WrongUse
from fanout.overlap import overlap
from fanout.runs.function import patient_client
from fanout.runs.journal import Entry, done, ended, intent, selected
from fanout.runs.ledger import Item, State
from fanout.runs.operation import OPEN, Ending, Nothing, Operation, Plan, Selecting, Words, Work
from fanout.runs.store import SELECTED_PER_LINE, Run
from fanout.sqs.message import DeadMessage
from fanout.sqs.queue import BATCH_MAX, QueueFacts, Sending
from fanout.sqs.scan import Sweep
from fanout.sqs.subscription import Subscription, find_subscription
from sentinel.discovery import Subscriber

DATE_RESOLUTION = timedelta(seconds=1)
"""AWS's Date header has whole seconds."""
WINDOW_MAX = 100
"""Messages in memory at a time; a customer's are put in order within it."""
WINDOW_BYTES_MAX = 8_000_000
LEAD_SECONDS = 15
"""What is taken from the DLQ ahead of being dealt with, at most: well below a hold's length."""
Pages = Callable[[Callable[[], float]], Iterator[list[DeadMessage]]]
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
    """One stretch of work on a run, pass by pass.

    `mover`: what is done with a batch before it is deleted; `fifo`: whether the DLQ is.
    """

    operation: "DlqReplay"
    run: Run
    work: Work
    mover: Mover
    fifo: bool
    score: Score = field(default_factory=Score)
    _blocked_groups: set[str] = field(default_factory=set)
    _tried: set[str] = field(default_factory=set)
    _quota: int = 0
    _selected: int = 0
    _began: float = field(default_factory=lambda: time.monotonic())  # noqa: PLW0108 (looked up anew)
    _furthest: dict[str, int] = field(default_factory=dict)

    def move(self, *, most: int | None = None) -> bool:
        """One pass over the DLQ, over at most so many messages; whether it saw all there is to see.

        A message that failed in this stretch of work is not tried again in it.
        """
        dlq, hold_seconds = self.operation.subscription.dlq, self.run.options["hold_seconds"]
        self._begin_pass()
        left = self.run.ledger.count(*OPEN) - len(self._tried)
        if left == 0 and not self.fifo:
            return False
        # On FIFO more may show up than is known of now.
        self._quota = min(most or sys.maxsize, sys.maxsize if self.fifo else left)
        self._selected = self.run.ledger.count()
        if (selected_by := self.operation.selected_by) is not None:
            self._pass(selected_by, selected_by.kept_pages)
            if not self._quota or self._must_stop():
                return False
            selected_by.show_again()
        with Sweep(
            dlq,
            hold_seconds=hold_seconds,
            stop=self._must_stop,
            patience_seconds=hold_seconds + 5,
            doubt_seconds=self._doubt_seconds(),
            expects=lambda: self.run.ledger.count(*OPEN) > len(self._tried),
        ) as sweep:
            self._pass(sweep, sweep.pages)
            if not sweep.came_to_end or self._must_stop():
                return False
            if not self.fifo:
                return True
            self._end_overtaken()
            return dlq.facts().depth.total <= sweep.held.count

    def end_missing(self) -> int:
        """After a pass that saw everything; how many are gone that were not done with.

        What was sent and whose deletion was under way is done with.
        """
        before = self.score.failed
        for item in self.run.ledger.items(*OPEN):
            if item.id in self._tried:
                continue
            if is_moved(item):
                self._end_well([item])
                continue
            begun = f"; its {item.step} was begun" if item.state is State.DOING else ""
            why = f"deleted by someone, or expired{begun}"
            self.run.record(ended([{"id": item.id, "end": GONE, "why": why}]))
            self.score.failed += 1
        return self.score.failed - before

    def note_comebacks(self) -> int:
        """Read the DLQ for messages that were sent and are here again; how many there are."""
        before, dlq = self.score.failed, self.operation.subscription.dlq
        hold_seconds = self.run.options["hold_seconds"]
        with Sweep(dlq, hold_seconds=hold_seconds, stop=self.work.stop) as sweep:
            for page in sweep.pages():
                self.work.keep_lock()
                for message in page:
                    self._note_comeback(message)
        return self.score.failed - before

    # Private functions

    def _begin_pass(self) -> None:
        """Free who waits for what an earlier stretch of work has deleted.

        On FIFO, watch the groups in which a deletion is unconfirmed.
        """
        items = list(self.run.ledger.items(State.DOING, State.DID))
        self._end_well([item for item in items if _is_deleted(item)])
        self._furthest = {
            str(item.facts["message_group"]): -1
            for item in items
            if item.step == DELETE and item.state is State.DOING and "message_group" in item.facts
        }

    def _end_overtaken(self) -> None:
        """After a pass over a FIFO DLQ in which nobody else held a message.

        SQS shows the messages of a group in their order: where it showed a later one, or none, the
        one whose deletion was begun is not there.
        """
        overtaken = [
            item
            for item in self.run.ledger.items(State.DOING)
            if item.step == DELETE
            and (furthest := self._furthest.get(str(item.facts.get("message_group")))) is not None
            and not 0 <= furthest <= int(item.facts["sequence_number"])
        ]
        self._end_well(overtaken)

    def _end_well(self, items: Sequence[Item]) -> None:
        endings = [{**item.detail, "id": item.id, "end": good_end(item)} for item in items]
        self._end_deleted(endings)
        self.score.well += len(items)

    def _doubt_seconds(self) -> float:
        """For how much longer a hold may last, of the selection or of a killed process.

        SQS's counts may not show it yet.
        """
        if self.run.ledger.starts == 1 and not goes_on(self.run, fifo=self.fifo):
            return 0
        held_until = self._began + float(self.run.options["hold_seconds"])
        return max(0, held_until + 1 - time.monotonic())

    def _must_stop(self) -> bool:
        return self.work.stop() or self.score.is_over(self.run.options["failure_rate_max"])

    def _pass(self, sweep: Sweep, pages: Pages) -> None:
        window: list[DeadMessage] = []
        size_bytes = 0
        window_max = self.work.pace.at_once(WINDOW_MAX, seconds=LEAD_SECONDS)
        for page in pages(lambda: min(self._quota, window_max - len(window))):
            self.work.keep_lock()
            for message in page:
                group = message.group_id
                if group in self._furthest and message.sequence_number:
                    self._furthest[group] = max(self._furthest[group], int(message.sequence_number))
                if self._quota and self._is_to_be_moved(message, sweep):
                    window.append(message)
                    size_bytes += message.size_bytes
            full = len(window) >= window_max or size_bytes >= WINDOW_BYTES_MAX
            # On FIFO, what is taken hides the rest of its group until it is gone.
            if full or self.fifo or not self._quota:
                self._move_window(window, sweep)
                window.clear()
                size_bytes = 0
            if not self._quota or self._must_stop():
                return
        self._move_window(window, sweep)

    def _is_to_be_moved(self, message: DeadMessage, sweep: Sweep) -> bool:
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
            self._finish(message, item, sweep)
            return False
        return item.state is not State.ENDED

    def _revealed(self, message: DeadMessage) -> Item | None:
        """On FIFO: a message that was there at the cut-off, behind one that has gone."""
        cut_off, limit = self.run.ledger.cut_off, self.run.options.get("limit")
        if not self.fifo or cut_off is None or (limit is not None and self._selected >= limit):
            return None
        diagnosis = diagnose(message, self.operation.subscription.reader)
        item = self.operation.item_of(self.run, message, diagnosis, cut_off)
        if item is None:
            return None
        self.run.record(selected([item]), ended(self.operation.left_out(self.run, [item])))
        self._selected += 1
        return self.run.ledger.get(message.message_id)

    def _finish(self, message: DeadMessage, item: Item, sweep: Sweep) -> None:
        """It was sent, or ended well, before a crash: all that is left is to delete it."""
        detail = {name: value for name, value in item.detail.items() if name != "why"}
        self.work.keep_lock()
        if item.state is not State.ENDED:
            self.run.record(intent(DELETE, [item.id]))
        ends = {item.id: {**detail, "end": good_end(item)}}
        gone = self._delete([message], ends, sweep)
        if item.state is not State.ENDED:
            self._count([message], gone)

    def _move_window(self, window: Sequence[DeadMessage], sweep: Sweep) -> None:
        at_once = self.work.pace.at_once(BATCH_MAX, seconds=LEAD_SECONDS)
        for wave in self._waves(window, at_once):
            if self._must_stop():
                return
            left = [
                [dead for dead in batch if dead.group_id not in self._blocked_groups]
                for batch in wave
            ]
            messages = list(chain.from_iterable(left))
            if not messages:
                continue
            self.work.pace.take(len(messages))
            if self._must_stop():
                return
            if at_once < BATCH_MAX:
                sweep.renew()  # so slowly, a window takes longer than a hold
            self.work.keep_lock()
            self._count(messages, self._move_wave(list(filter(None, left)), sweep))

    def _waves(
        self, window: Sequence[DeadMessage], at_once: int
    ) -> Iterator[list[list[DeadMessage]]]:
        """Batches to move side by side: a customer's, or a group's, in no two of them.

        No more at a time than were dealt with before, so that a failure rate means something.
        """
        orders = {message.message_id: self._order(message) for message in window}
        in_order = sorted(window, key=lambda message: orders[message.message_id])
        wave: list[list[DeadMessage]] = []
        names: set[str] = set()
        for batch in self.mover.batches(in_order, at_once):
            own = {dead.group_id or orders[dead.message_id][0] or dead.message_id for dead in batch}
            most = min(WINDOW_MAX, self.score.handled)
            if wave and (names & own or len(wave) >= self.work.pace.at_once(most) // BATCH_MAX):
                yield wave
                wave, names = [], set()
            wave.append(batch)
            names |= own
        if wave:
            yield wave

    def _move_wave(self, wave: Wave, sweep: Sweep) -> set[str]:
        """Move batches; the ids of those messages that are gone from the DLQ."""
        ends = self.mover.move(wave)
        moved = [message for batch in wave for message in batch if message.message_id in ends]
        return self._delete(moved, ends, sweep) if moved else set()

    def _delete(
        self, messages: Sequence[DeadMessage], ends: Mapping[str, Mapping[str, Any]], sweep: Sweep
    ) -> set[str]:
        """Delete messages whose intent is in the journal already; the ids of those that are gone.

        `ends` holds, by message id, the `end` that a deleted message has come to, and details.

        Raises:
            ClientError, BotoCoreError: of a call that failed, once the journal has the others.
        """
        receipts = sweep.receipts(messages)
        deleted = overlap(self.operation.subscription.dlq.delete, batches(receipts))
        effects = list(chain.from_iterable(deleted.answers))
        results = [{**ends[effect.message_id], **effect.to_result()} for effect in effects]
        gone = [effect.message_id for effect in effects if effect.ok]
        sweep.held.drop(gone)
        endings = [{"id": message_id, **ends[message_id]} for message_id in gone]
        self._end_deleted(endings, done(DELETE, results))
        deleted.require_all()
        return set(gone)

    def _end_deleted(self, endings: Sequence[Mapping[str, Any]], *before: Entry) -> None:
        """Write how messages ended that the DLQ holds no more, once nobody waits behind them.

        `before`: lines to write first.
        """
        notes = self.mover.notes
        if notes is not None and endings:
            self.run.record(*before, intent(RELEASE, [ending["id"] for ending in endings]))
            for ending in endings:
                item = self.run.ledger.get(ending["id"])
                if item is not None and (group := item.facts.get("message_group")):
                    notes.withdraw(str(group), str(item.facts.get("alias") or item.id))
            before = ()
        self.run.record(*before, ended(endings))

    def _count(self, messages: Sequence[DeadMessage], gone: AbstractSet[str]) -> None:
        self.score.well += len(gone)
        self.score.failed += len(messages) - len(gone)
        for message in (each for each in messages if each.message_id not in gone):
            item = self.run.ledger.get(message.message_id)
            if item is not None and item.state is not State.ENDED:
                self._tried.add(message.message_id)
            # On FIFO what follows must not overtake. What SQS will never take blocks nobody; what
            # an edit did not fix may well be fixed by the next.
            is_final = item is not None and item.end == REFUSED and "edit" not in self.run.options
            if self.fifo and message.group_id and not is_final:
                self._blocked_groups.add(message.group_id)
        self.work.progress(self.score.handled, self.score.failed)

    def _order(self, message: DeadMessage) -> tuple[str, str]:
        """A customer's messages come by sequence, after those of it that can't be read."""
        diagnosis = diagnose(message, self.operation.subscription.reader)
        event = diagnosis.event
        return (event.customer_id, event.sequence) if event else (diagnosis.customer_id or "", "")

    def _note_comeback(self, message: DeadMessage) -> bool:
        """Whether a message that is not in the selection is one that was sent and parked again."""
        first = message.first_delivery.message_id
        item = self.run.ledger.get(first, by="alias") or self.run.ledger.get(first)
        cut_off = self.run.ledger.cut_off
        if item is None or item.end not in {SENT, CAME_BACK} or cut_off is None:
            return False
        if dead_since(message) < cut_off - DATE_RESOLUTION:  # the second of the selection counts
            return False
        if item.end == CAME_BACK:
            return True
        why = diagnose(message, self.operation.subscription.reader).cause.code
        ending = {"id": item.id, "end": CAME_BACK, "why": why, "back_as": message.message_id}
        self.run.record(ended([ending]))
        self.score.well = max(0, self.score.well - 1)
        self.score.failed += 1
        return True


def goes_on(run: Run, *, fifo: bool) -> bool:
    """Whether what is selected stays held, to be moved at once.

    On FIFO what is held hides the rest of its group, and at a rate it would be held too long.
    """
    return bool(run.options.get("execute") and not fifo and not run.options.get("rate"))


# A stretch of work: the canary, then stages, each watched for what comes back, then the rest


_POLL_SECONDS = 0.5
_SETTLE_SECONDS = 5.0
"""A queue that counts nothing may still hold what was just sent: SQS's counts are late."""
_STAGE_GROWTH = 32
"""Of a stage beside all before it: 10 messages, then 320, then as many as may be in the queue."""
_STAGE_MAX = 10_000
"""Messages in the queue of which it was not seen yet whether they come back."""
_READ_MAX = 2_000
"""Dead messages up to which the DLQ is read after each stage, whatever SQS counts."""


class Stages:
    """The whole of a stretch of work; `facts`: of the DLQ before anything was moved."""

    def __init__(self, replay: Replay, facts: QueueFacts) -> None:
        self._replay = replay
        self._work = replay.work
        self._score = replay.score
        self._ledger = replay.run.ledger
        self._options = replay.run.options
        self._subscription = replay.operation.subscription
        self._facts = facts
        self._watches = self._options["through"] == QUEUE and bool(self._options["watch_seconds"])
        # An earlier stretch may have been interrupted before it was known what comes back.
        self._unwatched = self._sent() > 0
        self._sent_since = time.monotonic()  # the last stage

    def run(self) -> Ending:
        """All of them, until somebody stops it or too many fail."""
        ending = self._canary() or self._rest()
        if (grown := self._grown()) > 0:
            self._work.say(
                f"The DLQ still fills: about {grown:,} messages came in meanwhile. They are "
                "not in this run; find out what puts them there before the next one."
            )
        return ending

    # Private functions

    def _canary(self) -> Ending | None:
        """The canary's messages that no earlier stretch of work has dealt with."""
        skipped = {UNREADABLE, self._replay.operation.unreadable(self._replay.run)[0]}
        dealt_with = sum(count for end, count in self._ledger.ends().items() if end not in skipped)
        left = int(self._options["canary"] or 0) - dealt_with
        if left <= 0:
            return None
        self._move(left)
        self._watch()
        self._work.say(f"Canary: {self._score.well} of {self._score.handled} well.")
        return self._too_many_failed(few=1)

    def _rest(self) -> Ending:
        if self._watches:
            self._work_by_stages()
        if not self._work.stop() and self._move() and (gone := self._replay.end_missing()):
            self._work.say(f"{gone} selected messages are gone: deleted by someone, or expired.")
        self._watch(last=True)
        return self._too_many_failed() or self._interrupted_watch() or Ending()

    def _move(self, most: int | None = None) -> bool:
        """See `Replay.move`."""
        before, began = self._score.well, time.monotonic()
        saw_all = self._replay.move(most=most)
        if self._score.well > before:
            self._unwatched, self._sent_since = True, began
        return saw_all

    def _work_by_stages(self) -> None:
        """Through the queue: see what came back before sending many times as many."""
        stage, handled = 0, self._score.handled  # by the canary
        in_queue = self._sent() if self._unwatched else 0
        while self._score.handled - handled == stage and not self._work.stop():
            if self._score.is_over(self._options["failure_rate_max"]):
                return
            handled = self._score.handled
            room = max(0, _STAGE_MAX - in_queue)
            stage = min(_STAGE_GROWTH * handled, room) if handled else FEW
            if stage:
                self._move(stage)
            else:
                self._work.say(f"Waiting: {in_queue:,} sent messages are not handled yet.")
            if not self._replay.fifo and not self._ledger.count(*OPEN):
                return  # after the last stage, the last watch is enough
            in_queue = min(in_queue + stage, self._watch())

    def _watch(self, *, last: bool = False) -> int:
        """See what comes back; how many messages may still do so, since they are in the queue.

        Through the queue only the consumer knows how it ends. A large DLQ is read in between only
        if it grew. The consumer works while a stage is sent: of the last one, that time counts.
        """
        if not self._watches or not self._unwatched or self._work.stop():
            return 0
        seconds = self._options["watch_seconds"]
        depth = self._await_empty_queue((self._sent_since if last else time.monotonic()) + seconds)
        if last and depth:
            self._work.say(
                f"The queue still holds {depth:,} messages; what comes back to the DLQ later is "
                "not in this report."
            )
        is_small = self._subscription.dlq.facts().depth.total <= _READ_MAX
        if not last and not is_small and self._grown() <= 0:
            return depth
        if back := self._replay.note_comebacks():
            self._work.say(f"{back:,} were parked again.")
        if self._replay.fifo:
            self._score.behind = max(0, self._grown())
        self._unwatched = self._work.stop() or bool(depth and not last)
        return depth

    def _await_empty_queue(self, until: float) -> int:
        """What the queue holds once it is empty, time is up, or somebody stops it."""
        settled = time.monotonic() + min(self._options["watch_seconds"], _SETTLE_SECONDS)
        while True:
            self._work.keep_lock()
            depth = self._subscription.queue.facts().depth.total
            end = max(settled, until) if depth else settled
            if self._work.stop() or time.monotonic() >= end:
                return depth
            self._work.stopping.wait(_POLL_SECONDS)

    def _interrupted_watch(self) -> Ending | None:
        """What was sent and not watched to the end is left for a resume to watch."""
        is_over = not (self._watches and self._unwatched and self._work.stop())
        if is_over or self._ledger.count(*OPEN):
            return None
        sent = self._sent()
        sentence = f"Interrupted before it was known which of {sent:,} sent messages come back."
        return Ending(sentence=sentence, left=sent)

    def _sent(self) -> int:
        return self._ledger.ends()[SENT]

    def _too_many_failed(self, *, few: int = FEW) -> Ending | None:
        score, bound = self._score, self._options["failure_rate_max"]
        left = self._ledger.count(*OPEN)
        if not (left or score.behind) or not score.is_over(bound, few=few):
            return None
        sentence = (
            f"Stopped: {score.failed + score.behind:,} of {score.handled:,} failed"
            f"{' or died meanwhile' if score.behind else ''}, which is more than "
            f"--failure-rate-max {bound:g} allows."
        )
        return Ending(sentence=sentence, left=score.behind)

    def _grown(self) -> int:
        """About how many messages came into the DLQ that are not known to have come back."""
        before = self._facts.depth.total
        return self._subscription.dlq.facts().depth.total - (before - self._score.well)


# The operations of the DLQ: what each run selects, plans and does


QUEUE, CONSUMER, FILE = "queue", "consumer", "file"
"""Where a run's messages go: the option `through`."""
_REASONS_MAX = 20


class DlqOperation(Operation):
    """What every operation on a subscriber's DLQ has."""

    words = Words(good=WELL_ENDS, meanings=MEANINGS, left_out=UNREADABLE)

    def __init__(self, target: AwsTarget, subscription: Subscription) -> None:
        self.target = target
        self.subscription = subscription
        self.lock = f"dlq/{subscription.subscriber.name}"

    @classmethod
    def reopen(cls, target: AwsTarget, header: Mapping[str, Any]) -> Self:
        """See `Operation.reopen`. Raises: WrongUse: the subscriber has another DLQ here."""
        subject = header["subject"]
        subscription = find_subscription(target, subject["subscriber"])
        if subscription.subscriber.dlq_arn != subject["dlq_arn"]:
            raise WrongUse(
                f"The run was made on {subject['dlq_arn']}; here the DLQ of "
                f"{subscription.subscriber.name} is {subscription.subscriber.dlq_arn}: check "
                "--profile, --region and --prefix."
            )
        return cls(target, subscription)

    def subject(self) -> dict[str, Any]:
        """See `Operation.subject`."""
        subscriber = self.subscription.subscriber
        return {
            "prefix": self.target.prefix,
            "subscriber": subscriber.name,
            "queue_arn": subscriber.queue_arn,
            "dlq_arn": subscriber.dlq_arn,
            "function_name": subscriber.function_name,
        }


class DlqReplay(DlqOperation):
    """`fanout dlq replay`; editing and discarding differ in what they make of a message.

    `selected_by`: what read the selection and still hides it, where it is moved at once.
    """

    command = "dlq replay"
    selected_by: Sweep | None = None

    def select(self, run: Run, selecting: Selecting) -> Nothing:
        """Read the DLQ once, and write what is meant into the run: ids and a cut-off time.

        Nothing stays held but what is moved at once: that need not be received again. What can't be
        read now, where that is left out, ends at once and does not count towards the limit.
        """
        options, facts = run.options, self.subscription.dlq.facts()
        limit, hold_seconds = options["limit"], options["hold_seconds"]
        sweep = selecting.holding.enter_context(
            Sweep(
                self.subscription.dlq,
                hold_seconds=hold_seconds,
                stop=selecting.stop,
                # What a killed try has read is hidden for a while yet.
                patience_seconds=hold_seconds + 5 if selecting.again else 0,
                doubt_seconds=hold_seconds + 1 if selecting.again else 0,
            )
        )
        self.selected_by = sweep if goes_on(run, fifo=facts.fifo) else None
        reasons: Counter[str] = Counter()
        run.select(self._selected(run, sweep, selecting, facts, reasons))
        if self.selected_by is None:
            sweep.show_again()
        if selecting.stop():
            return Nothing()
        waiting = run.ledger.items(State.WAITING)
        while page := list(islice(waiting, SELECTED_PER_LINE)):
            items = ({"id": item.id, **item.facts} for item in page)
            run.record(ended(self.left_out(run, items)))
        if limit is not None and run.ledger.count(State.WAITING) >= limit:
            remarks = [f"--limit {limit} was reached: there may be more."]
        else:
            remarks = what_was_not_seen(facts, sweep.seen)
        run.freeze(cut_off=_cut_off(facts), left_out=remarks)
        counts = reasons.items()
        listed = ", ".join(f"{' '.join(code.split())[:60]} ({count:,})" for code, count in counts)
        there = f"those there are dead for: {listed}" if listed else "the DLQ showed none"
        return Nothing(
            sentence=f"Nothing is selected: no dead message is meant; {there}.",
            asked=bool(options["selection"]),
            document={"reasons": reasons},
        )

    def plan(self, run: Run) -> Plan:
        """See `Operation.plan`."""
        by_reason = sorted(run.ledger.fates("reason").items())
        unreadable: Counter[str] = Counter()
        for (code, _), count in run.ledger.fates("unreadable").items():
            unreadable[code] += count
        del unreadable[""]
        # Not by `unreadable`: journals of before 2026-11-27 have it for what an edit repairs, too.
        by_readable = run.ledger.fates("readable").items()
        readable = sum(count for (value, _), count in by_readable if value == "1")
        rows = [
            (f"{count:,}", reason if fate == "waiting" else f"{reason} ({fate})")
            for (reason, fate), count in by_reason
        ]
        _, what = self.unreadable(run)
        why = ", ".join(f"{code} {count:,}" for code, count in unreadable.items())
        remark = f"{unreadable.total():,} of them {what} ({why})."
        return Plan(
            document={
                "readable_now": readable,
                "unreadable": dict(unreadable),
                "by_reason": [
                    {"reason": reason, "state": fate, "count": count}
                    for (reason, fate), count in by_reason
                ],
            },
            rows=(*rows, *self._plan_rows(run)),
            remarks=(remark,) if what and run.ledger.count() > readable else (),
        )

    def steps(self, run: Run) -> Callable[[Work], Ending]:
        """See `Operation.steps`."""
        facts = self.subscription.dlq.facts()
        replay = partial(
            Replay, operation=self, run=run, mover=self._mover(run, facts), fifo=facts.fifo
        )
        return lambda work: Stages(replay(work=work), facts).run()

    def item_of(
        self, run: Run, message: DeadMessage, diagnosis: Diagnosis, cut_off: datetime
    ) -> dict[str, Any] | None:
        """What the journal holds of a message; None where it is not meant."""
        selection = Selection.from_document(run.options["selection"])
        if message.sent_at > cut_off or not selection.matches(message, diagnosis):
            return None
        return self._describe(run, message, diagnosis)

    def left_out(self, run: Run, items: Iterable[Mapping[str, Any]]) -> list[dict[str, Any]]:
        """How those items end that can't be read (or not be sent, as edited)."""
        end, _ = self.unreadable(run)
        return [
            {"id": item["id"], "end": end, "why": item["unreadable"]}
            for item in items
            if end and not item["readable"]
        ]

    # What an edit or a discard does differently

    def _describe(self, run: Run, message: DeadMessage, diagnosis: Diagnosis) -> dict[str, Any]:  # noqa: ARG002 (an edit's)
        """What the journal holds of a message that is meant."""
        return facts_of(message, diagnosis)

    def unreadable(self, run: Run) -> tuple[str, str]:
        """How what can't be read now ends before anything is moved, and what the plan says of it.

        "" where it is tried, and where the plan says nothing.
        """
        if run.options.get("even_if_unreadable", True):
            return "", (
                "can't be read with this version's contract, and will be parked again unless the "
                "deployed consumer is newer"
            )
        return UNREADABLE, (
            "are left out, since this version's contract can't read them: edit or discard them, or "
            "add --even-if-unreadable where the deployed consumer is newer"
        )

    def _mover(self, run: Run, dlq: QueueFacts) -> Mover:
        """What is done with a batch. Raises: WrongUse, Refused: it can't be done here."""
        subscriber, queue = self.subscription.subscriber, self.subscription.queue.facts()
        if run.options["through"] == CONSUMER:
            function = ConsumerFunction(
                client=patient_client(self.target),
                name=require_function(subscriber),
                remedy="Deploy it with the current event_consumer, or replay --through queue.",
                queue_arn=queue.arn,
            )
            function.require_reporting()
            return ThroughConsumer(run, function)
        if queue.fifo != dlq.fifo:
            one, other = ("FIFO", "standard") if queue.fifo else ("standard", "FIFO")
            raise WrongUse(
                f"The queue is {one} and its DLQ {other}: messages of one do not fit the other. "
                "Replay --through consumer."
            )
        return ThroughQueue(run, self.subscription.queue, queue, make=self._make(run, queue))

    def _make(self, run: Run, queue: QueueFacts) -> Callable[[DeadMessage], Sending] | None:  # noqa: ARG002
        """What is sent in place of a message; None: the message itself."""
        return None

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
        cut_off = to_wire(run.ledger.cut_off) if run.ledger.cut_off else "-"
        yield "cut-off", f"{cut_off}: what dies later is not in it"
        rate = options["rate"]
        pace = f"{rate:g} a second" if rate else "as fast as it goes"
        canary = f"{options['canary']:,} first, then the rest " if options["canary"] else ""
        unseen = through == QUEUE and not options["watch_seconds"]
        what = "failed sends; what comes back is not watched" if unseen else "failures"
        yield "pace", f"{canary}{pace}; stops above {options['failure_rate_max']:.0%} {what}"

    # Private functions

    def _selected(
        self, run: Run, sweep: Sweep, selecting: Selecting, facts: QueueFacts, reasons: Counter[str]
    ) -> Iterator[dict[str, Any]]:
        """What is meant, up to the limit, and not in the journal from before a crash.

        `reasons` counts every message that is seen, by the reason that it is dead for.
        """
        limit, total, (end, _) = run.options["limit"], facts.depth.total, self.unreadable(run)
        left = sys.maxsize if limit is None else limit - run.ledger.count()
        messages = sweep.messages(lambda: total - sweep.seen)
        while left > 0 and (message := next(messages, None)) is not None:
            selecting.progress(sweep.seen, total)
            diagnosis = diagnose(message, self.subscription.reader)
            if diagnosis.cause.code in reasons or len(reasons) < _REASONS_MAX:
                reasons[diagnosis.cause.code] += 1
            item = self.item_of(run, message, diagnosis, _cut_off(facts))
            if item is not None and run.ledger.get(item["id"]) is None:
                left -= not end or item["readable"]
                if self.selected_by is not None:
                    self.selected_by.keep(message)
                yield item


class DlqEdit(DlqReplay):
    """`fanout dlq edit`: what is sent is the edited message, if its subscriber can read it."""

    command = "dlq edit"

    def _describe(self, run: Run, message: DeadMessage, diagnosis: Diagnosis) -> dict[str, Any]:
        """`readable` is of the edited message."""
        edit, item = from_document(run.options["edit"]), facts_of(message, diagnosis)
        item.pop("unreadable", None)
        try:
            edit.apply(message, self.subscription.reader)
        except Unsendable as refused:
            return item | {"readable": False, "unreadable": str(refused)}
        return item | {"readable": True}

    def unreadable(self, run: Run) -> tuple[str, str]:  # noqa: ARG002 (the same for every edit)
        """See `DlqReplay.unreadable`."""
        what = "would still not be valid, or the edit does not fit them, and stay as they are"
        return REFUSED, what

    def _make(self, run: Run, queue: QueueFacts) -> Callable[[DeadMessage], Sending]:
        edit, reader = from_document(run.options["edit"]), self.subscription.reader
        return lambda message: edit.sending(message, reader, queue, run.run_id)

    def _plan_rows(self, run: Run) -> Iterator[tuple[str, str]]:
        yield from super()._plan_rows(run)
        for operation in run.options["edit"]["patch"]:
            yield "edit", f"{operation['op']} {operation['path']}"


class DlqDiscard(DlqReplay):
    """`fanout dlq discard`: into a file, on the disk, and only then out of the DLQ."""

    command = "dlq discard"

    def unreadable(self, run: Run) -> tuple[str, str]:  # noqa: ARG002 (the same for every discard)
        """See `DlqReplay.unreadable`."""
        return "", ""

    def _mover(self, run: Run, dlq: QueueFacts) -> Mover:  # noqa: ARG002
        notes = self.subscription.notes
        if notes is not None:
            notes.first(run.run_id)  # asked once, to be sure that it can be
        return Discarding(run, Path(run.options["file"]), notes=notes)

    def _plan_rows(self, run: Run) -> Iterator[tuple[str, str]]:
        yield from super()._plan_rows(run)
        yield "because", run.options["because"]
        if run.options.get("notes"):
            yield "then", f"remove their notes in {run.options['notes']}"


def require_function(subscriber: Subscriber) -> str:
    """The name of the subscriber's function. Raises: WrongUse where none is known."""
    if subscriber.function_name is None:
        raise WrongUse(
            f"{subscriber.name} names no function in its SSM parameter: use --through queue."
        )
    return subscriber.function_name


def _cut_off(dlq: QueueFacts) -> datetime:
    """What came in by then is meant; AWS's clock was read in whole seconds."""
    return dlq.asked_at + DATE_RESOLUTION
