"""One subscriber: its queue, its DLQ, its table, and what it asked for."""

from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any

from simulation.queues import Queue, QueuedMessage
from simulation.rows import RowsClient
from simulation.topic import FilterPolicy
from simulation.truth import Change, Told, Truth

FROM_OR_TO_ACTIVE: FilterPolicy = {
    "schema_version": ["2"],
    "transition": [{"prefix": "ACTIVE>"}, {"suffix": ">ACTIVE"}],
}
PATTERN_FROM_OR_TO_ACTIVE: FilterPolicy = {
    "detail-type": ["CustomerStatusChanged"],
    "detail": {
        "type": ["novapay.accounts.CustomerStatusChanged.v2"],
        "$or": [
            {"data": {"status": ["ACTIVE"]}},
            {"data": {"previous_status": ["ACTIVE"]}},
        ],
    },
}
"""The same for a rule of an EventBridge bus."""


@dataclass(slots=True, kw_only=True)
class Subscriber:
    name: str
    queue: Queue
    dlq: Queue
    client: RowsClient
    policy: FilterPolicy | None
    raw: bool

    @property
    def rows(self) -> Mapping[str, Mapping[str, Any]]:
        return self.client.rows

    def wants(self, change: Change, major: int) -> bool:
        """What its filter promises it, said apart from the filter."""
        if self.policy is None:
            return True
        return major == 2 and "ACTIVE" in {change.status, change.previous}

    def told_by_row(self, customer: str, truth: Truth) -> Told | None:
        row = self.client.rows.get(customer)
        return truth.told_by_row(row) if row else None

    def still_has(self, body: str) -> bool:
        """In its DLQ, or once more in its queue: where an operator may have moved it back to."""
        return any(one.body == body for one in self.dlq.messages.values()) or any(
            one.body == body for one in self.queue.messages.values()
        )


def as_lambda_record(message: QueuedMessage, queue: Queue) -> dict[str, Any]:
    """A received message as Lambda hands it to a function."""
    system = {
        "ApproximateReceiveCount": str(message.receives),
        "SentTimestamp": str(int(message.sent_at * 1000)),
        "ApproximateFirstReceiveTimestamp": str(int(message.first_received_at * 1000)),
    }
    if message.group is not None:
        system["MessageGroupId"] = message.group
        system["SequenceNumber"] = f"{message.number:020}"
    return {
        "messageId": message.message_id,
        "receiptHandle": message.receipt,
        "body": message.body,
        "attributes": system,
        "messageAttributes": {
            name: {"dataType": one["DataType"], "stringValue": one["StringValue"]}
            for name, one in message.attributes.items()
        },
        "eventSource": "aws:sqs",
        "eventSourceARN": f"arn:aws:sqs:eu-west-1:123456789012:{queue.name}",
    }
