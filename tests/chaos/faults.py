"""What the fault proxy does to a call, and when: a seed decides."""

import random
import threading
import time
from collections.abc import Callable
from enum import StrEnum


class Fault(StrEnum):
    """What becomes of one call of a Lambda function; the first four never reach the service."""

    THROTTLED = "throttled"
    SERVER_ERROR = "server error"
    DROPPED = "connection dropped"
    KILLED_BEFORE = "worker killed before the call"
    SLOW = "slow answer"
    ANSWER_LOST = "answer lost after success"
    CUT_SHORT = "answer cut short after success"
    KILLED_AFTER = "worker killed after the call"


KILLS = frozenset({Fault.KILLED_BEFORE, Fault.KILLED_AFTER})
SLOW_SECONDS_MAX = 5.0
"""Above the read timeouts of publisher (4) and consumer (3): some slow answers come too late."""

_WEIGHTS = {
    Fault.THROTTLED: 20,
    Fault.SERVER_ERROR: 15,
    Fault.DROPPED: 15,
    Fault.KILLED_BEFORE: 3,
    Fault.SLOW: 15,
    Fault.ANSWER_LOST: 20,
    Fault.CUT_SHORT: 9,
    Fault.KILLED_AFTER: 3,
}
# The share of calls that a fault meets, and how likely that weather is: mostly fair with a few
# faults, sometimes rough, now and then an outage that nearly every call meets.
_WEATHER = ((0.03, 5), (0.15, 3), (0.70, 2))
_SPELL_SECONDS = (1.5, 6.0)
# A killed worker costs a cold start, which on a small machine is most of a second.
_KILL_INTERVAL_SECONDS = 2.0


class Weather:
    """Decides call by call; safe for threads. It is calm until `begin`, and after `calm`.

    The decisions are drawn from the seed, in the order in which calls arrive. That order is the
    machine's, so a seed gives the same kind of storm again and not the same run.
    """

    def __init__(self, seed: int, *, clock: Callable[[], float] = time.monotonic) -> None:
        self._chance = random.Random(f"weather {seed}")
        self._clock = clock
        self._lock = threading.Lock()
        self._stormy = False
        self._share = 0.0
        self._spell_ends_at = 0.0
        self._kill_at = 0.0

    def begin(self) -> None:
        """Let faults come from now on."""
        with self._lock:
            self._stormy = True

    def calm(self) -> None:
        """No fault any more."""
        with self._lock:
            self._stormy = False

    def next_fault(self) -> Fault | None:
        """What becomes of the next call; None lets it pass."""
        with self._lock:
            if not self._stormy:
                return None
            now = self._clock()
            if now >= self._spell_ends_at:
                shares, weights = zip(*_WEATHER, strict=True)
                self._share = self._chance.choices(shares, weights)[0]
                self._spell_ends_at = now + self._chance.uniform(*_SPELL_SECONDS)
            if self._chance.random() >= self._share:
                return None
            fault = self._chance.choices(list(_WEIGHTS), list(_WEIGHTS.values()))[0]
            if fault not in KILLS:
                return fault
            if now < self._kill_at:
                return None
            self._kill_at = now + _KILL_INTERVAL_SECONDS
            return fault

    def slow_seconds(self) -> float:
        """How long a slow answer takes."""
        with self._lock:
            return self._chance.uniform(0.1, SLOW_SECONDS_MAX)
