"""When something was read, told by the server's clock and never later than the read. Pure.

The order guard takes a change from more than a few seconds before a reading for one that the
reading already holds. So a reading that claims to be later than it was would suppress changes that
it does not hold, and lose them. One that claims to be much earlier lets more through, which does no
harm, but changes that it holds then look younger than it is: where they stand no higher than the
row, that is how the guard tells a counter that restarted, and it would park them.
"""

from datetime import datetime, timedelta
from email.utils import parsedate_to_datetime

LONGEST_READ_SECONDS = 3.0
"""How long a read may have taken to be dated: by so much, and the second that `Date` is rounded
down by, it may claim to be earlier than it was. Both lie within the guard's `CLOCK_TOLERANCE` of
five seconds, and leave one for clocks that are not in lockstep.
"""
_SMALLEST = timedelta(microseconds=1)


def read_time(date_header: str, *, call_seconds: float) -> datetime:
    """An instant at or before the read, with a fraction of a second that is never zero.

    The server stamps `Date` (RFC 9110, 6.6.1: whole seconds, rounded down) when it answers, which
    is after it read. Going back by as long as the call took here, retries included, leads to
    before the request was sent. Only a difference of the operator's clock is used, not its time.

    The fraction tells a reading from a change: stream records carry whole seconds, and the guard
    knows a row that was last written by a reading by `snapshot_at` being `occurred_at`.

    Args:
        date_header: the answer's `Date`, such as `Mon, 23 Nov 2026 09:30:00 GMT`.
        call_seconds: from before the request to after the answer, on a monotonic clock.

    Raises:
        ValueError: the header is no HTTP date.
    """
    instant = parsedate_to_datetime(date_header) - timedelta(seconds=call_seconds)
    return instant if instant.microsecond else instant - _SMALLEST
