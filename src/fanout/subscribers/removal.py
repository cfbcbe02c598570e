"""Remove a subscriber: say what will be lost, unsubscribe it, drain its queue, then its stack.

The order is what makes it safe. Nothing new arrives once the subscription is gone, so a queue that
is empty stays empty, and only then the stack may go.
"""

import time
from collections.abc import Callable, Iterator
from dataclasses import dataclass

from fanout.aws import AwsTarget
from fanout.errors import Refused, WrongUse
from fanout.sqs.queue import QueueDepth, read_depth
from sentinel.discovery import Bus, Subscriber, deliveries, find_bus, find_subscriber
from sentinel.examination import Examination

POLL_INTERVAL_SECONDS = 1.0
EMPTY_READS = 3
"""Empty reads in a row that end the wait: SQS's counts are approximate and lag by some seconds."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Removal:
    """A subscriber as it is before it is removed.

    `deliveries` are the subscriptions, or the rules with a target, that lead to its queue; `rows`
    is DynamoDB's own count of the table, some hours old, None where it has no table.
    """

    subscriber: Subscriber
    bus: Bus
    deliveries: tuple[str, ...]
    queue: QueueDepth
    dlq: QueueDepth
    rows: int | None

    def losses(self) -> list[str]:
        """What will be gone, one sentence each."""
        name = self.subscriber.name
        lost = [f"{name} sees no more changes; changes after today are not kept for it."]
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


def read_removal(target: AwsTarget, name: str) -> Removal:
    """Read the subscriber's present state; changes nothing.

    Raises: WrongUse: no such subscriber.
    """
    subscriber, bus = find_subscriber(target, name), find_bus(target)
    sqs, table = target.client("sqs"), None
    if subscriber.table:
        table = Examination(target, bus).table(subscriber.table)
    return Removal(
        subscriber=subscriber,
        bus=bus,
        deliveries=tuple(deliveries(target, bus, subscriber.queue_arn)),
        queue=read_depth(sqs, subscriber.queue_url),
        dlq=read_depth(sqs, subscriber.dlq_url),
        rows=table and table.get("ItemCount", 0),
    )


def unsubscribe(target: AwsTarget, removal: Removal) -> None:
    """Take away every delivery to the queue; may be repeated."""
    sns, events = target.client("sns"), target.client("events")
    for delivery in removal.deliveries:
        if removal.bus.transport != "eventbridge":
            sns.unsubscribe(SubscriptionArn=delivery)
            continue
        names = {"Rule": delivery, "EventBusName": removal.bus.name}
        targets = events.list_targets_by_rule(**names)["Targets"]
        ids = [each["Id"] for each in targets if each["Arn"] == removal.subscriber.queue_arn]
        failed = events.remove_targets(**names, Ids=ids).get("FailedEntries") if ids else None
        if failed:
            says = failed[0].get("ErrorMessage", "")
            raise Refused(f"The rule {delivery} keeps its target: {says}")


def drain(
    target: AwsTarget,
    removal: Removal,
    *,
    timeout_seconds: float,
    sleep: Callable[[float], None] = time.sleep,
    monotonic: Callable[[], float] = time.monotonic,
) -> Iterator[QueueDepth]:
    """Each depth of the queue, until it is empty and stays so, or until the time is up."""
    sqs, ends_at, empty_reads = target.client("sqs"), monotonic() + timeout_seconds, 0
    while True:
        depth = read_depth(sqs, removal.subscriber.queue_url)
        yield depth
        empty_reads = 0 if depth.total else empty_reads + 1
        if empty_reads >= EMPTY_READS or monotonic() >= ends_at:
            return
        sleep(POLL_INTERVAL_SECONDS)


def require_consumer(removal: Removal) -> None:
    """See that somebody can empty the queue.

    Raises: WrongUse: messages wait, and the subscriber has no function that is known here.
    """
    if removal.queue.total and removal.subscriber.function_name is None:
        raise WrongUse(
            f"{removal.queue.total:,} messages wait in the queue of {removal.subscriber.name}, "
            "whose consumer is not known here: let it finish them first, or add --abandon."
        )
