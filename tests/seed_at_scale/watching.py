"""What a deployment is doing just now, and how to wait for it as long as it gets on."""

import time
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any

from fanout.local.state_folder import StateFolder

_LOOK_SECONDS = 0.5
_STANDSTILL_SECONDS = 600


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
    return StateFolder(Path(deployment.state_dir)).read_poller_report()


def waiting(sqs: Any, queue_url: str) -> int:
    """Messages that wait in a queue."""
    name = "ApproximateNumberOfMessages"
    found = sqs.get_queue_attributes(QueueUrl=queue_url, AttributeNames=[name])
    return int(found["Attributes"][name])
