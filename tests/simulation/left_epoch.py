"""What the guarantees leave open where a counter restarted and nobody raised the epoch."""

from datetime import timedelta

from simulation.truth import Told, Truth

READING_TOLERANCE = timedelta(seconds=5)
"""A change that was stamped this little before a reading may still be applied over it, and two
readings that claim to be this close may have been made the other way round."""


class LeftEpoch:
    """The limits that `docs/guarantees.md` names under "Never backwards"."""

    def __init__(self, truth: Truth) -> None:
        self._truth = truth
        self._stored: set[tuple[str, str, int]] = set()

    def wrote(self, subscriber: str, now: Told) -> None:
        self._stored.add((subscriber, now.customer, now.index))

    def excuses(self, subscriber: str, row: Told, told: Told) -> bool:
        """Whether a change may be gone although the row holds an older one.

        It was stored, and a late change of the old counter then won by its larger number; or the
        times hardly differ; or it is an older major version under the row's number, and the newer
        one follows it.
        """
        if not self._truth.unraised_generations or told.change is None:
            return False
        if (subscriber, told.customer, told.index) in self._stored:
            return True
        if row.number == told.change.number and told.major < row.major:
            return True
        held = row.change.second if row.change else row.reading.at.timestamp()
        return told.change.second - held <= READING_TOLERANCE.total_seconds()
