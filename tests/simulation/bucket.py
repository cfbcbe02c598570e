"""The failure store: an S3 bucket, written by the publisher and by Lambda itself."""

import json
from collections.abc import Callable
from typing import Any

from simulation.calls import Calls


class BucketClient:
    """As much of botocore's S3 client as the failure store uses."""

    def __init__(self, calls: Calls) -> None:
        self._calls = calls
        self.objects: dict[str, bytes] = {}
        self.held: set[str] = set()
        """The `eventID` of every stream record that is kept."""
        self.watch: Callable[[dict[str, Any]], None] = lambda _: None

    def put_object(self, **request: Any) -> dict[str, Any]:
        def put() -> dict[str, Any]:
            document = json.loads(request["Body"])
            self.objects[request["Key"]] = request["Body"]
            self.held.add(document["record"]["eventID"])
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
        self.objects[f"aws/lambda/{len(self.objects)}"] = json.dumps(document).encode()
        self.held |= {one["eventID"] for one in records}
