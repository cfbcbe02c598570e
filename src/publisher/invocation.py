"""What the handlers of the stream mapping and of the pipe share."""

from collections.abc import Callable
from functools import wraps
from typing import Any, TypeVar

from customer_events.deadline import Reserves
from customer_events.tracebacks import where_raised

RESERVES = Reserves(
    # For a look at the bus and a call to it, 5 seconds each, and then for a put.
    work_seconds=21.0,
    work_share_max=0.5,
    parking_seconds=11.0,  # two attempts of a put, and up to a second between them
    parking_share_max=0.25,
)
_Handler = TypeVar("_Handler")
_Event = TypeVar("_Event")
_Answer = TypeVar("_Answer")


class BatchFailed(Exception):
    """The whole batch has to be delivered again; the text holds no payload."""


def redact_exceptions(
    handle: Callable[[_Handler, _Event, Any], _Answer],
) -> Callable[[_Handler, _Event, Any], _Answer]:
    """Let out only `BatchFailed`: another exception by its type and lines, as its text may quote
    a record.
    """

    @wraps(handle)
    def redacted(handler: _Handler, event: _Event, context: Any) -> _Answer:
        try:
            return handle(handler, event, context)
        except BatchFailed:
            raise
        except Exception as error:  # noqa: BLE001 - its text stays here
            where = where_raised(error)
        raise BatchFailed(f"expected no exception; there was a {where}")

    return redacted
