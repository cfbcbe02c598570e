"""Await what another process does."""

import time
from collections.abc import Callable
from typing import TypeVar

import pytest

Result = TypeVar("Result")
DEADLINE_SECONDS = 120
_PAUSE_SECONDS = 0.05
# A look at a whole table costs more than a pause: never spend most of the time on looking.
_PAUSE_PER_LOOK = 3


def eventually(
    condition: Callable[[], Result], what: str, *, deadline_seconds: float = DEADLINE_SECONDS
) -> Result:
    """Return the first true value of a condition.

    Raises:
        Failed: there is none within `deadline_seconds`; says what was waited for.
    """
    deadline = time.monotonic() + deadline_seconds
    while True:
        looked_at = time.monotonic()
        if result := condition():
            return result
        now = time.monotonic()
        if now > deadline:
            pytest.fail(f"not within {deadline_seconds} seconds: {what}")
        time.sleep(max(_PAUSE_SECONDS, _PAUSE_PER_LOOK * (now - looked_at)))
