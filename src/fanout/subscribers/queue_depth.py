"""How many messages a queue holds, as SQS counts them."""

from dataclasses import dataclass
from typing import Any

_NAMES = {
    "waiting": "ApproximateNumberOfMessages",
    "in_flight": "ApproximateNumberOfMessagesNotVisible",
    "delayed": "ApproximateNumberOfMessagesDelayed",
}


@dataclass(frozen=True, slots=True, kw_only=True)
class QueueDepth:
    """Messages waiting, received and not deleted, delayed: approximate, and some seconds old."""

    waiting: int
    in_flight: int
    delayed: int

    @property
    def total(self) -> int:
        """All that is in the queue."""
        return self.waiting + self.in_flight + self.delayed


def read_depth(sqs: Any, queue_url: str) -> QueueDepth:
    """Ask SQS."""
    found = sqs.get_queue_attributes(QueueUrl=queue_url, AttributeNames=list(_NAMES.values()))
    return QueueDepth(**{name: int(found["Attributes"][key]) for name, key in _NAMES.items()})
