"""What a consumer did with an event."""

from dataclasses import dataclass
from enum import Enum, StrEnum, auto

from customer_events.errors import PermanentError
from customer_events.event import Event
from event_consumer.messages import Message


class Outcome(StrEnum):
    """The five ends of a delivery; all but `RETRY` acknowledge the message."""

    APPLIED = "APPLIED"
    DUPLICATE = "DUPLICATE"
    STALE = "STALE"
    PARKED = "PARKED"
    RETRY = "RETRY"


WELL = frozenset({Outcome.APPLIED, Outcome.DUPLICATE, Outcome.STALE})
"""The row holds the event, or something newer."""


class Cause(Enum):
    """Why a message is retried; see `failures`."""

    WAITS = auto()  # it stands behind another, or no time was left
    DEPENDENCY_FAULT = auto()  # what the consumer needs is down, throttled, missing or forbidden
    UNEXPECTED = auto()  # a bug, of the message or of the deployment


@dataclass(frozen=True, slots=True, kw_only=True)
class Handled:
    """A handler's answer for one event.

    `reason` is set with `PARKED`; `error_type` (an error code of AWS or a class name, never a
    message, which may hold payload) and `cause` with `RETRY`; `frames` say where an unexpected
    exception was raised.

    Raises:
        ValueError: parked without a reason, or a reason without being parked.
    """

    outcome: Outcome
    reason: PermanentError | None = None
    error_type: str = ""
    cause: Cause | None = None
    frames: tuple[str, ...] = ()

    def __post_init__(self) -> None:
        # Parked without a reason would be acknowledged and never reach the DLQ.
        if (self.outcome is Outcome.PARKED) != (self.reason is not None):
            raise ValueError("expected a reason with PARKED, and with nothing else")


APPLIED = Handled(outcome=Outcome.APPLIED)
DUPLICATE = Handled(outcome=Outcome.DUPLICATE)
STALE = Handled(outcome=Outcome.STALE)


def parked(reason: PermanentError, *, frames: tuple[str, ...] = ()) -> Handled:
    """The event can never succeed as it is."""
    return Handled(outcome=Outcome.PARKED, reason=reason, frames=frames)


def retry(error_type: str, cause: Cause = Cause.WAITS, *, frames: tuple[str, ...] = ()) -> Handled:
    """The event may succeed later."""
    return Handled(outcome=Outcome.RETRY, error_type=error_type, cause=cause, frames=frames)


OUT_OF_TIME = retry("OutOfTime")
BEHIND_FAILED = retry("BehindFailedMessage")


@dataclass(frozen=True, slots=True, kw_only=True)
class Delivery:
    """One message of a batch and how it ended; `event` is None where none could be read."""

    message: Message
    event: Event | None
    handled: Handled

    @property
    def comes_back(self) -> bool:
        """Whether the message stays in its queue; all others are acknowledged."""
        return self.handled.outcome is Outcome.RETRY
