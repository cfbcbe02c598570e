"""Until when an invocation may start calls: the time that Lambda leaves it, less a reserve."""

import math
import time
from dataclasses import dataclass, replace
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

    def reserving(self, seconds: float, *, share_max: float) -> "Deadline":
        """An earlier one, which leaves that time; of what is left now at most that share."""
        reserve = min(seconds, self.seconds_left() * share_max)
        return replace(self, ends_at=self.ends_at - reserve)


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
        """Both deadlines, from the time that Lambda's context tells."""
        end = of_invocation(context, clock)
        return Deadlines(
            work=end.reserving(self.work_seconds, share_max=self.work_share_max),
            parking=end.reserving(self.parking_seconds, share_max=self.parking_share_max),
        )


def of_invocation(context: Any, clock: MonotonicClock = time) -> Deadline:
    """When Lambda ends the invocation; a test's context that tells no time sets no deadline."""
    if not hasattr(context, "get_remaining_time_in_millis"):
        return UNLIMITED
    seconds_left = context.get_remaining_time_in_millis() / 1000
    return Deadline(ends_at=clock.monotonic() + seconds_left, clock=clock)
