"""Whether it is the deployment that can't read records, and not the records. Pure.

Where nothing is read well, parking would drain the stream into the failure store, so the stream
waits for the next deployment. That begins with a new environment; this is the memory of one.
Where another record is read well meanwhile, it was the records: they are parked when they come
again, and do not count against the deployment once more.
"""

from collections.abc import Sequence

from publisher.reasons import MissingCustomerId, MissingStatus, MissingVersion, UnexpectedError

RECORDS_IN_A_ROW = 5
REMEMBERED_MAX = 100_000
_BUG, _NO_STATUS = UnexpectedError.__name__, MissingStatus.__name__
_SIGNS = {_BUG} | {reason.__name__ for reason in (MissingCustomerId, MissingStatus, MissingVersion)}


class BadDeploymentDetector:
    """Counts the distinct records in a row that could not be read, all for the same reason."""

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
