"""What a batch leaves behind: exactly one log line and one metrics blob (EMF).

A line holds counts, codes and ids: event ids, sequence numbers, `eventID`s, trace contexts. It
never holds anything else of a record, nor the text of an exception, which may quote one.
"""

from collections.abc import Iterable
from itertools import islice
from typing import Any

from aws_lambda_powertools import Logger
from aws_lambda_powertools.metrics import EphemeralMetrics

from customer_events import metrics
from publisher.batch_result import BatchResult
from publisher.stream_records import StreamRecord

IDS_PER_LINE_MAX = 20
TRACES_PER_LINE_MAX = 100


class BatchReporter:
    """Writes the line and the blob; `service` and `deployment` are dimensions of each metric."""

    def __init__(self, *, service: str, deployment: str, namespace: str) -> None:
        self._logger = Logger(service=service)
        self._metrics = EphemeralMetrics(
            service=service, namespace=namespace, default_dimensions={"deployment": deployment}
        )

    def report(self, result: BatchResult, *, request_id: str, now_seconds: float | None) -> None:
        """Report one batch; without the instant (in epoch seconds) no lag of its records."""
        lag_milliseconds = _lag_milliseconds(result, now_seconds)
        self._count(result, lag_milliseconds)
        log = self._logger.warning if result.parked or result.failed else self._logger.info
        log("batch", extra=_line(result, request_id, lag_milliseconds))

    # Private functions

    def _count(self, result: BatchResult, lag_milliseconds: int | None) -> None:
        values = {
            metrics.STREAM_RECORDS: len(result.records),
            metrics.STATUS_TRANSITIONS: result.transitions,
            metrics.RECORDS_WITHOUT_TRANSITION: result.without_transition,
            metrics.CUSTOMER_RECORDS: len(result.records) - result.outside_entity_filter,
            metrics.EVENTS_PUBLISHED: result.published,
            metrics.RECORDS_PARKED: len(result.parked),
            metrics.RECORDS_FAILED: len(result.failed),
            metrics.RECORDS_HELD: result.held,
            metrics.BUS_FAULTS: result.bus_faults,
        }
        if lag_milliseconds is not None:
            values[metrics.STREAM_LAG] = lag_milliseconds
        for metric, value in values.items():
            self._metrics.add_metric(metric.name, metric.unit, value)
        self._metrics.flush_metrics()


# Private functions


def _line(result: BatchResult, request_id: str, lag_milliseconds: int | None) -> dict[str, Any]:
    records = result.records
    line: dict[str, Any] = {
        "function_request_id": request_id,
        "records": len(records),
        "transitions": result.transitions,
        "outside_entity_filter": result.outside_entity_filter,
        "published": result.published,
        "retried": result.retried,
        "stream_lag_milliseconds": lag_milliseconds,
    }
    if records:
        line["first_sequence_number"] = records[0].sequence_number
        line["last_sequence_number"] = records[-1].sequence_number
    if result.traces:
        line["traces"] = list(islice(dict.fromkeys(result.traces), TRACES_PER_LINE_MAX))
    if result.reasons_left_out:
        line["reasons_left_out"] = result.reasons_left_out
    if result.bus_faults:
        line["bus_faults"] = result.bus_faults
    if result.parked:
        line["parked"] = result.parked_by_reason()
        line["parked_event_ids"] = [record.record_id for record in _first(result, result.parked)]
    if result.unexpected:
        line["unexpected"] = [
            {"event_id": result.records[index].record_id, "raised": where}
            for index, where in islice(sorted(result.unexpected.items()), IDS_PER_LINE_MAX)
        ]
    if result.failed:
        line["failed"] = result.failed_by_code()
        line["failed_sequence_numbers"] = [
            record.sequence_number for record in _first(result, result.failed)
        ]
    return line


def _first(result: BatchResult, indexes: Iterable[int]) -> list[StreamRecord]:
    return [result.records[index] for index in islice(sorted(indexes), IDS_PER_LINE_MAX)]


def _lag_milliseconds(result: BatchResult, now_seconds: float | None) -> int | None:
    """Of the first record, the oldest. The stream rounds down: up to a second too much."""
    created_at = result.records[0].created_at if result.records else None
    if created_at is None or now_seconds is None:
        return None
    return max(0, int((now_seconds - created_at.timestamp()) * 1000))
