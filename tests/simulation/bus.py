"""The bus: an SNS topic or an EventBridge bus, and what is on its way to its subscribers' queues.

Amazon SNS Developer Guide, "Amazon SNS message filtering" (a policy's keys are AND'd, the values of
one key OR'd), "Message deduplication for FIFO topics", "Message ordering for FIFO topics", "Raw
message delivery". Amazon EventBridge API Reference, "PutEvents" (results by index,
`FailedEntryCount`); User Guide, "Creating Amazon EventBridge event patterns" and "Target input": no
order is promised, and events may come more than once.
"""

import json
from collections.abc import Callable, Mapping
from dataclasses import dataclass
from random import Random
from typing import Any

from moto.events.models import EventPattern
from moto.sns.utils import FilterPolicyMatcher

from simulation.calls import Calls, EntryRefused
from simulation.clock import VirtualClock
from simulation.queues import DEDUPLICATION_SECONDS, Queue

ENTRIES_MAX = 10
FilterPolicy = Mapping[str, list[Any]]


@dataclass(frozen=True, slots=True, kw_only=True)
class Subscription:
    """`raw`: the message is the queue message's body, not wrapped in a Notification."""

    name: str
    queue: Queue
    policy: FilterPolicy | None = None
    raw: bool = True


@dataclass(frozen=True, slots=True, kw_only=True)
class OnItsWay:
    subscription: Subscription
    body: str
    attributes: Mapping[str, Mapping[str, str]]
    group: str | None
    dedup_id: str | None


Watch = Callable[[str, frozenset[str]], None]
"""Hears of each message that the topic takes: its body, and the subscriptions it goes to."""


class Topic:
    """Implements as much of botocore's SNS client as the publisher uses."""

    def __init__(self, calls: Calls, clock: VirtualClock, *, fifo: bool, watch: Watch) -> None:
        self.arn = "arn:aws:sns:eu-west-1:123456789012:bus" + (".fifo" if fifo else "")
        self.fifo = fifo
        self.subscriptions: list[Subscription] = []
        self.on_their_way: list[OnItsWay] = []
        self.cursed: set[str] = set()
        """Customers on whose events the topic fails with an internal error."""
        self._calls = calls
        self._clock = clock
        self._watch = watch
        self._dedup: dict[str, float] = {}
        self._delivered: list[OnItsWay] = []

    def publish_batch(self, **request: Any) -> dict[str, Any]:
        entries = request["PublishBatchRequestEntries"]
        assert 1 <= len(entries) <= ENTRIES_MAX
        assert len({one["Id"] for one in entries}) == len(entries)
        return self._calls.batch("topic", "PublishBatch", entries, self._publish)

    def deliver(self, dice: Random, count: int, *, in_order: bool) -> int:
        """Bring messages to their queues; a FIFO topic keeps each group's order."""
        delivered = 0
        while self.on_their_way and delivered < count:
            index = 0 if in_order else dice.randrange(len(self.on_their_way))
            if self.fifo:
                index = self._head_of_group(index)
            one = self.on_their_way.pop(index)
            self._delivered.append(one)
            self._bring(one)
            delivered += 1
        return delivered

    def deliver_again(self, dice: Random) -> None:
        """At least once: what was delivered may be delivered once more."""
        if self._delivered and not self.fifo:
            self._bring(dice.choice(self._delivered))

    def deliver_everything_again(self, dice: Random) -> None:
        again = list(self._delivered)
        dice.shuffle(again)
        for one in again:
            self._bring(one, anew=True)

    # Private functions

    def _publish(self, entry: dict[str, Any]) -> dict[str, Any]:
        attributes = entry["MessageAttributes"]
        if json.loads(entry["Message"])["subject"] in self.cursed:
            raise EntryRefused("InternalError")
        dedup_id = entry.get("MessageDeduplicationId")
        if self.fifo and not self._is_new(dedup_id):
            return {"MessageId": "again"}
        body = entry["Message"]
        to = [one for one in self.subscriptions if selects(one.policy, attributes, body)]
        self._take(body, to, attributes, entry.get("MessageGroupId"), dedup_id)
        return {"MessageId": "new"}

    def _take(
        self,
        body: str,
        to: list[Subscription],
        attributes: Mapping[str, Mapping[str, str]],
        group: str | None = None,
        dedup_id: str | None = None,
    ) -> None:
        """It is the bus's now: on its way to those who asked for it."""
        self._watch(body, frozenset(one.name for one in to))
        self.on_their_way += [
            OnItsWay(
                subscription=one, body=body, attributes=attributes, group=group, dedup_id=dedup_id
            )
            for one in to
        ]

    def _is_new(self, dedup_id: str) -> bool:
        now = self._clock.seconds
        if self._dedup.get(dedup_id, float("-inf")) > now - DEDUPLICATION_SECONDS:
            return False
        self._dedup[dedup_id] = now
        return True

    def _head_of_group(self, index: int) -> int:
        chosen = self.on_their_way[index]
        return next(
            head
            for head, one in enumerate(self.on_their_way)
            if one.group == chosen.group and one.subscription is chosen.subscription
        )

    def _wrapped(self, one: OnItsWay) -> str:
        return _notification(one, self.arn)

    def _bring(self, one: OnItsWay, *, anew: bool = False) -> None:
        body = one.body if one.subscription.raw else self._wrapped(one)
        one.subscription.queue.send(
            body,
            one.attributes if one.subscription.raw else {},
            origin="again" if anew else "topic",
            group=one.group if one.subscription.queue.fifo else None,
            dedup_id=None if anew else one.dedup_id,
        )


def selects(
    policy: FilterPolicy | None, attributes: Mapping[str, Mapping[str, str]], body: str
) -> bool:
    """Whether a filter policy on message attributes lets a message pass."""
    in_moto = {
        name: {"Type": one["DataType"], "Value": one["StringValue"]}
        for name, one in attributes.items()
    }
    return bool(FilterPolicyMatcher(dict(policy or {}), None).matches(in_moto, body))


class EventBus(Topic):
    """Implements as much of botocore's EventBridge client as the publisher uses.

    A subscription's `policy` is the rule's pattern; `raw`: the target gets `$.detail`.
    """

    def __init__(self, calls: Calls, clock: VirtualClock, *, watch: Watch) -> None:
        super().__init__(calls, clock, fifo=False, watch=watch)
        self.arn = "arn:aws:events:eu-west-1:123456789012:event-bus/bus"

    def describe_event_bus(self, **_: Any) -> dict[str, Any]:
        return self._calls.one("topic", "DescribeEventBus", lambda: {"Arn": self.arn})

    def put_events(self, **request: Any) -> dict[str, Any]:
        """Results stand in the order of the entries; one that is left out shifts the others."""
        entries = [{"Id": str(index), **one} for index, one in enumerate(request["Entries"])]
        assert 1 <= len(entries) <= ENTRIES_MAX
        answer = self._calls.batch("topic", "PutEvents", entries, self._put)
        found = {one["Id"]: {"EventId": f"e-{one['Id']}"} for one in answer["Successful"]}
        found |= {one["Id"]: {"ErrorCode": _CODES[one["Code"]]} for one in answer["Failed"]}
        return {
            "FailedEntryCount": len(answer["Failed"]),
            "Entries": [found[one["Id"]] for one in entries if one["Id"] in found],
        }

    # Private functions

    def _put(self, entry: dict[str, Any]) -> dict[str, Any]:
        document = json.loads(entry["Detail"])
        if document["subject"] in self.cursed:
            raise EntryRefused("InternalError")
        event = {
            "source": entry["Source"],
            "detail-type": entry["DetailType"],
            "detail": document,
        }
        to = [one for one in self.subscriptions if _matches(one.policy, event)]
        self._take(entry["Detail"], to, {})
        return {}

    def _wrapped(self, one: OnItsWay) -> str:
        detail = json.loads(one.body)
        event = {"version": "0", "source": detail["source"], "detail-type": "CustomerStatusChanged"}
        return json.dumps({**event, "detail": detail})


# Private functions


_CODES = {"InternalError": "InternalFailure", "InvalidParameter": "MalformedDetail"}


def _matches(pattern: dict[str, Any] | None, event: dict[str, Any]) -> bool:
    return bool(EventPattern(None, pattern or {}).matches_event(event))


def _notification(one: OnItsWay, arn: str) -> str:
    return json.dumps({"Type": "Notification", "TopicArn": arn, "Message": one.body})
