"""Make calls side by side that do not depend on each other.

Only the calls are made in threads. What they answer is taken in by the caller's own thread, so a
run's journal has one writer.
"""

from collections.abc import Callable, Iterable
from concurrent.futures import ThreadPoolExecutor, wait
from dataclasses import dataclass
from functools import cache
from typing import Generic, TypeVar

CALLS_MAX = 10
"""How many at a time."""

_Argument = TypeVar("_Argument")
_Answer = TypeVar("_Answer")


@dataclass(frozen=True, slots=True, kw_only=True)
class Overlapped(Generic[_Answer]):
    """What came of calls; all of them have ended.

    `answers`: of those that have one, in the order of the calls; `error`: what the first of the
    others to fail raised.
    """

    answers: list[_Answer]
    error: Exception | None = None

    def require_all(self) -> list[_Answer]:
        """The answers. Raises: Exception: the `error`, if there is one."""
        if self.error is not None:
            raise self.error
        return self.answers


def overlap(
    call: Callable[[_Argument], _Answer], arguments: Iterable[_Argument]
) -> Overlapped[_Answer]:
    """Make one call for each argument, `CALLS_MAX` at a time, and wait until all have ended.

    The calls make no others side by side.
    """
    errors: list[Exception] = []

    def attempt(argument: _Argument) -> list[_Answer]:
        try:
            return [call(argument)]
        except Exception as error:  # noqa: BLE001 (raised by `require_all`)
            errors.append(error)
            return []

    each = list(arguments)
    calls = [_pool().submit(attempt, argument) for argument in each[1:]]
    try:
        outcomes = [attempt(argument) for argument in each[:1]] + [one.result() for one in calls]
    finally:
        wait(calls)
    answers = [answer for outcome in outcomes for answer in outcome]
    return Overlapped(answers=answers, error=errors[0] if errors else None)


@cache
def _pool() -> ThreadPoolExecutor:
    """Threads for all calls of the process: to start new ones for each few calls costs time."""
    return ThreadPoolExecutor(max_workers=CALLS_MAX - 1)
