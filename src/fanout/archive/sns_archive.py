"""The archive of an SNS FIFO topic: a replay policy on one subscriber's subscription.

Source: "Amazon SNS message replay for FIFO topic subscribers", SNS developer guide.
"""

import json
from datetime import UTC, datetime
from typing import Any

from fanout.archive.window import Plan, Progress, Window
from fanout.errors import Refused, WrongUse

_WELL = frozenset({"completed"})
_OVER = _WELL | {"failed"}


class SnsArchive:
    """Implements `Archive`.

    Args:
        client: a boto3 client of `sns`.
        topic_arn: the FIFO topic.
        subscriber: its name.
        queue_arn: the endpoint of its subscription.
    """

    def __init__(self, client: Any, *, topic_arn: str, subscriber: str, queue_arn: str) -> None:
        self._client = client
        self._topic_arn = topic_arn
        self._subscriber = subscriber
        self._queue_arn = queue_arn

    def plan(self, window: Window) -> Plan:
        """See `Archive.plan`."""
        attributes = self._client.get_topic_attributes(TopicArn=self._topic_arn)["Attributes"]
        if not json.loads(attributes.get("ArchivePolicy") or "{}"):
            raise WrongUse(
                f"The topic {self._topic_arn} has no archive policy: nothing was kept to replay. "
                f"Seed the subscriber instead: `fanout backfill {self._subscriber}`."
            )
        subscription = self._subscription()
        policy = {
            "PointType": "Timestamp",
            "StartingPoint": _to_sns(window.begins_at),
            "EndingPoint": _to_sns(window.ends_at),
        }
        began = attributes.get("BeginningArchiveTime")
        told = (f"The archive begins at {began}." if began else "", self._running(subscription))
        remarks = tuple(one for one in told if one)
        return Plan(
            archive=self._topic_arn,
            only_to=(subscription,),
            begin={
                "SubscriptionArn": subscription,
                "AttributeName": "ReplayPolicy",
                "AttributeValue": json.dumps(policy),
            },
            remarks=remarks,
        )

    def start(self, plan: Plan) -> str:
        """See `Archive.start`. The name is the subscription's ARN: it has one replay at a time.

        Raises:
            Refused: one is under way, which a second would replace without a word.
        """
        subscription = str(plan.begin["SubscriptionArn"])
        if running := self._running(subscription):
            raise Refused(running)
        self._client.set_subscription_attributes(**plan.begin)
        return subscription

    def progress(self, name: str) -> Progress:
        """See `Archive.progress`."""
        attributes = self._client.get_subscription_attributes(SubscriptionArn=name)["Attributes"]
        state = _state(attributes.get("ReplayStatus"))
        return Progress(
            state=state, is_over=state.lower() in _OVER, went_well=state.lower() in _WELL
        )

    def cancel(self, name: str) -> None:
        """See `Archive.cancel`."""
        raise WrongUse(
            f"SNS documents no call that stops a replay: use Stop replay on the page of {name} in "
            "the console."
        )

    # Private functions

    def _running(self, subscription: str) -> str:
        """Which replay is under way, in a sentence; "" where none is."""
        found = self._client.get_subscription_attributes(SubscriptionArn=subscription)
        attributes = found["Attributes"]
        state = _state(attributes.get("ReplayStatus"))
        policy = attributes.get("ReplayPolicy")
        if not policy or state.lower() in _OVER:
            return ""
        return (
            f"A replay to {self._subscriber} is under way ({state}, {_window_of(policy)}), and SNS "
            f"would replace it by another: let it end, `fanout archive replay {self._subscriber} "
            f"--follow {subscription}`."
        )

    def _subscription(self) -> str:
        pages = self._client.get_paginator("list_subscriptions_by_topic").paginate(
            TopicArn=self._topic_arn
        )
        for page in pages:
            for one in page["Subscriptions"]:
                if one["Endpoint"] == self._queue_arn:
                    return str(one["SubscriptionArn"])
        raise WrongUse(f"{self._queue_arn} is not subscribed to {self._topic_arn}.")


# Private functions


def _to_sns(instant: datetime) -> str:
    return instant.astimezone(UTC).strftime("%Y-%m-%dT%H:%M:%S.000Z")


def _state(value: object) -> str:
    """The status, whether it comes as a word or as JSON with a `status`."""
    text = str(value or "Pending")
    try:
        found = json.loads(text)
    except ValueError:
        return text
    return str(found.get("status", text)) if isinstance(found, dict) else str(found)


def _window_of(policy: str) -> str:
    """What a replay policy covers, as SNS tells it back."""
    try:
        found = json.loads(policy)
    except ValueError:
        return "of a policy that can't be read"
    points = found if isinstance(found, dict) else {}
    return f"{points.get('StartingPoint', '?')} to {points.get('EndingPoint', 'now')}"
