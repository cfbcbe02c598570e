"""Write an event as a CloudEvents 1.0 document in JSON. Standard library only.

The text is pure ASCII (everything else escaped): every transport carries it, and its length in
characters is its size in bytes.
"""

import json
from collections.abc import Mapping
from typing import Any

from customer_events.event import (
    EVENT_NAME,
    MAJORS,
    Change,
    CustomerStatusChanged,
    Event,
    Status,
)
from customer_events.instants import to_wire

NO_ATTRIBUTES: Mapping[str, str] = {}
_dumps = json.JSONEncoder(separators=(",", ":"), allow_nan=False, check_circular=False).encode


def encode(event: CustomerStatusChanged) -> str:
    """The event as a document in its own major version (`schema_version`).

    Raises:
        ValueError: no such version, or a version that can't say it (v1 knows no snapshots).
    """
    return to_text(to_document(event))


def to_document(event: CustomerStatusChanged) -> dict[str, Any]:
    """The event as the JSON object that `encode` writes; raises as `encode` does."""
    own = {} if event.repairs is None else {"repairs": event.repairs}
    return document_of(event, _data(event), own)


def document_of(
    event: Event, data: Mapping[str, Any], own: Mapping[str, str] = NO_ATTRIBUTES
) -> dict[str, Any]:
    """Any event as a JSON object around its `data`; `own` attributes are this event's alone."""
    document: dict[str, Any] = {
        "specversion": "1.0",
        "id": str(event.event_id),
        "source": event.source,
        "type": f"{event.type_prefix}{event.schema_version}",
        "subject": event.customer_id,
        "partitionkey": event.customer_id,
        "time": to_wire(event.occurred_at),
        "datacontenttype": "application/json",
        "dataschema": f"{event.schema_base}/v{event.schema_version}.schema.json",
        "sequence": event.sequence,
        "sequencesource": event.sequence_source.value,
    }
    if event.traceparent is not None:
        document["traceparent"] = event.traceparent
    return {**document, **own, "data": data}


def to_text(document: Mapping[str, Any]) -> str:
    """The document as it travels: compact, pure ASCII.

    Raises:
        ValueError: it holds a number that JSON has not.
    """
    return _dumps(document)


def downcast(status: Status) -> Status:
    """A status in v1's vocabulary, which has no removals: there a removed customer is closed."""
    return Status.CLOSED if status is Status.REMOVED else status


# Private functions


def _data(event: CustomerStatusChanged) -> dict[str, Any]:
    if event.schema_version == 1:
        return _data_v1(event)
    if event.schema_version not in MAJORS:
        raise ValueError(f"{EVENT_NAME} has no major version {event.schema_version}")
    data = {
        "customer_id": event.customer_id,
        "status": event.status.value,
        "previous_status": event.previous_status and event.previous_status.value,
        "change": event.change.value,
        "changed_at": to_wire(event.changed_at),
    }
    if event.reason is not None:
        data["reason"] = event.reason
    return data


def _data_v1(event: CustomerStatusChanged) -> dict[str, Any]:
    if event.change is Change.SNAPSHOT:
        raise ValueError(f"{EVENT_NAME} v1 knows no snapshots")
    return {
        "customer_id": event.customer_id,
        "old_status": event.previous_status and downcast(event.previous_status).value,
        "new_status": downcast(event.status).value,
        "changed_at": to_wire(event.changed_at),
    }
