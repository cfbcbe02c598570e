"""Run `fanout` and kill it, as kill -9 does, at a boundary of the journal's or the queues' steps.

Usage: dlq_killed.py POINT NUMBER ARGUMENT…, where POINT is `before` or `after` (the journal's
append of that number), `torn` (in the middle of it), or `random` (NUMBER is then a seed; it ends
at a random append or API call).
"""

import os
import random
import signal
import sys
from typing import Any

from fanout import cli
from fanout.runs.journal import Journal
from fanout.sqs.queue import SqsQueue


def die() -> None:
    os.kill(os.getpid(), signal.SIGKILL)


def kill_at_append(point: str, number: int) -> None:
    count = 0
    append = Journal.append

    def counted(journal: Journal, *entries: Any) -> Any:
        nonlocal count
        count += 1
        if count == number and point == "before":
            die()
        if count == number and point == "torn":
            journal._file.write(b'{"n":99,"at":"2026-11-23T0')
            journal._file.flush()
            die()
        written = append(journal, *entries)
        if count == number and point == "after":
            die()
        return written

    Journal.append = counted  # type: ignore[method-assign]


def kill_at_random(seed: int) -> None:
    left = random.Random(seed).randint(1, 30)

    def wrapped(function: Any) -> Any:
        def call(*arguments: Any, **options: Any) -> Any:
            nonlocal left
            left -= 1
            if left == 0:
                die()
            answer = function(*arguments, **options)
            left -= 1
            if left == 0:
                die()
            return answer

        return call

    Journal.append = wrapped(Journal.append)  # type: ignore[method-assign]
    for name in ("receive", "send", "delete", "hide"):
        setattr(SqsQueue, name, wrapped(getattr(SqsQueue, name)))


if __name__ == "__main__":
    point, number, *arguments = sys.argv[1:]
    if point == "random":
        kill_at_random(int(number))
    else:
        kill_at_append(point, int(number))
    sys.argv = ["fanout", *arguments]
    cli.main()
