"""Until when an invocation may start calls: the time that Lambda leaves it, less a reserve."""

import math
import time
from dataclasses import dataclass
from typing import Any, Protocol


class MonotonicClock(Protocol):
    """The module `time`, or a test's own clock."""

    def monotonic(self) -> float:
        """Seconds that only ever rise."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Deadline:
    """When no further call may be started: the monotonic second, and the clock that tells it."""

    ends_at: float
    clock: MonotonicClock

    def seconds_left(self) -> float:
        """Negative once it is over."""
        return self.ends_at - self.clock.monotonic()

    def is_over(self) -> bool:
        """Whether nothing may be started any more."""
        return self.seconds_left() <= 0


UNLIMITED = Deadline(ends_at=math.inf, clock=time)
"""For tests and tools, which nobody ends."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Deadlines:
    """Until when calls may start: of the work itself, and then of parking what failed."""

    work: Deadline
    parking: Deadline


@dataclass(frozen=True, slots=True, kw_only=True)
class Reserves:
    """What is left of an invocation when the last call starts; of a short one at most a share."""

    work_seconds: float
    work_share_max: float
    parking_seconds: float
    parking_share_max: float

    def deadlines(self, context: Any, clock: MonotonicClock) -> Deadlines:
        """From the time that Lambda's context tells; one of a test that tells none sets none."""
        if not hasattr(context, "get_remaining_time_in_millis"):
            return Deadlines(work=UNLIMITED, parking=UNLIMITED)
        left = context.get_remaining_time_in_millis() / 1000
        now = clock.monotonic()
        work = left - min(self.work_seconds, left * self.work_share_max)
        parking = left - min(self.parking_seconds, left * self.parking_share_max)
        return Deadlines(
            work=Deadline(ends_at=now + work, clock=clock),
            parking=Deadline(ends_at=now + parking, clock=clock),
        )
