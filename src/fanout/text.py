"""Text for people: durations and instants, and one masking of personal data for every command."""

import json
import re
import string
from collections.abc import Callable, Mapping
from datetime import datetime, timedelta
from functools import cache, partial
from pathlib import Path
from typing import TYPE_CHECKING, Any

from customer_events.decoder import parse_json
from customer_events.errors import PermanentError
from customer_events.instants import from_wire, to_wire
from fanout.errors import WrongUse
from publisher.transitions import TableRules

if TYPE_CHECKING:
    from jinja2 import Environment

UNIT_SECONDS = {"s": 1, "m": 60, "h": 3600, "d": 86_400}
_AGE = re.compile(r"(\d{1,6})([smhd])", re.ASCII)


def instant_or_age(text: str, *, now: datetime, option: str) -> datetime:
    """Read `90s`, `30m`, `12h`, `7d` (before now), or an RFC 3339 instant.

    Raises: WrongUse: it is neither.
    """
    try:
        if age := _AGE.fullmatch(text):
            return now - timedelta(seconds=int(age[1]) * UNIT_SECONDS[age[2]])
        return from_wire(text)
    except (OverflowError, ValueError):
        raise WrongUse(
            f"{option} {text!r}: expected an age such as 30m, 12h or 7d, or an instant such as "
            "2026-11-23T09:30:00Z."
        ) from None


def json_object(text: str | bytes | None) -> dict[str, Any]:
    """The JSON object that somebody else's text holds; an empty one where it holds none."""
    try:
        content = json.loads(text or "{}")
    except (ValueError, RecursionError):
        return {}
    return content if isinstance(content, dict) else {}


def known_instant(value: object) -> datetime | None:
    """The instant that a value of somebody else's is, as on the wire; None where it is none."""
    try:
        return from_wire(value) if isinstance(value, str) else None
    except ValueError:
        return None


# Lengths of time and numbers as a person reads them


_STEPS = ((86_400, "d"), (3_600, "h"), (60, "min"), (1, "s"))


def span(seconds: float) -> str:
    """`3 d 4 h`, `12 min 5 s`, `7 s`: the two largest units."""
    left = max(0, int(seconds))
    parts: list[str] = []
    for size, unit in _STEPS:
        if left >= size or (unit == "s" and not parts):
            parts.append(f"{left // size} {unit}")
            left %= size
        elif parts:
            break
    return " ".join(parts[:2])


def moment(instant: datetime | None) -> str:
    """`2026-11-23 09:30:00`, in UTC; `-` for none."""
    return to_wire(instant)[:19].replace("T", " ") if instant else "-"


@cache
def templates(folder: Path, *, html: bool) -> "Environment":
    """The jinja templates of a folder, each compiled once; in HTML what is filled in is escaped."""
    from jinja2 import Environment, FileSystemLoader, StrictUndefined

    return Environment(
        loader=FileSystemLoader(folder),
        autoescape=html,  # noqa: S701 (what is not HTML is Python, YAML, HCL or Markdown)
        undefined=StrictUndefined,
        trim_blocks=True,
        lstrip_blocks=True,
        keep_trailing_newline=True,
    )


# Show a message or a stream record without showing whom it is about: one masking, every command


CUSTOMER_FIELDS = frozenset({"customer_id", "subject", "partitionkey"})
"""Masked in part."""
ENVELOPE_FIELDS = frozenset(
    {
        *("specversion", "id", "source", "type", "time", "datacontenttype", "dataschema"),
        *("sequence", "sequencesource", "traceparent", "repairs"),
        *("Type", "MessageId", "TopicArn", "Timestamp", "Message"),
        *("detail", "detail-type", "version", "account", "region", "resources", "data"),
    }
)
"""Of an event, and of what SNS and EventBridge wrap around it."""
DATA_FIELDS = frozenset(
    {*("status", "previous_status", "old_status", "new_status", "reason", "change"), "changed_at"}
)
"""Of `data`."""
_RECORD_FIELDS = frozenset(
    {
        *("eventID", "eventName", "eventVersion", "eventSource", "awsRegion", "eventSourceARN"),
        *("dynamodb", "ApproximateCreationDateTime", "SequenceNumber", "SizeBytes"),
        *("StreamViewType", "Keys", "NewImage", "OldImage"),
    }
)
_KINDS = frozenset({"S", "N", "B", "SS", "NS", "BS", "M", "L", "BOOL", "NULL"})
_NAMES_SHOWN = CUSTOMER_FIELDS | ENVELOPE_FIELDS | DATA_FIELDS | _RECORD_FIELDS | _KINDS
Masks = Mapping[str, Callable[[Any], Any]]
"""How to show the value of a field, by its name; any other comes out as its shape."""
_ATTRIBUTE = re.compile(r"[A-Za-z_][A-Za-z0-9_.-]{0,63}", re.ASCII)
_KEPT_CHARACTERS = frozenset(string.punctuation + string.whitespace)
_SHOWN_LENGTH_MAX = 200
_ATTRIBUTE_LENGTH_MAX = 64
_KEPT = 2
_PARTIAL_LENGTH_MIN = 8


def mask_customer(customer_id: str) -> str:
    """`customer-4711` as `cu…11`; a short one by its first character."""
    if len(customer_id) < _PARTIAL_LENGTH_MIN:
        return customer_id[:1] + "…"
    return f"{customer_id[:_KEPT]}…{customer_id[-_KEPT:]}"


def mask_body(body: str) -> str:
    """A message body, indented if it is JSON, with everything personal masked."""
    try:
        content = parse_json(body)
    except PermanentError:
        return mask_text(body)
    return json.dumps(_fields(content, _EVENT), indent=2, ensure_ascii=False)


def reveal_body(body: str) -> str:
    """A message body, indented if it is JSON, as it is."""
    try:
        return json.dumps(parse_json(body), indent=2, ensure_ascii=False)
    except PermanentError:
        return body


def mask_text(text: str) -> str:
    """The shape of a text: digits as 9, ASCII's signs and blanks as they are, the rest as x."""
    return "".join(
        character if character in _KEPT_CHARACTERS else "9" if character.isdecimal() else "x"
        for character in text
    )


def mask_record(record: Any, rules: TableRules) -> Any:
    """The stream record with personal values masked; anything else comes out as its shape."""
    customer = {rules.customer_id_attribute: partial(_attribute, show=mask_customer)}
    attributes = dict.fromkeys(rules.attributes, _attribute) | customer
    image = partial(_fields, masks=attributes, is_shown=_ATTRIBUTE.fullmatch)
    masks = dict.fromkeys(_RECORD_FIELDS, _declared)
    masks |= dict.fromkeys(("Keys", "NewImage", "OldImage"), image)
    return _fields(record, masks | {"dynamodb": partial(_fields, masks=masks)})


def _attribute(value: Any, show: Callable[[str], str] | None = None) -> Any:
    """A text or a number in DynamoDB's notation; by default as it is, where it is short."""
    kind, inner = next(iter(value.items())) if isinstance(value, Mapping) and value else ("", 0)
    if kind not in {"S", "N"} or not isinstance(inner, str) or len(value) > 1:
        return _shape(value)
    if show:
        return {kind: show(inner)}
    return value if len(inner) <= _ATTRIBUTE_LENGTH_MAX else _shape(value)


def _text(value: Any, show: Callable[[str], str]) -> Any:
    return show(value) if isinstance(value, str) else _shape(value)


def _declared(value: Any) -> Any:
    """As it is, where it is a short scalar."""
    if isinstance(value, Mapping | list | tuple) or len(str(value)) > _SHOWN_LENGTH_MAX:
        return _shape(value)
    return value


def _shape(value: Any) -> Any:
    if isinstance(value, Mapping):
        return _fields(value, {})
    if isinstance(value, list | tuple):
        return [_shape(item) for item in value]
    if value is None or isinstance(value, bool):
        return value
    return mask_text(str(value))


def _fields(
    content: Any, masks: Masks, is_shown: Callable[[str], object] = _NAMES_SHOWN.__contains__
) -> Any:
    """Each value masked, and each name that nothing declares; all of them stay."""
    if not isinstance(content, Mapping):
        return _shape(content)
    result: dict[str, Any] = {}
    for name, value in content.items():
        shown = name if is_shown(name) else mask_text(name)
        while shown in result:
            shown += "…"
        result[shown] = masks.get(name, _shape)(value)
    return result


_CUSTOMER = dict.fromkeys(CUSTOMER_FIELDS, partial(_text, show=mask_customer))
_DATA = dict.fromkeys(DATA_FIELDS, _declared) | _CUSTOMER
_EVENT = dict.fromkeys(ENVELOPE_FIELDS, _declared) | _CUSTOMER
"""Of an event, or of an envelope around one."""
_EVENT |= {
    "data": partial(_fields, masks=_DATA),
    "detail": partial(_fields, masks=_EVENT),
    "Message": partial(_text, show=mask_body),
}
