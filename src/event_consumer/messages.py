"""An SQS message as Lambda hands it to a consumer."""

from collections.abc import Mapping
from dataclasses import dataclass
from datetime import UTC, datetime
from typing import Any


@dataclass(frozen=True, slots=True, kw_only=True)
class Message:
    """One received message.

    `attributes` are the message attributes in Lambda's shape (`stringValue`, `binaryValue` in
    base64, `dataType`); `fifo` tells whether the queue keeps order within `group_id` (a standard
    queue may carry one too, for fairness); `receive_count` starts at 1.
    """

    message_id: str
    receipt_handle: str
    body: str
    receive_count: int
    first_received_at: datetime
    group_id: str | None
    fifo: bool
    trace_header: str | None
    attributes: Mapping[str, Mapping[str, Any]]


def from_record(record: Mapping[str, Any]) -> Message:
    """Read one element of a Lambda event's `Records`.

    Raises:
        KeyError: no `messageId` or no `body`: this is no SQS event.
    """
    system = record.get("attributes") or {}
    first_received_ms = int(system.get("ApproximateFirstReceiveTimestamp") or 0)
    return Message(
        message_id=record["messageId"],
        receipt_handle=record.get("receiptHandle", ""),
        body=record["body"],
        receive_count=int(system.get("ApproximateReceiveCount") or 1),
        first_received_at=datetime.fromtimestamp(first_received_ms / 1000, UTC),
        group_id=system.get("MessageGroupId"),
        fifo=str(record.get("eventSourceARN", "")).endswith(".fifo"),
        trace_header=system.get("AWSTraceHeader"),
        attributes=record.get("messageAttributes") or {},
    )
