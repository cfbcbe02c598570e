"""What Lambda calls: for the stream's event source mapping, or as the enrichment of a pipe."""

import json
from collections.abc import Sequence
from dataclasses import dataclass, field, replace
from typing import Any

from customer_events.deadline import Deadline, Reserves
from customer_events.tracebacks import where_raised
from publisher.batch_result import BatchResult
from publisher.bus_errors import CONFIRMED, too_large
from publisher.clock import Clock
from publisher.events import Entry
from publisher.evidence import BadDeploymentDetector, FailureTracker
from publisher.ports import Answer, Bus, ParkedRecord
from publisher.publish_batch import BatchPublisher
from publisher.reporting import BatchReporter
from publisher.stream_records import StreamRecord
from publisher.transports import PIPES

RESERVES = Reserves(
    # For a look at the bus and a call to it, 5 seconds each, and then for a put.
    work_seconds=21.0,
    work_share_max=0.5,
    parking_seconds=11.0,  # two attempts of a put, and up to a second between them
    parking_share_max=0.25,
)
REPORT_OUTCOMES = "report_outcomes"


class BatchFailed(Exception):
    """The whole batch has to be delivered again; the text holds no payload."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Handler:
    """A Lambda handler, called as `handler(event, context)`."""

    publisher: BatchPublisher
    reporter: BatchReporter
    clock: Clock

    def __call__(self, event: Any, context: Any) -> Any:
        """Answer the event; see `answer`.

        Raises:
            BatchFailed: and nothing else. Another exception is named by its type and lines, as its
                text may quote a record.
        """
        try:
            return self.answer(event, context)
        except BatchFailed:
            raise
        except Exception as error:  # noqa: BLE001 - its text stays here
            where = where_raised(error)
        raise BatchFailed(f"expected no exception; there was a {where}")

    def answer(self, event: Any, context: Any) -> Any:
        """Publish what the event holds. It may raise anything."""
        raise NotImplementedError

    # Private functions

    def _publish(
        self, batch: list[Any], bus: Bus, context: Any, publisher: BatchPublisher
    ) -> BatchResult:
        records = [StreamRecord(raw) for raw in batch]
        return publisher.publish(records, bus, RESERVES.deadlines(context, self.clock))

    def _report(self, result: BatchResult, context: Any, *, with_lag: bool = True) -> None:
        self.reporter.report(
            result,
            request_id=str(getattr(context, "aws_request_id", "")),
            now_seconds=self.clock.now().timestamp() if with_lag else None,
        )


@dataclass(frozen=True, slots=True, kw_only=True)
class StreamHandler(Handler):
    """Answers the mapping (ReportBatchItemFailures), or a recovery.

    A recovery calls the same function with `"report_outcomes": true` beside its `Records`: it
    publishes as ever, parks nothing, and answers with what became of each record.
    """

    bus: Bus

    def answer(self, event: Any, context: Any) -> dict[str, Any]:
        """Publish the batch; name the lowest failed SequenceNumber, where there is one.

        With `report_outcomes` the answer is `{"outcomes": [...]}` instead, one for each record in
        its order: `sequence_number` (or null), `record_id`, `outcome` (`PUBLISHED`, `IGNORED`,
        `REFUSED`, `FAILED`), and `reason`, `field` and `expected`, "" where there is none.

        Lambda retries from the lowest number that is named, so one entry says it all (AWS Lambda
        Developer Guide, "Configuring partial batch response with DynamoDB").

        Raises:
            BatchFailed: no stream batch, or a failed record has no number to name.
        """
        batch = event.get("Records") if isinstance(event, dict) else None
        if not isinstance(batch, list):
            raise BatchFailed("expected a batch of stream records: an object with Records")
        if event.get(REPORT_OUTCOMES) is True:
            return self._report_outcomes(batch, context)
        result = self._publish(batch, self.bus, context, self.publisher)
        self._report(result, context)
        numbers = [result.records[index].sequence_number for index in result.failed]
        named = [number for number in numbers if number is not None]
        if len(named) < len(numbers):
            raise BatchFailed("a record that failed has no SequenceNumber to report")
        failures = [{"itemIdentifier": min(named, key=int)}] if named else []
        return {"batchItemFailures": failures}

    # Private functions

    def _report_outcomes(self, batch: list[Any], context: Any) -> dict[str, Any]:
        publisher = replace(
            self.publisher,
            failure_store=_LeaveInPlace(),
            tracker=FailureTracker(),
            deployment=BadDeploymentDetector(float("inf")),
        )
        result = self._publish(batch, self.bus, context, publisher)
        # What is refused or fails stays where it was taken from: counted here, it would raise
        # alarms as if it were new, and so would the age of the records.
        counted = replace(result, parked={}, failed={}, unexpected={}, bus_faults=0)
        self._report(counted, context, with_lag=False)
        return {"outcomes": [_outcome(index, result) for index in range(len(batch))]}


@dataclass(frozen=True, slots=True, kw_only=True)
class PipeHandler(Handler):
    """Answers an EventBridge pipe: stream records in, the documents of events out.

    The pipe puts the documents onto the bus and retries that by itself. What it can't do is let an
    enrichment name a bad record, so bad records are parked here; and it sends nothing of a result
    that is longer than one call of its target takes, so such a result is never returned.

    Args:
        event_size_max_bytes: of one event, where that is less than a pipe's share.
        batch_size_max: the largest source batch whose events all fit into one call.
    """

    event_size_max_bytes: int
    batch_size_max: int

    def answer(self, event: Any, context: Any) -> list[dict[str, Any]]:
        """The events of the batch, each in each version, in the order of the records.

        Nothing comes out for a record without a change of status; for a batch without any the
        result is empty, and the pipe calls no target.

        Raises:
            BatchFailed: no array of records, or a bad record could not be parked, or the result
                would be too long to be sent. The pipe hands the batch over again.
        """
        if not isinstance(event, list):
            raise BatchFailed("expected the batch of a pipe: an array of stream records")
        size_max_bytes = min(self.event_size_max_bytes, PIPES.entry_size_max_bytes)
        answer = _PipeAnswer(size_max_bytes=size_max_bytes)
        result = self._publish(event, answer, context, self.publisher)
        problem = self._problem(answer.documents, result)
        if problem is not None:
            # The pipe gets nothing of this batch, so nothing of it is published.
            result.published = 0
        self._report(result, context)
        if problem is not None:
            raise BatchFailed(problem)
        return answer.documents

    # Private functions

    def _problem(self, documents: Sequence[dict[str, Any]], result: BatchResult) -> str | None:
        if result.failed:
            codes = ", ".join(sorted(result.failed_by_code()))
            return f"expected to publish or park each record; {len(result.failed)} failed: {codes}"
        if len(documents) > PIPES.entries_per_call_max:
            return (
                f"expected at most {PIPES.entries_per_call_max} events a batch, as the pipe would "
                f"send none of the {len(documents)} that there are: set its source batch size to "
                f"{self.batch_size_max} or less"
            )
        return None


# Private functions


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


@dataclass(slots=True, kw_only=True)
class _PipeAnswer:
    """Implements the port `Bus`: it takes whatever the pipe can send."""

    size_max_bytes: int
    ordered: bool = False
    documents: list[dict[str, Any]] = field(default_factory=list)

    def send(self, entries: Sequence[Entry], deadline: Deadline) -> list[Answer]:  # noqa: ARG002
        return [self._take(entry) for entry in entries]

    def _take(self, entry: Entry) -> Answer:
        if PIPES.size_bytes(entry) > self.size_max_bytes:
            return too_large(self.size_max_bytes)
        self.documents.append(json.loads(entry.document))
        return CONFIRMED
