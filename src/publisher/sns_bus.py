"""Publish to an SNS topic, standard or FIFO, with PublishBatch.

An entry counts as published only where `Successful` lists its id: HTTP 200 may hide failed
entries, and an entry that is in neither list is a failed one.
"""

from collections.abc import Sequence
from concurrent.futures import Executor
from functools import lru_cache
from hashlib import sha256
from typing import Any

from customer_events.deadline import Deadline
from publisher.batched_calls import CONFIRMED, UNMENTIONED, BatchedCalls, Request
from publisher.bus_errors import answer_for
from publisher.events import Entry
from publisher.ports import Answer
from publisher.transports import Order, of_bus

_STRING = "String"


class SnsBus:
    """Implements the port `Bus`; safe for threads, as botocore's clients are.

    Args:
        client: a botocore client of `sns`, which does not retry by itself.
        topic_arn: of a standard topic, or a FIFO topic (`.fifo`).
        message_size_max_bytes: the topic's MaximumMessageSize; it also limits a whole call.
        executor: overlaps the calls.
    """

    def __init__(
        self, *, client: Any, topic_arn: str, message_size_max_bytes: int, executor: Executor
    ) -> None:
        self._client = client
        self._topic_arn = topic_arn
        transport = of_bus(topic_arn)
        self._ordered = transport.order is Order.PER_CUSTOMER
        self._calls = BatchedCalls(
            entries_max=transport.entries_per_call_max,
            entry_size_max_bytes=min(message_size_max_bytes, transport.entry_size_max_bytes),
            call_size_max_bytes=min(message_size_max_bytes, transport.call_size_max_bytes),
            publish=self._publish,
            bus_parameter="TopicArn",
            executor=executor,
        )

    @property
    def ordered(self) -> bool:
        """A FIFO topic keeps the order within a group, and a group is a customer."""
        return self._ordered

    def send(self, entries: Sequence[Entry], deadline: Deadline) -> list[Answer]:
        """Send entries in as few calls as count and size allow; see the port."""
        requests = [self._request(entry, index) for index, entry in enumerate(entries)]
        return self._calls.send(requests, deadline)

    # Private functions

    def _request(self, entry: Entry, index: int) -> tuple[Request, int]:
        """What is sent for an entry, and its size: the body (ASCII) and the attributes."""
        attributes, attributes_size_bytes = _attributes(entry.event.filter_attributes())
        request = {
            "Id": str(index),
            "Message": entry.document,
            "MessageAttributes": attributes,
        }
        if self._ordered:
            request["MessageGroupId"] = sha256(entry.event.customer_id.encode()).hexdigest()
            request["MessageDeduplicationId"] = entry.event_id
        return request, len(entry.document) + attributes_size_bytes

    def _publish(self, requests: list[Request]) -> list[Answer]:
        response = self._client.publish_batch(
            TopicArn=self._topic_arn, PublishBatchRequestEntries=requests
        )
        found = {}
        for failed in response.get("Failed") or ():
            found[failed["Id"]] = answer_for(str(failed.get("Code", "Unnamed")))
        for successful in response.get("Successful") or ():
            found[successful["Id"]] = CONFIRMED
        return [found.get(request["Id"], UNMENTIONED) for request in requests]


# Private functions


@lru_cache(maxsize=256)
def _attributes(
    values: tuple[tuple[str, str], ...],
) -> tuple[dict[str, dict[str, str]], int]:
    """What subscriptions filter by (see the contract), and its size in bytes.

    Each attribute's name, type and value count (SNS quotas). Cached: there are few kinds.
    """
    attributes = {name: {"DataType": _STRING, "StringValue": value} for name, value in values}
    return attributes, sum(len(name + _STRING + value) for name, value in values)
