"""Free who waits behind messages that leave the DLQ without being handled (park by customer).

A replayed message is the consumer's to release, once it ended well. One that is thrown away never
comes to the consumer: its note would stand first for good, and its customer's events would wait.
"""

from collections.abc import Sequence

from fanout.dlq.ports import Notes
from fanout.runs.records import Entry, intent
from fanout.runs.run import Run

RELEASE = "release"


class Releasing:
    """Withdraws notes, each step in the journal.

    Args:
        notes: of the subscriber; None where nobody waits, and there is nothing to do.
    """

    def __init__(self, run: Run, notes: Notes | None) -> None:
        self._run = run
        self._notes = notes

    def begin(self, message_ids: Sequence[str]) -> list[Entry]:
        """What the journal has to hold before `release`, after the deletion was confirmed."""
        return [intent(RELEASE, message_ids)] if self._notes is not None and message_ids else []

    def release(self, message_ids: Sequence[str]) -> None:
        """Withdraw the notes of these, by the ids of their first deliveries."""
        if self._notes is None:
            return
        for message_id in message_ids:
            item = self._run.ledger.get(message_id)
            group = item.facts.get("message_group") if item is not None else None
            if item is not None and group:
                self._notes.withdraw(str(group), str(item.facts.get("alias") or item.id))
