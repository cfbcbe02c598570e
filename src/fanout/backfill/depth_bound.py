"""Hold a scan back while the subscriber's queue is long, as live changes wait behind snapshots."""

import math
import time
from collections.abc import Callable
from threading import Lock

from fanout.dlq.stopping import Stopping
from fanout.errors import Refused

LOOK_SECONDS = 1.0
"""How often the queue is looked at while it is too long."""
STALLED_SECONDS = 900.0
"""For so long the queue may be too long and not get any shorter."""


class DepthBound:
    """Lets the next page be read once few enough messages wait; shared by all segments.

    What SQS counts is approximate and some seconds old, so the bound holds about, and not to the
    message: what was sent since the last look is added, and so is what is just being sent.

    Args:
        look: how many messages wait in the queue. Those in flight are being worked on: nothing
            waits behind them.
        depth_max: how many may; None: any number, and nobody looks.
        page_size: how many a page may add.
        holding: told how many wait, the first time that a page has to.
        monotonic: seconds that only grow.
    """

    def __init__(
        self,
        look: Callable[[], int],
        depth_max: int | None,
        *,
        page_size: int,
        holding: Callable[[int], None] = lambda _depth: None,
        monotonic: Callable[[], float] = time.monotonic,
    ) -> None:
        self._look = look
        self._depth_max = math.inf if depth_max is None else depth_max
        self._page_size = page_size
        self._holding = holding
        self._monotonic = monotonic
        self._lock = Lock()
        self._depth = 0.0 if depth_max is None else math.inf
        self._sent_since = 0
        self._being_sent = 0
        self._looked_at = -math.inf
        self._lowest = math.inf
        self._fell_at = monotonic()
        self._told = False

    def wait(self, stopping: Stopping) -> bool:
        """Wait until a page may be read; False where somebody asks to stop first.

        Raises:
            Refused: the queue is too long and does not get shorter.
        """
        while not stopping.asked():
            if self._allows_page():
                return True
            stopping.wait(LOOK_SECONDS)
        return False

    def page_sent(self, count: int) -> None:
        """A page that was allowed has been sent, with so many messages."""
        with self._lock:
            self._being_sent -= self._page_size
            self._sent_since += count

    # Private functions

    def _allows_page(self) -> bool:
        with self._lock:
            now = self._monotonic()
            if self._expected() > self._depth_max and now - self._looked_at >= LOOK_SECONDS:
                self._depth, self._sent_since, self._looked_at = self._look(), 0, now
            if self._expected() <= self._depth_max:
                self._being_sent += self._page_size
                self._lowest, self._fell_at = math.inf, now
                return True
            self._hold(now)
            return False

    def _expected(self) -> float:
        return self._depth + self._sent_since + self._being_sent

    def _hold(self, now: float) -> None:
        if not self._told:
            self._told = True
            self._holding(int(self._depth))
        if self._depth < self._lowest:
            self._lowest, self._fell_at = self._depth, now
        elif now - self._fell_at > STALLED_SECONDS:
            raise Refused(
                f"For {STALLED_SECONDS / 60:g} minutes {int(self._depth):,} messages have been "
                f"waiting in the queue, and at most {int(self._depth_max):,} may: does its "
                "consumer run? With --max-depth 0 snapshots are sent however many wait."
            )
