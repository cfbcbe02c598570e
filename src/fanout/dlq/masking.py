"""Show a message without showing whom it is about.

Customer ids keep their first two and last two characters, so that one can be told from another.
Fields that the contract declares are shown as they are: they hold states, times and ids of changes.
Everything else might be personal and keeps its shape only (letters become x, digits 9).
"""

import json
from typing import Any

from customer_events.decoder import parse_json
from customer_events.errors import PermanentError

CUSTOMER_FIELDS = frozenset({"customer_id", "subject", "partitionkey"})
"""Masked in part."""
DECLARED_FIELDS = frozenset(
    {
        *("specversion", "id", "source", "type", "time", "datacontenttype", "dataschema"),
        *("sequence", "sequencesource", "traceparent", "repairs", "data"),
        *("status", "previous_status", "old_status", "new_status", "reason", "change"),
        "changed_at",
    }
)
"""Shown as they are, where they hold a short scalar."""
ENVELOPE_FIELDS = frozenset(
    {
        *("Type", "MessageId", "TopicArn", "Timestamp", "detail", "detail-type", "version"),
        *("account", "region", "resources"),
    }
)
"""What SNS and EventBridge wrap around an event; shown."""
_SHOWN_LENGTH_MAX = 200
_KEPT = 2
_PARTIAL_LENGTH_MIN = 8


def mask_customer(customer_id: str) -> str:
    """`customer-4711` as `cu…11`; a short one as its shape."""
    if len(customer_id) < _PARTIAL_LENGTH_MIN:
        return customer_id[:1] + "…"
    return f"{customer_id[:_KEPT]}…{customer_id[-_KEPT:]}"


def mask_body(body: str) -> str:
    """A message body, indented if it is JSON, with everything personal masked."""
    try:
        content = parse_json(body)
    except PermanentError:
        return mask_text(body)
    return json.dumps(_mask(content, ""), indent=2, ensure_ascii=False)


def reveal_body(body: str) -> str:
    """A message body, indented if it is JSON, as it is."""
    try:
        return json.dumps(parse_json(body), indent=2, ensure_ascii=False)
    except PermanentError:
        return body


def mask_text(text: str) -> str:
    """The shape of a text: letters as x, digits as 9, the rest as it is."""
    return "".join("x" if one.isalpha() else "9" if one.isdigit() else one for one in text)


# Private functions


def _mask(value: Any, name: str) -> Any:
    if isinstance(value, dict):
        return {key: _mask_field(inner, key) for key, inner in value.items()}
    if isinstance(value, list):
        return [_mask(inner, name) for inner in value]
    if value is None or isinstance(value, bool):
        return value
    return mask_text(str(value))


def _mask_field(value: Any, name: str) -> Any:
    if name in CUSTOMER_FIELDS and isinstance(value, str):
        return mask_customer(value)
    if name == "Message" and isinstance(value, str):
        return mask_body(value)
    if name in DECLARED_FIELDS | ENVELOPE_FIELDS and not isinstance(value, dict | list):
        short = not isinstance(value, str) or len(value) <= _SHOWN_LENGTH_MAX
        return value if short else mask_text(value)
    return _mask(value, name)
