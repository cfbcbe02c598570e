"""What moves through a mapping: records, batches of them, and what is to be done with a batch."""

from dataclasses import dataclass
from enum import StrEnum


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
