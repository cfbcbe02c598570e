"""Instants on the wire: RFC 3339 in UTC with a `Z`, down to microseconds.

`sortable` has a fixed width, so that strings compare as the instants do; conditions in DynamoDB
need that. `to_wire` leaves a zero fraction out, as ApproximateCreationDateTime has none.
"""

import re
from datetime import UTC, datetime

_LEAP = "(0[48]|[2468][048]|[13579][26])"
_YEAR = "([1-9][0-9]{3}|0[1-9][0-9]{2}|00[1-9][0-9]|000[1-9])"
_DAY = (
    rf"({_YEAR}-((0[13578]|1[02])-(0[1-9]|[12][0-9]|3[01])|(0[469]|11)-(0[1-9]|[12][0-9]|30)"
    rf"|02-(0[1-9]|1[0-9]|2[0-8]))|([0-9]{{2}}{_LEAP}|{_LEAP}00)-02-29)"
)
WIRE_PATTERN = rf"^{_DAY}T([01][0-9]|2[0-3]):[0-5][0-9]:[0-5][0-9](\.[0-9]{{1,6}})?Z$"
"""Knows the length of each month, so that a schema needs no date library to say what is valid."""
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
    return instant.astimezone(UTC).isoformat().removesuffix("+00:00") + "Z"


def sortable(instant: datetime) -> str:
    """`2026-11-23T09:30:00.000000Z`: always 27 characters, so that text order is time order."""
    return instant.astimezone(UTC).isoformat("T", "microseconds").removesuffix("+00:00") + "Z"
