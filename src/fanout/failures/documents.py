"""What lies in the failure store, as the commands see it. Pure.

The shapes are the publisher's own (`publisher.failure_store`) and Lambda's: "Retain discarded
records for a DynamoDB event source in Lambda", Lambda developer guide.
"""

import json
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from datetime import datetime
from enum import StrEnum
from typing import Any

from customer_events.instants import from_wire
from publisher import attribute_values, stream_records
from publisher.failure_store import KEY_PREFIX

PARKED_PREFIX = f"{KEY_PREFIX}/"
LAMBDA_PREFIX = "aws/lambda/"
UNREADABLE = "Unreadable"
Record = dict[str, Any]


class Kind(StrEnum):
    """Who put it there."""

    PARKED = "parked"
    BATCH = "batch"
    RANGE = "range"
    """Nobody: a range of the stream that a person named."""


@dataclass(frozen=True, slots=True, kw_only=True)
class StreamRange:
    """Records of one shard, both ends included; `arrived_at` is of the first, where known."""

    stream_arn: str
    shard_id: str
    first: str
    last: str
    arrived_at: datetime | None = None


@dataclass(frozen=True, slots=True, kw_only=True)
class Failure:
    """One object.

    Args:
        key: in the bucket.
        kind: who put it there.
        reason: the code for which the publisher parked it, or Lambda's condition.
        field: what was at fault, for a parked record.
        expected: what would have been right; for a batch, the function's error.
        at: when it was put there; None where it does not say.
        records: the stream records; None where it holds only their range.
        stream_range: where a batch's records are in the stream.
    """

    key: str
    kind: Kind
    reason: str
    field: str = ""
    expected: str = ""
    at: datetime | None = None
    records: Sequence[Record] | None = None
    stream_range: StreamRange | None = None


def read(key: str, body: bytes) -> Failure:
    """Read an object; one of no known form has the reason `Unreadable` and no records."""
    kind = Kind.PARKED if key.startswith(PARKED_PREFIX) else Kind.BATCH
    try:
        document = json.loads(body)
    except (ValueError, RecursionError):
        document = None
    if isinstance(document, dict):
        found = _parked(key, document) if kind is Kind.PARKED else _batch(key, document)
        if found is not None:
            return found
    return Failure(
        key=key, kind=kind, reason=UNREADABLE, expected="a document of the publisher or of Lambda"
    )


def order_of(record: Record) -> int:
    """The record's place among all: its SequenceNumber; 0 where it has none.

    A later change of one item has the numerically larger number, across splits of its shard too.
    """
    number = stream_records.sequence_number(record)
    return 0 if number is None else int(number)


def customer_of(record: Record, id_attribute: str) -> str | None:
    """Whom a record is about; None where its key does not say."""
    keys = _object(_object(_object(record).get("dynamodb")).get("Keys"))
    return attribute_values.scalar(keys.get(id_attribute)) or None


def occurred_at(record: Record) -> datetime | None:
    """When the change was made, to the second."""
    stream = _object(_object(record).get("dynamodb"))
    return attribute_values.epoch_second(stream.get("ApproximateCreationDateTime"))


# Private functions


def _parked(key: str, document: Mapping[str, Any]) -> Failure | None:
    record = document.get("record")
    if not isinstance(record, dict):
        return None
    return Failure(
        key=key,
        kind=Kind.PARKED,
        reason=str(document.get("reason") or "unknown reason"),
        field=str(document.get("field") or ""),
        expected=str(document.get("expected") or ""),
        at=_instant(document.get("parked_at")),
        records=(record,),
    )


def _batch(key: str, document: Mapping[str, Any]) -> Failure | None:
    records = _records_in(document.get("payload"))
    stream_range = _range(_object(document.get("DDBStreamBatchInfo")))
    if records is None and stream_range is None:
        return None
    error = _object(document.get("responseContext")).get("functionError")
    return Failure(
        key=key,
        kind=Kind.BATCH,
        reason=str(_object(document.get("requestContext")).get("condition") or "unknown condition"),
        expected=f"a function without error; it said {error}" if error else "",
        at=_instant(document.get("timestamp")),
        records=records,
        stream_range=stream_range,
    )


def _records_in(payload: object) -> list[Record] | None:
    """The payload is the invocation's event, as JSON text or as an object."""
    try:
        event = json.loads(payload) if isinstance(payload, str) else payload
    except (ValueError, RecursionError):
        return None
    records = _object(event).get("Records")
    return records if isinstance(records, list) else None


def _range(info: Mapping[str, Any]) -> StreamRange | None:
    try:
        return StreamRange(
            stream_arn=str(info["streamArn"]),
            shard_id=str(info["shardId"]),
            first=str(int(info["startSequenceNumber"])),
            last=str(int(info["endSequenceNumber"])),
            arrived_at=_instant(info.get("approximateArrivalOfFirstRecord")),
        )
    except (KeyError, TypeError, ValueError, OverflowError):
        return None


def _instant(value: object) -> datetime | None:
    try:
        return from_wire(str(value)) if value else None
    except ValueError:
        return None


def _object(value: object) -> Mapping[str, Any]:
    return value if isinstance(value, dict) else {}
