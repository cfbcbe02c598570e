"""Answer Lambda's DynamoDB stream event source mapping (ReportBatchItemFailures)."""

from collections.abc import Sequence
from dataclasses import dataclass
from typing import Any, Protocol

from publisher import stream_records
from publisher.ports import Clock, Deadline
from publisher.publish_batch import BatchPublisher, BatchResult, Deadlines
from publisher.transitions import Record

PUBLISHING_RESERVE_SECONDS = 12.0
"""Left at the end of an invocation when the last publish call starts: it may take until its read
timeout, and then records may have to be parked."""
PARKING_RESERVE_SECONDS = 6.0
_RESERVE_SHARE_MAX = 0.5


class Reporter(Protocol):
    """Where a batch's outcome is told."""

    def report(
        self, records: Sequence[Record], result: BatchResult, *, request_id: str, now_seconds: float
    ) -> None:
        """Write it down."""
        ...


class BatchFailed(Exception):
    """The whole batch has to be delivered again; the text holds no payload."""


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
        try:
            return self._handle(event, context)
        except BatchFailed:
            raise
        except Exception as error:  # noqa: BLE001 - its text may quote a record, so it stays here
            surprise = type(error).__name__
        raise BatchFailed(f"expected no exception; there was a {surprise}")

    # Private functions

    def _handle(self, event: dict[str, Any], context: Any) -> dict[str, Any]:
        records = event.get("Records") if isinstance(event, dict) else None
        if not isinstance(records, list):
            raise BatchFailed("expected a batch of stream records: an object with Records")
        result = self.publisher.publish(records, self._deadlines(context))
        self.reporter.report(
            records,
            result,
            request_id=str(getattr(context, "aws_request_id", "")),
            now_seconds=self.clock.now().timestamp(),
        )
        return {"batchItemFailures": _failures(records, result)}

    def _deadlines(self, context: Any) -> Deadlines:
        """A short invocation keeps half of its time for publishing."""
        seconds_left = context.get_remaining_time_in_millis() / 1000
        ends_at = self.clock.monotonic() + seconds_left
        publishing = min(PUBLISHING_RESERVE_SECONDS, seconds_left * _RESERVE_SHARE_MAX)
        parking = min(PARKING_RESERVE_SECONDS, publishing * _RESERVE_SHARE_MAX)
        return Deadlines(
            publishing=Deadline(ends_at=ends_at - publishing, clock=self.clock),
            parking=Deadline(ends_at=ends_at - parking, clock=self.clock),
        )


# Private functions


def _failures(records: Sequence[Record], result: BatchResult) -> list[dict[str, str]]:
    numbers = [stream_records.sequence_number(records[index]) for index in result.failed]
    named = [number for number in numbers if number is not None]
    if len(named) < len(numbers):
        raise BatchFailed("a record that failed has no SequenceNumber to report")
    return [{"itemIdentifier": min(named, key=int)}] if named else []
