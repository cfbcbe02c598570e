"""Stream records as Lambda hands them to a function, made from what GetRecords answers."""

import base64
import json
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from datetime import datetime
from enum import StrEnum
from typing import Any

from fanout.errors import WrongUse

# What moves through a mapping: records, batches of them, and what is to be done with a batch


@dataclass(frozen=True, slots=True, kw_only=True)
class StreamRecord:
    """One stream record on its way to the function.

    Attributes:
        sequence: Its SequenceNumber; compared as an integer, never as a string.
        key: Its partition key, in any stable form: records of one key stay in order.
        created_at: ApproximateCreationDateTime, seconds since the epoch.
        body: The record in Lambda's shape, as JSON.
    """

    sequence: str
    key: str
    created_at: float
    body: str = ""

    @property
    def number(self) -> int:
        """The sequence number as it orders."""
        return int(self.sequence)


class DiscardReason(StrEnum):
    """`requestContext.condition` of the on-failure record."""

    RETRY_ATTEMPTS_EXHAUSTED = "RetryAttemptsExhausted"
    RECORD_AGE_EXCEEDED = "RecordAgeExceeded"


@dataclass(frozen=True, slots=True, kw_only=True)
class Batch:
    """Consecutive records of one lane, never empty, with what was tried on them so far."""

    lane: int
    records: tuple[StreamRecord, ...]
    retries_spent: int = 0
    invoke_count: int = 0
    function_error: str | None = None
    discard_reason: DiscardReason | None = None
    deliveries_failed: int = 0

    @property
    def sequences(self) -> frozenset[str]:
        """The sequence numbers that an answer may name."""
        return frozenset(record.sequence for record in self.records)


@dataclass(frozen=True, slots=True, kw_only=True)
class Invoke:
    """Call the function with these records, then report its result."""

    batch: Batch


@dataclass(frozen=True, slots=True, kw_only=True)
class Discard:
    """Send this batch to the on-failure destination (or, without one, drop it), then report."""

    batch: Batch
    reason: DiscardReason


Action = Invoke | Discard


def take_record(
    raw: Mapping[str, Any],
    *,
    stream_arn: str,
    partition_key: str,
) -> StreamRecord:
    """Turn one record of GetRecords into what the mapping works with.

    `partition_key` names the table's partition key attribute.
    """
    record = shape_record(raw, stream_arn=stream_arn)
    change = record["dynamodb"]
    return StreamRecord(
        sequence=change["SequenceNumber"],
        key=json.dumps(change["Keys"].get(partition_key), sort_keys=True),
        created_at=float(change.get("ApproximateCreationDateTime", 0)),
        body=json.dumps(record, separators=(",", ":")),
    )


def shape_record(raw: Mapping[str, Any], *, stream_arn: str) -> dict[str, Any]:
    """The record in the shape of a Lambda event: plain JSON, binary values in base64.

    GetRecords names no stream, writes `userIdentity` with capitals and gives the time as a
    datetime; Lambda adds the stream's ARN, writes lower case and a number of seconds.
    """
    record = {name: plain(value) for name, value in raw.items() if name != "userIdentity"}
    identity = raw.get("userIdentity")
    if identity:
        record["userIdentity"] = {
            name[:1].lower() + name[1:]: value for name, value in identity.items()
        }
    record["eventSourceARN"] = stream_arn
    return record


def plain(value: Any) -> Any:
    """The same value with base64 for bytes and epoch seconds for datetimes, all the way down."""
    if isinstance(value, Mapping):
        return {name: plain(one) for name, one in value.items()}
    if isinstance(value, bytes | bytearray):
        return base64.b64encode(value).decode("ascii")
    if isinstance(value, datetime):
        seconds = value.timestamp()
        return int(seconds) if seconds.is_integer() else seconds
    if isinstance(value, Sequence) and not isinstance(value, str):
        return [plain(one) for one in value]
    return value


def payload_of(records: Sequence[StreamRecord]) -> str:
    """The event for the function: the records' JSON as it is, not encoded a second time."""
    return '{"Records":[' + ",".join(record.body for record in records) + "]}"


# The settings of a DynamoDB stream event source mapping, as Lambda reports them


REPORT_BATCH_ITEM_FAILURES = "ReportBatchItemFailures"
STARTING_POSITIONS = ("TRIM_HORIZON", "LATEST")
"""What a DynamoDB stream mapping may start from; AT_TIMESTAMP is for Kinesis alone."""


@dataclass(frozen=True, slots=True, kw_only=True)
class MappingSettings:
    """One mapping. A limit of -1 means no limit.

    Attributes:
        function_arn: What to invoke, with its version or alias where it has one.
        window_seconds: How long a batch that is not full waits for more, from its first record.
        lanes: The parallelization factor: batches of one shard that may run side by side.
        retry_attempts_max: Failed invocations after the first, before the batch is discarded.
        record_age_seconds_max: Age at which a record is discarded rather than sent.
        enabled: Whether Lambda itself polls. Whoever drives the mapping may do so regardless.
        report_item_failures: Whether the function's answer names the records that failed.
    """

    mapping_id: str
    function_arn: str
    stream_arn: str
    batch_size: int = 100
    window_seconds: float = 0
    lanes: int = 1
    bisect: bool = False
    retry_attempts_max: int = -1
    record_age_seconds_max: int = -1
    function_response_types: tuple[str, ...] = ()
    on_failure_arn: str | None = None
    starting_position: str = "TRIM_HORIZON"
    enabled: bool = True

    @property
    def report_item_failures(self) -> bool:
        """Whether a partial batch response counts; otherwise any answer is success."""
        return REPORT_BATCH_ITEM_FAILURES in self.function_response_types

    @classmethod
    def from_answer(cls, answer: Mapping[str, Any]) -> "MappingSettings":
        """Read the answer of `get_event_source_mapping`; what is left out takes Lambda's default.

        Raises:
            WrongUse: a filter, or a starting position that Lambda does not know for a stream.
        """
        mapping_id = answer["UUID"]
        position = answer.get("StartingPosition") or "TRIM_HORIZON"
        if position not in STARTING_POSITIONS:
            raise WrongUse(
                f"Event source mapping {mapping_id}: StartingPosition {position!r} does not exist "
                f"for a DynamoDB stream; expected one of {', '.join(STARTING_POSITIONS)}."
            )
        if (answer.get("FilterCriteria") or {}).get("Filters"):
            raise WrongUse(
                f"Event source mapping {mapping_id} has a filter: what it drops is gone without a "
                "trace, and the local poller knows none. Let the function decide."
            )
        destination = (answer.get("DestinationConfig") or {}).get("OnFailure") or {}
        return cls(
            mapping_id=mapping_id,
            function_arn=answer["FunctionArn"],
            stream_arn=answer["EventSourceArn"],
            batch_size=int(answer.get("BatchSize") or 100),
            window_seconds=float(answer.get("MaximumBatchingWindowInSeconds") or 0),
            lanes=int(answer.get("ParallelizationFactor") or 1),
            bisect=bool(answer.get("BisectBatchOnFunctionError")),
            retry_attempts_max=_limit(answer.get("MaximumRetryAttempts")),
            record_age_seconds_max=_limit(answer.get("MaximumRecordAgeInSeconds")),
            function_response_types=tuple(answer.get("FunctionResponseTypes") or ()),
            on_failure_arn=destination.get("Destination") or None,
            starting_position=position,
            enabled=answer.get("State", "Enabled") in {"Enabled", "Enabling", "Creating"},
        )


def _limit(value: int | None) -> int:
    return -1 if value is None else int(value)
