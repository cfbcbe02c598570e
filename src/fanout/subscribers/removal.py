"""Let a subscriber leave: what will be lost, no more deliveries, an empty queue, then the stack.

The order is what makes it safe. Nothing new arrives once the subscription is gone, so a queue that
is empty stays empty, and only then the stack may go.
"""

import json
import time
from collections.abc import Callable
from dataclasses import dataclass
from typing import Any

from fanout.aws import AwsTarget
from fanout.discovery import Bus, Subscriber, find_bus, find_subscriber
from fanout.errors import Refused, WrongUse
from fanout.sqs.queue import QueueDepth, read_depth
from fanout.sqs.subscription import deliveries

POLL_INTERVAL_SECONDS = 1.0
CALM_LOOKS = 3
"""Looks in a row at an empty queue: SQS's counts are approximate and lag by some seconds."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Leaving:
    """A subscriber as it is before it leaves.

    `deliveries` are the subscriptions, or the rules with a target, that lead to its queue; `rows`
    is DynamoDB's own count of the table, some hours old, None where it has no table; `stack` is the
    CloudFormation stack's name, None where Terraform made it.
    """

    subscriber: Subscriber
    bus: Bus
    deliveries: tuple[str, ...]
    queue: QueueDepth
    dlq: QueueDepth
    rows: int | None
    stack: str | None

    def losses(self) -> list[str]:
        """What will be gone, one sentence each."""
        name = self.subscriber.name
        lost = [f"{name} hears of no change any more; changes after today are not kept for it."]
        if self.queue.total:
            lost.append(f"{self.queue.total:,} messages wait in the queue: they are handled first.")
        if self.dlq.total:
            lost.append(
                f"{self.dlq.total:,} dead messages: replay or save them first "
                f"(fanout dlq replay {name}); deleting the DLQ deletes them."
            )
        if self.rows is not None:
            lost.append(
                f"About {self.rows:,} rows in {self.subscriber.table}: they stay until the table "
                "is deleted, and are outdated from now on."
            )
        return lost


def look_at(target: AwsTarget, name: str) -> Leaving:
    """Read what there is; changes nothing.

    Raises:
        WrongUse: no such subscriber.
    """
    subscriber, bus = find_subscriber(target, name), find_bus(target)
    sqs = target.client("sqs")
    return Leaving(
        subscriber=subscriber,
        bus=bus,
        deliveries=tuple(deliveries(target, bus, subscriber.queue_arn)),
        queue=read_depth(sqs, subscriber.queue_url),
        dlq=read_depth(sqs, subscriber.dlq_url),
        rows=_rows(target, subscriber.table),
        stack=_stack(target, name),
    )


def unsubscribe(target: AwsTarget, leaving: Leaving) -> None:
    """Take away every delivery to the queue; twice is as good as once."""
    for delivery in leaving.deliveries:
        if leaving.bus.transport != "eventbridge":
            target.client("sns").unsubscribe(SubscriptionArn=delivery)
        else:
            _remove_target(target.client("events"), leaving, delivery)


def drain(
    target: AwsTarget,
    leaving: Leaving,
    *,
    timeout_seconds: float,
    told: Callable[[QueueDepth], None],
    sleep: Callable[[float], None] = time.sleep,
    monotonic: Callable[[], float] = time.monotonic,
) -> QueueDepth:
    """Wait until the queue is empty and stays so, or until the time is up; the last depth."""
    sqs, ends_at, calm = target.client("sqs"), monotonic() + timeout_seconds, 0
    while True:
        depth = read_depth(sqs, leaving.subscriber.queue_url)
        told(depth)
        calm = 0 if depth.total else calm + 1
        if calm >= CALM_LOOKS or monotonic() >= ends_at:
            return depth
        sleep(POLL_INTERVAL_SECONDS)


def require_consumer(leaving: Leaving) -> None:
    """See that somebody can empty the queue.

    Raises:
        WrongUse: messages wait, and the subscriber has no function that is known here.
    """
    if leaving.queue.total and leaving.subscriber.function_name is None:
        raise WrongUse(
            f"{leaving.queue.total:,} messages wait in the queue of {leaving.subscriber.name}, "
            "whose consumer is not known here: let it finish them first, or add --abandon."
        )


# Private functions


def _remove_target(events: Any, leaving: Leaving, rule: str) -> None:
    where = {"Rule": rule, "EventBusName": leaving.bus.arn}
    targets = events.list_targets_by_rule(**where)["Targets"]
    ids = [one["Id"] for one in targets if one["Arn"] == leaving.subscriber.queue_arn]
    failed = events.remove_targets(**where, Ids=ids).get("FailedEntries") if ids else None
    if failed:
        raise Refused(f"The rule {rule} keeps its target: {failed[0].get('ErrorMessage', '')}")


def _stack(target: AwsTarget, name: str) -> str | None:
    path = f"/{target.prefix}/subscribers/{name}"
    found = json.loads(target.client("ssm").get_parameter(Name=path)["Parameter"]["Value"])
    return found.get("stack") or None


def _rows(target: AwsTarget, table: str | None) -> int | None:
    if table is None:
        return None
    description: dict[str, Any] = target.client("dynamodb").describe_table(TableName=table)["Table"]
    return int(description.get("ItemCount", 0))
