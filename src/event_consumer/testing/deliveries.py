"""What a queue may do to events: deliver them twice, in any order, and poison among them."""

import json
import random
from collections.abc import Sequence
from dataclasses import dataclass
from itertools import permutations
from typing import Any

from customer_events.encoder import to_document
from customer_events.event import TYPE_PREFIX, CustomerStatusChanged
from event_consumer.testing.histories import history

COPIES_MAX = 3
ORDERS_OF_MAX = 6
"""Events of which every order is tried: 720 of them."""


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


# Private functions


def _poison(reason: str, **changes: Any) -> Poison:
    [event] = history("ACTIVE")
    document = to_document(event) | changes
    return Poison(reason=reason, body=json.dumps(document))


def _data(**changes: Any) -> dict[str, Any]:
    [event] = history("ACTIVE")
    data: dict[str, Any] = to_document(event)["data"] | changes
    return data


POISON: tuple[Poison, ...] = (
    Poison(reason="NotJson", body='{"specversion": "1.0", "id"'),
    Poison(reason="UnknownEnvelope", body='{"hello": "world"}'),
    _poison("UnknownEventType", type="novapay.accounts.CustomerEmailChanged.v1"),
    _poison("UnsupportedVersion", type=f"{TYPE_PREFIX}99"),
    _poison("SchemaViolation", data=_data(changed_at="yesterday")),
    _poison("UnknownStatus", data=_data(status="HIBERNATING")),
)
"""One message for each reason that lies in the message itself."""
