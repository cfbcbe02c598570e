"""What a stretch of replaying has come to, and the words for how a message ended."""

from dataclasses import dataclass

from fanout.runs.ledger import State

CAME_BACK = "CAME_BACK"
"""It was sent, and the consumer parked it again."""
GONE = "GONE"
"""It was selected, and is no longer in the DLQ: deleted by someone, or expired."""
DISCARDED = "DISCARDED"
"""It was written to a file, and deleted."""
IMPORTED = "IMPORTED"
"""It was sent from a file."""
RELEASED = "RELEASED"
"""It was gone, and nobody waits for it any more."""
UNREADABLE = "UNREADABLE"
"""It was left out of a replay, since this version's contract can't read it."""
WELL_ENDS = frozenset({"SENT", "APPLIED", "DUPLICATE", "STALE", DISCARDED, IMPORTED, RELEASED})
"""Good ends."""
MEANINGS = {
    "SENT": "Sent to the queue and deleted from the DLQ; the consumer decides.",
    "APPLIED": "The row changed; deleted from the DLQ.",
    "DUPLICATE": "The row already held this very event; deleted from the DLQ.",
    "STALE": "The row already held something newer; deleted from the DLQ.",
    "PARKED": "Refused by the consumer again; still in the DLQ, as it was.",
    UNREADABLE: "Left out: this version's contract can't read it. It is in the DLQ, as it "
    "was: edit or discard it, or replay it with --even-if-unreadable.",
    CAME_BACK: "Sent, and parked again: it is in the DLQ as a new message.",
    GONE: "No longer in the DLQ: deleted by someone, or expired.",
    DISCARDED: "Written to the file, on the disk, and deleted from the DLQ.",
    IMPORTED: "Sent from the file.",
    RELEASED: "It was gone; its customer's later events do not wait for it any more.",
    "REFUSED": "It can't be sent so, the report's list says why; it is where it was.",
    "waiting": "Not tried; still in the DLQ. Resume the run.",
    "send unconfirmed": "Its send was begun and not confirmed; still in the DLQ. Resume the run.",
    "send done": "Sent; not deleted from the DLQ yet. Resume the run: it deletes only.",
    "send failed": "SQS did not take it; still in the DLQ. Resume the run to try again.",
    "export unconfirmed": "Its export was begun; still in the DLQ. Resume the run.",
    "export done": "In the file; not deleted from the DLQ yet. Resume the run: it deletes only.",
    "consume unconfirmed": "Handed to the consumer, no answer yet; in the DLQ. Resume the run.",
    "consume done": "Ended well; not deleted from the DLQ yet. Resume the run.",
    "consume failed": "RETRY: something it needs was down; still in the DLQ. Resume the run.",
    "delete unconfirmed": "Done with; its deletion is unconfirmed. Resume the run: it deletes "
    "only; should it be delivered again, the order guard makes it a DUPLICATE.",
    "delete done": "Deleted from the DLQ; its customer's later events wait for it yet. Resume the "
    "run: it frees them.",
    "release unconfirmed": "Deleted from the DLQ; its customer's later events may wait for it yet. "
    "Resume the run: it frees them.",
    "delete failed": "Done with, but still in the DLQ. Resume the run: it deletes only.",
}
"""What each fate in a report means."""
WINDOW_MAX = 100
"""Messages in memory at a time; a customer's are put in order within it."""
WINDOW_BYTES_MAX = 8_000_000
FEW = 10
"""Below this many a failure rate says nothing, except after a canary."""
OPEN = (State.WAITING, State.DOING, State.DID, State.FAILED)


@dataclass(slots=True, kw_only=True)
class Score:
    """What this stretch of work has come to so far.

    `behind` are messages that came into a FIFO DLQ meanwhile, and are not shown until those of
    their groups are gone that are in front of them: taken for ones that came back.
    """

    well: int = 0
    failed: int = 0
    behind: int = 0

    @property
    def handled(self) -> int:
        """All that were dealt with."""
        return self.well + self.failed

    def is_over(self, bound: float, *, few: int = FEW) -> bool:
        """Whether too many failed."""
        return self.handled >= few and self.failed + self.behind > bound * self.handled


@dataclass(frozen=True, slots=True, kw_only=True)
class Limits:
    """`failure_rate_max`: 0 to 1; `hold_seconds`: how long a message stays hidden after a kill."""

    failure_rate_max: float
    hold_seconds: int
