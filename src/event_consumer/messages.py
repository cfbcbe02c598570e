"""An SQS message as Lambda hands it to a consumer."""

import json
import re
from collections.abc import Mapping
from dataclasses import dataclass
from datetime import UTC, datetime
from typing import Any

from customer_events.instants import from_wire, to_wire

_MESSAGE_ID = re.compile(r"[0-9a-fA-F]{8}(-[0-9a-fA-F]{4}){3}-[0-9a-fA-F]{12}", re.ASCII)


@dataclass(frozen=True, slots=True, kw_only=True)
class Message:
    """One received message.

    `attributes` are the message attributes in Lambda's shape (`stringValue`, `binaryValue` in
    base64, `dataType`); `fifo` tells whether the queue keeps order within `group_id` (a standard
    queue may carry one too, for fairness); `receive_count` starts at 1; `sequence_number` rises
    within a group of a FIFO queue, and is "0" elsewhere.
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
    sequence_number: str = "0"

    @property
    def fifo_group(self) -> str | None:
        """The group whose order the queue keeps; None on a standard queue."""
        return self.group_id if self.fifo else None


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
        sequence_number=str(system.get("SequenceNumber") or "0"),
    )


def first_delivery(message: Message) -> dict[str, str]:
    """What an earlier parking noted, in `replayed` (by a replay) or `parked` (SQS's own move).

    Anyone may write an attribute, so only an instant and an id of SQS's form are taken over.
    """
    for mark in ("replayed", "parked"):
        try:
            earlier = json.loads(message.attributes[mark]["stringValue"])
            first_received_at = from_wire(earlier["first_received_at"])
            original_message_id = _MESSAGE_ID.fullmatch(earlier["original_message_id"])
        except (KeyError, TypeError, ValueError, RecursionError):
            continue
        if original_message_id:
            return {
                "first_received_at": to_wire(first_received_at),
                "original_message_id": original_message_id[0],
            }
    return {
        "first_received_at": to_wire(message.first_received_at),
        "original_message_id": message.message_id,
    }
