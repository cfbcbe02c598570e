"""Read single DynamoDB attribute values (`{"S": "ACTIVE"}`, `{"N": "7"}`). Pure.

Nothing here raises: a value of another type or form reads as None, and the caller decides whether
that matters.
"""

import re
from datetime import UTC, datetime
from decimal import Decimal
from functools import lru_cache

_WHOLE = re.compile(r"[0-9]{1,38}", re.ASCII)
_PLAIN_NUMBER = re.compile(r"0|-?[1-9][0-9]{0,37}", re.ASCII)
_NUMBER = re.compile(r"[+-]?([0-9]+\.?[0-9]*|\.[0-9]+)([Ee][+-]?[0-9]{1,3})?", re.ASCII)
_NUMBER_DIGITS_MAX, _EXPONENT_MIN, _EXPONENT_MAX = 38, -130, 125
"""Of a number ("Supported data types", Amazon DynamoDB Developer Guide)."""
_INSTANT = re.compile(
    r"[0-9]{4}-[0-9]{2}-[0-9]{2}[Tt][0-9]{2}:[0-9]{2}:[0-9]{2}(\.[0-9]{1,9})?"
    r"([Zz]|[+-][0-9]{2}:[0-9]{2})",
    re.ASCII,
)
_MILLISECONDS_FROM = 100_000_000_000
"""An epoch number this large is in milliseconds: as seconds it would be after the year 5100."""


def text(value: object) -> str | None:
    """The text of an `S`."""
    content = value.get("S") if isinstance(value, dict) else None
    return content if isinstance(content, str) else None


def scalar(value: object) -> str | None:
    """The text of an `S`, or of an `N` as `number_text` writes it; so a key names its customer."""
    written = text(value)
    return _number(value) if written is None else written


def number_text(written: str) -> str | None:
    """A number as DynamoDB writes it: `-3`, `100000` for `1E+5`, `0.5` for `0.50`.

    None for what is no number of DynamoDB's: other digits than ASCII's, more than 38 of them, or
    beyond its range.
    """
    if _PLAIN_NUMBER.fullmatch(written):
        return written
    if not _NUMBER.fullmatch(written):
        return None
    number = Decimal(written)
    digits = "".join(map(str, number.as_tuple().digits)).strip("0")
    if not digits:
        return "0"
    fits = len(digits) <= _NUMBER_DIGITS_MAX
    if not fits or not _EXPONENT_MIN <= number.adjusted() <= _EXPONENT_MAX:
        return None
    plain = format(number, "f")
    return plain.rstrip("0").rstrip(".") if "." in plain else plain


def whole_number(value: object) -> int | None:
    """The value of an `N` that is whole and not negative."""
    content = _number(value)
    return int(content) if content is not None and _WHOLE.fullmatch(content) else None


def is_unicode(value: str) -> bool:
    """Whether UTF-8 can carry it; half a surrogate pair passes JSON and breaks every reader."""
    if value.isascii():
        return True
    try:
        value.encode()
    except UnicodeEncodeError:
        return False
    return True


def epoch_second(value: object) -> datetime | None:
    """A number of epoch seconds or milliseconds as an instant, rounded down to the second."""
    if isinstance(value, int | float) and not isinstance(value, bool):
        try:
            return _second(int(_seconds(value)))
        except (ValueError, OverflowError, OSError):
            return None
    return None


def instant(value: object) -> datetime | None:
    """An `S` in RFC 3339 with any offset, or an `N` of epoch seconds or milliseconds."""
    written = text(value)
    try:
        if written is not None:
            return _from_rfc_3339(written) if _INSTANT.fullmatch(written) else None
        number = _number(value)
        return None if number is None else datetime.fromtimestamp(_seconds(float(number)), UTC)
    except (ValueError, OverflowError, OSError):
        return None


# Private functions


@lru_cache(maxsize=64)
def _second(seconds: int) -> datetime:
    """Cached: the records of a batch share few seconds."""
    return datetime.fromtimestamp(seconds, UTC)


def _from_rfc_3339(written: str) -> datetime:
    return datetime.fromisoformat(written.upper()).astimezone(UTC)


def _seconds(number: float) -> float:
    return number / 1000 if abs(number) >= _MILLISECONDS_FROM else number


def _number(value: object) -> str | None:
    """The text of an `N`, as DynamoDB writes it."""
    content = value.get("N") if isinstance(value, dict) else None
    return number_text(content) if isinstance(content, str) else None
