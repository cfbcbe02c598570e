"""Which messages a command is about.

Every condition must hold. Ages count from when the message came into the DLQ, as far as it tells.
"""

import json
from collections.abc import Mapping
from dataclasses import dataclass
from datetime import datetime, timedelta
from typing import Any, Self

import jmespath
from jmespath.exceptions import JMESPathError

from customer_events.instants import from_wire, to_wire
from fanout.dlq.diagnosis import Diagnosis
from fanout.dlq.message import DeadMessage
from fanout.errors import WrongUse

_UNITS = {"s": "seconds", "m": "minutes", "h": "hours", "d": "days"}


@dataclass(frozen=True, slots=True, kw_only=True)
class Selection:
    """Conditions on a dead message; None: does not matter.

    `cause` is a `Cause.key`; `before` and `after` bound when it came into the DLQ; `where` is a
    JMESPath expression on `facts`, which selects where it is neither null, false nor empty; as in
    JMESPath, 0 is true.
    """

    cause: str | None = None
    customer: str | None = None
    reason: str | None = None
    version: int | None = None
    before: datetime | None = None
    after: datetime | None = None
    where: str | None = None
    message_id: str | None = None

    def __post_init__(self) -> None:
        """Raises: WrongUse where `where` is no JMESPath expression."""
        if self.where is not None:
            try:
                jmespath.compile(self.where)
            except JMESPathError as error:
                raise WrongUse(
                    f"--where {self.where!r} is no JMESPath expression: {error}"
                ) from None

    def matches(self, message: DeadMessage, diagnosis: Diagnosis) -> bool:
        """Whether a message is meant."""
        died_at = dead_since(message)
        return (
            (self.cause is None or diagnosis.cause.key == self.cause)
            and (self.customer is None or diagnosis.customer_id == self.customer)
            and (self.reason is None or diagnosis.cause.code == self.reason)
            and (self.version is None or diagnosis.version == self.version)
            and (self.before is None or died_at < self.before)
            and (self.after is None or died_at > self.after)
            and (self.message_id is None or self.message_id in _ids(message))
            and (self.where is None or _is_true(self.where, facts(message, diagnosis)))
        )

    def to_document(self) -> dict[str, Any]:
        """The conditions that were set, as a journal keeps them."""
        document = {
            "cause": self.cause,
            "customer": self.customer,
            "reason": self.reason,
            "version": self.version,
            "before": self.before and to_wire(self.before),
            "after": self.after and to_wire(self.after),
            "where": self.where,
            "message_id": self.message_id,
        }
        return {name: value for name, value in document.items() if value is not None}

    @classmethod
    def from_document(cls, document: Mapping[str, Any]) -> Self:
        """Read what `to_document` wrote."""
        fields = dict(document)
        for name in ("before", "after"):
            if name in fields:
                fields[name] = from_wire(fields[name])
        return cls(**fields)


def facts(message: DeadMessage, diagnosis: Diagnosis) -> dict[str, Any]:
    """What a JMESPath expression sees of a message.

    `body` is the event's document (null where there is none), `attributes` the message attributes
    that are text; the others are named as everywhere.
    """
    cause = diagnosis.cause
    return {
        "message_id": message.message_id,
        "group_id": message.group_id,
        "sent_at": to_wire(message.sent_at),
        "receive_count": message.receive_count,
        "origin": cause.origin.value,
        "reason": cause.code,
        "field": cause.field,
        "expected": cause.expected,
        "customer_id": diagnosis.customer_id,
        "version": diagnosis.version,
        "would_succeed": diagnosis.may_succeed_now,
        "attributes": {name: one.get("StringValue") for name, one in message.attributes.items()},
        "body": diagnosis.document,
    }


def dead_since(message: DeadMessage) -> datetime:
    """When it died, as nearly as it tells: when it was parked, or else when it was sent."""
    parked = message.parked
    return (parked and parked.parked_at) or message.sent_at


def instant_or_age(text: str, *, now: datetime, option: str) -> datetime:
    """Read `90s`, `30m`, `12h`, `7d` (before now), or an RFC 3339 instant.

    Raises:
        WrongUse: it is neither.
    """
    number, unit = text[:-1], text[-1:]
    if unit in _UNITS and number.isascii() and number.isdigit() and len(number) < 7:  # noqa: PLR2004 (fits a timedelta)
        return now - timedelta(**{_UNITS[unit]: int(number)})
    try:
        return from_wire(text)
    except ValueError:
        raise WrongUse(
            f"{option} {text!r}: expected an age such as 30m, 12h or 7d, or an instant such as "
            "2026-11-23T09:30:00Z."
        ) from None


# Private functions


def _ids(message: DeadMessage) -> tuple[str, str]:
    return message.message_id, message.first_delivery.message_id


def _is_true(expression: str, found: dict[str, Any]) -> bool:
    """Raises: WrongUse where the expression fails on this message (a wrong type, say)."""
    try:
        answer = jmespath.search(expression, json.loads(json.dumps(found)))
    except JMESPathError as error:
        raise WrongUse(f"--where {expression!r} fails on {found['message_id']}: {error}") from None
    return answer is not None and answer is not False and answer not in ("", [], {})
