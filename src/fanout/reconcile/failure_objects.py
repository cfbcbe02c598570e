"""Which customers the publisher's failure store speaks of, and what it says happened.

Two kinds of objects lie there: records that the publisher parked (`parked/`), and batches that
Lambda gave up (`aws/lambda/`), whose `payload` holds the stream records as one text.
"""

import json
from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from datetime import datetime
from typing import Any

from publisher import attribute_values
from publisher.failure_store import KEY_PREFIX

LAMBDA_PREFIX = "aws/lambda"
OBJECTS_MAX = 10_000
"""How many objects of each kind are read at most, the earliest keys first."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Failure:
    """A change of a customer that was not published, and why; `since`: when it occurred."""

    customer_id: str
    cause: str
    since: datetime | None


def failures(s3: Any, bucket: str, id_attribute: str) -> Iterator[Failure]:
    """Every change in the failure store."""
    for key in _keys(s3, bucket, f"{KEY_PREFIX}/"):
        document = _document(s3, bucket, key)
        cause = f"parked by the publisher: {document.get('reason', 'unknown reason')}"
        yield from _of_records([document.get("record")], cause, id_attribute)
    for key in _keys(s3, bucket, f"{LAMBDA_PREFIX}/"):
        document = _document(s3, bucket, key)
        condition = _object(document.get("requestContext")).get("condition", "unknown condition")
        cause = f"given up by the stream mapping: {condition}"
        yield from _of_records(_records_in(document.get("payload")), cause, id_attribute)


# Private functions


def _keys(s3: Any, bucket: str, prefix: str) -> Iterator[str]:
    pages = s3.get_paginator("list_objects_v2").paginate(
        Bucket=bucket, Prefix=prefix, PaginationConfig={"MaxItems": OBJECTS_MAX}
    )
    for page in pages:
        for found in page.get("Contents", []):
            yield found["Key"]


def _document(s3: Any, bucket: str, key: str) -> Mapping[str, Any]:
    try:
        return _object(json.loads(s3.get_object(Bucket=bucket, Key=key)["Body"].read()))
    except ValueError:
        return {}


def _records_in(payload: object) -> list[object]:
    try:
        batch = json.loads(payload) if isinstance(payload, str) else payload
    except ValueError:
        return []
    records = _object(batch).get("Records")
    return records if isinstance(records, list) else []


def _of_records(records: list[Any], cause: str, id_attribute: str) -> Iterator[Failure]:
    for record in records:
        stream = _object(_object(record).get("dynamodb"))
        customer_id = attribute_values.scalar(_object(stream.get("Keys")).get(id_attribute))
        if customer_id:
            since = attribute_values.epoch_second(stream.get("ApproximateCreationDateTime"))
            yield Failure(customer_id=customer_id, cause=cause, since=since)


def _object(value: object) -> Mapping[str, Any]:
    return value if isinstance(value, dict) else {}
