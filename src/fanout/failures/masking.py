"""Show a stream record without showing whom it is about.

What names the change is shown, and so is what the publisher reads: status, version, instants. The
customer id keeps its ends; every other attribute of the item keeps its shape only.
"""

from collections.abc import Mapping
from typing import Any

from fanout.dlq.masking import mask_customer, mask_text
from publisher.transitions import TableRules

_IMAGES = frozenset({"Keys", "NewImage", "OldImage"})
_SHOWN_LENGTH_MAX = 64


def mask_record(record: Any, rules: TableRules) -> Any:
    """The record with personal values masked; what is no record comes out as its shape."""
    if not isinstance(record, Mapping):
        return _shape(record)
    stream = record.get("dynamodb")
    masked = {
        name: value if isinstance(value, str | int | float) else _shape(value)
        for name, value in record.items()
        if name != "dynamodb"
    }
    if isinstance(stream, Mapping):
        masked["dynamodb"] = {
            name: _image(value, rules) if name in _IMAGES else value
            for name, value in stream.items()
        }
    return masked


# Private functions


def _image(image: Any, rules: TableRules) -> Any:
    if not isinstance(image, Mapping):
        return _shape(image)
    shown = {
        rules.status_attribute,
        rules.reason_attribute,
        rules.changed_at_attribute,
        rules.sequence_attribute,
        rules.traceparent_attribute,
        rules.entity_filter and rules.entity_filter[0],
    }
    return {
        name: _customer(value)
        if name == rules.customer_id_attribute
        else value
        if name in shown and len(str(value)) <= _SHOWN_LENGTH_MAX
        else _shape(value)
        for name, value in image.items()
    }


def _customer(value: Any) -> Any:
    if isinstance(value, Mapping):
        return {kind: mask_customer(str(one)) for kind, one in value.items()}
    return _shape(value)


def _shape(value: Any) -> Any:
    if isinstance(value, Mapping):
        return {name: _shape(one) for name, one in value.items()}
    if isinstance(value, list | tuple):
        return [_shape(one) for one in value]
    if value is None or isinstance(value, bool):
        return value
    return mask_text(str(value))
