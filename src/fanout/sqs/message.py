"""A dead message as SQS hands it out, and what its attributes say of its way here."""

import base64
import json
import re
from collections.abc import Mapping
from dataclasses import dataclass
from datetime import UTC, datetime
from typing import Any

from customer_events.instants import from_wire, to_wire
from event_consumer.sqs_queue import MARKS
from fanout.text import json_object, known_instant

PARKED = "parked"
REPLAYED = "replayed"
EVENTBRIDGE_MARKS = frozenset(
    {
        *("RULE_ARN", "TARGET_ARN", "ERROR_CODE", "ERROR_MESSAGE", "EXHAUSTED_RETRY_CONDITION"),
        "RETRY_ATTEMPTS",
    }
)
"""What EventBridge adds to a message in a DLQ (its guide, "Using dead-letter queues")."""
_MESSAGE_ID = re.compile(r"[0-9a-fA-F]{8}(-[0-9a-fA-F]{4}){3}-[0-9a-fA-F]{12}", re.ASCII)


@dataclass(frozen=True, slots=True, kw_only=True)
class Parked:
    """What the consumer noted when it parked a message; "" where it noted nothing readable."""

    reason: str
    field: str
    expected: str
    consumer: str
    parked_at: datetime | None


@dataclass(frozen=True, slots=True, kw_only=True)
class FirstDelivery:
    """The id and time of the first delivery, which parking and replaying hand on."""

    message_id: str
    received_at: datetime


@dataclass(frozen=True, slots=True, kw_only=True)
class DeadMessage:
    """One received message of a DLQ.

    `sent_at` is when it came into the DLQ, except for what SQS itself moved from a standard queue:
    there it is the first send, and retention counts from it. `attributes` are the message
    attributes in the SQS API's shape; `source_arn` is the queue that SQS moved it from, else None.
    `receipt_handle` is good until the message becomes visible again. `sequence_number` orders the
    messages of a group in a FIFO DLQ: a number that only rises.
    """

    message_id: str
    receipt_handle: str
    body: str
    sent_at: datetime
    first_received_at: datetime
    receive_count: int
    attributes: Mapping[str, Mapping[str, Any]]
    group_id: str | None = None
    sequence_number: str | None = None
    trace_header: str | None = None
    source_arn: str | None = None

    def text_attribute(self, name: str) -> str | None:
        """The value of a message attribute, where it is there as text."""
        value = self.attributes.get(name, {}).get("StringValue")
        return value if isinstance(value, str) else None

    @property
    def parked(self) -> Parked | None:
        """The consumer's own note, if it was the consumer that parked the message."""
        reason = self.text_attribute("parked_reason")
        if not reason:
            return None
        note = json_object(self.text_attribute(PARKED))
        texts = {name: _text(note.get(name)) for name in ("field", "expected", "consumer")}
        return Parked(reason=reason, parked_at=known_instant(note.get("parked_at")), **texts)

    @property
    def first_delivery(self) -> FirstDelivery:
        """As an earlier parking or replay noted it; else this message's own.

        Anyone may write an attribute, so only an instant and an id of SQS's form are believed.
        """
        for mark in (REPLAYED, PARKED):
            note = json_object(self.text_attribute(mark))
            message_id, received_at = note.get("original_message_id"), note.get("first_received_at")
            instant = known_instant(received_at)
            if instant and isinstance(message_id, str) and _MESSAGE_ID.fullmatch(message_id):
                return FirstDelivery(message_id=message_id, received_at=instant)
        return FirstDelivery(message_id=self.message_id, received_at=self.first_received_at)

    @property
    def size_bytes(self) -> int:
        """Body and message attributes, as SQS counts them."""
        return len(self.body.encode()) + attributes_size_bytes(self.attributes)


def from_received(received: Mapping[str, Any]) -> DeadMessage:
    """Read one element of a ReceiveMessage answer (with all attributes asked for)."""
    system = received.get("Attributes", {})
    return DeadMessage(
        message_id=received["MessageId"],
        receipt_handle=received["ReceiptHandle"],
        body=received["Body"],
        sent_at=_from_milliseconds(system.get("SentTimestamp")),
        first_received_at=_from_milliseconds(system.get("ApproximateFirstReceiveTimestamp")),
        receive_count=int(system.get("ApproximateReceiveCount") or 1),
        attributes=received.get("MessageAttributes", {}),
        group_id=system.get("MessageGroupId"),
        sequence_number=system.get("SequenceNumber"),
        trace_header=system.get("AWSTraceHeader"),
        source_arn=system.get("DeadLetterQueueSourceArn"),
    )


def replayed_attributes(message: DeadMessage) -> dict[str, dict[str, Any]]:
    """The message attributes of a replay: our marks off, the first delivery kept in `replayed`."""
    kept = {
        name: {
            key: value
            for key, value in attribute.items()
            if key in {"DataType", "StringValue", "BinaryValue"}
        }
        for name, attribute in message.attributes.items()
        if name not in MARKS | EVENTBRIDGE_MARKS
    }
    first = message.first_delivery
    received_at = to_wire(first.received_at)
    note = {"original_message_id": first.message_id, "first_received_at": received_at}
    return kept | {REPLAYED: {"DataType": "String", "StringValue": json.dumps(note)}}


def attributes_size_bytes(attributes: Mapping[str, Mapping[str, Any]]) -> int:
    """Names, types and values, as SQS counts them toward a message's size."""
    return sum(
        len(name.encode())
        + len(value.get("DataType", ""))
        + len(value.get("StringValue", "").encode())
        + len(value.get("BinaryValue", b""))
        for name, value in attributes.items()
    )


def to_lambda_record(message: DeadMessage, *, queue_arn: str) -> dict[str, Any]:
    """The message as an event source mapping hands it to a function, from a queue of this ARN.

    The first delivery's id stays with it: by that a consumer that parks by customer knows it.
    """
    system = {
        "ApproximateReceiveCount": str(message.receive_count),
        "SentTimestamp": _to_milliseconds(message.sent_at),
        "ApproximateFirstReceiveTimestamp": _to_milliseconds(message.first_received_at),
    }
    if message.group_id:
        system["MessageGroupId"] = message.group_id
    if message.trace_header:
        system["AWSTraceHeader"] = message.trace_header
    return {
        "messageId": message.message_id,
        "receiptHandle": "",  # the consumer must not change what becomes of the message
        "body": message.body,
        "attributes": system,
        "messageAttributes": {
            name: {key[0].lower() + key[1:]: value for key, value in _to_json(attribute).items()}
            for name, attribute in replayed_attributes(message).items()
        },
        "eventSource": "aws:sqs",
        "eventSourceARN": queue_arn,
    }


def _text(value: Any) -> str:
    return value if isinstance(value, str) else ""


def _from_milliseconds(value: str | None) -> datetime:
    return datetime.fromtimestamp(int(value or 0) / 1000, UTC)


def _to_milliseconds(instant: datetime) -> str:
    return str(int(instant.timestamp() * 1000))


_OPTIONAL = ("group_id", "trace_header", "source_arn")


def to_line(message: DeadMessage) -> dict[str, Any]:
    """The JSON object of a message, complete: what SQS hands out, all but the receipt handle.

    `attributes` are the message attributes in the SQS API's shape, binary values in base64;
    `group_id`, `trace_header` and `source_arn` are there where the message has them.
    """
    line: dict[str, Any] = {
        "message_id": message.message_id,
        "sent_at": to_wire(message.sent_at),
        "first_received_at": to_wire(message.first_received_at),
        "receive_count": message.receive_count,
        "attributes": {name: _to_json(value) for name, value in message.attributes.items()},
        "body": message.body,
    }
    return line | {name: getattr(message, name) for name in _OPTIONAL if getattr(message, name)}


def from_line(line: Mapping[str, Any]) -> DeadMessage:
    """Read what `to_line` wrote. Raises: KeyError, TypeError, ValueError: it is no such object."""
    if not isinstance(line["body"], str) or not isinstance(line["message_id"], str):
        raise TypeError("message_id and body are strings")
    (line["message_id"] + line["body"]).encode()  # half a surrogate pair can't be sent
    return DeadMessage(
        message_id=line["message_id"],
        receipt_handle="",
        body=line["body"],
        sent_at=from_wire(line["sent_at"]),
        first_received_at=from_wire(line["first_received_at"]),
        receive_count=int(line["receive_count"]),
        attributes={name: _from_json(value) for name, value in line["attributes"].items()},
        **{name: line.get(name) for name in _OPTIONAL},
    )


def _to_json(attribute: Mapping[str, Any]) -> dict[str, str]:
    result = {"DataType": str(attribute["DataType"])}
    if "BinaryValue" in attribute:
        return result | {"BinaryValue": base64.b64encode(attribute["BinaryValue"]).decode()}
    return result | {"StringValue": str(attribute.get("StringValue", ""))}


def _from_json(attribute: Mapping[str, str]) -> dict[str, Any]:
    if "BinaryValue" in attribute:
        value = base64.b64decode(attribute["BinaryValue"], validate=True)
        return {"DataType": attribute["DataType"], "BinaryValue": value}
    return {"DataType": attribute["DataType"], "StringValue": attribute["StringValue"]}
