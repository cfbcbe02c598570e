"""Read what an overview of every subscriber needs; changes nothing."""

from datetime import UTC, datetime
from enum import StrEnum
from typing import Any

from customer_events import registry
from customer_events.event import Status
from fanout.aws import AwsTarget
from fanout.errors import WrongUse
from fanout.sqs.queue import read_depth, read_oldest_age
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


def view_all(target: AwsTarget) -> list[dict[str, Any]]:
    """Every subscriber of the deployment, by name, as `subscribers list --json` prints it.

    `statuses` are those that it follows, None for all, empty where its filter does not go by
    statuses. `oldest_age_seconds` is CloudWatch's, None where it has none. `registered_versions` is
    None where the registry does not list the subscriber.
    """
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
        {
            "name": each.name,
            "versions": each.versions,
            "statuses": _statuses(each, publisher),
            "filter": each.filter,
            "since": each.since,
            "behind": {
                "messages": read_depth(sqs, each.queue_url).total,
                "oldest_age_seconds": read_oldest_age(cloudwatch, each.queue_arn, now),
            },
            "dead": read_depth(sqs, each.dlq_url).total,
            "table": each.table,
            "registered_versions": versions,
            "contract": coverage(each.versions, versions, current),
        }
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
    if followed == set(Status):
        return None
    return tuple(status for status in Status if status in followed)
