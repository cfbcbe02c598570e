"""Say what became of messages that are not in the DLQ any more, once a pass over it shows so."""

from collections.abc import Sequence
from collections.abc import Set as AbstractSet
from dataclasses import dataclass, field

from fanout.dlq.message import DeadMessage
from fanout.dlq.moving import DELETE, SENT
from fanout.dlq.releasing import RELEASE, Releasing
from fanout.dlq.score import GONE, OPEN, WELL_ENDS, Score
from fanout.runs.ledger import Item, State
from fanout.runs.records import ended
from fanout.runs.run import Run


@dataclass(slots=True, kw_only=True)
class Settling:
    """Ends items of a run that nothing is left to be done for in the DLQ.

    Args:
        releasing: frees who waits behind what is gone.
        score: counts what it ends.
    """

    run: Run
    releasing: Releasing
    score: Score
    _furthest: dict[str, int] = field(default_factory=dict)

    def finish_releases(self) -> None:
        """Of an earlier stretch: what is deleted, and still held up those behind it."""
        self._end_well(
            [one for one in self.run.ledger.items(State.DOING, State.DID) if _is_deleted(one)]
        )

    def expect(self) -> None:
        """Before a pass over a FIFO DLQ: watch the groups in which a deletion is unconfirmed."""
        self._furthest = {
            str(one.facts["message_group"]): -1
            for one in self.run.ledger.items(State.DOING)
            if one.step == DELETE and "message_group" in one.facts
        }

    def see(self, message: DeadMessage) -> None:
        """A message that the pass has met."""
        group = message.group_id
        if group in self._furthest and message.sequence_number:
            self._furthest[group] = max(self._furthest[group], int(message.sequence_number))

    def overtaken(self) -> None:
        """After a pass over a FIFO DLQ in which nobody else held a message.

        SQS shows the messages of a group in their order: where it showed a later one, or none, the
        one whose deletion was begun is not there.
        """
        begun = (one for one in self.run.ledger.items(State.DOING) if one.step == DELETE)
        self._end_well([one for one in begun if self._is_overtaken(one)])

    def missing(self, tried: AbstractSet[str]) -> int:
        """After a pass that saw everything; how many are gone that were not done with.

        What was sent and whose deletion was under way is done with.
        """
        missing = 0
        for item in self.run.ledger.items(*OPEN):
            if item.id in tried:
                continue
            if is_moved(item):
                self._end_well([item])
                continue
            begun = f"; its {item.step} was begun" if item.state is State.DOING else ""
            why = f"deleted by someone, or expired{begun}"
            self.run.record(ended([{"id": item.id, "end": GONE, "why": why}]))
            self.score.failed += 1
            missing += 1
        return missing

    # Private functions

    def _is_overtaken(self, item: Item) -> bool:
        furthest = self._furthest.get(str(item.facts.get("message_group")))
        if furthest is None:
            return False
        return furthest < 0 or furthest > int(item.facts["sequence_number"])

    def _end_well(self, items: Sequence[Item]) -> None:
        if not items:
            return
        ids = [one.id for one in items]
        if release := self.releasing.begin(ids):
            self.run.record(*release)
            self.releasing.release(ids)
        endings = [{**one.detail, "id": one.id, "end": good_end(one)} for one in items]
        self.run.record(ended(endings))
        self.score.well += len(items)


def is_moved(item: Item) -> bool:
    """Sent or well ended, and confirmed; only its deletion, or what follows that, is not."""
    if item.state is State.ENDED:
        return item.end in WELL_ENDS
    return item.state is State.DID or item.step in {DELETE, RELEASE}


def good_end(item: Item) -> str:
    """How an item that was moved has ended, as the steps so far tell."""
    return str(item.end or item.detail.get("end") or item.detail.get("outcome") or SENT)


# Private functions


def _is_deleted(item: Item) -> bool:
    """Its deletion was confirmed, and its end is not in the journal."""
    return item.step == RELEASE or (item.step == DELETE and item.state is State.DID)
