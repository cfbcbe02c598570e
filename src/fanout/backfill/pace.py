"""Keep a rate of consumed read capacity, over all threads that share one pace."""

import time
from collections.abc import Callable
from threading import Lock

from fanout.dlq.stopping import Stopping


class CapacityPace:
    """Pay afterwards: a call is allowed as soon as what earlier calls consumed has been paid off.

    A call's price is known only from its answer. So the rate holds on average, and one call per
    thread may run ahead of it.

    Args:
        units_per_second: read capacity units; None: as fast as it goes.
        monotonic: seconds that only grow.
    """

    def __init__(
        self,
        units_per_second: float | None,
        *,
        monotonic: Callable[[], float] = time.monotonic,
    ) -> None:
        self._rate = units_per_second
        self._monotonic = monotonic
        self._lock = Lock()
        self._paid_at = monotonic()

    def spent(self, units: float) -> None:
        """Note what a call consumed."""
        if self._rate is None:
            return
        with self._lock:
            self._paid_at = max(self._paid_at, self._monotonic()) + units / self._rate

    def seconds_to_wait(self) -> float:
        """How long until the next call is allowed."""
        with self._lock:
            return max(0.0, self._paid_at - self._monotonic())

    def wait(self, stopping: Stopping) -> bool:
        """Wait until a call is allowed; False where somebody asks to stop first."""
        while not stopping.asked() and (seconds := self.seconds_to_wait()) > 0:
            stopping.wait(seconds)
        return not stopping.asked()
