"""The words for how an object of a run ended, and for the steps on its way."""

from fanout.runs.ledger import State

PUBLISH, MOVE = "publish", "move"
"""The steps."""
RECOVERED = "RECOVERED"
REFUSED = "REFUSED"
DISCARDED = "DISCARDED"
GONE = "GONE"
WELL_ENDS = frozenset({RECOVERED, DISCARDED})
OPEN = (State.WAITING, State.DOING, State.DID, State.FAILED)
MEANINGS = {
    RECOVERED: "All of its records were published, or hold no change; moved to recovered/.",
    DISCARDED: "Moved to discarded/, with the reason in the journal.",
    REFUSED: "The publisher refuses some of its records as they are; it stays in the store.",
    GONE: "No longer there, or its records are no longer in the stream.",
    "waiting": "Not tried; still in the store. Resume the run.",
    "publish unconfirmed": "Handed to the publisher, not all answered; in the store. Resume.",
    "publish done": "Published; not moved to recovered/ yet. Resume the run: it moves only.",
    "publish failed": "The bus did not take all of it; still in the store. Resume the run.",
    "move unconfirmed": "Done with; its move is unconfirmed. Resume the run: it moves only.",
    "move failed": "Done with, but still in its place. Resume the run: it moves only.",
}
"""What each fate in a report means."""
