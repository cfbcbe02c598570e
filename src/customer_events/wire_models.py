"""The documents as pydantic models: the reader's side of the schemas in `schemas/`.

Readers are tolerant: fields that a schema does not declare pass and are ignored. Types are strict:
the text "1" is not a number, and a number is not a text.
"""

from datetime import datetime
from typing import Annotated, Literal
from uuid import UUID

from pydantic import AfterValidator, BaseModel, BeforeValidator, ConfigDict, Field

from customer_events import instants, sequence
from customer_events.event import CUSTOMER_ID_LENGTH_MAX, REASON_LENGTH_MAX

_UUID_PATTERN = r"^[0-9a-f]{8}-[0-9a-f]{4}-[0-9a-f]{4}-[0-9a-f]{4}-[0-9a-f]{12}$"
_URI_PATTERN = r"^[A-Za-z][A-Za-z0-9+.-]*:[!-~]+$"


def _instant(value: object) -> datetime:
    if not isinstance(value, str):
        raise ValueError("expected an RFC 3339 instant in UTC, as text")  # noqa: TRY004 (pydantic)
    return instants.from_wire(value)


Instant = Annotated[datetime, BeforeValidator(_instant)]
CustomerId = Annotated[str, Field(min_length=1, max_length=CUSTOMER_ID_LENGTH_MAX)]
SequenceText = Annotated[str, AfterValidator(sequence.parse)]


class Wire(BaseModel):
    """How every model reads: tolerant of fields it does not know, strict about types."""

    model_config = ConfigDict(extra="ignore", frozen=True, strict=True)


class Attributes(Wire):
    """The CloudEvents attributes of every event but its `type`; `data` is validated by version."""

    specversion: Literal["1.0"]
    id: Annotated[str, Field(pattern=_UUID_PATTERN), AfterValidator(UUID)]
    source: Annotated[str, Field(pattern=_URI_PATTERN)]
    subject: CustomerId
    partitionkey: CustomerId
    time: Instant
    sequence: SequenceText
    sequencesource: Literal["stream", "version"]
    traceparent: str | None = None
    data: dict[str, object]


class Envelope(Attributes):
    """What surrounds a `CustomerStatusChanged`."""

    type: Literal[
        "novapay.accounts.CustomerStatusChanged.v1", "novapay.accounts.CustomerStatusChanged.v2"
    ]
    repairs: SequenceText | None = None


StatusText = Literal["PENDING", "ACTIVE", "SUSPENDED", "CLOSED", "REMOVED"]
StatusTextV1 = Literal["PENDING", "ACTIVE", "SUSPENDED", "CLOSED"]
ChangeText = Literal["created", "changed", "removed", "snapshot"]


class DataV1(Wire):
    """`data` of the deprecated first major version."""

    customer_id: CustomerId
    old_status: StatusTextV1 | None
    new_status: StatusTextV1
    changed_at: Instant


class DataV2(Wire):
    """`data` of the current major version."""

    customer_id: CustomerId
    status: StatusText
    previous_status: StatusText | None
    reason: Annotated[str, Field(min_length=1, max_length=REASON_LENGTH_MAX)] | None = None
    change: ChangeText
    changed_at: Instant
