"""Read what an overview of every subscriber needs; changes nothing."""

from dataclasses import dataclass
from datetime import UTC, datetime
from enum import StrEnum
from typing import Any

from customer_events import registry
from customer_events.event import Status
from fanout.aws import AwsTarget
from fanout.errors import WrongUse
from fanout.sqs.queue import QueueDepth, read_depth, read_oldest_age
from sentinel.contract.followed import followed_statuses
from sentinel.discovery import Publisher, Subscriber, find_publisher, list_subscribers


class Coverage(StrEnum):
    """Whether a subscriber's contract tests cover the version that is published now.

    The registry says so: the schema gate and the contract tests run for what is listed there.
    """

    CURRENT = "current"
    OLD_VERSION = "old version"
    UNREGISTERED = "not registered"
    OTHER_VERSIONS = "other versions"


@dataclass(frozen=True, slots=True, kw_only=True)
class SubscriberView:
    """One subscriber now.

    `statuses` are those that it follows, None for all, empty where its filter does not go by
    statuses. `oldest_age_seconds` is CloudWatch's, None where it has none. `registered_versions` is
    None where the registry does not list the subscriber.
    """

    subscriber: Subscriber
    statuses: tuple[str, ...] | None
    queue: QueueDepth
    dlq: QueueDepth
    oldest_age_seconds: int | None
    registered_versions: tuple[int, ...] | None
    coverage: Coverage

    def to_document(self) -> dict[str, Any]:
        """One JSON object with every field."""
        return {
            "name": self.subscriber.name,
            "versions": list(self.subscriber.versions),
            "statuses": self.statuses and list(self.statuses),
            "filter": self.subscriber.filter,
            "since": self.subscriber.since,
            "behind": {"messages": self.queue.total, "oldest_age_seconds": self.oldest_age_seconds},
            "dead": self.dlq.total,
            "table": self.subscriber.table,
            "registered_versions": self.registered_versions and list(self.registered_versions),
            "contract": self.coverage.value,
        }


def view_all(target: AwsTarget) -> list[SubscriberView]:
    """Every subscriber of the deployment, by name."""
    subscribers = list_subscribers(target)
    if not subscribers:
        return []
    publisher = find_publisher(target)
    registered = {
        name: (versions, contract.current)
        for contract in map(registry.load, registry.events())
        for name, versions in contract.subscriber_versions.items()
    }
    sqs, cloudwatch, now = target.client("sqs"), target.client("cloudwatch"), datetime.now(UTC)
    return [
        SubscriberView(
            subscriber=each,
            statuses=_statuses(each, publisher),
            queue=read_depth(sqs, each.queue_url),
            dlq=read_depth(sqs, each.dlq_url),
            oldest_age_seconds=read_oldest_age(cloudwatch, each.queue_arn, now),
            registered_versions=versions,
            coverage=coverage(each.versions, versions, current),
        )
        for each in subscribers
        for versions, current in [registered.get(each.name, (None, 0))]
    ]


def coverage(
    subscribed: tuple[int, ...], registered: tuple[int, ...] | None, current: int
) -> Coverage:
    """Compare what is subscribed, what the registry lists, and what is published now."""
    if registered is None:
        return Coverage.UNREGISTERED
    if not set(subscribed) <= set(registered):
        return Coverage.OTHER_VERSIONS
    return Coverage.CURRENT if current in registered else Coverage.OLD_VERSION


# Private functions


def _statuses(subscriber: Subscriber, publisher: Publisher) -> tuple[str, ...] | None:
    try:
        followed = followed_statuses(subscriber, publisher)
    except WrongUse:
        return ()
    return (
        None
        if followed == set(Status)
        else tuple(status for status in Status if status in followed)
    )
