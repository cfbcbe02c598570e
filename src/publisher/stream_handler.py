"""Answer Lambda's DynamoDB stream event source mapping (ReportBatchItemFailures).

A recovery calls the same function with `"report_outcomes": true` beside its `Records`: it publishes
as ever, parks nothing, and answers with what became of each record.
"""

from collections.abc import Sequence
from dataclasses import dataclass, replace
from typing import Any

from customer_events.deadline import Deadline
from publisher import stream_records
from publisher.bad_deployment import BadDeploymentDetector
from publisher.invocation import BatchFailed, Reporter, deadlines, discreetly, request_id
from publisher.patience import Patience
from publisher.ports import Clock, ParkedRecord
from publisher.publish_batch import BatchPublisher, BatchResult
from publisher.reasons import BadRecord
from publisher.transitions import Record

REPORT_OUTCOMES = "report_outcomes"


@dataclass(frozen=True, slots=True, kw_only=True)
class StreamHandler:
    """The Lambda handler, called as `handler(event, context)`."""

    publisher: BatchPublisher
    reporter: Reporter
    clock: Clock

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
        return discreetly(lambda: self._handle(event, context))

    # Private functions

    def _handle(self, event: dict[str, Any], context: Any) -> dict[str, Any]:
        records = event.get("Records") if isinstance(event, dict) else None
        if not isinstance(records, list):
            raise BatchFailed("expected a batch of stream records: an object with Records")
        if event.get(REPORT_OUTCOMES) is True:
            return self._report_outcomes(records, context)
        result = self.publisher.publish(records, deadlines(context, self.clock))
        self.reporter.report(
            records,
            result,
            request_id=request_id(context),
            now_seconds=self.clock.now().timestamp(),
        )
        return {"batchItemFailures": _failures(records, result)}

    def _report_outcomes(self, records: list[Record], context: Any) -> dict[str, Any]:
        refusals = _Refusals()
        publisher = replace(
            self.publisher,
            failure_store=refusals,
            patience=Patience(),
            deployment=BadDeploymentDetector(float("inf")),
        )
        result = publisher.publish(records, deadlines(context, self.clock))
        outcomes = [
            _outcome(record, index, result, refusals.of(record))
            for index, record in enumerate(records)
        ]
        # What is refused or fails stays where it was taken from: counted here, it would raise
        # alarms as if it were new, and so would the age of the records.
        result.parked, result.failed, result.unexpected, result.bus_faults = {}, {}, {}, 0
        self.reporter.report(
            [], result, request_id=request_id(context), now_seconds=self.clock.now().timestamp()
        )
        return {"outcomes": outcomes}


# Private functions


def _failures(records: Sequence[Record], result: BatchResult) -> list[dict[str, str]]:
    numbers = [stream_records.sequence_number(records[index]) for index in result.failed]
    named = [number for number in numbers if number is not None]
    if len(named) < len(numbers):
        raise BatchFailed("a record that failed has no SequenceNumber to report")
    return [{"itemIdentifier": min(named, key=int)}] if named else []


class _Refusals:
    """Implements the port `FailureStore`: it remembers reasons, and stores nothing."""

    def __init__(self) -> None:
        self._reasons: dict[int, BadRecord] = {}

    def park(
        self,
        parked: Sequence[ParkedRecord],
        deadline: Deadline,  # noqa: ARG002 - nothing here takes time
    ) -> list[str | None]:
        for one in parked:
            self._reasons[id(one.record)] = one.reason
        return [None] * len(parked)

    def of(self, record: Record) -> BadRecord | None:
        """Why this very record was refused; None where it was not."""
        return self._reasons.get(id(record))


def _outcome(
    record: Record, index: int, result: BatchResult, refusal: BadRecord | None
) -> dict[str, Any]:
    if index in result.failed:
        outcome, reason = "FAILED", result.failed[index]
    elif index in result.parked:
        outcome, reason = "REFUSED", result.parked[index]
    else:
        outcome, reason = ("PUBLISHED" if index in result.eventful else "IGNORED"), ""
    told = refusal if outcome == "REFUSED" else None
    return {
        "sequence_number": stream_records.sequence_number(record),
        "record_id": stream_records.record_id(record),
        "outcome": outcome,
        "reason": reason,
        "field": told.field if told else "",
        "expected": told.expected if told else "",
    }
