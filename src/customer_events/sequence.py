"""The order of one customer's changes, as text that sorts.

A sequence is `EPOCH.NUMBER`: 4 and 40 zero-padded digits. NUMBER is a stream record's
SequenceNumber (21 to 40 digits of varying length, so it is never compared unpadded, and too long
for a DynamoDB Number, which holds 38 digits) or the value of a version counter in the table.
EPOCH leads the order and is raised when the counter starts anew.
"""

import re
from enum import StrEnum
from typing import NewType

Sequence = NewType("Sequence", str)

EPOCH_DIGITS = 4
NUMBER_DIGITS = 40
EPOCH_MAX = 10**EPOCH_DIGITS - 1
PATTERN = r"^[0-9]{4}\.[0-9]{40}$"
_SEQUENCE = re.compile(PATTERN.removesuffix("$"), re.ASCII)
_DIGITS = re.compile(r"[0-9]{1,40}", re.ASCII)


class SequenceSource(StrEnum):
    """Which counter NUMBER is."""

    STREAM = "stream"
    VERSION = "version"


def sequence(number: str | int, *, epoch: int) -> Sequence:
    """Place a counter's value in the order.

    Args:
        number: a SequenceNumber (1 to 40 ASCII digits) or a version counter's value.
        epoch: 1 to 9999.

    Raises:
        ValueError: the number or the epoch does not fit.
    """
    digits = str(number)
    if not _DIGITS.fullmatch(digits):
        raise ValueError("expected a whole number of 1 to 40 digits")
    if not 1 <= epoch <= EPOCH_MAX:
        raise ValueError(f"expected an epoch from 1 to {EPOCH_MAX}")
    return Sequence(f"{epoch:0{EPOCH_DIGITS}}.{digits:0>{NUMBER_DIGITS}}")


UNCOUNTED = Sequence(f"{0:0{EPOCH_DIGITS}}.{0:0{NUMBER_DIGITS}}")
"""The sequence of a snapshot that has no version counter: below every live event."""


def parse(text: str) -> Sequence:
    """Accept a sequence as it stands on the wire.

    Raises:
        ValueError: not `EPOCH.NUMBER` in 4 and 40 digits.
    """
    if not _SEQUENCE.fullmatch(text):
        raise ValueError("expected EPOCH.NUMBER, 4 and 40 digits")
    return Sequence(text)


def epoch_prefix(value: Sequence) -> str:
    """`EPOCH.`, which all sequences of one epoch begin with."""
    return value[: EPOCH_DIGITS + 1]
