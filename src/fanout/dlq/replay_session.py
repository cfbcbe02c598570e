"""A stretch of work on a replay: its lock, its canary, its rest, and what it came to."""

import time
from collections.abc import Callable
from dataclasses import dataclass

from botocore.exceptions import BotoCoreError, ClientError

from event_consumer.parked_groups import ParkedGroupsTable
from fanout.aws import AwsTarget, sentence_for
from fanout.dlq.lock import Locks
from fanout.dlq.movers import FILE, QUEUE, MakeMover, mover_of
from fanout.dlq.pace import Pace
from fanout.dlq.ports import QueueFacts
from fanout.dlq.replay import Replay
from fanout.dlq.score import OPEN, WELL_ENDS, Limits, Score
from fanout.dlq.selection import Selection
from fanout.dlq.stopping import Stopping
from fanout.dlq.subscription import Subscription, notes_of
from fanout.errors import CommandError, ExitCode
from fanout.runs.operator import Operator
from fanout.runs.run import Run

_POLL_SECONDS = 0.5


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
            try:
                result = self._work(replay, stopping)
            except BaseException as error:
                self.run.pause(why_it_broke_off(error))
                raise
            self._note_growth(dlq, replay.score)
            if result.exit_code is ExitCode.DONE or not self.run.ledger.count(*OPEN):
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
        if not stopping.asked() and replay.work() and (gone := replay.settle_missing()):
            self._say(f"{gone} selected messages are gone: deleted by someone, or expired.")
        if not stopping.asked():
            self._watch(replay, stopping)
        return self._judge(replay, stopping)

    def _canary_left(self) -> int:
        """How many of the canary's messages no earlier stretch of work has dealt with."""
        ledger = self.run.ledger
        dealt_with = ledger.count() - ledger.count(*OPEN)
        return max(0, int(self.run.options["canary"] or 0) - dealt_with)

    def _judge(self, replay: Replay, stopping: Stopping) -> Result:
        left = self.run.ledger.count(*OPEN)
        badly = sum(
            one.count for one in self.run.ledger.tallies() if one.end and one.end not in WELL_ENDS
        )
        if stopping.asked() and left:
            return Result(
                exit_code=ExitCode.INTERRUPTED, sentence=f"Interrupted, with {left:,} left."
            )
        if left and replay.score.is_over(replay.limits.failure_rate_max):
            return self._failing(replay.score)
        if left or badly:
            return Result(
                exit_code=ExitCode.FOUND,
                sentence=f"{badly:,} did not end well, and {left:,} are left to do.",
            )
        return Result(exit_code=ExitCode.DONE, sentence="Every selected message ended well.")

    def _failing(self, score: Score) -> Result:
        return Result(
            exit_code=ExitCode.FOUND,
            sentence=f"Stopped: {score.failed:,} of {score.handled:,} failed, which is more than "
            f"--failure-rate-max {self.run.options['failure_rate_max']:g} allows.",
        )

    def _watch(self, replay: Replay, stopping: Stopping) -> None:
        """Through the queue only the consumer knows how it ends: see what comes back."""
        seconds = self.run.options["watch_seconds"]
        if self.run.options["through"] != QUEUE or not seconds or not replay.score.well:
            return
        deadline = time.monotonic() + seconds
        while self.subscription.queue.facts().depth.total and not stopping.asked():
            if time.monotonic() > deadline:
                self._say(
                    f"The queue still holds messages after {seconds:g} seconds; what comes back "
                    "to the DLQ later is not in this report."
                )
                break
            stopping.wait(_POLL_SECONDS)
        if back := replay.note_comebacks():
            self._say(f"{back:,} were parked again.")

    def _note_growth(self, before: QueueFacts, score: Score) -> None:
        after = self.subscription.dlq.facts().depth.total
        grown = after - (before.depth.total - score.well)
        if grown > 0:
            self._say(
                f"The DLQ still fills: about {grown:,} messages came in meanwhile. They are not in "
                "this run; find out what puts them there before the next one."
            )

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
