"""What holds a run back: a queue that is too long, and somebody who asks it to stop."""

import math
import signal
import threading
import time
from collections.abc import Callable
from dataclasses import dataclass
from types import FrameType
from typing import Any, Self

from fanout.errors import Refused

# Stop between two batches, not within one: Ctrl-C and a polite kill finish what is under way


_SIGNALS = (signal.SIGINT, signal.SIGTERM, signal.SIGHUP)


class Stopping:
    """Whether to stop; use it in a `with` block around the work.

    The first signal asks to stop. A second Ctrl-C breaks off at once, as Python does by itself;
    the journal stands that as well as a kill.
    """

    def __init__(self) -> None:
        self._asked = threading.Event()
        self._before: dict[signal.Signals, Any] = {}

    def __enter__(self) -> Self:
        """Take over the signals, where this is the main thread (signals go nowhere else)."""
        if threading.current_thread() is threading.main_thread():
            self._before = {number: signal.signal(number, self._ask) for number in _SIGNALS}
        return self

    def __exit__(self, *_: object) -> None:
        for number, handler in self._before.items():
            signal.signal(number, handler)

    def asked(self) -> bool:
        """Whether somebody wants it to stop."""
        return self._asked.is_set()

    def ask(self) -> None:
        """Stop at the next good moment."""
        self._asked.set()

    def wait(self, seconds: float) -> None:
        """Sleep that long, or until asked to stop."""
        self._asked.wait(max(0.0, seconds))

    # Private functions

    def _ask(self, number: int, _frame: FrameType | None) -> None:
        if self._asked.is_set() and number == signal.SIGINT:
            raise KeyboardInterrupt
        self._asked.set()


# Hold a scan back while the subscriber's queue is long, as live changes wait behind snapshots


LOOK_SECONDS = 1.0  # how often the queue is looked at while it is too long
STALLED_SECONDS = 900.0  # for so long the queue may be too long and not get any shorter


@dataclass(kw_only=True)
class DepthBound:
    """Lets the next page be read once few enough messages wait; shared by all segments.

    What SQS counts is approximate and some seconds old, so the bound holds about, and not to the
    message: what was sent since the last look is added, and so is what is just being sent.

    `look` says how many messages wait in the queue: behind those in flight nothing waits. At
    most `depth_max` may (None: any number, and nobody looks); a page adds at most `page_size`.
    `holding` is called with how many wait, the first time that a page has to.
    """

    look: Callable[[], int]
    depth_max: int | None
    page_size: int
    holding: Callable[[int], None] = lambda _depth: None
    monotonic: Callable[[], float] = time.monotonic

    def __post_init__(self) -> None:
        self._most = math.inf if self.depth_max is None else self.depth_max
        self._lock = threading.Lock()
        self._depth = math.inf  # until the first look, which only a bound asks for
        self._sent_since = 0
        self._being_sent = 0
        self._looked_at = -math.inf
        self._lowest = math.inf
        self._fell_at = self.monotonic()
        self._reported = False

    def wait(self, stopping: Stopping) -> bool:
        """Wait until a page may be read; False where somebody asks to stop first.

        Raises: Refused: the queue is too long and does not get shorter.
        """
        while not stopping.asked():
            if self._allows_page():
                return True
            stopping.wait(LOOK_SECONDS)
        return False

    def page_sent(self, count: int) -> None:
        """A page that was allowed has been sent, with so many messages."""
        with self._lock:
            self._being_sent -= self.page_size
            self._sent_since += count

    # Private functions

    def _allows_page(self) -> bool:
        with self._lock:
            now = self.monotonic()
            if self._expected() > self._most and now - self._looked_at >= LOOK_SECONDS:
                self._depth, self._sent_since, self._looked_at = self.look(), 0, now
            if self._expected() <= self._most:
                self._being_sent += self.page_size
                self._lowest, self._fell_at = math.inf, now
                return True
            self._hold(now)
            return False

    def _expected(self) -> float:
        return self._depth + self._sent_since + self._being_sent

    def _hold(self, now: float) -> None:
        if not self._reported:
            self._reported = True
            self.holding(int(self._depth))
        if self._depth < self._lowest:
            self._lowest, self._fell_at = self._depth, now
        elif now - self._fell_at > STALLED_SECONDS:
            raise Refused(
                f"For {STALLED_SECONDS / 60:g} minutes {int(self._depth):,} messages have been "
                f"waiting in the queue, and at most {self.depth_max:,} may: does its "
                "consumer run? With --max-depth 0 snapshots are sent however many wait."
            )
