"""What identifies a stream record, in the shape in which Lambda passes it. Pure.

What comes out is safe to log and to use in a key: digits, or hexadecimal.
"""

import json
import re
from hashlib import sha256

from publisher.attribute_values import epoch_second, is_number_text
from publisher.transitions import Record

_EVENT_ID = re.compile(r"[0-9a-fA-F-]{1,64}", re.ASCII)


def sequence_number(record: Record) -> str | None:
    """The record's place in its shard; None where it has none."""
    stream = record.get("dynamodb") if isinstance(record, dict) else None
    number = stream.get("SequenceNumber") if isinstance(stream, dict) else None
    return str(number) if is_number_text(number) else None


def record_id(record: Record) -> str:
    """Its `eventID`, or where it has none, the SHA-256 of its JSON: the same at each delivery."""
    event_id = record.get("eventID") if isinstance(record, dict) else None
    if isinstance(event_id, str) and _EVENT_ID.fullmatch(event_id):
        return event_id
    return sha256(json.dumps(record, sort_keys=True).encode()).hexdigest()


def creation_date(record: Record) -> str | None:
    """The UTC day of the change as `2026/11/23`; None where the record does not say."""
    stream = record.get("dynamodb") if isinstance(record, dict) else None
    seconds = stream.get("ApproximateCreationDateTime") if isinstance(stream, dict) else None
    instant = epoch_second(seconds)
    return None if instant is None else f"{instant:%Y/%m/%d}"


def creation_epoch_seconds(record: Record) -> int | None:
    """When the change was made, in whole epoch seconds; None where the record does not say."""
    stream = record.get("dynamodb") if isinstance(record, dict) else None
    seconds = stream.get("ApproximateCreationDateTime") if isinstance(stream, dict) else None
    instant = epoch_second(seconds)
    return None if instant is None else int(instant.timestamp())
