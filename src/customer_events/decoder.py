"""Read a document of any supported version as a `CustomerStatusChanged`.

Nothing but the contract's own errors comes out, whatever goes in, and none of them holds a value
of the document.
"""

import re
from collections.abc import Mapping
from typing import Any, TypeVar

from pydantic import BaseModel, ValidationError
from pydantic_core import from_json

from customer_events.errors import (
    NotJson,
    PermanentError,
    SchemaViolation,
    UnknownEventType,
    UnknownStatus,
    UnsupportedVersion,
)
from customer_events.event import (
    NEWEST_MAJOR,
    Change,
    CustomerStatusChanged,
    Event,
    Status,
    well_formed_traceparent,
)
from customer_events.sequence import UNCOUNTED, Sequence, SequenceSource, epoch_prefix
from customer_events.wire_models import Attributes, DataV1, DataV2, Envelope

Model = TypeVar("Model", bound=BaseModel)
Surrounding = TypeVar("Surrounding", bound=Attributes)
_STATUS_FIELDS = frozenset({"status", "previous_status", "old_status", "new_status"})
_STATUSES = frozenset(status.value for status in Status)
_NO_MAP: Mapping[str, str] = {}
_MAJOR = re.compile(r"[1-9][0-9]{0,8}", re.ASCII)


def decode(body: str | bytes, status_map: Mapping[str, str] = _NO_MAP) -> CustomerStatusChanged:
    """Read one event from its JSON text.

    Args:
        body: the text; bytes are UTF-8.
        status_map: how to read a status that this reader does not know, such as
            `{"FROZEN": "SUSPENDED"}`. A status that it knows is never read as another one.

    Raises:
        NotJson: no JSON text.
        UnknownEventType, UnsupportedVersion, UnknownStatus, SchemaViolation: JSON, but no event
            that this reader can take; see each class.
    """
    return from_document(parse_json(body), status_map)


def parse_json(body: str | bytes) -> Any:
    """Parse JSON strictly: no NaN, no lone surrogates, bounded nesting and number length.

    Raises:
        NotJson: where it is not.
    """
    try:
        utf8 = body.encode() if isinstance(body, str) else body
        return from_json(utf8, allow_inf_nan=False)
    except (ValueError, RecursionError):
        raise NotJson("expected one JSON document") from None


def from_document(document: Any, status_map: Mapping[str, str] = _NO_MAP) -> CustomerStatusChanged:
    """Read one event from its JSON object; raises as `decode` does, except for `NotJson`."""
    major, envelope = read_envelope(document, Envelope, CustomerStatusChanged, NEWEST_MAJOR)
    data = _with_known_statuses(envelope.data, status_map) if status_map else envelope.data
    event = _event(envelope, data, major)
    expect_same_customer(event.customer_id, envelope)
    if event.change is not Change.SNAPSHOT:
        _expect_live(event)
    return event


def read_envelope(
    document: Any, model: type[Surrounding], event: type[Event], newest: int
) -> tuple[int, Surrounding]:
    """What surrounds the data of any event, and its major version, up to `newest`.

    Raises:
        UnknownEventType, UnsupportedVersion, SchemaViolation: see each class.
    """
    if not isinstance(document, dict):
        raise SchemaViolation("expected a JSON object")
    major = _major_version(document, event, newest)
    envelope = validate(model, document, "")
    if envelope.subject != envelope.partitionkey:
        raise SchemaViolation("expected the same customer as subject", field="partitionkey")
    return major, envelope


def expect_same_customer(customer_id: str, envelope: Attributes) -> None:
    """Raises: SchemaViolation where the data is another customer's than the envelope says."""
    if customer_id != envelope.subject:
        raise SchemaViolation("expected the same customer as subject", field="data.customer_id")


def attributes_of(envelope: Attributes) -> dict[str, Any]:
    """The fields of an `Event`, all but `schema_version` and `customer_id`."""
    return {
        "event_id": envelope.id,
        "source": envelope.source,
        "sequence": Sequence(envelope.sequence),
        "sequence_source": SequenceSource(envelope.sequencesource),
        "occurred_at": envelope.time,
        "traceparent": well_formed_traceparent(envelope.traceparent),
    }


def validate(model: type[Model], value: Any, path: str) -> Model:
    """Validate a part of a document, which stands at `path`.

    Raises:
        UnknownStatus, SchemaViolation: names the first field at fault, and no value.
    """
    try:
        return model.model_validate(value)
    except ValidationError as error:
        raise _violation(error, value, path) from None


# Private functions


def _major_version(document: dict[str, Any], event: type[Event], newest: int) -> int:
    """Decided before anything else: a newer version may look different in every other way."""
    event_type = document.get("type")
    if not isinstance(event_type, str):
        raise SchemaViolation(f"expected {event.type_prefix}N", field="type")
    major = event_type.removeprefix(event.type_prefix)
    if major == event_type or not _MAJOR.fullmatch(major):
        raise UnknownEventType(f"expected {event.type_prefix}N", field="type")
    if int(major) > newest:
        raise UnsupportedVersion(
            f"expected {event.name} up to major version {newest}", field="type"
        )
    return int(major)


def _with_known_statuses(
    data: Mapping[str, object], status_map: Mapping[str, str]
) -> dict[str, object]:
    """The subscriber's own reading of what is unknown; what it maps to is validated like any."""
    return {
        name: status_map.get(value, value)
        if name in _STATUS_FIELDS and isinstance(value, str) and value not in _STATUSES
        else value
        for name, value in data.items()
    }


def _expect_live(event: CustomerStatusChanged) -> None:
    """Only a snapshot may sort below every live event, and only a snapshot may repair a row."""
    if event.sequence.startswith(epoch_prefix(UNCOUNTED)):
        raise SchemaViolation("expected an epoch from 1", field="sequence")
    if event.repairs is not None:
        raise SchemaViolation("expected only on a snapshot", field="repairs")


def _violation(error: ValidationError, value: Any, path: str) -> PermanentError:
    """Names the first field at fault; pydantic's message holds what was expected, not the input."""
    first = error.errors(include_url=False, include_context=False, include_input=False)[0]
    name = str(first["loc"][0])
    expected = first["msg"].removeprefix("Value error, ")
    field = f"{path}.{name}".strip(".")
    # A number or a list can be no status of a newer version: the producer is broken.
    if name in _STATUS_FIELDS and isinstance(value.get(name), str):
        return UnknownStatus(expected, field=field)
    return SchemaViolation(expected, field=field)


def _event(envelope: Envelope, fields: Mapping[str, object], major: int) -> CustomerStatusChanged:
    model: type[DataV1 | DataV2] = DataV1 if major == 1 else DataV2
    data = validate(model, fields, "data")
    if isinstance(data, DataV1):
        status, previous = Status(data.new_status), _status(data.old_status)
        reason, change = None, Change.CREATED if previous is None else Change.CHANGED
    else:
        status, previous = Status(data.status), _status(data.previous_status)
        reason, change = data.reason, Change(data.change)
    return CustomerStatusChanged(
        **attributes_of(envelope),
        repairs=Sequence(envelope.repairs) if envelope.repairs else None,
        schema_version=major,
        customer_id=data.customer_id,
        status=status,
        previous_status=previous,
        reason=reason,
        change=change,
        changed_at=data.changed_at,
    )


def _status(text: str | None) -> Status | None:
    return None if text is None else Status(text)
