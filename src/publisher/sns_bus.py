"""Publish to an SNS topic, standard or FIFO, with PublishBatch.

An entry counts as published only where `Successful` lists its id: HTTP 200 may hide failed
entries, and an entry that is in neither list is a failed one.
"""

from collections.abc import Sequence
from functools import lru_cache
from hashlib import sha256
from typing import Any

from publisher.batched_bus import Calls
from publisher.bus_errors import CONFIRMED, UNMENTIONED, answer_for
from publisher.events import Entry
from publisher.ports import Answer


class SnsTopic(Calls):
    """The `Calls` of a topic.

    Args:
        client: a botocore client of `sns`, which does not retry by itself.
        topic_arn: of a standard topic, or a FIFO topic (`.fifo`).
    """

    bus_parameter = "TopicArn"

    def __init__(self, *, client: Any, topic_arn: str) -> None:
        self.client = client
        self._topic_arn = topic_arn
        self._fifo = topic_arn.endswith(".fifo")

    def publish(self, entries: Sequence[Entry]) -> list[Answer]:
        """See `Calls`."""
        requests = [self._request(entry, index) for index, entry in enumerate(entries)]
        response = self.client.publish_batch(
            TopicArn=self._topic_arn, PublishBatchRequestEntries=requests
        )
        answers = {}
        for failed in response.get("Failed") or ():
            answers[failed["Id"]] = answer_for(str(failed.get("Code", "Unnamed")))
        for successful in response.get("Successful") or ():
            answers[successful["Id"]] = CONFIRMED
        return [answers.get(request["Id"], UNMENTIONED) for request in requests]

    # Private functions

    def _request(self, entry: Entry, index: int) -> dict[str, Any]:
        request = {
            "Id": str(index),
            "Message": entry.document,
            # A dict of its own: instrumentation, such as OpenTelemetry's, adds the trace to it.
            "MessageAttributes": _attributes(entry.event.filter_attributes()).copy(),
        }
        if self._fifo:
            request["MessageGroupId"] = sha256(entry.event.customer_id.encode()).hexdigest()
            request["MessageDeduplicationId"] = entry.event_id
        return request


# Private functions


@lru_cache(maxsize=256)
def _attributes(values: tuple[tuple[str, str], ...]) -> dict[str, dict[str, str]]:
    """What subscriptions filter by (see the contract). Cached: there are few kinds."""
    return {name: {"DataType": "String", "StringValue": value} for name, value in values}
