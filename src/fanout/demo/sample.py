"""The sample that ships: 200 customers and 1,000 changes, made once by a seeded generator.

`python -m fanout.demo.sample` writes both files anew, byte for byte the same.
"""

import json
import random
from collections.abc import Iterator
from pathlib import Path

from fanout.demo.changes import STATUSES, Change, Op

DATA = Path(__file__).resolve().parent / "data"
CUSTOMERS = DATA / "customers.jsonl"
CHANGES = DATA / "changes.jsonl"
_SEED = 20_261_123
_CUSTOMER_COUNT = 200
_CHANGE_COUNT = 1_000
_BURSTS = 12
_BURST_LENGTH = 8
_NEXT = {
    "PENDING": ("ACTIVE", "CLOSED"),
    "ACTIVE": ("SUSPENDED", "CLOSED", "SUSPENDED"),
    "SUSPENDED": ("ACTIVE", "CLOSED", "ACTIVE"),
    "CLOSED": ("PENDING", "ACTIVE"),
}
_REASONS = {
    "PENDING": ("KYC_STARTED",),
    "ACTIVE": ("KYC_PASSED", "DISPUTE_SETTLED", None),
    "SUSPENDED": ("CHARGEBACK", "FRAUD_SUSPECTED", "DOCUMENT_EXPIRED"),
    "CLOSED": ("CUSTOMER_REQUEST", "INACTIVE"),
}


def customers() -> list[Change]:
    """The customers to begin with, most of them active."""
    chance = random.Random(_SEED)  # noqa: S311 - a sample, the same each time
    return [
        _with_status(Op.PUT, f"customer-{number:03}", chance, chance.choice((*STATUSES, "ACTIVE")))
        for number in range(1, _CUSTOMER_COUNT + 1)
    ]


def changes() -> list[Change]:
    """What happens to them: a life each, with bursts, and with writes that change no status."""
    chance = random.Random(_SEED + 1)  # noqa: S311 - a sample, the same each time
    state: dict[str, Change | None] = {one.customer_id: one for one in customers()}
    played: list[Change] = []
    burst_at = set(chance.sample(range(_CHANGE_COUNT // 10, _CHANGE_COUNT * 9 // 10), _BURSTS))
    while len(played) < _CHANGE_COUNT:
        customer_id = chance.choice(list(state))
        length = _BURST_LENGTH if burst_at and len(played) >= min(burst_at) else 1
        if length > 1:
            burst_at.remove(min(burst_at))
        for _ in range(min(length, _CHANGE_COUNT - len(played))):
            change = _next_change(customer_id, state[customer_id], chance, burst=length > 1)
            state[customer_id] = _after(state[customer_id], change)
            played.append(change)
    return played


def write(customers_path: Path = CUSTOMERS, changes_path: Path = CHANGES) -> None:
    """Write both files."""
    customers_path.write_text("".join(_lines(customers())), encoding="utf-8")
    changes_path.write_text("".join(_lines(changes())), encoding="utf-8")


# Private functions


def _next_change(
    customer_id: str, now: Change | None, chance: random.Random, *, burst: bool
) -> Change:
    """A burst holds changes of status alone, so that they all count."""
    if now is None:
        return _with_status(Op.PUT, customer_id, chance, "PENDING")
    assert now.status is not None
    kind = 1.0 if burst else chance.random()
    if kind < 0.06:  # noqa: PLR2004 - shares of the sample
        return Change(op=Op.DELETE, customer_id=customer_id)
    if kind < 0.11:  # noqa: PLR2004
        return Change(op=Op.TOUCH, customer_id=customer_id)
    if kind < 0.17:  # noqa: PLR2004 - written again as it is: DynamoDB makes no record of it
        return Change(op=Op.UPDATE, customer_id=customer_id, status=now.status, reason=now.reason)
    if kind < 0.21:  # noqa: PLR2004 - another reason, the same status: a record, but no event
        return _with_status(Op.UPDATE, customer_id, chance, now.status)
    return _with_status(Op.UPDATE, customer_id, chance, chance.choice(_NEXT[now.status]))


def _with_status(op: Op, customer_id: str, chance: random.Random, status: str) -> Change:
    reason = chance.choice(_REASONS[status])
    return Change(op=op, customer_id=customer_id, status=status, reason=reason)


def _after(now: Change | None, change: Change) -> Change | None:
    if change.op is Op.DELETE:
        return None
    return now if change.op is Op.TOUCH else change


def _lines(played: list[Change]) -> Iterator[str]:
    for change in played:
        fields = {
            "customer_id": change.customer_id,
            "status": change.status,
            "reason": change.reason,
            "op": None if change.op is Op.UPDATE else change.op.value,
        }
        given = {name: value for name, value in fields.items() if value is not None}
        yield json.dumps(given) + "\n"


if __name__ == "__main__":
    write()
