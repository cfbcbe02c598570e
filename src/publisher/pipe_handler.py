"""Be the enrichment of an EventBridge pipe: stream records in, the documents of events out.

The pipe puts the documents onto the bus and retries that by itself. What it can't do is let an
enrichment name a bad record, so bad records are parked here; and it sends nothing of a result that
is longer than one call of its target takes, so such a result is never returned.
"""

import json
from collections.abc import Sequence
from dataclasses import dataclass, field
from typing import Any

from customer_events.deadline import Deadline
from publisher.batch_result import BatchResult
from publisher.bus_errors import CONFIRMED, too_large
from publisher.clock import Clock
from publisher.events import Entry
from publisher.invocation import RESERVES, BatchFailed, redact_exceptions
from publisher.ports import Answer
from publisher.publish_batch import BatchPublisher
from publisher.reporting import BatchReporter
from publisher.stream_records import StreamRecord
from publisher.transports import PIPES


@dataclass(frozen=True, slots=True, kw_only=True)
class PipeHandler:
    """The Lambda handler, called as `handler(records, context)`.

    Args:
        event_size_max_bytes: of one event, where that is less than a pipe's share.
        batch_size_max: the largest source batch whose events all fit into one call.
    """

    publisher: BatchPublisher
    reporter: BatchReporter
    clock: Clock
    event_size_max_bytes: int
    batch_size_max: int

    @redact_exceptions
    def __call__(self, event: list[Any], context: Any) -> list[dict[str, Any]]:
        """The events of the batch, each in each version, in the order of the records.

        Nothing comes out for a record without a change of status; for a batch without any the
        result is empty, and the pipe calls no target.

        Raises:
            BatchFailed: no array of records, or a bad record could not be parked, or the result
                would be too long to be sent, or a bug. The pipe hands the batch over again.
        """
        if not isinstance(event, list):
            raise BatchFailed("expected the batch of a pipe: an array of stream records")
        size_max_bytes = min(self.event_size_max_bytes, PIPES.entry_size_max_bytes)
        answer = _Answer(size_max_bytes=size_max_bytes)
        records = [StreamRecord(raw) for raw in event]
        deadlines = RESERVES.deadlines(context, self.clock)
        result = self.publisher.publish(records, answer, deadlines)
        problem = self._problem(answer.documents, result)
        if problem is not None:
            # The pipe gets nothing of this batch, so nothing of it is published.
            result.published = 0
        self.reporter.report(
            result,
            request_id=str(getattr(context, "aws_request_id", "")),
            now_seconds=self.clock.now().timestamp(),
        )
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


@dataclass(slots=True, kw_only=True)
class _Answer:
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
