"""How long a change that the bus keeps failing on may hold up those beside it."""

from simulation.broken import GuaranteeBroken
from simulation.checkers import BOUNDED
from simulation.topic import Topic
from simulation.truth import Change, Truth

BOUND_SECONDS = 900.0 + 60.0 + 60.0 + 60.0
"""Fifteen minutes of patience, one invocation, one pause of the mapping, and their rounding."""


class Bound:
    """Watches a publisher that lives on, while the mapping is read without a pause."""

    def __init__(self, truth: Truth, topic: Topic) -> None:
        self._truth = truth
        self._topic = topic
        self._since: dict[int, float] = {}
        self.is_watching = False

    def forget(self) -> None:
        """The publisher starts anew, and its patience with it."""
        self._since = {}

    def answered(self, numbers: list[int], failed_from: int | None, now: float) -> None:
        """An invocation ended: the records from one number on come again, or none."""
        if not self.is_watching:
            return
        head = None if failed_from is None else self._truth.by_record.get(failed_from)
        if head is None or head.customer not in self._topic.cursed:
            return
        if not any(self._is_beside(head, number) for number in numbers):
            return
        since = self._since.setdefault(head.record.number, now)
        if now - since > BOUND_SECONDS:
            raise GuaranteeBroken(
                BOUNDED, f"{head} has held up those beside it for {now - since:.0f} seconds"
            )

    # Private functions

    def _is_beside(self, head: Change, number: int) -> bool:
        """Another customer's change, later in the same batch: it is published time and again."""
        one = self._truth.by_record.get(number)
        return (
            one is not None
            and number > head.record.number
            and one.customer not in self._topic.cursed
            and not one.why_not
        )
