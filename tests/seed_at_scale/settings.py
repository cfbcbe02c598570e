"""How a run is to be, and what is told of it."""

from collections.abc import Callable
from dataclasses import dataclass

Show = Callable[[str], None]
"""Told what is being done."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Settings:
    """How a run is to be.

    Attributes:
        customers: how many there are before the seed.
        changes_per_second: live changes all the while, at most.
        depth_max: what the backfill lets wait in the subscriber's queue.
        page_size: items of a page.
        killed_at: the share of the customers after which the backfill is killed.
    """

    customers: int
    changes_per_second: float = 20
    depth_max: int = 1_000
    page_size: int = 500
    killed_at: float = 0.3
