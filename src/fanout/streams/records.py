"""Stream records as Lambda hands them to a function, made from what GetRecords answers."""

import base64
import json
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from datetime import datetime
from typing import Any


@dataclass(frozen=True, slots=True, kw_only=True)
class StreamRecord:
    """One stream record on its way to the function.

    Attributes:
        sequence: Its SequenceNumber; compared as an integer, never as a string.
        key: Its partition key, in any stable form: records of one key stay in order.
        created_at: ApproximateCreationDateTime, seconds since the epoch.
        body: The record in Lambda's shape, as JSON.
    """

    sequence: str
    key: str
    created_at: float
    body: str = ""

    @property
    def number(self) -> int:
        """The sequence number as it orders."""
        return int(self.sequence)


def take_record(raw: Mapping[str, Any], *, stream_arn: str, partition_key: str) -> StreamRecord:
    """Turn one record of GetRecords into what the mapping works with.

    `partition_key` names the table's partition key attribute.
    """
    record = shape_record(raw, stream_arn=stream_arn)
    change = record["dynamodb"]
    return StreamRecord(
        sequence=change["SequenceNumber"],
        key=json.dumps(change["Keys"].get(partition_key), sort_keys=True),
        created_at=float(change.get("ApproximateCreationDateTime", 0)),
        body=json.dumps(record, separators=(",", ":")),
    )


def shape_record(raw: Mapping[str, Any], *, stream_arn: str) -> dict[str, Any]:
    """The record in the shape of a Lambda event: plain JSON, binary values in base64.

    GetRecords names no stream, writes `userIdentity` with capitals and gives the time as a
    datetime; Lambda adds the stream's ARN, writes lower case and a number of seconds.
    """
    record = {name: plain(value) for name, value in raw.items() if name != "userIdentity"}
    identity = raw.get("userIdentity")
    if identity:
        record["userIdentity"] = {
            name[:1].lower() + name[1:]: value for name, value in identity.items()
        }
    record["eventSourceARN"] = stream_arn
    return record


def plain(value: Any) -> Any:
    """The same value with base64 for bytes and epoch seconds for datetimes, all the way down."""
    if isinstance(value, Mapping):
        return {name: plain(item) for name, item in value.items()}
    if isinstance(value, bytes | bytearray):
        return base64.b64encode(value).decode("ascii")
    if isinstance(value, datetime):
        seconds = value.timestamp()
        return int(seconds) if seconds.is_integer() else seconds
    if isinstance(value, Sequence) and not isinstance(value, str):
        return [plain(item) for item in value]
    return value


def payload_of(records: Sequence[StreamRecord]) -> str:
    """The event for the function: the records' JSON as it is, not encoded a second time."""
    return '{"Records":[' + ",".join(record.body for record in records) + "]}"
