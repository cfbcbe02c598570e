"""How a stretch of work on a run ended."""

from dataclasses import dataclass

from botocore.exceptions import BotoCoreError, ClientError

from fanout.aws import sentence_for
from fanout.errors import CommandError, ExitCode


@dataclass(frozen=True, slots=True, kw_only=True)
class Result:
    """How a stretch of work ended: an exit code, and a sentence that says why."""

    exit_code: ExitCode
    sentence: str


def why_it_broke_off(error: BaseException) -> str:
    """A sentence for the journal."""
    if isinstance(error, ClientError | BotoCoreError):
        return sentence_for(error)
    if isinstance(error, CommandError):
        return str(error)
    return "Interrupted." if isinstance(error, KeyboardInterrupt) else type(error).__name__
