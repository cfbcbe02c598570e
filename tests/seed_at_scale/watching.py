"""How a run is to be, what a deployment is doing just now, and how to wait for it."""

import time
from collections.abc import Callable, Iterator
from dataclasses import asdict, dataclass
from pathlib import Path
from typing import Any

from fanout.local.runtime import look
from fanout.streams.poller import PollerStatus

_LOOK_SECONDS = 0.5
_STANDSTILL_SECONDS = 600
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


def looks(progress: Callable[[], Any]) -> Iterator[Any]:
    """What `progress` answers, again and again, for whoever waits for something.

    Raises:
        TimeoutError: it has not changed for some minutes.
    """
    last, changed_at = progress(), time.monotonic()
    while True:
        yield last
        time.sleep(_LOOK_SECONDS)
        now = progress()
        if now != last:
            last, changed_at = now, time.monotonic()
        elif time.monotonic() - changed_at > _STANDSTILL_SECONDS:
            raise TimeoutError(f"stands still at {last!r}")


def poller_report(deployment: Any) -> dict[str, Any]:
    """What the poller of the publisher's stream says of itself."""
    state = look(Path(deployment.state_dir))
    return asdict(state.poller if state else PollerStatus())
