"""What a running deployment is doing right now."""

from collections.abc import Mapping
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

    `poller` has the fields of `fanout.local.stream_status.PollerStatus`: among them
    `pending_records`, `is_caught_up` and `iterator_age_seconds`, the publisher's lag.
    """

    deployment: LocalDeployment
    queue: QueueDepth
    dlq: QueueDepth
    poller: Mapping[str, Any]

    def to_document(self) -> dict[str, Any]:
        """One JSON object, nested as the fields are."""
        return asdict(self)


def take(deployment: LocalDeployment) -> Status:
    """Ask the deployment's queues, and read what its supervisor has written down."""
    sqs = deployment.client("sqs")
    return Status(
        deployment=deployment,
        queue=_depth(sqs, deployment.queue_url),
        dlq=_depth(sqs, deployment.dlq_url),
        poller=StateFolder(Path(deployment.state_dir)).read_poller_report(),
    )


# Private functions


def _depth(sqs: Any, queue_url: str) -> QueueDepth:
    attributes: Mapping[str, str] = sqs.get_queue_attributes(
        QueueUrl=queue_url, AttributeNames=list(_COUNTS.values())
    )["Attributes"]
    return QueueDepth(**{name: int(attributes[key]) for name, key in _COUNTS.items()})
