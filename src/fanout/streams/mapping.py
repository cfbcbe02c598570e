"""The rules of a DynamoDB stream event source mapping, as a machine without AWS and clock.

Records of one shard go in; out comes what to do next: invoke the function with a batch, or discard
a batch to the on-failure destination. Results go in again, and the checkpoint follows what is done
with. Times are seconds since the epoch, given by the caller; nothing here waits.

Source of the rules: the pages on DynamoDB event sources in the Lambda developer guide (batching
behaviour, error handling, partial batch response). Where they are silent:

- a partial failure that gets ahead spends a retry attempt unless bisect is on; one that names the
  batch's first record always spends one, since there is nothing to split off;
- the halves of a bisected batch inherit the attempts that were spent on it;
- of a batch, only the leading records that are too old are discarded for their age.
"""

from collections import OrderedDict, deque
from collections.abc import Collection, Iterable, Sequence
from dataclasses import dataclass, replace
from typing import Any
from zlib import crc32

from fanout.streams.records import (
    Action,
    Batch,
    Discard,
    DiscardReason,
    Invoke,
    MappingSettings,
    StreamRecord,
)

# What became of one invocation of the function, and how its answer is read


@dataclass(frozen=True, slots=True, kw_only=True)
class Succeeded:
    """Every record of the batch is done with."""


@dataclass(frozen=True, slots=True, kw_only=True)
class PartlyFailed:
    """What comes before `from_sequence` is done with; it and everything after it is retried."""

    from_sequence: str


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
    """The function did not run: a throttle, no permission, no connection. Spends no attempt."""

    error: str


InvocationResult = Succeeded | PartlyFailed | Failed | NotInvoked


def read_answer(answer: Any, *, sequences: Collection[str]) -> InvocationResult:
    """Read a partial batch response, decoded from JSON.

    Nothing, an empty object and an empty or null list are success. An identifier that is empty,
    null, misnamed or of no record in the batch fails the whole batch, and so does an answer of
    another shape: what can't be understood must not count as done.
    """
    if answer is None:
        return Succeeded()
    if not isinstance(answer, dict):
        return Failed(error=f"the answer is {type(answer).__name__}, not an object")
    failures = answer.get("batchItemFailures")
    if not isinstance(failures, list | None):
        return Failed(error="batchItemFailures is not a list")
    identifiers = [_identifier(one) for one in failures or ()]
    known = [one for one in identifiers if one in sequences]
    if len(known) != len(identifiers):
        return Failed(error="an itemIdentifier is missing, empty or not of this batch")
    if not known:
        return Succeeded()
    return PartlyFailed(from_sequence=min(known, key=int))


def _identifier(entry: Any) -> str:
    value = entry.get("itemIdentifier") if isinstance(entry, dict) else None
    return value if isinstance(value, str) else ""


# One lane of a shard: batches in order, one at a time, with their splits, retries and discards


PAYLOAD_BYTES_MAX = 6 * 1024 * 1024 - 1024
"""What Lambda takes in one synchronous call, less room for what frames the records."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Backoff:
    """How long a lane waits after failures in a row. Lambda's own delays are not documented."""

    first_seconds: float = 0.2
    longest_seconds: float = 10.0

    def delay_seconds(self, failures: int) -> float:
        """The wait after that many failures in a row, at least one; doubles each time."""
        doublings = min(failures - 1, 32)
        return min(self.longest_seconds, self.first_seconds * 2.0**doublings)


class Lane:
    """Holds the records of one lane. At most one action is under way, so the order is kept."""

    def __init__(self, *, index: int, settings: MappingSettings, backoff: Backoff) -> None:
        self._index = index
        self._settings = settings
        self._backoff = backoff
        self._waiting: deque[tuple[StreamRecord, float]] = deque()
        self._waiting_bytes = 0
        self._retrying: deque[Batch] = deque()
        self._under_way: Action | None = None
        self._failures = 0
        self._not_before = 0.0

    def add(self, record: StreamRecord, *, now: float) -> None:
        """Queue a record behind all others."""
        self._waiting.append((record, now))
        self._waiting_bytes += len(record.body)

    def due_at(self) -> float | None:
        """When there will be something to do; None while an action is under way or nothing is."""
        if self._under_way is not None:
            return None
        if self._retrying:
            return self._not_before
        if not self._waiting:
            return None
        return max(self._not_before, self._batch_complete_at())

    def next_action(self, *, now: float) -> Action | None:
        """Take the next action, if one is due; its result must be reported before the next."""
        due_at = self.due_at()
        if due_at is None or due_at > now:
            return None
        batch = self._retrying.popleft() if self._retrying else self._form_batch()
        if batch.discard_reason is None:
            batch = self._mark_expired(batch, now=now)
        if batch.discard_reason is None:
            self._under_way = Invoke(batch=batch)
        else:
            self._under_way = Discard(batch=batch, reason=batch.discard_reason)
        return self._under_way

    def invoked(
        self, batch: Batch, result: InvocationResult, *, now: float
    ) -> Sequence[StreamRecord]:
        """Take the result of an invocation; returns the records that are done with."""
        self._end(Invoke(batch=batch))
        if isinstance(result, Succeeded):
            self._failures = 0
            return batch.records
        if isinstance(result, NotInvoked):
            self._retry(batch, now=now)
            return ()
        tried = replace(batch, invoke_count=batch.invoke_count + 1, function_error=None)
        if isinstance(result, PartlyFailed):
            return self._partly_failed(tried, result, now=now)
        self._failed(replace(tried, function_error=result.function_error), now=now)
        return ()

    def discarded(self, batch: Batch) -> Sequence[StreamRecord]:
        """The on-failure destination has the batch; returns its records, now done with."""
        self._end(self._discard(batch))
        self._failures = 0
        return batch.records

    def discard_failed(self, batch: Batch, *, now: float) -> None:
        """The on-failure destination refused the batch: it stays, and is offered again."""
        self._end(self._discard(batch))
        self._retry(replace(batch, deliveries_failed=batch.deliveries_failed + 1), now=now)

    # Private functions

    def _batch_complete_at(self) -> float:
        full = (
            len(self._waiting) >= self._settings.batch_size
            or self._waiting_bytes >= PAYLOAD_BYTES_MAX
        )
        return 0.0 if full else self._waiting[0][1] + self._settings.window_seconds

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
        age_max = self._settings.record_age_seconds_max
        if age_max < 0:
            return batch
        expired = 0
        while expired < len(batch.records) and now - batch.records[expired].created_at > age_max:
            expired += 1
        if not expired:
            return batch
        if expired < len(batch.records):
            self._retrying.appendleft(replace(batch, records=batch.records[expired:]))
        return replace(
            batch,
            records=batch.records[:expired],
            discard_reason=DiscardReason.RECORD_AGE_EXCEEDED,
        )

    def _partly_failed(
        self, batch: Batch, result: PartlyFailed, *, now: float
    ) -> Sequence[StreamRecord]:
        checkpoint = int(result.from_sequence)
        done = tuple(record for record in batch.records if record.number < checkpoint)
        rest = replace(batch, records=batch.records[len(done) :])
        if done:
            self._failures = 0
        if done and self._settings.bisect:
            # The batch is split at the number that was returned, and a split is free.
            self._retry(rest, now=now)
        else:
            self._spend_attempt(rest, now=now)
        return done

    def _failed(self, batch: Batch, *, now: float) -> None:
        if not self._settings.bisect or len(batch.records) == 1:
            self._spend_attempt(batch, now=now)
            return
        middle = len(batch.records) // 2
        self._retrying.appendleft(replace(batch, records=batch.records[middle:]))
        self._retry(replace(batch, records=batch.records[:middle]), now=now)

    def _spend_attempt(self, batch: Batch, *, now: float) -> None:
        limit = self._settings.retry_attempts_max
        if 0 <= limit <= batch.retries_spent:
            reason = DiscardReason.RETRY_ATTEMPTS_EXHAUSTED
            self._retrying.appendleft(replace(batch, discard_reason=reason))
            return
        self._retry(replace(batch, retries_spent=batch.retries_spent + 1), now=now)

    def _retry(self, batch: Batch, *, now: float) -> None:
        self._failures += 1
        self._not_before = now + self._backoff.delay_seconds(self._failures)
        self._retrying.appendleft(batch)

    def _end(self, action: Action) -> None:
        if self._under_way != action:
            raise ValueError(f"Lane {self._index} has no such action under way.")
        self._under_way = None

    @staticmethod
    def _discard(batch: Batch) -> Discard:
        if batch.discard_reason is None:
            raise ValueError("This batch was not to be discarded.")
        return Discard(batch=batch, reason=batch.discard_reason)


__all__ = [
    "Action",
    "Backoff",
    "Batch",
    "Discard",
    "DiscardReason",
    "Failed",
    "InvocationResult",
    "Invoke",
    "MappingSettings",
    "NotInvoked",
    "PartlyFailed",
    "ShardMapping",
    "StreamRecord",
    "Succeeded",
    "read_answer",
]


class ShardMapping:
    """One shard of a mapped stream.

    Loop over `add` (while `wants_records`), `next_actions`, and `invoked`, `discarded` or
    `discard_failed` for each action taken. A lane waits for the result of its action.
    """

    def __init__(self, settings: MappingSettings, *, backoff: Backoff | None = None) -> None:
        self._settings = settings
        self._lanes = [
            Lane(index=index, settings=settings, backoff=backoff or Backoff())
            for index in range(settings.lanes)
        ]
        # Every record behind the checkpoint, in order: when it was created, None once it is done.
        self._window: OrderedDict[str, float | None] = OrderedDict()
        self._records_max = max(1000, 2 * settings.batch_size * settings.lanes)
        self._bytes_max = (settings.lanes + 1) * PAYLOAD_BYTES_MAX
        self._bytes = 0
        self._pending = 0
        self._last_number = -1
        self._read_to: str | None = None
        self._checkpoint: str | None = None

    @property
    def checkpoint(self) -> str | None:
        """The sequence number up to which everything is done with; None before the first."""
        return self._checkpoint

    @property
    def read_to(self) -> str | None:
        """The last sequence number that came in: where reading goes on."""
        return self._read_to

    @property
    def pending(self) -> int:
        """Records that came in and are not done with."""
        return self._pending

    @property
    def oldest_pending_at(self) -> float | None:
        """When the oldest pending record was created; None where nothing is pending."""
        return next(iter(self._window.values()), None)

    @property
    def is_drained(self) -> bool:
        """Whether everything that came in is done with."""
        return not self._window

    @property
    def wants_records(self) -> bool:
        """Whether there is room; without this bound a blocked lane would fill the memory."""
        return len(self._window) < self._records_max and self._bytes < self._bytes_max

    def add(self, records: Iterable[StreamRecord], *, now: float) -> int:
        """Take in records in stream order; returns how many were new.

        A record at or before one that came in already is left out: reading starts over at the
        trim horizon when the position was trimmed.
        """
        added = 0
        for record in records:
            if record.number <= self._last_number:
                continue
            added += 1
            self._last_number = record.number
            self._read_to = record.sequence
            self._window[record.sequence] = record.created_at
            self._pending += 1
            self._bytes += len(record.body)
            self._lanes[self._lane_of(record)].add(record, now=now)
        return added

    def next_actions(self, *, now: float) -> list[Action]:
        """What is due now, at most one action for each lane. Every one must be reported on."""
        actions = (lane.next_action(now=now) for lane in self._lanes)
        return [action for action in actions if action is not None]

    def due_at(self) -> float | None:
        """When `next_actions` will have something, if nothing else happens until then."""
        return min((at for lane in self._lanes if (at := lane.due_at()) is not None), default=None)

    def invoked(self, batch: Batch, result: InvocationResult, *, now: float) -> int:
        """Report what became of an `Invoke`; returns the number of records that it completed."""
        return self._finish(self._lanes[batch.lane].invoked(batch, result, now=now))

    def discarded(self, batch: Batch) -> int:
        """Report that a `Discard` was carried out; returns the number of records."""
        return self._finish(self._lanes[batch.lane].discarded(batch))

    def discard_failed(self, batch: Batch, *, now: float) -> None:
        """Report that the on-failure destination refused; the `Discard` comes again later.

        Lambda gives up at some point and drops the batch; whoever drives this machine decides
        when, by `batch.deliveries_failed`.
        """
        self._lanes[batch.lane].discard_failed(batch, now=now)

    # Private functions

    def _lane_of(self, record: StreamRecord) -> int:
        return crc32(record.key.encode()) % len(self._lanes) if len(self._lanes) > 1 else 0

    def _finish(self, records: Iterable[StreamRecord]) -> int:
        finished = 0
        for record in records:
            self._window[record.sequence] = None
            self._bytes -= len(record.body)
            self._pending -= 1
            finished += 1
        self._advance()
        return finished

    def _advance(self) -> None:
        while self._window and self.oldest_pending_at is None:
            self._checkpoint, _ = self._window.popitem(last=False)
