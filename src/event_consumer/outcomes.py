"""What a consumer did with an event."""

from dataclasses import dataclass
from enum import StrEnum

from customer_events.errors import PermanentError


class Outcome(StrEnum):
    """The five ends of a delivery; all but `RETRY` acknowledge the message."""

    APPLIED = "APPLIED"
    DUPLICATE = "DUPLICATE"
    STALE = "STALE"
    PARKED = "PARKED"
    RETRY = "RETRY"


@dataclass(frozen=True, slots=True, kw_only=True)
class Handled:
    """A handler's answer for one event.

    `reason` is set with `PARKED`; `error_type` (a class name, never a message, which may hold
    payload) with `RETRY`.

    Raises:
        ValueError: parked without a reason, or a reason without being parked.
    """

    outcome: Outcome
    reason: PermanentError | None = None
    error_type: str = ""

    def __post_init__(self) -> None:
        # Parked without a reason would be acknowledged and never reach the DLQ.
        if (self.outcome is Outcome.PARKED) != (self.reason is not None):
            raise ValueError("expected a reason with PARKED, and with nothing else")


APPLIED = Handled(outcome=Outcome.APPLIED)
DUPLICATE = Handled(outcome=Outcome.DUPLICATE)
STALE = Handled(outcome=Outcome.STALE)


def parked(reason: PermanentError) -> Handled:
    """The event can never succeed as it is."""
    return Handled(outcome=Outcome.PARKED, reason=reason)


def retry(error_type: str) -> Handled:
    """The event may succeed later: a dependency is down, or we have a bug."""
    return Handled(outcome=Outcome.RETRY, error_type=error_type)
