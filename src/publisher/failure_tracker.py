"""How long an entry has kept failing while the bus took others. Pure.

It is the memory of one warm environment: a new environment counts anew. While the bus takes
nothing at all there is no evidence against the entry, and its count starts again: an outage waits,
it does not drain into the failure store. Nor is time in which the entry was not tried.
"""

GIVE_UP_AFTER_SECONDS = 900.0
EVIDENCE_SECONDS = 60.0
"""How recent the bus's last confirmation must be to show that the bus works."""
GAP_MAX_SECONDS = 120.0
"""The longest time between two failures that counts: a mapping's wait, and a slow batch before."""
REMEMBERED_MAX = 10_000


class FailureTracker:
    """Remembers, per event id, when it failed first and last; the longest untouched go first."""

    def __init__(self, remembered_max: int = REMEMBERED_MAX) -> None:
        self._remembered_max = remembered_max
        self._failing: dict[str, tuple[float, float]] = {}
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
