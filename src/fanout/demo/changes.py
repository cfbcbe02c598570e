"""One line of a changes file: what is done to one customer in the Accounts table. Pure."""

from collections.abc import Mapping
from dataclasses import dataclass
from enum import StrEnum
from typing import Any

from customer_events.event import REASON_LENGTH_MAX, Status
from publisher.attribute_values import is_unicode

FIELDS = ("customer_id", "status", "reason", "op")
STATUSES = tuple(status.value for status in Status if status is not Status.REMOVED)
"""What a customer of the Accounts table can be; `REMOVED` is what a deletion becomes."""
_CUSTOMER_ID_LENGTH_MAX = 200
_SHOWN_LENGTH_MAX = 40


class Op(StrEnum):
    """How the Accounts table is written."""

    PUT = "put"  # PutItem: the whole item, made or replaced
    UPDATE = "update"  # UpdateItem: status and reason, the other attributes stay
    TOUCH = "touch"  # UpdateItem of another attribute: the status stays
    DELETE = "delete"  # DeleteItem


_WITH_STATUS = (Op.PUT, Op.UPDATE)


@dataclass(frozen=True, slots=True, kw_only=True)
class Change:
    """A write to play. `status` is set with `PUT` and `UPDATE` alone."""

    op: Op
    customer_id: str
    status: str | None = None
    reason: str | None = None


class BadChange(ValueError):
    """Says what was expected of a line, and where in it."""


def parse_change(fields: Mapping[str, Any]) -> Change:
    """Read a line's fields; those that are absent or None count as not given.

    Raises:
        BadChange: names the field and what was expected.
    """
    unknown = sorted(set(fields) - set(FIELDS))
    if unknown:
        raise BadChange(f"unknown field {shown(unknown[0])}; expected {', '.join(FIELDS)}")
    given = {name: value for name, value in fields.items() if value is not None}
    op = _op(given)
    status, reason = given.get("status"), given.get("reason")
    if op in _WITH_STATUS:
        _expect_status(status)
    elif status is not None or reason is not None:
        raise BadChange(f"op {op} takes neither status nor reason")
    if reason is not None and not (
        isinstance(reason, str) and 1 <= len(reason) <= REASON_LENGTH_MAX
    ):
        raise BadChange(f"reason: expected text of 1 to {REASON_LENGTH_MAX} characters")
    _expect_unicode("reason", reason or "")
    return Change(op=op, customer_id=_customer_id(given), status=status, reason=reason)


def shown(value: Any) -> str:
    """A value as an error shows it: quoted, and no longer than a glance."""
    text = repr(value)
    return text if len(text) <= _SHOWN_LENGTH_MAX else f"{text[:_SHOWN_LENGTH_MAX]}…"


# Private functions


def _op(given: Mapping[str, Any]) -> Op:
    if "op" not in given:
        if "status" not in given:
            raise BadChange("expected status, or op touch or delete")
        return Op.UPDATE
    try:
        return Op(given["op"])
    except ValueError:
        raise BadChange(
            f"op: expected one of {', '.join(Op)}, found {shown(given['op'])}"
        ) from None


def _expect_status(status: Any) -> None:
    if status not in STATUSES:
        found = "none" if status is None else shown(status)
        raise BadChange(f"status: expected one of {', '.join(STATUSES)}, found {found}")


def _expect_unicode(field: str, text: str) -> None:
    """JSON can spell half a surrogate pair, and no request could carry it to the table."""
    if not is_unicode(text):
        raise BadChange(f"{field}: expected Unicode text, found half a surrogate pair")


def _customer_id(given: Mapping[str, Any]) -> str:
    customer_id = given.get("customer_id")
    if not isinstance(customer_id, str) or not 1 <= len(customer_id) <= _CUSTOMER_ID_LENGTH_MAX:
        raise BadChange(f"customer_id: expected text of 1 to {_CUSTOMER_ID_LENGTH_MAX} characters")
    _expect_unicode("customer_id", customer_id)
    return customer_id
