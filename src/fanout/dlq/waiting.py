"""Who waits for whom, where a subscriber parks by customer; pure but for what it is handed."""

from collections.abc import Iterable, Iterator
from dataclasses import dataclass, field
from typing import Any

from event_consumer.ports import Note
from fanout.dlq.message import DeadMessage


@dataclass(frozen=True, slots=True, kw_only=True)
class Waiting:
    """A message group and what its messages wait for.

    `first` is the first delivery's id of the message that has to end well first; `in_dlq` whether
    the DLQ shows it; `count` how many are noted, that one among them.
    """

    group: str
    first: str
    in_dlq: bool
    count: int

    def to_document(self) -> dict[str, Any]:
        """One JSON object."""
        return {
            "message_group": self.group,
            "first": self.first,
            "in_dlq": self.in_dlq,
            "count": self.count,
        }


@dataclass(slots=True)
class Seen:
    """First deliveries' ids of the messages that the DLQ shows."""

    ids: set[str] = field(default_factory=set)

    def add(self, messages: Iterable[DeadMessage]) -> None:
        """These are there."""
        self.ids.update(one.first_delivery.message_id for one in messages)


def groups_that_wait(notes: Iterable[tuple[str, Note]], seen: Seen) -> Iterator[Waiting]:
    """Each group once. The notes of a group come together and in their order, as a scan does."""
    current: Waiting | None = None
    for group, note in notes:
        if current is not None and current.group == group:
            current = Waiting(
                group=group, first=current.first, in_dlq=current.in_dlq, count=current.count + 1
            )
            continue
        if current is not None:
            yield current
        in_dlq = note.message_id in seen.ids
        current = Waiting(group=group, first=note.message_id, in_dlq=in_dlq, count=1)
    if current is not None:
        yield current
