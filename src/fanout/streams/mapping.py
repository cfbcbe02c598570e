"""The rules of a DynamoDB stream event source mapping, as a machine without AWS and clock.

Records of one shard go in; out come batches to invoke the function with, or to discard to the
on-failure bucket. Results go in again, and the checkpoint follows what is done. Times are seconds
since the epoch, given by the caller; nothing here waits.

Source of the rules: the pages on DynamoDB event sources in the Lambda developer guide (batching
behaviour, error handling, partial batch response), for the settings of our templates: attempts
without limit, a limit on the age, bisect, and answers that name the failed records. Where the guide
is silent: of a batch, only the leading records that are too old are discarded for their age.
"""

import math
from collections import OrderedDict, deque
from collections.abc import Collection, Iterable, Mapping, Sequence
from dataclasses import dataclass, replace
from itertools import takewhile
from typing import Any, Self
from zlib import crc32

from fanout.errors import WrongUse
from fanout.streams.records import StreamRecord
from sentinel.findings import Severity
from sentinel.rules import check_stream_mapping

PAYLOAD_BYTES_MAX = 6 * 1024 * 1024 - 1024
"""What Lambda takes in one synchronous call, less room for what frames the records."""
RECORD_AGE_EXCEEDED = "RecordAgeExceeded"
"""`requestContext.condition` of the on-failure record of a batch that became too old."""


@dataclass(frozen=True, slots=True, kw_only=True)
class MappingSettings:
    """The settings of one mapping, as far as deployments differ in them.

    Attributes:
        function_arn: What to invoke, with its version or alias where it has one.
        failure_bucket: Where discarded batches go.
        window_seconds: How long a batch that is not full waits for more, from its first record.
        lanes: The parallelization factor: batches of one shard that may run side by side.
        record_age_seconds_max: Age at which a record is discarded rather than sent.
        retry_seconds_first: How long a lane waits after a failure; doubles with each in a row, up
            to `retry_seconds_max`. Lambda's own delays are not documented.
    """

    mapping_id: str
    function_arn: str
    stream_arn: str
    failure_bucket: str = ""
    batch_size: int = 100
    window_seconds: float = 0
    lanes: int = 1
    record_age_seconds_max: float = math.inf
    retry_seconds_first: float = 0.2
    retry_seconds_max: float = 10.0

    @classmethod
    def from_answer(cls, answer: Mapping[str, Any]) -> Self:
        """Read the answer of `get_event_source_mapping`; what is left out takes Lambda's default.

        Raises: WrongUse: it has a setting that our templates don't, or no bucket for failures.
        """
        for found in check_stream_mapping(answer):
            if found.severity is Severity.WRONG:
                raise WrongUse(f"Mapping {answer['UUID']}: {found.what} {found.harm} {found.fix}")
        age_max = int(answer.get("MaximumRecordAgeInSeconds") or -1)
        return cls(
            mapping_id=answer["UUID"],
            function_arn=answer["FunctionArn"],
            stream_arn=answer["EventSourceArn"],
            failure_bucket=answer["DestinationConfig"]["OnFailure"]["Destination"].split(":")[-1],
            batch_size=int(answer.get("BatchSize") or 100),
            window_seconds=float(answer.get("MaximumBatchingWindowInSeconds") or 0),
            lanes=int(answer.get("ParallelizationFactor") or 1),
            record_age_seconds_max=age_max if age_max > 0 else math.inf,
        )


@dataclass(frozen=True, slots=True, kw_only=True)
class Batch:
    """Consecutive records of one lane, never empty, with what was tried on them so far.

    It is to be discarded where it has a `discard_reason`; otherwise the function is to be invoked.
    """

    lane: int
    records: tuple[StreamRecord, ...]
    invoke_count: int = 0
    function_error: str | None = None
    discard_reason: str | None = None


# What became of a batch: of its invocation, or of its delivery to the on-failure destination


@dataclass(frozen=True, slots=True, kw_only=True)
class Done:
    """The function, or the on-failure destination, took every record before this sequence number.

    All others are retried; by default there are none.
    """

    before: float = math.inf


@dataclass(frozen=True, slots=True, kw_only=True)
class Failed:
    """The function ran and failed as a whole.

    `error` says why, without a payload; `function_error` is Lambda's `FunctionError`, None where
    the function returned normally but with an answer that means failure.
    """

    error: str
    function_error: str | None = None


@dataclass(frozen=True, slots=True, kw_only=True)
class NotInvoked:
    """The call failed: a throttle, no permission, no connection. Spends no attempt."""

    error: str


Result = Done | Failed | NotInvoked


def read_answer(answer: Any, *, sequences: Collection[str]) -> Result:
    """Read a partial batch response, decoded from JSON.

    Nothing, an empty object and an empty or null list are success. An identifier that is empty,
    null, misnamed or of no record in the batch fails the whole batch, and so does an answer of
    another shape: what can't be understood must not count as done.
    """
    if answer is None:
        return Done()
    if not isinstance(answer, dict):
        return Failed(error=f"the answer is {type(answer).__name__}, not an object")
    failures = answer.get("batchItemFailures")
    if failures is None:
        return Done()
    if not isinstance(failures, list):
        return Failed(error="batchItemFailures is not a list")
    named = [entry.get("itemIdentifier") if isinstance(entry, dict) else None for entry in failures]
    known = [name for name in named if isinstance(name, str) and name in sequences]
    if len(known) != len(named):
        return Failed(error="an itemIdentifier is missing, empty or not of this batch")
    return Done(before=min(map(int, known), default=math.inf))


def split(batch: Batch, result: Result) -> tuple[tuple[StreamRecord, ...], list[Batch]]:
    """What is done of a batch, and what is to be tried again, in order.

    After a partial failure everything from the named record on comes again. A batch that failed as
    a whole is halved (bisect), so that a record that can't be handled ends up alone.
    """
    if isinstance(result, NotInvoked):
        return (), [batch]
    tried = replace(batch, invoke_count=batch.invoke_count + 1, function_error=None)
    if isinstance(result, Done):
        done = tuple(record for record in batch.records if record.number < result.before)
        left = batch.records[len(done) :]
        return done, [replace(tried, records=left)] if left else []
    tried, middle = replace(tried, function_error=result.function_error), len(batch.records) // 2
    halves = (batch.records[:middle], batch.records[middle:])
    return (), [replace(tried, records=half) for half in halves if half]


# One lane of a shard: batches in order, one at a time, with their splits, retries and discards


class Lane:
    """Holds the records of one lane. At most one batch is under way, so the order is kept."""

    def __init__(self, *, index: int, settings: MappingSettings) -> None:
        self._index = index
        self._settings = settings
        self._waiting: deque[tuple[StreamRecord, float]] = deque()
        self._waiting_bytes = 0
        self._retrying: deque[Batch] = deque()
        self._under_way: Batch | None = None
        self._failures = 0
        self._not_before = 0.0

    def add(self, record: StreamRecord, *, now: float) -> None:
        """Queue a record behind all others."""
        self._waiting.append((record, now))
        self._waiting_bytes += len(record.body)

    def due_at(self) -> float:
        """When there will be something to do: never while a batch is under way or nothing waits."""
        if self._under_way is not None or not (self._retrying or self._waiting):
            return math.inf
        is_full = len(self._waiting) >= self._settings.batch_size
        if self._retrying or is_full or self._waiting_bytes >= PAYLOAD_BYTES_MAX:
            return self._not_before
        return max(self._not_before, self._waiting[0][1] + self._settings.window_seconds)

    def next_batch(self, *, now: float) -> Batch | None:
        """Take the next batch, if one is due; its result must be reported before the next."""
        if self.due_at() > now:
            return None
        batch = self._retrying.popleft() if self._retrying else self._form_batch()
        if batch.discard_reason is None:
            batch = self._mark_expired(batch, now=now)
        self._under_way = batch
        return batch

    def report(self, batch: Batch, result: Result, *, now: float) -> Sequence[StreamRecord]:
        """Take what became of a batch; returns the records that are done."""
        if self._under_way != batch:
            raise ValueError(f"Lane {self._index} has no such batch under way.")
        self._under_way = None
        done, left = split(batch, result)
        if done:
            self._failures = 0
        if left:
            doubled = self._settings.retry_seconds_first * 2.0 ** min(self._failures, 32)
            self._not_before = now + min(self._settings.retry_seconds_max, doubled)
            self._failures += 1
            self._retrying.extendleft(reversed(left))
        return done

    # Private functions

    def _form_batch(self) -> Batch:
        records: list[StreamRecord] = []
        size = 0
        while self._waiting and len(records) < self._settings.batch_size:
            record, _ = self._waiting[0]
            if records and size + len(record.body) > PAYLOAD_BYTES_MAX:
                break
            size += len(record.body) + 1
            self._waiting_bytes -= len(record.body)
            records.append(record)
            self._waiting.popleft()
        return Batch(lane=self._index, records=tuple(records))

    def _mark_expired(self, batch: Batch, *, now: float) -> Batch:
        """Cut off the leading records that are too old to be sent; the rest waits its turn."""
        oldest = now - self._settings.record_age_seconds_max
        expired = tuple(takewhile(lambda record: record.created_at < oldest, batch.records))
        if not expired:
            return batch
        if rest := batch.records[len(expired) :]:
            self._retrying.appendleft(replace(batch, records=rest))
        return replace(batch, records=expired, discard_reason=RECORD_AGE_EXCEEDED)


class ShardMapping:
    """One shard of a mapped stream.

    Loop over `add` (while `wants_records`), `next_batches`, and `report` for each batch taken. A
    lane waits for the result of its batch.

    Attributes:
        checkpoint: The sequence number up to which everything is done; None before the first.
        read_to: The last sequence number that came in: where reading continues.
        pending: Records that came in and are not done.
    """

    def __init__(self, settings: MappingSettings) -> None:
        self._lanes = [Lane(index=index, settings=settings) for index in range(settings.lanes)]
        # Every record behind the checkpoint, in order: when it was created, None once it is done.
        self._window: OrderedDict[str, float | None] = OrderedDict()
        self._records_max = max(1000, 2 * settings.batch_size * settings.lanes)
        self._bytes_max = (settings.lanes + 1) * PAYLOAD_BYTES_MAX
        self._bytes = 0
        self.pending = 0
        self.read_to: str | None = None
        self.checkpoint: str | None = None

    @property
    def oldest_pending_at(self) -> float | None:
        """When the oldest pending record was created; None where nothing is pending."""
        return next(iter(self._window.values()), None)

    @property
    def wants_records(self) -> bool:
        """Whether there is room; without this bound a blocked lane would fill the memory."""
        return len(self._window) < self._records_max and self._bytes < self._bytes_max

    def add(self, records: Iterable[StreamRecord], *, now: float) -> int:
        """Take in records in stream order; returns how many were new.

        A record at or before one that came in already is left out: reading starts over at the
        trim horizon when the position was trimmed.
        """
        before = self.pending
        for record in records:
            if self.read_to is not None and record.number <= int(self.read_to):
                continue
            self.read_to = record.sequence
            self._window[record.sequence] = record.created_at
            self.pending += 1
            self._bytes += len(record.body)
            lane = self._lanes[crc32(record.key.encode()) % len(self._lanes)]
            lane.add(record, now=now)
        return self.pending - before

    def next_batches(self, *, now: float) -> list[Batch]:
        """What is due now, at most one batch for each lane. Every one must be reported on."""
        batches = (lane.next_batch(now=now) for lane in self._lanes)
        return [batch for batch in batches if batch is not None]

    def due_at(self) -> float:
        """When `next_batches` will have something, if nothing else happens until then."""
        return min(lane.due_at() for lane in self._lanes)

    def report(self, batch: Batch, result: Result, *, now: float) -> Sequence[StreamRecord]:
        """Report what became of a batch; returns the records that it completed.

        A batch to be discarded that the bucket did not take comes again later.
        """
        done = self._lanes[batch.lane].report(batch, result, now=now)
        for record in done:
            self._window[record.sequence] = None
            self._bytes -= len(record.body)
        self.pending -= len(done)
        while self._window and self.oldest_pending_at is None:
            self.checkpoint, _ = self._window.popitem(last=False)
        return done
