"""Keep parked records in S3, one object for each: `parked/2026/11/23/<eventID>.json`.

The key follows from the record alone, so parking a record again, hours later, is the same object.
"""

import json
from collections.abc import Callable, Sequence
from concurrent.futures import Executor
from functools import cached_property
from typing import Any

from customer_events.deadline import Deadline
from customer_events.instants import to_wire
from publisher.bus_errors import code_of
from publisher.ports import ParkedRecord

KEY_PREFIX = "parked"


class S3FailureStore:
    """Implements the port `FailureStore`; the executor overlaps the puts.

    Args:
        client_factory: makes the botocore client of `s3`. It is called when the first record is
            parked, since most environments never park one and the client is slow to make.
    """

    def __init__(
        self, *, client_factory: Callable[[], Any], bucket: str, executor: Executor
    ) -> None:
        self._client_factory = client_factory
        self._bucket = bucket
        self._executor = executor

    def park(self, parked: Sequence[ParkedRecord], deadline: Deadline) -> list[str | None]:
        """Put each record as an object; see the port."""
        try:
            client = self._client
        except Exception as error:  # noqa: BLE001 - the port promises not to raise
            return [code_of(error)] * len(parked)

        def put_in_time(record: ParkedRecord) -> str | None:
            if record is not parked[0] and deadline.seconds_left() <= 0:
                return "OutOfTime"
            return self._put(client, record)

        if len(parked) == 1:
            return [put_in_time(parked[0])]
        return list(self._executor.map(put_in_time, parked))

    # Private functions

    @cached_property
    def _client(self) -> Any:
        return self._client_factory()

    def _put(self, client: Any, parked: ParkedRecord) -> str | None:
        try:
            client.put_object(
                Bucket=self._bucket,
                Key=key_of(parked),
                Body=json.dumps(document_of(parked)).encode(),
                ContentType="application/json",
            )
        except Exception as error:  # noqa: BLE001 - the port promises not to raise
            return code_of(error)
        return None


def key_of(parked: ParkedRecord) -> str:
    """Where a record is kept: by the UTC day of its change, and its `eventID`."""
    created_at = parked.record.created_at
    date = "undated" if created_at is None else f"{created_at:%Y/%m/%d}"
    return f"{KEY_PREFIX}/{date}/{parked.record.record_id}.json"


def document_of(parked: ParkedRecord) -> dict[str, Any]:
    """What is kept: the whole record, and why it is here; `recover` publishes from it."""
    reason, raw = parked.reason, parked.record.raw
    document: dict[str, Any] = {"reason": reason.code, "expected": reason.expected}
    if reason.field:
        document["field"] = reason.field
    document["parked_at"] = to_wire(parked.parked_at)
    document["event_source_arn"] = raw.get("eventSourceARN") if isinstance(raw, dict) else None
    document["record"] = raw
    return document
