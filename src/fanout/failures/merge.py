"""The records of many objects as one sequence, oldest change first, in little memory.

Objects are opened in the order of their first records, each as late as possible: only those that
overlap in time are in memory together, about one for each shard of the stream.
"""

from collections.abc import Callable, Iterable, Iterator, Sequence
from dataclasses import dataclass
from heapq import heappop, heappush

from fanout.failures.documents import Record, order_of


@dataclass(frozen=True, slots=True, kw_only=True)
class Placed:
    """A record and the object that it is in; `last`: all others of that object came before."""

    item_id: str
    record: Record
    last: bool


@dataclass(frozen=True, slots=True, kw_only=True)
class Opening:
    """An object that is yet to be opened, and the number of its earliest record."""

    item_id: str
    first: int


def merged(
    openings: Iterable[Opening], load: Callable[[str], Sequence[Record]]
) -> Iterator[Placed]:
    """Every record by its number; those of equal numbers in the order of their objects.

    Args:
        openings: in the order of `first`.
        load: the records of an object; none: it is passed over.
    """
    coming = iter(openings)
    following = next(coming, None)
    heap: list[tuple[int, int, int, str, Record]] = []
    left: dict[str, int] = {}
    opened = 0
    while heap or following is not None:
        while following is not None and (not heap or following.first <= heap[0][0]):
            records = load(following.item_id)
            for place, record in enumerate(records):
                heappush(heap, (order_of(record), opened, place, following.item_id, record))
            if records:
                left[following.item_id] = len(records)
            opened += 1
            following = next(coming, None)
        if not heap:
            continue
        _, _, _, item_id, record = heappop(heap)
        left[item_id] -= 1
        is_last = left[item_id] == 0
        if is_last:
            del left[item_id]
        yield Placed(item_id=item_id, record=record, last=is_last)
