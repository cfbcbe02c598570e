"""A stream record, in the shape in which Lambda passes it, whatever that holds. Pure.

`sequence_number` and `record_id` are safe to log and to use in a key: digits, or hexadecimal.
"""

import json
import re
from dataclasses import dataclass
from datetime import datetime
from hashlib import sha256
from typing import Any

from publisher.attribute_values import epoch_second

_EVENT_ID = re.compile(r"[0-9a-fA-F-]{1,64}", re.ASCII)
_SEQUENCE_NUMBER = re.compile(r"[0-9]{1,40}", re.ASCII)


@dataclass(frozen=True, slots=True)
class StreamRecord:
    """One change of an item; `raw` is the record itself, which is what gets parked."""

    raw: Any

    @property
    def kind(self) -> str:
        """`INSERT`, `MODIFY` or `REMOVE`; "" where it says nothing."""
        kind = self.raw.get("eventName") if isinstance(self.raw, dict) else None
        return kind if isinstance(kind, str) else ""

    @property
    def stream(self) -> dict[str, Any]:
        """Its keys, images, number and time; empty where it has none."""
        stream = self.raw.get("dynamodb") if isinstance(self.raw, dict) else None
        return stream if isinstance(stream, dict) else {}

    @property
    def sequence_number(self) -> str | None:
        """Its place in its shard, 1 to 40 digits; None where it has none."""
        number = self.stream.get("SequenceNumber")
        return number if isinstance(number, str) and _SEQUENCE_NUMBER.fullmatch(number) else None

    @property
    def created_at(self) -> datetime | None:
        """When the item changed, rounded down to the second; None where it does not say."""
        return epoch_second(self.stream.get("ApproximateCreationDateTime"))

    @property
    def record_id(self) -> str:
        """Its `eventID`, or where it has none, the SHA-256 of its JSON: stable over deliveries."""
        event_id = self.raw.get("eventID") if isinstance(self.raw, dict) else None
        if isinstance(event_id, str) and _EVENT_ID.fullmatch(event_id):
            return event_id
        return sha256(json.dumps(self.raw, sort_keys=True).encode()).hexdigest()
