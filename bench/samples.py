"""Stream records and queue messages to work on; made batch by batch, so that they take no memory.

Of the standard library alone: a package holds only what its service imports.
"""

import json
from collections.abc import Iterator
from typing import Any
from uuid import NAMESPACE_URL, uuid5

SOURCE = "urn:novapay:accounts"
STATUSES = ("PENDING", "ACTIVE", "SUSPENDED", "CLOSED")
_FIRST_NUMBER = 820400000000000001192334
_BEGAN_AT = 1795426200
_OTHER = {
    "name": {"S": "Ada Lovelace"},
    "email": {"S": "ada@example.com"},
    "limits": {"M": {"daily": {"N": "500"}, "tags": {"SS": ["a", "b"]}}},
}


def stream_batches(count: int, *, size: int, quiet: bool = False) -> Iterator[dict[str, Any]]:
    """Lambda events of a stream mapping: `count` changes, each of another customer; of the status,
    unless `quiet`.
    """
    for start in range(0, count, size):
        numbers = range(start, min(start + size, count))
        yield {"Records": [_stream_record(number, quiet=quiet) for number in numbers]}


def queue_batches(count: int, *, size: int, per_customer: int) -> Iterator[dict[str, Any]]:
    """Lambda events of a queue mapping; `per_customer` changes of a customer come in one batch."""
    for start in range(0, count, size):
        numbers = range(start, min(start + size, count))
        yield {"Records": [_message(number, number // per_customer) for number in numbers]}


# Private functions


def _stream_record(number: int, *, quiet: bool) -> dict[str, Any]:
    old, new = STATUSES[number % 4], STATUSES[(number + (not quiet)) % 4]
    customer_id = f"c-{number}"
    return {
        "eventID": f"{number:032x}",
        "eventName": "MODIFY",
        "eventVersion": "1.1",
        "eventSource": "aws:dynamodb",
        "awsRegion": "eu-west-1",
        "dynamodb": {
            "ApproximateCreationDateTime": _BEGAN_AT + number // 100,
            "Keys": {"customer_id": {"S": customer_id}},
            "NewImage": {"customer_id": {"S": customer_id}, "status": {"S": new}, **_OTHER},
            "OldImage": {"customer_id": {"S": customer_id}, "status": {"S": old}, **_OTHER},
            "SequenceNumber": str(_FIRST_NUMBER + number),
            "SizeBytes": 214,
            "StreamViewType": "NEW_AND_OLD_IMAGES",
        },
        "eventSourceARN": "arn:aws:dynamodb:eu-west-1:1:table/accounts/stream/2026-11-01T08:00",
    }


def _message(number: int, customer: int) -> dict[str, Any]:
    customer_id = f"c-{customer}"
    order = f"0001.{_FIRST_NUMBER + number:0>40}"
    instant = f"2026-11-23T{number // 3600 % 24:02}:{number // 60 % 60:02}:{number % 60:02}Z"
    document = {
        "specversion": "1.0",
        "id": str(uuid5(NAMESPACE_URL, f"{customer_id}/{order}")),
        "source": SOURCE,
        "type": "novapay.accounts.CustomerStatusChanged.v2",
        "subject": customer_id,
        "partitionkey": customer_id,
        "time": instant,
        "datacontenttype": "application/json",
        "dataschema": "urn:novapay:schemas:customer_status_changed/v2.schema.json",
        "sequence": order,
        "sequencesource": "stream",
        "data": {
            "customer_id": customer_id,
            "status": STATUSES[(number + 1) % 4],
            "previous_status": STATUSES[number % 4],
            "change": "changed",
            "changed_at": instant,
        },
    }
    return {
        "messageId": f"00000000-0000-4000-8000-{number:012x}",
        "receiptHandle": f"handle-{number}",
        "body": json.dumps(document, separators=(",", ":")),
        "attributes": {
            "ApproximateReceiveCount": "1",
            "SentTimestamp": "1795426200000",
            "SenderId": "AIDAIENQZJOLO23YVJ4VO",
            "ApproximateFirstReceiveTimestamp": "1795426200001",
        },
        "messageAttributes": {},
        "md5OfBody": "0" * 32,
        "eventSource": "aws:sqs",
        "eventSourceARN": "arn:aws:sqs:eu-west-1:1:payments",
        "awsRegion": "eu-west-1",
    }
