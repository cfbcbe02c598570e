"""Changes without end of some customers, until a time; a seed gives the same ones again."""

import random
import time
from collections.abc import Iterator

from fanout.demo.changes import STATUSES, Change, Op

_REASONS = ("KYC_PASSED", "CHARGEBACK", "Widerspruch läuft", None)
_OPS = ((Op.UPDATE, 75), (Op.PUT, 15), (Op.DELETE, 6), (Op.TOUCH, 4))
# Half of all changes are of a few customers, so that changes of one customer meet on their way.
_BUSY_CUSTOMERS = 5


def changes(seed: int, *, customers: int, until: float) -> Iterator[Change]:
    """What is written: nearly each change is one of status.

    Args:
        customers: how many there are.
        until: when it ends, on the clock of `time.monotonic`.
    """
    chance = random.Random(f"load {seed}")
    now: dict[str, str | None] = {}
    ops, weights = zip(*_OPS, strict=True)
    while time.monotonic() < until:
        busy = chance.random() < 0.5
        customer_id = f"c-{chance.randrange(_BUSY_CUSTOMERS if busy else customers):05}"
        op = chance.choices(ops, weights)[0]
        status = None
        if op in {Op.UPDATE, Op.PUT}:
            status = chance.choice([one for one in STATUSES if one != now.get(customer_id)])
        if op is not Op.TOUCH:
            now[customer_id] = status
        reason = chance.choice(_REASONS) if status else None
        yield Change(op=op, customer_id=customer_id, status=status, reason=reason)
