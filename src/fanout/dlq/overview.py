"""How full every subscriber's queue and DLQ are, how that changes, and when messages are lost.

The age of a DLQ's oldest message comes from a few messages that are read and shown again at once,
since CloudWatch counts from the move into the DLQ while retention, on a standard queue, counts
from the first send. A live queue is never read here: that would use up attempts.
"""

import json
from dataclasses import dataclass
from datetime import UTC, datetime, timedelta
from pathlib import Path
from typing import Any

from botocore.exceptions import BotoCoreError, ClientError

from customer_events.instants import from_wire, to_wire
from fanout.dlq.ports import DeadLetters, Depth
from fanout.dlq.subscription import Subscription
from fanout.dlq.sweep import Sweep

SAMPLE_MAX = 50
"""Messages of a DLQ that are read for the oldest one's age."""
_LOOK_SECONDS = 10
_LOOK_BACK = timedelta(hours=1)


@dataclass(frozen=True, slots=True, kw_only=True)
class Growth:
    """How many messages more (or fewer) there are than so long ago, and who remembered."""

    messages: int
    seconds: int
    source: str


@dataclass(frozen=True, slots=True, kw_only=True)
class Overview:
    """One subscriber's queue and DLQ.

    Ages are in seconds; None: not known (an empty queue, or no CloudWatch). `dead_in_seconds` is
    when retention deletes the oldest message that was seen; `age_is_sample`: there may be an older
    one, as not all were read.
    """

    subscriber: str
    fifo: bool
    queue: Depth
    queue_age_seconds: int | None
    dlq: Depth
    dlq_age_seconds: int | None
    age_is_sample: bool
    dead_in_seconds: int | None
    retention_seconds: int
    growth: Growth | None

    def to_document(self) -> dict[str, Any]:
        """One JSON object with every field."""
        return {
            "subscriber": self.subscriber,
            "fifo": self.fifo,
            "queue": _depth(self.queue) | {"oldest_age_seconds": self.queue_age_seconds},
            "dlq": _depth(self.dlq)
            | {
                "oldest_age_seconds": self.dlq_age_seconds,
                "oldest_age_is_sample": self.age_is_sample,
                "retention_seconds": self.retention_seconds,
                "dead_in_hours": self.dead_in_seconds and round(self.dead_in_seconds / 3600, 1),
                "growth": self.growth
                and {
                    "messages": self.growth.messages,
                    "seconds": self.growth.seconds,
                    "source": self.growth.source,
                },
            },
        }


def look(subscription: Subscription, cloudwatch: Any, *, now: datetime) -> Overview:
    """Look at one subscriber's queues.

    Raises:
        Refused: a queue does not exist.
    """
    queue, dlq = subscription.queue.facts(), subscription.dlq.facts()
    oldest, seen = _oldest(subscription.dlq) if dlq.depth.visible else (None, 0)
    age = None if oldest is None else max(0, int((now - oldest).total_seconds()))
    memory = _Memory(subscription.folder, dlq.arn)
    growth = memory.compare(dlq.depth.total, now) or _watched_growth(
        cloudwatch, dlq.arn, dlq.depth.total, now
    )
    memory.remember(dlq.depth.total, now)
    return Overview(
        subscriber=subscription.subscriber.name,
        fifo=dlq.fifo,
        queue=queue.depth,
        queue_age_seconds=_watched_age(cloudwatch, queue.arn, now),
        dlq=dlq.depth,
        dlq_age_seconds=age,
        age_is_sample=dlq.fifo or seen < dlq.depth.total,
        dead_in_seconds=None if age is None else max(0, dlq.retention_seconds - age),
        retention_seconds=dlq.retention_seconds,
        growth=growth,
    )


# Private functions


class _Memory:
    """How full a DLQ was when this person looked last; see `Growth`."""

    def __init__(self, folder: Path, dlq_arn: str) -> None:
        name = dlq_arn.replace(":", "_").replace("/", "_")
        self._path = folder / "depths" / f"{name}.json"

    def compare(self, total: int, now: datetime) -> Growth | None:
        try:
            before = json.loads(self._path.read_text(encoding="utf-8"))
            seconds = int((now - from_wire(before["at"])).total_seconds())
            messages = total - int(before["total"])
        except (OSError, ValueError, KeyError, TypeError):
            return None
        return Growth(messages=messages, seconds=max(0, seconds), source="the last look")

    def remember(self, total: int, now: datetime) -> None:
        self._path.parent.mkdir(parents=True, exist_ok=True)
        document = {"at": to_wire(now), "total": total}
        self._path.write_text(json.dumps(document), encoding="utf-8")


def _oldest(dlq: DeadLetters) -> tuple[datetime | None, int]:
    """The oldest send among a few messages, and how many there were."""
    oldest: datetime | None = None
    seen = 0
    with Sweep(dlq, hold_seconds=_LOOK_SECONDS) as sweep:
        for page in sweep.pages():
            seen += len(page)
            oldest = min([one.sent_at for one in page] + ([oldest] if oldest else []))
            if seen >= SAMPLE_MAX:
                break
    return oldest, seen


def _watched_age(cloudwatch: Any, arn: str, now: datetime) -> int | None:
    points = _datapoints(cloudwatch, "ApproximateAgeOfOldestMessage", arn, now)
    return int(points[-1]["Maximum"]) if points else None


def _watched_growth(cloudwatch: Any, arn: str, total: int, now: datetime) -> Growth | None:
    points = _datapoints(cloudwatch, "ApproximateNumberOfMessagesVisible", arn, now)
    if not points:
        return None
    seconds = int((now - points[0]["Timestamp"]).total_seconds())
    return Growth(messages=total - int(points[0]["Maximum"]), seconds=seconds, source="CloudWatch")


def _datapoints(cloudwatch: Any, metric: str, arn: str, now: datetime) -> list[dict[str, Any]]:
    """The last hour, oldest first; nothing where CloudWatch can't or may not tell."""
    try:
        answer = cloudwatch.get_metric_statistics(
            Namespace="AWS/SQS",
            MetricName=metric,
            Dimensions=[{"Name": "QueueName", "Value": arn.rpartition(":")[2]}],
            StartTime=now.astimezone(UTC) - _LOOK_BACK,
            EndTime=now,
            Period=60,
            Statistics=["Maximum"],
        )
    except (BotoCoreError, ClientError):
        return []
    points: list[dict[str, Any]] = answer.get("Datapoints", [])
    return sorted(points, key=lambda one: one["Timestamp"])


def _depth(depth: Depth) -> dict[str, int]:
    return {"visible": depth.visible, "in_flight": depth.hidden, "delayed": depth.delayed}
