"""No faster than so many messages a second."""

import time
from collections.abc import Callable

LEAD_SECONDS = 15
"""What is taken from the DLQ ahead of being dealt with, at most: well below a hold's length."""


class Pace:
    """Spreads messages evenly.

    Args:
        per_second: messages a second; None: as fast as it goes.
        wait: sleeps that many seconds, or less if there is a reason to stop.
    """

    def __init__(
        self,
        per_second: float | None,
        *,
        wait: Callable[[float], object],
        monotonic: Callable[[], float] = time.monotonic,
    ) -> None:
        self._per_second = per_second
        self._wait = wait
        self._monotonic = monotonic
        self._next = 0.0

    def take(self, count: int) -> None:
        """Wait until that many messages may go."""
        if self._per_second is None:
            return
        now = self._monotonic()
        if self._next > now:
            self._wait(self._next - now)
        self._next = max(now, self._next) + count / self._per_second

    def at_once(self, most: int) -> int:
        """How many go in one step, so that a step is no more than a second's share: 1 to `most`."""
        if self._per_second is None:
            return most
        return max(1, min(most, int(self._per_second)))

    def ahead(self, most: int) -> int:
        """How many messages to take from the DLQ at a time: 1 to `most`."""
        if self._per_second is None:
            return most
        return max(1, min(most, int(self._per_second * LEAD_SECONDS)))
