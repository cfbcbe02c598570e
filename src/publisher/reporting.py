"""What a batch leaves behind: exactly one log line and one metrics blob (EMF).

A line holds counts, codes and ids: event ids, sequence numbers, `eventID`s. It never holds
anything else of a record, nor the text of an exception, which may quote one.
"""

from collections.abc import Sequence
from itertools import islice
from typing import Any

from aws_lambda_powertools import Logger
from aws_lambda_powertools.metrics import EphemeralMetrics, MetricUnit

from publisher import stream_records
from publisher.publish_batch import BatchResult
from publisher.transitions import Record

IDS_PER_LINE_MAX = 20

# Every metric of the publisher; all but the last are counts, and written for each batch, zeros
# included, so that an alarm never has to guess what a missing value means.
STREAM_RECORDS = "StreamRecords"  # records received, a repeated delivery counted again
STATUS_TRANSITIONS = "StatusTransitions"  # records that hold a change of status
RECORDS_WITHOUT_TRANSITION = "RecordsWithoutTransition"  # records that left the status as it was
CUSTOMER_RECORDS = "CustomerRecords"  # records of items that ENTITY_FILTER calls customers
EVENTS_PUBLISHED = "EventsPublished"  # entries that the bus confirmed, one for each version
RECORDS_PARKED = "RecordsParked"  # records put into the failure store: a person has to decide
RECORDS_FAILED = "RecordsFailed"  # records that will be delivered again
BUS_FAULTS = "BusFaults"  # entries that failed since the bus is at fault: permission, topic, key
STREAM_LAG_MILLISECONDS = "StreamLagMilliseconds"  # the batch's oldest change, until answered


class BatchReporter:
    """Writes the line and the blob.

    Args:
        service: the metrics' dimension `service`, and the line's.
        namespace: of the metrics.
    """

    def __init__(self, *, service: str, namespace: str) -> None:
        self._logger = Logger(service=service)
        self._metrics = EphemeralMetrics(service=service, namespace=namespace)

    def report(
        self, records: Sequence[Record], result: BatchResult, *, request_id: str, now_seconds: float
    ) -> None:
        """Report one batch.

        Args:
            records: the batch; only ids are read from it.
            result: what became of it.
            request_id: of the invocation.
            now_seconds: the instant, in epoch seconds.
        """
        lag_milliseconds = _lag_milliseconds(records, now_seconds)
        self._count(result, lag_milliseconds)
        log = self._logger.warning if result.parked or result.failed else self._logger.info
        log("batch", extra=_line(records, result, request_id, lag_milliseconds))

    # Private functions

    def _count(self, result: BatchResult, lag_milliseconds: int | None) -> None:
        counts = {
            STREAM_RECORDS: result.records,
            STATUS_TRANSITIONS: result.transitions,
            RECORDS_WITHOUT_TRANSITION: result.without_transition,
            CUSTOMER_RECORDS: result.records - result.outside_entity_filter,
            EVENTS_PUBLISHED: result.published,
            RECORDS_PARKED: len(result.parked),
            RECORDS_FAILED: len(result.failed),
            BUS_FAULTS: result.bus_faults,
        }
        for name, value in counts.items():
            self._metrics.add_metric(name=name, unit=MetricUnit.Count, value=value)
        if lag_milliseconds is not None:
            self._metrics.add_metric(
                name=STREAM_LAG_MILLISECONDS, unit=MetricUnit.Milliseconds, value=lag_milliseconds
            )
        self._metrics.flush_metrics()


# Private functions


def _line(
    records: Sequence[Record], result: BatchResult, request_id: str, lag_milliseconds: int | None
) -> dict[str, Any]:
    line: dict[str, Any] = {
        "function_request_id": request_id,
        "records": result.records,
        "transitions": result.transitions,
        "outside_entity_filter": result.outside_entity_filter,
        "published": result.published,
        "retried": result.retried,
        "stream_lag_milliseconds": lag_milliseconds,
    }
    if records:
        line["first_sequence_number"] = stream_records.sequence_number(records[0])
        line["last_sequence_number"] = stream_records.sequence_number(records[-1])
    if result.reasons_left_out:
        line["reasons_left_out"] = result.reasons_left_out
    if result.bus_faults:
        line["bus_faults"] = result.bus_faults
    if result.parked:
        line["parked"] = result.parked_by_reason()
        line["parked_event_ids"] = _ids(records, result.parked)
    if result.unexpected:
        line["unexpected"] = [
            {"event_id": stream_records.record_id(records[index]), "raised": where}
            for index, where in islice(sorted(result.unexpected.items()), IDS_PER_LINE_MAX)
        ]
    if result.failed:
        line["failed"] = result.failed_by_code()
        line["failed_sequence_numbers"] = [
            stream_records.sequence_number(records[index])
            for index in islice(sorted(result.failed), IDS_PER_LINE_MAX)
        ]
    return line


def _ids(records: Sequence[Record], indexes: dict[int, str]) -> list[str]:
    return [
        stream_records.record_id(records[index])
        for index in islice(sorted(indexes), IDS_PER_LINE_MAX)
    ]


def _lag_milliseconds(records: Sequence[Record], now_seconds: float) -> int | None:
    """Against whole seconds, as the stream rounds them down: up to a second too much."""
    created = [
        seconds
        for seconds in (stream_records.creation_epoch_seconds(record) for record in records[:1])
        if seconds is not None
    ]
    return max(0, int((now_seconds - min(created)) * 1000)) if created else None
