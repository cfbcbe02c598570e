"""Move away what need not be published any more, since a later change stands in Accounts.

A parked record can't be edited: it is what the stream said. Where its item was wrong, the item is
written anew in Accounts; that write is published as ever, and the parked record has become history.
"""

from collections.abc import Callable, Mapping
from datetime import UTC, datetime
from typing import Any

from fanout.failures.documents import Kind, Record
from fanout.failures.forecast import Prospect, forecast
from fanout.failures.freeze import Candidate
from publisher import attribute_values
from publisher.transitions import TableRules, is_customer, known_status

Item = Mapping[str, Any]
ItemNow = Callable[[Mapping[str, Any]], Item | None]
"""The item of a key in Accounts as it is now; None where there is none."""

OF_A_BATCH = "a batch of several records: recover it"
NOT_REFUSED = "it may be published as it is: recover it"


def why_not(candidate: Candidate, rules: TableRules, item_now: ItemNow) -> str:
    """Why an object is not to be discarded; "" where a later change has superseded it."""
    if candidate.failure.kind is not Kind.PARKED:
        return OF_A_BATCH
    record = candidate.records[0]
    if forecast(record, rules).prospect is not Prospect.REFUSE:
        return NOT_REFUSED
    return "" if _is_superseded(record, rules, item_now) else _current(record, rules)


# Private functions


def _current(record: Record, rules: TableRules) -> str:
    fault = "the item is gone" if _is_removal(record, rules) else "the item is as it was"
    return f"nothing has superseded it ({fault}): write the item anew in Accounts, then discard"


def _is_removal(record: Record, rules: TableRules) -> bool:
    """Whether the customer is gone after it: the item is, or has ceased to be a customer."""
    if record.get("eventName") == "REMOVE":
        return True
    stream = record.get("dynamodb")
    image = stream.get("NewImage") if isinstance(stream, dict) else None
    return isinstance(image, dict) and not is_customer(image, rules)


def _is_superseded(record: Record, rules: TableRules, item_now: ItemNow) -> bool:
    """Whether a later change of the item was, or will be, published in its place."""
    stream = record.get("dynamodb")
    keys = stream.get("Keys") if isinstance(stream, dict) else None
    if not isinstance(stream, dict) or not isinstance(keys, dict) or not keys:
        return False
    item = item_now(keys)
    was_removed = _is_removal(record, rules)
    if item is None or not is_customer(dict(item), rules):
        return not was_removed
    if not _reads_well(item, keys, rules):
        return False
    if was_removed:
        return True
    image = stream.get("NewImage")
    image = image if isinstance(image, dict) else {}
    if rules.sequence_attribute is None:
        return known_status(dict(item), rules) is not known_status(image, rules)
    then = attribute_values.whole_number(image.get(rules.sequence_attribute))
    now = attribute_values.whole_number(item.get(rules.sequence_attribute))
    return now is not None and (then is None or now > then)


def _reads_well(item: Item, keys: Mapping[str, Any], rules: TableRules) -> bool:
    """Whether the item as it is now could be published, as if it were new."""
    written_now = {
        "eventName": "INSERT",
        "dynamodb": {
            "Keys": dict(keys),
            "NewImage": dict(item),
            "ApproximateCreationDateTime": int(datetime.now(UTC).timestamp()),
            "SequenceNumber": "1",
        },
    }
    return forecast(written_now, rules).prospect is Prospect.PUBLISH
