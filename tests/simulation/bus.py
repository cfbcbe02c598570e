"""EventBridge: a bus, its rules with their patterns, and what is on its way to their targets.

Amazon EventBridge API Reference, "PutEvents" (results by place, `FailedEntryCount`); User Guide,
"Creating Amazon EventBridge event patterns" and "Target input". No order is promised, and events
may come more than once.
"""

import json
from collections.abc import Mapping
from typing import Any

from simulation.calls import Calls, EntryRefused
from simulation.clock import VirtualClock
from simulation.topic import ENTRIES_MAX, OnItsWay, Topic, Watch

Pattern = Mapping[str, Any]


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
        entries = [{"Id": str(place), **one} for place, one in enumerate(request["Entries"])]
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
        to = [one for one in self.subscriptions if matches(one.policy, event)]
        self._take(entry["Detail"], to, {})
        return {}

    def _wrapped(self, one: OnItsWay) -> str:
        detail = json.loads(one.body)
        event = {"version": "0", "source": detail["source"], "detail-type": "CustomerStatusChanged"}
        return json.dumps({**event, "detail": detail})


_CODES = {"InternalError": "InternalFailure", "InvalidParameter": "MalformedDetail"}


def matches(pattern: Pattern | None, event: Mapping[str, Any]) -> bool:
    """Whether an event pattern selects an event: its fields are AND'd, the values of one OR'd."""
    if pattern is None:
        return True
    return all(_field(name, wanted, event) for name, wanted in pattern.items())


# Private functions


def _field(name: str, wanted: Any, event: Mapping[str, Any]) -> bool:
    if name == "$or":
        return any(matches(one, event) for one in wanted)
    if isinstance(wanted, Mapping):
        inner = event.get(name)
        return isinstance(inner, Mapping) and matches(wanted, inner)
    return any(_value(one, event.get(name), there=name in event) for one in wanted)


def _value(rule: Any, value: Any, *, there: bool) -> bool:
    if not isinstance(rule, Mapping):
        return there and value == rule
    ((kind, argument),) = rule.items()
    if kind == "exists":
        return there is argument
    if not there:
        return False
    if kind in {"prefix", "suffix"}:
        text = isinstance(value, str)
        return text and (
            value.startswith(argument) if kind == "prefix" else value.endswith(argument)
        )
    if kind == "anything-but":
        return value not in argument
    raise ValueError(f"a rule that is not played here: {kind}")
