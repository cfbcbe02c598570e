"""Read something of DynamoDB, and tell closely enough when that was."""

import time
from collections.abc import Callable, Mapping
from datetime import datetime
from typing import Any, TypeVar

from fanout.backfill.read_time import LONGEST_READ_SECONDS, read_time
from fanout.errors import Refused

_READS_MAX = 5

T = TypeVar("T")


def dated(read: Callable[[], tuple[T, Mapping[str, Any]]]) -> tuple[T, datetime]:
    """Read, and again where that took long.

    Args:
        read: returns what it read, and the last of DynamoDB's answers.

    Returns:
        What was read, and an instant at or before the reads; see `read_time`.

    Raises:
        Refused: each of five reads took longer than `LONGEST_READ_SECONDS`, or an answer carries
            no date.
    """
    for _ in range(_READS_MAX):
        began = time.monotonic()
        found, answer = read()
        seconds = time.monotonic() - began
        if seconds <= LONGEST_READ_SECONDS:
            return found, _read_at(answer, seconds)
    raise Refused(
        f"DynamoDB took longer than {LONGEST_READ_SECONDS} seconds for a read, {_READS_MAX} times: "
        "it is throttled, or the way to it is slow, and nobody could say when such a read was. "
        "Raise the table's capacity or lower the command's --rate, and run or resume it."
    )


# Private functions


def _read_at(answer: Mapping[str, Any], seconds: float) -> datetime:
    header = answer["ResponseMetadata"]["HTTPHeaders"].get("date", "")
    try:
        return read_time(header, call_seconds=seconds)
    except ValueError:
        raise Refused(
            "DynamoDB's answer carries no readable Date: without the time of the read a "
            "snapshot can't be put in order. Is a proxy in between?"
        ) from None
