"""Why a message is dead, who put it into the DLQ, and whether it would succeed now.

"Now" is the contract as this tool's version has it; whether the deployed consumer has the same
version is for the operator to know. Decoding proves only that the message can be read: what the
order guard says is known once it is tried.
"""

import hashlib
from collections.abc import Mapping
from dataclasses import dataclass
from enum import StrEnum
from typing import Any

from customer_events import errors
from customer_events.decoder import from_document
from customer_events.errors import OrderContradiction, PermanentError
from customer_events.event import TYPE_PREFIX, CustomerStatusChanged
from event_consumer.consume_batch import Reader
from event_consumer.unwrap import unwrap
from fanout.sqs.message import DeadMessage

NEVER_RAN = "NeverRan"
UNDELIVERED = "Undelivered"


class Origin(StrEnum):
    """Who put the message here, as its attributes show."""

    PARKED = "parked"
    REDRIVE = "redrive"
    EVENTBRIDGE = "eventbridge"
    SNS = "sns"


@dataclass(frozen=True, slots=True, kw_only=True)
class Cause:
    """What makes messages alike: they are counted, shown and replayed together.

    `code` is a parked reason, the error that decoding gives now, EventBridge's error code,
    `NeverRan` or `Undelivered`; `field` and `expected` say where and what, or are "".
    """

    origin: Origin
    code: str
    field: str = ""
    expected: str = ""

    @property
    def key(self) -> str:
        """Eight hexadecimal digits that name this cause anywhere, at any time."""
        text = f"{self.origin}\n{self.code}\n{self.field}\n{self.expected}"
        return hashlib.sha256(text.encode(errors="backslashreplace")).hexdigest()[:8]


@dataclass(frozen=True, slots=True, kw_only=True)
class Diagnosis:
    """What is known of a dead message.

    `event` is None where it can't be decoded now, and `error` says why; `customer_id` and
    `version` are then read from the `document`, as far as they can be found, or None.
    `may_succeed_now` is False where decoding fails; None where it can't be judged from here.
    """

    cause: Cause
    event: CustomerStatusChanged | None
    error: PermanentError | None
    document: Mapping[str, Any] | None

    @property
    def customer_id(self) -> str | None:
        """See the class."""
        if self.event is not None:
            return self.event.customer_id
        document = self.document or {}
        data = document.get("data")
        inner = data.get("customer_id") if isinstance(data, dict) else None
        named = (document.get("subject"), document.get("partitionkey"), inner)
        return next((found for found in named if isinstance(found, str) and found), None)

    @property
    def version(self) -> int | None:
        """See the class."""
        if self.event is not None:
            return self.event.schema_version
        event_type = (self.document or {}).get("type")
        major = event_type.removeprefix(TYPE_PREFIX) if isinstance(event_type, str) else ""
        return int(major) if major.isascii() and major.isdigit() and len(major) < 10 else None  # noqa: PLR2004 (as the decoder)

    @property
    def may_succeed_now(self) -> bool | None:
        """See the class."""
        if self.error is not None:
            return False
        # Decoding can't judge again what came from comparing with the stored row.
        return None if self.cause.code == OrderContradiction.__name__ else True

    @property
    def prospect(self) -> str:
        """One sentence: would it succeed now, and if not, what to do."""
        if self.error is not None:
            where = f" ({self.error.field}: {self.error.expected})" if self.error.field else ""
            return f"No: {self.error.code}{where}. {advice(self.error.code)}"
        if self.may_succeed_now is None:
            return f"Can be read; the stored row decides. {advice(self.cause.code)}"
        return "Yes: it can be read now. The order guard makes it APPLIED, DUPLICATE or STALE."


def diagnose(message: DeadMessage, reader: Reader = from_document) -> Diagnosis:
    """Judge a message by its attributes, and by decoding its body as the subscriber does."""
    document: dict[str, Any] | None = None
    event: CustomerStatusChanged | None = None
    error: PermanentError | None = None
    try:
        document = unwrap(message.body)
        event = reader(document)
    except PermanentError as reason:
        error = reason
    return Diagnosis(cause=_cause(message, error), event=event, error=error, document=document)


def advice(code: str) -> str:
    """What to do about a reason code: the contract's own words for it."""
    reason = getattr(errors, code, None)
    if isinstance(reason, type) and issubclass(reason, PermanentError) and reason.__doc__:
        return " ".join(reason.__doc__.split()).replace("`", "")
    return {
        NEVER_RAN: (
            "Nothing is wrong with it: its attempts were used up while the function was throttled "
            "or what it needs was down. Check that both work, then replay."
        ),
        UNDELIVERED: "It never reached the queue: check the queue and its policy, then replay.",
    }.get(code, "Look at one with --message, fix the cause, then replay.")


# Private functions


def _cause(message: DeadMessage, error: PermanentError | None) -> Cause:
    parked = message.parked
    if parked is not None:
        return Cause(
            origin=Origin.PARKED, code=parked.reason, field=parked.field, expected=parked.expected
        )
    origin, code = Origin.REDRIVE, NEVER_RAN
    if message.source_arn is None:
        if (eventbridge := message.text_attribute("ERROR_CODE")) is not None:
            exhausted = message.text_attribute("EXHAUSTED_RETRY_CONDITION") or ""
            return Cause(origin=Origin.EVENTBRIDGE, code=eventbridge, expected=exhausted)
        origin, code = Origin.SNS, UNDELIVERED
    if error is None:
        return Cause(origin=origin, code=code)
    return Cause(origin=origin, code=error.code, field=error.field, expected=error.expected)


def facts_of(message: DeadMessage, diagnosis: Diagnosis) -> dict[str, Any]:
    """What the journal says of a selected message: ids and codes, nothing personal."""
    item: dict[str, Any] = {
        "id": message.message_id,
        "group": diagnosis.cause.key,
        "origin": diagnosis.cause.origin.value,
        "reason": diagnosis.cause.code,
        "field": diagnosis.cause.field,
        "readable": diagnosis.error is None,
    }
    if diagnosis.error is not None:
        item["unreadable"] = diagnosis.error.code
    first = message.first_delivery.message_id
    if first != message.message_id:
        item["alias"] = first
    if message.group_id and message.sequence_number:
        item |= {"message_group": message.group_id, "sequence_number": int(message.sequence_number)}
    return item
