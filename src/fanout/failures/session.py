"""A stretch of work on a run: its lock, its signals, its end in the journal."""

from collections.abc import Callable, Iterator
from contextlib import contextmanager
from dataclasses import dataclass

from botocore.exceptions import BotoCoreError, ClientError

from fanout.aws import AwsTarget, sentence_for
from fanout.dlq.lock import Locks
from fanout.dlq.stopping import Stopping
from fanout.errors import CommandError, ExitCode
from fanout.failures.endings import OPEN, WELL_ENDS
from fanout.runs.operator import Operator
from fanout.runs.run import Run

LOCK = "publisher.failures"
"""A name that no subscriber has."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Result:
    """How a stretch of work ended: an exit code, and a sentence that says why."""

    exit_code: ExitCode
    sentence: str


@dataclass(frozen=True, slots=True, kw_only=True)
class Stretch:
    """What the work is given: when to stop, what to call before each batch, and how to wait."""

    stop: Callable[[], bool]
    wait: Callable[[float], None]
    keep_lock: Callable[[], None]


@contextmanager
def stretch(
    target: AwsTarget, run: Run, operator: Operator, tell: Callable[[str], None]
) -> Iterator[Stretch]:
    """Hold the lock and mark the beginning; where the work raises, the journal says why.

    Raises:
        Refused: somebody else holds the lock.
    """
    locks = Locks(target.client("ssm"), target.prefix)

    def say(sentence: str) -> None:
        run.note(sentence)
        tell(sentence)

    with (
        Stopping() as stopping,
        locks.hold(LOCK, operator=operator, run_id=run.run_id, tell=say) as lock,
    ):
        run.start(operator)
        try:
            yield Stretch(stop=stopping.asked, wait=stopping.wait, keep_lock=lock.keep)
        except BaseException as error:
            run.pause(_why(error))
            raise


def conclude(run: Run, *, stuck_for: str, was_stopped: bool) -> Result:
    """Judge what the run has come to, and close the stretch in the journal."""
    result = _judge(run, stuck_for=stuck_for, was_stopped=was_stopped)
    if run.ledger.count(*OPEN):
        run.pause(result.sentence)
    else:
        run.finish()
    return result


# Private functions


def _judge(run: Run, *, stuck_for: str, was_stopped: bool) -> Result:
    left = run.ledger.count(*OPEN)
    badly = sum(one.count for one in run.ledger.tallies() if one.end and one.end not in WELL_ENDS)
    if was_stopped and left:
        return Result(
            exit_code=ExitCode.INTERRUPTED, sentence=f"Interrupted, with {left:,} objects left."
        )
    if stuck_for:
        return Result(
            exit_code=ExitCode.FOUND,
            sentence=f"Stopped, since the publisher could publish nothing ({stuck_for}), with "
            f"{left:,} objects left: mend the bus, then resume.",
        )
    if left or badly:
        return Result(
            exit_code=ExitCode.FOUND,
            sentence=f"{badly:,} objects did not end well, and {left:,} are left to do.",
        )
    return Result(exit_code=ExitCode.DONE, sentence="Every selected object ended well.")


def _why(error: BaseException) -> str:
    if isinstance(error, ClientError | BotoCoreError):
        return sentence_for(error)
    if isinstance(error, CommandError):
        return str(error)
    return "Interrupted." if isinstance(error, KeyboardInterrupt) else type(error).__name__
