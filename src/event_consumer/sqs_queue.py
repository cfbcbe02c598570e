"""The subscriber's queue and DLQ on SQS: parking poison messages, delaying failed ones."""

import base64
import json
import math
import random
from collections.abc import Callable, Iterable, Iterator, Sequence
from concurrent.futures import ThreadPoolExecutor
from contextlib import suppress
from datetime import datetime
from operator import itemgetter
from typing import Any, TypeVar

from botocore.exceptions import BotoCoreError, ClientError

from customer_events.deadline import Deadline
from customer_events.instants import to_wire
from event_consumer.failures import raised
from event_consumer.messages import Message, first_delivery
from event_consumer.ports import Parking

ENTRIES_MAX = 10
"""Entries in one SQS batch call (SendMessageBatch, ChangeMessageVisibilityBatch)."""
BATCH_BYTES_MAX = 1_048_576
"""All bodies and attributes of one SendMessageBatch (1 MiB since August 2025)."""
ATTRIBUTES_MAX = 10
"""Message attributes of one message; two of them are ours when it is parked."""
MARKS = frozenset({"parked_reason", "parked", "replayed"})
"""Our own attributes: written anew at each parking, which keeps what they say of the first."""
DELAY_SECONDS_MIN = 5
DELAY_SECONDS_MAX = 900
_Element = TypeVar("_Element")


def batches(
    elements: Iterable[_Element],
    size_of: Callable[[_Element], int] = lambda _: 0,
    *,
    count_max: int = ENTRIES_MAX,
    bytes_max: float = math.inf,
) -> Iterator[list[_Element]]:
    """As many at a time as fit into one call, by number and by size; at least one."""
    batch: list[_Element] = []
    batch_bytes = 0
    for element in elements:
        size_bytes = size_of(element)
        if batch and (len(batch) == count_max or batch_bytes + size_bytes > bytes_max):
            yield batch
            batch, batch_bytes = [], 0
        batch.append(element)
        batch_bytes += size_bytes
    if batch:
        yield batch


class SqsParkingLot:
    """Parks messages in the DLQ: the body byte for byte, with the reason as attributes.

    `parked_reason` holds the code; `parked` one bounded JSON object: `field`, `expected`,
    `parked_at`, `first_received_at`, `original_message_id`, `consumer`.
    """

    def __init__(self, client: Any, dlq_url: str, *, consumer: str) -> None:
        self._client = client
        self._dlq_url = dlq_url
        self._consumer = consumer

    def park(
        self, parkings: Sequence[Parking], *, parked_at: datetime, deadline: Deadline
    ) -> dict[str, str]:
        """See `ParkingLot.park`. A message that SQS does not list as successful is not parked."""
        codes: dict[str, str] = {}
        names = {str(index): parking.message.message_id for index, parking in enumerate(parkings)}
        sendable = [
            entry
            for index, parking in enumerate(parkings)
            if (entry := self._sendable(parking, parked_at, str(index)))
        ]
        for batch in batches(sendable, itemgetter(1), bytes_max=BATCH_BYTES_MAX):
            if deadline.is_over():
                break
            entries = [entry for entry, _ in batch]
            try:
                answer = self._client.send_message_batch(QueueUrl=self._dlq_url, Entries=entries)
            except (BotoCoreError, ClientError) as error:
                code = raised(error).error_type or "Unnamed"
                codes |= {names[entry["Id"]]: code for entry in entries}
                continue
            for failed in answer.get("Failed", []):
                codes[names.get(failed["Id"], "")] = failed.get("Code") or "Unnamed"
            for successful in answer.get("Successful", []):
                codes[names.get(successful["Id"], "")] = ""
        return codes

    # Private functions

    def _sendable(
        self, parking: Parking, parked_at: datetime, entry_id: str
    ) -> tuple[dict[str, Any], int] | None:
        """An entry and its size; None where it has no room for our marks, or can't be sent."""
        try:
            entry = {"Id": entry_id, **self._entry(parking, parked_at)}
            if len(entry["MessageAttributes"]) > ATTRIBUTES_MAX:
                return None
            return entry, _size_bytes(entry)
        except Exception:  # noqa: BLE001 (one odd message must not keep its neighbours unparked)
            return None

    def _entry(self, parking: Parking, parked_at: datetime) -> dict[str, Any]:
        message, reason = parking.message, parking.reason
        first = first_delivery(message)
        note = {
            "field": reason.field,
            "expected": reason.expected,
            "parked_at": to_wire(parked_at),
            "first_received_at": first["first_received_at"],
            "original_message_id": first["original_message_id"],
            "consumer": self._consumer,
        }
        attributes = {
            name: _to_send(value) for name, value in message.attributes.items() if name not in MARKS
        }
        attributes["parked_reason"] = {"DataType": "String", "StringValue": reason.code}
        attributes["parked"] = {"DataType": "String", "StringValue": json.dumps(note)}
        entry: dict[str, Any] = {"MessageBody": message.body, "MessageAttributes": attributes}
        if message.trace_header:
            header = {"DataType": "String", "StringValue": message.trace_header}
            entry["MessageSystemAttributes"] = {"AWSTraceHeader": header}
        if message.group_id:
            entry["MessageGroupId"] = message.group_id
        if message.fifo:
            # The event's id would make a second parking within five minutes vanish.
            entry["MessageDeduplicationId"] = message.message_id
        return entry


class SqsRedelivery:
    """Lets a failed message come back after a while that doubles with each receive, with jitter.

    Best effort, as far as the deadline allows: without it a message comes back when its visibility
    timeout ends, however long that is, and nothing is lost.
    """

    def __init__(self, client: Any, queue_url: str, *, jitter: random.Random | None = None) -> None:
        self._client = client
        self._queue_url = queue_url
        self._jitter = jitter or random.Random()  # noqa: S311 (spreads load, hides nothing)

    def delay(self, messages: Sequence[Message], deadline: Deadline) -> None:
        """Let messages come back later, the more so the more often they failed."""
        self._in_chunks(
            self._client.change_message_visibility_batch,
            [
                {
                    "ReceiptHandle": message.receipt_handle,
                    "VisibilityTimeout": self._seconds(message.receive_count),
                }
                for message in messages
            ],
            deadline,
        )

    def acknowledge(self, messages: Sequence[Message], deadline: Deadline) -> None:
        """These are done with, also where the process dies before it can answer."""
        receipts = [{"ReceiptHandle": message.receipt_handle} for message in messages]
        self._in_chunks(self._client.delete_message_batch, receipts, deadline)

    def _in_chunks(
        self, call: Callable[..., Any], entries: list[dict[str, Any]], deadline: Deadline
    ) -> None:
        def send(start: int) -> None:
            chunk = entries[start : start + ENTRIES_MAX]
            numbered = [{"Id": str(index), **entry} for index, entry in enumerate(chunk)]
            with suppress(BotoCoreError, ClientError):
                if not deadline.is_over():
                    call(QueueUrl=self._queue_url, Entries=numbered)

        starts = range(0, len(entries), ENTRIES_MAX)
        if len(starts) == 1:
            send(0)
            return
        with ThreadPoolExecutor(max_workers=min(len(starts), ENTRIES_MAX) or 1) as pool:
            list(pool.map(send, starts))

    def _seconds(self, receive_count: int) -> int:
        doublings = min(max(receive_count, 1) - 1, 10)
        ceiling = min(DELAY_SECONDS_MIN * 2**doublings, DELAY_SECONDS_MAX)
        return self._jitter.randint(ceiling // 2, ceiling)


# Private functions


def _to_send(attribute: Any) -> dict[str, Any]:
    """From Lambda's shape of a message attribute to the one that SendMessage takes."""
    data_type = attribute["dataType"]
    if data_type.startswith("Binary"):
        return {
            "DataType": data_type,
            "BinaryValue": base64.b64decode(attribute["binaryValue"], validate=True),
        }
    return {"DataType": data_type, "StringValue": attribute["stringValue"]}


def _size_bytes(entry: dict[str, Any]) -> int:
    attributes = sum(
        len(name.encode())
        + len(value["DataType"])
        + len(value.get("StringValue", "").encode())
        + len(value.get("BinaryValue", b""))
        for name, value in entry["MessageAttributes"].items()
    )
    return len(entry["MessageBody"].encode()) + attributes
