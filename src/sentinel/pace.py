"""No more than so many items, or read capacity units, a second."""

import threading
import time
from collections.abc import Callable
from dataclasses import KW_ONLY, dataclass
from typing import Protocol


class Stopping(Protocol):
    """Whether to stop between two steps, and a sleep that ends early then."""

    def asked(self) -> bool:
        """Whether to stop."""

    def wait(self, seconds: float) -> object:
        """Sleep that long, or until it is time to stop."""


@dataclass
class Pace:
    """No more than so many items, or read capacity units, a second; threads may share it.

    The price of a call may be known only from its answer: `take` nothing before it, and say
    afterwards what was `spent`. So the rate holds on average, and one call per thread may run
    ahead of it. `wait` sleeps that many seconds, or less if there is a reason to stop.
    """

    per_second: float | None
    _: KW_ONLY
    wait: Callable[[float], object]
    monotonic: Callable[[], float] = time.monotonic

    def __post_init__(self) -> None:
        self._lock = threading.Lock()
        self._paid_at = self.monotonic()

    def take(self, count: float = 0) -> None:
        """Wait until what was spent before is paid off, and spend this."""
        if (seconds := self._paid_at - self.monotonic()) > 0:
            self.wait(seconds)
        self.spent(count)

    def spent(self, count: float) -> None:
        """Note what was done, or what a call consumed."""
        if self.per_second is None:
            return
        with self._lock:
            self._paid_at = max(self._paid_at, self.monotonic()) + count / self.per_second

    def at_once(self, most: int, *, seconds: float = 1) -> int:
        """How many go in one step, so that it is no more than a few seconds' share: 1 to `most`."""
        if self.per_second is None:
            return most
        return max(1, min(most, int(self.per_second * seconds)))
