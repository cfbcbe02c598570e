"""Answer Lambda's DynamoDB stream event source mapping (ReportBatchItemFailures)."""

from collections.abc import Sequence
from dataclasses import dataclass
from typing import Any

from publisher import stream_records
from publisher.invocation import BatchFailed, Reporter, deadlines, discreetly, request_id
from publisher.ports import Clock
from publisher.publish_batch import BatchPublisher, BatchResult
from publisher.transitions import Record


@dataclass(frozen=True, slots=True, kw_only=True)
class StreamHandler:
    """The Lambda handler, called as `handler(event, context)`."""

    publisher: BatchPublisher
    reporter: Reporter
    clock: Clock

    def __call__(self, event: dict[str, Any], context: Any) -> dict[str, Any]:
        """Publish the batch; name the lowest failed SequenceNumber, where there is one.

        Lambda retries from the lowest number that is named, so one entry says it all (AWS Lambda
        Developer Guide, "Configuring partial batch response with DynamoDB").

        Raises:
            BatchFailed: no stream batch, or a failed record has no number to name, or a bug.
        """
        return discreetly(lambda: self._handle(event, context))

    # Private functions

    def _handle(self, event: dict[str, Any], context: Any) -> dict[str, Any]:
        records = event.get("Records") if isinstance(event, dict) else None
        if not isinstance(records, list):
            raise BatchFailed("expected a batch of stream records: an object with Records")
        result = self.publisher.publish(records, deadlines(context, self.clock))
        self.reporter.report(
            records,
            result,
            request_id=request_id(context),
            now_seconds=self.clock.now().timestamp(),
        )
        return {"batchItemFailures": _failures(records, result)}


# Private functions


def _failures(records: Sequence[Record], result: BatchResult) -> list[dict[str, str]]:
    numbers = [stream_records.sequence_number(records[index]) for index in result.failed]
    named = [number for number in numbers if number is not None]
    if len(named) < len(numbers):
        raise BatchFailed("a record that failed has no SequenceNumber to report")
    return [{"itemIdentifier": min(named, key=int)}] if named else []
