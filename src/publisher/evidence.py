"""What one warm environment remembers against an entry, and against its own deployment. Pure.

A new environment, and so the next deployment, begins anew.
"""

from collections.abc import Sequence

from publisher.reasons import MissingCustomerId, MissingStatus, MissingVersion, UnexpectedError

GIVE_UP_AFTER_SECONDS = 900.0
EVIDENCE_SECONDS = 60.0
"""How recent the bus's last confirmation must be to show that the bus works."""
GAP_MAX_SECONDS = 120.0
"""The longest time between two failures that counts: a mapping's wait, and a slow batch before."""
REMEMBERED_MAX = 10_000
RECORDS_IN_A_ROW = 5
_BUG, _NO_STATUS = UnexpectedError.__name__, MissingStatus.__name__
_SIGNS = {_BUG} | {reason.__name__ for reason in (MissingCustomerId, MissingStatus, MissingVersion)}


class FailureTracker:
    """How long an entry has kept failing while the bus took others.

    While the bus takes nothing at all there is no evidence against the entry, and its count starts
    again: an outage waits, it does not drain into the failure store. Nor is time in which the
    entry was not tried. Of the entries that it remembers, the longest untouched go first.
    """

    def __init__(self, remembered_max: int = REMEMBERED_MAX) -> None:
        self._remembered_max = remembered_max
        self._failing: dict[str, tuple[float, float]] = {}  # when it failed first and last
        self._confirmed_at = float("-inf")

    def confirmed(self, event_id: str, at: float) -> None:
        """The bus took this entry, at a monotonic second."""
        self._confirmed_at = at
        if self._failing:
            self._failing.pop(event_id, None)

    def keeps_failing(self, event_id: str, at: float) -> bool:
        """Note that the entry failed; whether it has failed for long enough to be given up.

        What was given up is remembered as such: its record comes again for as long as its other
        version is not given up, and one that counted anew each time would never let it end.
        """
        first, last = self._failing.pop(event_id, (at, at))
        if at - self._confirmed_at > EVIDENCE_SECONDS:
            return False
        if at - last > GAP_MAX_SECONDS:
            first = at
        if len(self._failing) >= self._remembered_max:
            del self._failing[next(iter(self._failing))]
        self._failing[event_id] = (first, at)
        return at - first >= GIVE_UP_AFTER_SECONDS


class BadDeploymentDetector:
    """Whether it is the deployment that can't read records, and not the records.

    It counts the distinct records in a row that could not be read, all for the same reason. Where
    nothing is read well, parking would drain the stream into the failure store, so the stream
    waits for the next deployment. Where another record is read well meanwhile, it was the records:
    they are parked when they come again, and do not count against the deployment once more.
    """

    def __init__(self, records_in_a_row: float = RECORDS_IN_A_ROW) -> None:
        self._records_in_a_row = records_in_a_row
        self._reason = ""
        self._in_a_row: set[str] = set()
        self._at_fault: set[str] = set()

    def suspected(
        self, unread: Sequence[tuple[str, str]], *, read_well: bool, status_read: bool
    ) -> str | None:
        """Note a batch; the reason for which nothing can be read, or None.

        Args:
            unread: the ids of the records that could not be read, and the reason codes, in order.
            read_well: whether any record of the batch gave an event.
            status_read: whether a status was read of any, so that the attribute is there.
        """
        if read_well or (status_read and self._reason == _NO_STATUS):
            # A removal is read well without a status: it clears no name of an attribute.
            if self._in_a_row and (status_read or self._reason != _NO_STATUS):
                if len(self._at_fault) >= REMEMBERED_MAX:
                    self._at_fault.clear()
                self._at_fault |= self._in_a_row
            self._in_a_row.clear()
        if read_well:
            return None
        signs = _SIGNS - {_NO_STATUS} if status_read else _SIGNS
        suspected = None
        for record_id, reason in unread:
            if reason != self._reason:
                self._reason, self._in_a_row = reason, set()
            if reason in signs and record_id not in self._at_fault:
                self._in_a_row.add(record_id)
            if len(self._in_a_row) >= self._records_in_a_row:
                suspected = reason
        # Any other reason shows an item that has the attribute, so the setting is not to blame.
        alike = len({reason for _, reason in unread}) == 1
        return suspected if alike or suspected == _BUG else None
