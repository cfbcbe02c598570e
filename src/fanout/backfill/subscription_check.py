"""Is the subscriber subscribed with the filter that it states, and since when is that in force?

Both matter before a scan: a change that happens during the scan has to reach the queue by itself.
"""

import json
from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from datetime import UTC, datetime, timedelta
from email.utils import parsedate_to_datetime
from typing import Any

from fanout.aws import AwsTarget
from fanout.discovery import Bus, Subscriber
from fanout.errors import WrongUse

SETTLING = timedelta(minutes=15)
"""SNS applies a new or changed filter policy within 15 minutes.

Source: Amazon SNS developer guide, "Amazon SNS subscription filter policies".
"""


@dataclass(frozen=True, slots=True, kw_only=True)
class Settling:
    """When the subscription last changed, and how long it still takes to be in force."""

    changed_at: datetime
    asked_at: datetime

    @property
    def seconds_left(self) -> float:
        """0 where it is in force."""
        return max(0.0, (self.changed_at + SETTLING - self.asked_at).total_seconds())


def settling(target: AwsTarget, subscriber: Subscriber) -> Settling:
    """How long ago the subscription or its filter changed, all by AWS's clock.

    Deploying a change writes the subscriber's SSM parameter again, since it holds the filter: its
    time counts, or `since`, whichever is later.
    """
    name = f"/{target.prefix}/subscribers/{subscriber.name}"
    answer = target.client("ssm").get_parameter(Name=name)
    changed_at: datetime = answer["Parameter"]["LastModifiedDate"]
    if subscriber.since:
        changed_at = max(changed_at, _instant(subscriber.since, name))
    return Settling(changed_at=changed_at, asked_at=_asked_at(answer))


def require_subscribed(target: AwsTarget, bus: Bus, subscriber: Subscriber) -> None:
    """See that live changes come to the queue, by the filter that its parameter states.

    Raises:
        WrongUse: nothing on the bus delivers to the queue, or by another filter.
    """
    filters = list(_filters(target, bus, subscriber.queue_arn))
    if not filters:
        raise WrongUse(
            f"Nothing on {bus.arn} delivers to {subscriber.queue_arn}: a change that happens "
            "during the scan would be missed. Subscribe it first."
        )
    stated = subscriber.filter or None
    if stated not in filters:
        raise WrongUse(
            f"The subscription of {subscriber.name} has another filter than its SSM parameter "
            f"states: {json.dumps(filters[0])}. Deploy the subscriber again."
        )


# Private functions


def _filters(target: AwsTarget, bus: Bus, queue_arn: str) -> Iterator[Mapping[str, Any] | None]:
    """The filter of each way from the bus to the queue; None: everything passes."""
    if bus.transport == "eventbridge":
        yield from _rules(target.client("events"), bus.arn, queue_arn)
        return
    sns = target.client("sns")
    pages = sns.get_paginator("list_subscriptions_by_topic").paginate(TopicArn=bus.arn)
    for page in pages:
        for one in page["Subscriptions"]:
            if one["Endpoint"] == queue_arn:
                found = sns.get_subscription_attributes(SubscriptionArn=one["SubscriptionArn"])
                policy = found["Attributes"].get("FilterPolicy")
                yield json.loads(policy) if policy else None


def _rules(events: Any, bus_arn: str, queue_arn: str) -> Iterator[Mapping[str, Any] | None]:
    pages = events.get_paginator("list_rule_names_by_target")
    for page in pages.paginate(TargetArn=queue_arn, EventBusName=bus_arn):
        for name in page["RuleNames"]:
            rule = events.describe_rule(Name=name, EventBusName=bus_arn)
            if rule.get("State", "ENABLED") == "ENABLED":
                yield json.loads(rule["EventPattern"])


def _instant(text: str, name: str) -> datetime:
    try:
        found = datetime.fromisoformat(text)
    except ValueError:
        raise WrongUse(f"{name}: since is {text!r}; expected an RFC 3339 instant.") from None
    return found if found.tzinfo else found.replace(tzinfo=UTC)


def _asked_at(answer: Mapping[str, Any]) -> datetime:
    date = answer["ResponseMetadata"]["HTTPHeaders"].get("date", "")
    try:
        return parsedate_to_datetime(date)
    except ValueError:
        return datetime.now(UTC)
