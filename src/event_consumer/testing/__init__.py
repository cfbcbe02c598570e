"""The test kit: a subscriber tests its rule here in ten lines, without AWS and without mocks.

The kits run the real engine (unwrapping, validation, order guard, parking) on rows in memory. It
reads the contract's examples from `schemas/`, so it works in a clone of the project and is in no
Lambda package.
"""

from event_consumer.testing.events import (
    POISON,
    Poison,
    duplicated,
    examples,
    history,
    orders,
    rejected,
    reordered,
    snapshot,
)
from event_consumer.testing.kits import EveryEventKit, LatestStateKit, converge
from event_consumer.testing.memory import Refused

__all__ = [
    "POISON",
    "EveryEventKit",
    "LatestStateKit",
    "Poison",
    "Refused",
    "converge",
    "duplicated",
    "examples",
    "history",
    "orders",
    "rejected",
    "reordered",
    "snapshot",
]
