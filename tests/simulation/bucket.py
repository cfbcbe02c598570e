"""The failure store: an S3 bucket, written by the publisher and by Lambda itself."""

import io
import json
from collections.abc import Callable, Iterator
from typing import Any

from botocore.exceptions import ClientError

from simulation.calls import Calls


class BucketClient:
    """As much of botocore's S3 client as the failure store and its commands use."""

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

    def put_object(self, **request: Any) -> dict[str, Any]:
        def put() -> dict[str, Any]:
            document = json.loads(request["Body"])
            self._keep(request["Key"], request["Body"], {document["record"]["eventID"]})
            self.watch(document)
            return {}

        return self._calls.one("failure store", "PutObject", put)

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

    def paginate(self, **request: Any) -> Iterator[dict[str, Any]]:
        def page() -> list[str]:
            return sorted(key for key in self.objects if key.startswith(request["Prefix"]))

        keys = self._calls.one("failure store", "ListObjectsV2", page)
        yield {"Contents": [{"Key": key} for key in keys]} if keys else {}

    def get_object(self, **request: Any) -> dict[str, Any]:
        return self._calls.one(
            "failure store",
            "GetObject",
            lambda: {"Body": io.BytesIO(self._found(request["Key"], "NoSuchKey"))},
        )

    def head_object(self, **request: Any) -> dict[str, Any]:
        return self._calls.one(
            "failure store", "HeadObject", lambda: self._found(request["Key"], "404") and {}
        )

    def copy_object(self, **request: Any) -> dict[str, Any]:
        def copy() -> dict[str, Any]:
            self.objects[request["Key"]] = self._found(request["CopySource"]["Key"], "NoSuchKey")
            return {}

        return self._calls.one("failure store", "CopyObject", copy)

    def delete_object(self, **request: Any) -> dict[str, Any]:
        def delete() -> dict[str, Any]:
            self.objects.pop(request["Key"], None)
            events = self._events.pop(request["Key"], None)
            if events is not None:
                self.watch_gone(events - self.held)
            return {}

        return self._calls.one("failure store", "DeleteObject", delete)

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
