"""A stretch of work on a replay: its lock, its canary, its rest, and what it came to."""

import time
from collections import Counter
from collections.abc import Callable
from dataclasses import dataclass

from botocore.exceptions import BotoCoreError, ClientError

from event_consumer.parked_groups import ParkedGroupsTable
from fanout.aws import AwsTarget, sentence_for
from fanout.dlq.lock import Locks
from fanout.dlq.movers import FILE, QUEUE, MakeMover, describe_of, mover_of, unreadable_end
from fanout.dlq.pace import Pace
from fanout.dlq.ports import QueueFacts
from fanout.dlq.replay import Replay
from fanout.dlq.score import FEW, OPEN, UNREADABLE, WELL_ENDS, Limits, Score
from fanout.dlq.selection import Selection
from fanout.dlq.stopping import Stopping
from fanout.dlq.subscription import Subscription, notes_of
from fanout.errors import CommandError, ExitCode
from fanout.runs.operator import Operator
from fanout.runs.run import Run

_POLL_SECONDS = 0.5
_SETTLE_SECONDS = 5.0
"""A queue that counts nothing may still hold what was just sent: SQS's counts are late."""
_READ_MAX = 2_000
"""Dead messages up to which the DLQ is read after each stage, whatever SQS counts."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Result:
    """How a stretch of work ended: an exit code, and a sentence that says why."""

    exit_code: ExitCode
    sentence: str


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


def why_it_broke_off(error: BaseException) -> str:
    """A sentence for the journal."""
    if isinstance(error, ClientError | BotoCoreError):
        return sentence_for(error)
    if isinstance(error, CommandError):
        return str(error)
    return "Interrupted." if isinstance(error, KeyboardInterrupt) else type(error).__name__
