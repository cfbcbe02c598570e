"""Tell drift from changes in flight: only what stays as it is, on both sides, is drift.

After a grace period every difference is read again. Where the row has changed meanwhile, events
are arriving for it, and the difference was in flight. Where only the customer has changed, its
grace period begins anew. As long as any of this happens the subscriber is catching up, and what
has not moved gets another grace period as well.
"""

from collections.abc import Callable
from dataclasses import dataclass

from fanout.backfill.batch_get import KEYS_MAX
from fanout.dlq.stopping import Stopping
from fanout.reconcile.difference_store import DifferenceStore
from fanout.reconcile.first_look import Sides

ROUNDS_MAX = 10


@dataclass(frozen=True, slots=True, kw_only=True)
class Settled:
    """`drifted` differences stand; `in_flight` ones do not."""

    drifted: int
    in_flight: int


def settle(
    sides: Sides,
    differences: DifferenceStore,
    *,
    grace_seconds: float,
    stopping: Stopping,
    tell: Callable[[str], None],
) -> Settled:
    """Leave only drift in `differences`.

    Args:
        sides: both tables.
        differences: of the first look.
        grace_seconds: at least how long a difference stands unchanged to be drift.
        stopping: where asked, it stops between two rounds.
        tell: takes a sentence before each wait.
    """
    first = differences.count()
    for last in (*[False] * (ROUNDS_MAX - 1), True):
        count = differences.count()
        if not count or stopping.asked():
            break
        tell(f"{count:,} differ at first sight; reading them again in {grace_seconds:g} s")
        stopping.wait(grace_seconds)
        if not _read_again(sides, differences, last=last):
            break
    drifted = differences.count()
    return Settled(drifted=drifted, in_flight=first - drifted)


# Private functions


def _read_again(sides: Sides, differences: DifferenceStore, *, last: bool) -> bool:
    """Whether anything has moved. In the last round, what has is not worth another look."""
    moved = False
    for chunk in differences.chunks(KEYS_MAX):
        found = sides.compare([one.customer_id for one in chunk])
        for before in chunk:
            now = found.get(before.customer_id)
            if now is not None and now.state == before.state:
                continue
            moved = True
            if now is None or last or now.row_state != before.row_state:
                differences.drop(before.customer_id)
            else:
                differences.put(now)
    return moved
