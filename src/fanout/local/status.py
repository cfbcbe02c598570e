"""What a running deployment is doing right now."""

import time
from collections.abc import Callable, Mapping
from dataclasses import asdict, dataclass
from pathlib import Path
from typing import Any

from fanout.local.deployment import LocalDeployment
from fanout.local.state_folder import StateFolder

_COUNTS = {
    "waiting": "ApproximateNumberOfMessages",
    "in_flight": "ApproximateNumberOfMessagesNotVisible",
    "delayed": "ApproximateNumberOfMessagesDelayed",
}


@dataclass(frozen=True, slots=True, kw_only=True)
class QueueDepth:
    """Messages of a queue, as SQS counts them: waiting, received and not deleted, delayed."""

    waiting: int
    in_flight: int
    delayed: int


@dataclass(frozen=True, slots=True, kw_only=True)
class Status:
    """A deployment, its queues, and what its stream poller last said of itself.

    `poller` has the fields of `fanout.local.stream_status.PollerStatus`. `lag_seconds` is the age
    of the oldest record that was read and is not done with: 0 where all are, None (unknown) where
    the stream has not been read to its end.
    """

    deployment: LocalDeployment
    queue: QueueDepth
    dlq: QueueDepth
    poller: Mapping[str, Any]
    lag_seconds: float | None

    def to_document(self) -> dict[str, Any]:
        """One JSON object, nested as the fields are."""
        return asdict(self)


def take(deployment: LocalDeployment, *, now: Callable[[], float] = time.time) -> Status:
    """Ask the deployment's queues, and read what its supervisor has written down."""
    sqs = deployment.client("sqs")
    poller = StateFolder(Path(deployment.state_dir)).read_poller_report()
    return Status(
        deployment=deployment,
        queue=_depth(sqs, deployment.queue_url),
        dlq=_depth(sqs, deployment.dlq_url),
        poller=poller,
        lag_seconds=_lag_seconds(poller, now()),
    )


# Private functions


def _lag_seconds(poller: Mapping[str, Any], now: float) -> float | None:
    oldest_at: float | None = poller.get("oldest_pending_at")
    if oldest_at is None:
        return 0.0 if poller.get("is_caught_up") else None
    return max(0.0, now - oldest_at)


def _depth(sqs: Any, queue_url: str) -> QueueDepth:
    attributes: Mapping[str, str] = sqs.get_queue_attributes(
        QueueUrl=queue_url, AttributeNames=list(_COUNTS.values())
    )["Attributes"]
    return QueueDepth(**{name: int(attributes[key]) for name, key in _COUNTS.items()})
