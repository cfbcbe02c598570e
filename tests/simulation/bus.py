"""EventBridge: a bus, its rules with their patterns, and what is on its way to their targets.

Amazon EventBridge API Reference, "PutEvents" (results by index, `FailedEntryCount`); User Guide,
"Creating Amazon EventBridge event patterns" and "Target input". No order is promised, and events
may come more than once.
"""

import json
from typing import Any

from moto.events.models import EventPattern

from simulation.calls import Calls, EntryRefused
from simulation.clock import VirtualClock
from simulation.topic import ENTRIES_MAX, OnItsWay, Topic, Watch


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
        to = [one for one in self.subscriptions if selects(one.policy, event)]
        self._take(entry["Detail"], to, {})
        return {}

    def _wrapped(self, one: OnItsWay) -> str:
        detail = json.loads(one.body)
        event = {"version": "0", "source": detail["source"], "detail-type": "CustomerStatusChanged"}
        return json.dumps({**event, "detail": detail})


_CODES = {"InternalError": "InternalFailure", "InvalidParameter": "MalformedDetail"}


def selects(pattern: dict[str, Any] | None, event: dict[str, Any]) -> bool:
    return bool(EventPattern(None, pattern or {}).matches_event(event))
