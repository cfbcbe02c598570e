"""What the handlers of the stream mapping and of the pipe share: time, failure, and discretion."""

from collections.abc import Callable, Sequence
from typing import Any, Protocol, TypeVar

from customer_events.deadline import of_invocation
from customer_events.tracebacks import where_raised
from publisher.ports import Clock
from publisher.publish_batch import BatchResult, Deadlines
from publisher.transitions import Record

PUBLISHING_RESERVE_SECONDS = 12.0
"""Left at the end of an invocation when the last publish call starts: it may take until its read
timeout, and then records may have to be parked."""
PARKING_RESERVE_SECONDS = 6.0
_RESERVE_SHARE_MAX = 0.5
_Result = TypeVar("_Result")


class Reporter(Protocol):
    """Where a batch's outcome is told."""

    def report(
        self, records: Sequence[Record], result: BatchResult, *, request_id: str, now_seconds: float
    ) -> None:
        """Write it down."""
        ...


class BatchFailed(Exception):
    """The whole batch has to be delivered again; the text holds no payload."""


def discreetly(work: Callable[[], _Result]) -> _Result:
    """Do the work; what it raises comes out as `BatchFailed`, as another text may quote a record.

    Raises:
        BatchFailed: whatever was raised, by its type and where.
    """
    try:
        return work()
    except BatchFailed:
        raise
    except Exception as error:  # noqa: BLE001 - its text may quote a record, so it stays here
        surprise = where_raised(error)
    raise BatchFailed(f"expected no exception; there was a {surprise}")


def deadlines(context: Any, clock: Clock) -> Deadlines:
    """Until when calls may start; a short invocation keeps half of its time for publishing.

    Args:
        context: Lambda's.
        clock: tells the time that the deadlines are in.
    """
    end = of_invocation(context, clock)
    return Deadlines(
        publishing=end.reserving(PUBLISHING_RESERVE_SECONDS, share_max=_RESERVE_SHARE_MAX),
        parking=end.reserving(PARKING_RESERVE_SECONDS, share_max=_RESERVE_SHARE_MAX / 2),
    )


def request_id(context: Any) -> str:
    """The invocation's id, for the log."""
    return str(getattr(context, "aws_request_id", ""))
