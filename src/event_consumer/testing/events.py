"""What to test a rule with: what customers go through, in any order, with poison among it."""

import json
import random
from collections.abc import Sequence
from dataclasses import dataclass, replace
from datetime import UTC, datetime, timedelta
from itertools import permutations
from typing import Any

from customer_events.encoder import to_document
from customer_events.event import NEWEST_MAJOR, TYPE_PREFIX, Change, CustomerStatusChanged, Status
from customer_events.identity import event_id, snapshot_id
from customer_events.sequence import UNCOUNTED, SequenceSource, sequence
from customer_events.shipped import project_root

SOURCE = "urn:novapay:accounts"
BEGIN = datetime(2026, 1, 1, 12, tzinfo=UTC)
COPIES_MAX = 3
ORDERS_OF_MAX = 6
"""Events of which every order is tried: 720 of them."""
_CONTRACT = project_root() / "schemas" / "customer_status_changed"


def history(
    *statuses: str,
    customer_id: str = "c-1",
    version: int = NEWEST_MAJOR,
    reason: str | None = None,
) -> list[CustomerStatusChanged]:
    """A customer's changes, oldest first, a minute apart; the first one creates the customer.

    `history("ACTIVE", "SUSPENDED")`; after `REMOVED` the customer is created anew. Each change
    carries `reason`, except for a removal; version 1 loses it on the wire.

    Raises:
        ValueError: no such status.
    """
    before = [None, *map(Status, statuses)]
    return [
        replace(
            _change(number, previous, Status(status), customer_id=customer_id, version=version),
            reason=None if status == Status.REMOVED else reason,
        )
        for number, (previous, status) in enumerate(zip(before, statuses, strict=False), start=1)
    ]


def snapshot(
    status: str, *, customer_id: str = "c-1", minutes: float = 60, reason: str | None = None
) -> CustomerStatusChanged:
    """What a backfill reads of a customer, so many minutes after the first change."""
    read_at = BEGIN + timedelta(minutes=minutes, microseconds=1)
    return CustomerStatusChanged(
        event_id=snapshot_id(SOURCE, customer_id, UNCOUNTED, NEWEST_MAJOR, read_at),
        source=SOURCE,
        customer_id=customer_id,
        sequence=UNCOUNTED,
        sequence_source=SequenceSource.STREAM,
        schema_version=NEWEST_MAJOR,
        occurred_at=read_at,
        status=Status(status),
        previous_status=None,
        reason=reason,
        change=Change.SNAPSHOT,
        changed_at=read_at,
    )


@dataclass(frozen=True, slots=True, kw_only=True)
class Poison:
    """A message body that can never succeed, and the reason that it is parked with."""

    reason: str
    body: str


def duplicated(
    events: Sequence[CustomerStatusChanged], *, seed: int
) -> list[CustomerStatusChanged]:
    """Each event once to three times; the copies come anywhere behind the first."""
    chance = random.Random(seed)  # noqa: S311 (a seed reproduces a failure)
    result = list(events)
    for event in events:
        for _ in range(chance.randrange(COPIES_MAX)):
            result.insert(chance.randint(result.index(event) + 1, len(result)), event)
    return result


def reordered(events: Sequence[CustomerStatusChanged], *, seed: int) -> list[CustomerStatusChanged]:
    """The same events in another order, the same for the same seed."""
    result = list(events)
    random.Random(seed).shuffle(result)  # noqa: S311 (a seed reproduces a failure)
    return result


def orders(events: Sequence[CustomerStatusChanged]) -> list[tuple[CustomerStatusChanged, ...]]:
    """Every order of a few events.

    Raises:
        ValueError: more than six events; use `reordered`.
    """
    if len(events) > ORDERS_OF_MAX:
        raise ValueError(f"expected at most {ORDERS_OF_MAX} events; use reordered")
    return list(permutations(events))


def examples(major: int = 2) -> dict[str, str]:
    """Documents of a major version as their text, by name: each has to end in a row."""
    return _texts("examples", major)


def rejected(major: int = 2) -> dict[str, str]:
    """Documents that break the contract: each has to be parked."""
    return _texts("rejected", major)


# Private functions


def _change(
    number: int, previous: Status | None, status: Status, *, customer_id: str, version: int
) -> CustomerStatusChanged:
    created = previous is None or previous is Status.REMOVED
    change = Change.CREATED if created else Change.CHANGED
    order, when = sequence(number, epoch=1), BEGIN + timedelta(minutes=number)
    return CustomerStatusChanged(
        event_id=event_id(SOURCE, customer_id, order, version),
        source=SOURCE,
        customer_id=customer_id,
        sequence=order,
        sequence_source=SequenceSource.STREAM,
        schema_version=version,
        occurred_at=when,
        status=status,
        previous_status=None if created else previous,
        reason=None,
        change=Change.REMOVED if status is Status.REMOVED else change,
        changed_at=when,
    )


def _poison(reason: str, **changes: Any) -> Poison:
    return Poison(reason=reason, body=json.dumps(_DOCUMENT | changes))


def _texts(kind: str, major: int) -> dict[str, str]:
    paths = sorted((_CONTRACT / kind / f"v{major}").glob("*.json"))
    if not paths:
        raise ValueError(f"no {kind} of version {major} in the contract")
    return {path.stem: path.read_text(encoding="utf-8") for path in paths}


_DOCUMENT: dict[str, Any] = to_document(history("ACTIVE")[0])
POISON: tuple[Poison, ...] = (
    Poison(reason="NotJson", body='{"specversion": "1.0", "id"'),
    Poison(reason="UnknownEnvelope", body='{"hello": "world"}'),
    _poison("UnknownEventType", type="novapay.accounts.CustomerEmailChanged.v1"),
    _poison("UnsupportedVersion", type=f"{TYPE_PREFIX}99"),
    _poison("SchemaViolation", data=_DOCUMENT["data"] | {"changed_at": "yesterday"}),
    _poison("UnknownStatus", data=_DOCUMENT["data"] | {"status": "HIBERNATING"}),
)
"""One message for each reason that lies in the message itself."""
