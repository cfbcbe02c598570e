"""Instants on the wire: RFC 3339 in UTC with a `Z`, down to microseconds.

`sortable` has a fixed width, so that strings compare as the instants do; conditions in DynamoDB
need that. `to_wire` leaves a zero fraction out, as ApproximateCreationDateTime has none.
"""

import re
from datetime import UTC, datetime

WIRE_PATTERN = (
    r"^([1-9][0-9]{3}|0[1-9][0-9]{2}|00[1-9][0-9]|000[1-9])-(0[1-9]|1[0-2])-"
    r"(0[1-9]|[12][0-9]|3[01])T([01][0-9]|2[0-3]):[0-5][0-9]:[0-5][0-9](\.[0-9]{1,6})?Z$"
)
_WIRE = re.compile(WIRE_PATTERN.removesuffix("$"), re.ASCII)


def from_wire(text: str) -> datetime:
    """Parse an RFC 3339 instant in UTC.

    Raises:
        ValueError: another form, another offset, or a day that the month does not have.
    """
    if not _WIRE.fullmatch(text):
        raise ValueError("expected an RFC 3339 instant in UTC, such as 2026-11-23T09:30:00Z")
    return datetime.fromisoformat(text)


def to_wire(instant: datetime) -> str:
    """`2026-11-23T09:30:00Z`, with microseconds only where there are some."""
    return instant.astimezone(UTC).replace(tzinfo=None).isoformat() + "Z"


def sortable(instant: datetime) -> str:
    """`2026-11-23T09:30:00.000000Z`: always 27 characters, so that text order is time order."""
    return instant.astimezone(UTC).replace(tzinfo=None).isoformat(timespec="microseconds") + "Z"
