"""Stream records in the shape in which Lambda passes them, as recorded from a real stream."""

import json
from copy import deepcopy
from typing import Any

from publisher import transitions
from publisher.events import Entry, Producer, to_entries
from publisher.stream_records import StreamRecord
from publisher.transitions import NoTransition, StatusTransition, TableRules

ARN = "arn:aws:dynamodb:eu-west-1:1:table/accounts/stream/2026-11-01T08:00:00.000"
FIRST_SEQUENCE_NUMBER = 820400000000000001192334
UNCHANGED: Any = object()

_MODIFY = json.loads("""
{
  "eventID": "c81e728d9d4c2f636f067f89cc14862c",
  "eventName": "MODIFY",
  "eventVersion": "1.1",
  "eventSource": "aws:dynamodb",
  "awsRegion": "eu-west-1",
  "dynamodb": {
    "ApproximateCreationDateTime": 1795426200,
    "Keys": {"customer_id": {"S": "c-1"}},
    "NewImage": {
      "customer_id": {"S": "c-1"},
      "status": {"S": "SUSPENDED"},
      "status_reason": {"S": "KYC_EXPIRED"},
      "name": {"S": "Ada Lovelace"},
      "limits": {"M": {"daily": {"N": "500"}, "tags": {"SS": ["a", "b"]}}}
    },
    "OldImage": {
      "customer_id": {"S": "c-1"},
      "status": {"S": "ACTIVE"},
      "name": {"S": "Ada Lovelace"},
      "limits": {"M": {"daily": {"N": "500"}, "tags": {"SS": ["a", "b"]}}}
    },
    "SequenceNumber": "820400000000000001192334",
    "SizeBytes": 214,
    "StreamViewType": "NEW_AND_OLD_IMAGES"
  },
  "eventSourceARN": "arn:aws:dynamodb:eu-west-1:1:table/accounts/stream/2026-11-01T08:00:00.000"
}
""")
TTL_IDENTITY = {"type": "Service", "principalId": "dynamodb.amazonaws.com"}


def record(
    old: Any, new: Any, *, customer_id: Any = "c-1", number: int = 0, **attributes: Any
) -> dict[str, Any]:
    """A record of one item's change.

    `old` and `new` are statuses, attribute values (a dict), None where the item does not exist,
    or `UNCHANGED` where the item has no status. `attributes` are the new image's (the old one's
    for a removal). `number` counts from 0.
    """
    made = deepcopy(_MODIFY)
    stream = made["dynamodb"]
    key = {"S": customer_id} if isinstance(customer_id, str) else customer_id
    made["eventID"] = f"{number:032x}"
    made["eventName"] = "INSERT" if old is None else "REMOVE" if new is None else "MODIFY"
    stream["Keys"] = {"customer_id": key}
    stream["SequenceNumber"] = str(FIRST_SEQUENCE_NUMBER + number)
    images = {"OldImage": (old, attributes if new is None else {}), "NewImage": (new, attributes)}
    for name, (status, extra) in images.items():
        del stream[name]
        if status is not None:
            stream[name] = {"customer_id": key, "name": {"S": "Ada Lovelace"}, **extra}
            if status is not UNCHANGED:
                stream[name]["status"] = {"S": status} if isinstance(status, str) else status
    return made


def modify() -> dict[str, Any]:
    """The recorded change from ACTIVE to SUSPENDED, as it is."""
    return deepcopy(_MODIFY)


def detect(made: Any, rules: TableRules) -> StatusTransition | NoTransition:
    """`transitions.detect`, for a record as Lambda passes it."""
    return transitions.detect(StreamRecord(made), rules)


def entries(
    count: int,
    *,
    new: str | None = "CLOSED",
    version: int = 2,
    reason: str = "",
    source: str = "urn:novapay:accounts",
    customer_id: str = "",
) -> list[Entry]:
    """The events of that many customers' changes from ACTIVE, ready for a bus."""
    extra = {"status_reason": {"S": reason}} if reason else {}
    producer = Producer(source=source, epoch=1, versions=(version,))
    rules = TableRules(reason_attribute="status_reason")
    made: list[Entry] = []
    for number in range(count):
        name = customer_id or f"c-{number}"
        changed = record("ACTIVE", new, number=number, customer_id=name, **extra)
        transition = detect(changed, rules)
        assert isinstance(transition, StatusTransition)
        made += to_entries(transition, producer)
    return made
