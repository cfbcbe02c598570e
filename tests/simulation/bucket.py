"""The failure store: an S3 bucket, written by the publisher and by Lambda itself."""

import io
import json
from collections.abc import Callable, Iterator
from typing import Any

from botocore.exceptions import ClientError

from simulation.calls import Calls, outside_call


class BucketClient:
    """As much of botocore's S3 client as the failure store and its commands use."""

    _service = "failure store"

    def __init__(self, calls: Calls) -> None:
        self._calls = calls
        self.objects: dict[str, bytes] = {}
        self.ever_held: set[str] = set()
        """The `eventID` of every stream record that was ever kept."""
        self._events: dict[str, frozenset[str]] = {}
        self._discarded = 0
        self.watch: Callable[[dict[str, Any]], None] = lambda _: None
        self.watch_gone: Callable[[frozenset[str]], None] = lambda _: None

    @property
    def held(self) -> set[str]:
        """The `eventID` of every stream record that waits for a decision."""
        return set().union(*self._events.values())

    @outside_call
    def put_object(self, **request: Any) -> dict[str, Any]:
        document = json.loads(request["Body"])
        self._keep(request["Key"], request["Body"], {document["record"]["eventID"]})
        self.watch(document)
        return {}

    def discard(self, records: list[dict[str, Any]], condition: str) -> None:
        """What Lambda does for a mapping that gives a batch up: the whole invocation record."""
        first = records[0]["dynamodb"]["SequenceNumber"]
        document = {
            "requestContext": {"condition": condition},
            "DDBStreamBatchInfo": {"startSequenceNumber": first, "batchSize": len(records)},
            "payload": json.dumps({"Records": records}),
        }
        self._discarded += 1
        body = json.dumps(document).encode()
        self._keep(f"aws/lambda/{self._discarded}", body, {one["eventID"] for one in records})

    # What the commands do

    def get_paginator(self, _: str) -> "BucketClient":
        return self

    def paginate(self, *, Prefix: str, **_: Any) -> Iterator[dict[str, Any]]:  # noqa: N803
        yield self.list_objects_v2(Prefix=Prefix)

    @outside_call
    def list_objects_v2(self, **request: Any) -> dict[str, Any]:
        keys = sorted(key for key in self.objects if key.startswith(request["Prefix"]))
        return {"Contents": [{"Key": key} for key in keys]} if keys else {}

    @outside_call
    def get_object(self, **request: Any) -> dict[str, Any]:
        return {"Body": io.BytesIO(self._found(request["Key"], "NoSuchKey"))}

    @outside_call
    def head_object(self, **request: Any) -> dict[str, Any]:
        self._found(request["Key"], "404")
        return {}

    @outside_call
    def copy_object(self, **request: Any) -> dict[str, Any]:
        self.objects[request["Key"]] = self._found(request["CopySource"]["Key"], "NoSuchKey")
        return {}

    @outside_call
    def delete_object(self, **request: Any) -> dict[str, Any]:
        self.objects.pop(request["Key"], None)
        events = self._events.pop(request["Key"], None)
        if events is not None:
            self.watch_gone(events - self.held)
        return {}

    # Private functions

    def _keep(self, key: str, body: bytes, events: set[str]) -> None:
        self.objects[key] = body
        self._events[key] = frozenset(events)
        self.ever_held |= events

    def _found(self, key: str, code: str) -> bytes:
        if key not in self.objects:
            error = {"Error": {"Code": code}, "ResponseMetadata": {"HTTPStatusCode": 404}}
            raise ClientError(error, "GetObject")
        return self.objects[key]
