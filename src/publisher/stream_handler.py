"""Answer Lambda's DynamoDB stream event source mapping (ReportBatchItemFailures).

A recovery calls the same function with `"report_outcomes": true` beside its `Records`: it publishes
as ever, parks nothing, and answers with what became of each record.
"""

from collections.abc import Sequence
from dataclasses import dataclass, replace
from typing import Any

from customer_events.deadline import Deadline, Deadlines
from publisher.bad_deployment import BadDeploymentDetector
from publisher.batch_result import BatchResult
from publisher.clock import Clock
from publisher.failure_tracker import FailureTracker
from publisher.invocation import RESERVES, BatchFailed, redact_exceptions
from publisher.ports import Bus, ParkedRecord
from publisher.publish_batch import BatchPublisher
from publisher.reporting import BatchReporter
from publisher.stream_records import StreamRecord

REPORT_OUTCOMES = "report_outcomes"


@dataclass(frozen=True, slots=True, kw_only=True)
class StreamHandler:
    """The Lambda handler, called as `handler(event, context)`."""

    publisher: BatchPublisher
    bus: Bus
    reporter: BatchReporter
    clock: Clock

    @redact_exceptions
    def __call__(self, event: dict[str, Any], context: Any) -> dict[str, Any]:
        """Publish the batch; name the lowest failed SequenceNumber, where there is one.

        With `report_outcomes` the answer is `{"outcomes": [...]}` instead, one for each record in
        its order: `sequence_number` (or null), `record_id`, `outcome` (`PUBLISHED`, `IGNORED`,
        `REFUSED`, `FAILED`), and `reason`, `field` and `expected`, "" where there is none.

        Lambda retries from the lowest number that is named, so one entry says it all (AWS Lambda
        Developer Guide, "Configuring partial batch response with DynamoDB").

        Raises:
            BatchFailed: no stream batch, or a failed record has no number to name, or a bug.
        """
        batch = event.get("Records") if isinstance(event, dict) else None
        if not isinstance(batch, list):
            raise BatchFailed("expected a batch of stream records: an object with Records")
        records = [StreamRecord(raw) for raw in batch]
        deadlines = RESERVES.deadlines(context, self.clock)
        request_id = str(getattr(context, "aws_request_id", ""))
        if event.get(REPORT_OUTCOMES) is True:
            return self._report_outcomes(records, deadlines, request_id)
        result = self.publisher.publish(records, self.bus, deadlines)
        now_seconds = self.clock.now().timestamp()
        self.reporter.report(result, request_id=request_id, now_seconds=now_seconds)
        return {"batchItemFailures": _failures(result)}

    # Private functions

    def _report_outcomes(
        self, records: Sequence[StreamRecord], deadlines: Deadlines, request_id: str
    ) -> dict[str, Any]:
        publisher = replace(
            self.publisher,
            failure_store=_LeaveInPlace(),
            tracker=FailureTracker(),
            deployment=BadDeploymentDetector(float("inf")),
        )
        result = publisher.publish(records, self.bus, deadlines)
        # What is refused or fails stays where it was taken from: counted here, it would raise
        # alarms as if it were new, and so would the age of the records.
        counted = replace(result, parked={}, failed={}, unexpected={}, bus_faults=0)
        self.reporter.report(counted, request_id=request_id, now_seconds=None)
        return {"outcomes": [_outcome(index, result) for index in range(len(records))]}


# Private functions


def _failures(result: BatchResult) -> list[dict[str, str]]:
    numbers = [result.records[index].sequence_number for index in result.failed]
    named = [number for number in numbers if number is not None]
    if len(named) < len(numbers):
        raise BatchFailed("a record that failed has no SequenceNumber to report")
    return [{"itemIdentifier": min(named, key=int)}] if named else []


class _LeaveInPlace:
    """Implements the port `FailureStore` for a recovery: its records are stored already."""

    def park(
        self,
        parked: Sequence[ParkedRecord],
        deadline: Deadline,  # noqa: ARG002 - nothing here takes time
    ) -> list[str | None]:
        return [None] * len(parked)


def _outcome(index: int, result: BatchResult) -> dict[str, Any]:
    record, refusal = result.records[index], None
    if index in result.failed:
        outcome, reason = "FAILED", result.failed[index]
    elif index in result.parked:
        refusal = result.parked[index]
        outcome, reason = "REFUSED", refusal.code
    else:
        outcome, reason = ("PUBLISHED" if index in result.eventful else "IGNORED"), ""
    return {
        "sequence_number": record.sequence_number,
        "record_id": record.record_id,
        "outcome": outcome,
        "reason": reason,
        "field": refusal.field if refusal else "",
        "expected": refusal.expected if refusal else "",
    }
