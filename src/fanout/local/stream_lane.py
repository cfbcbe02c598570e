"""One lane of a shard: batches in order, one at a time, with their splits, retries and discards."""

from collections import deque
from collections.abc import Sequence
from dataclasses import dataclass, replace

from fanout.local.stream_answer import InvocationResult, NotInvoked, PartlyFailed, Succeeded
from fanout.local.stream_batches import (
    Action,
    Batch,
    Discard,
    DiscardReason,
    Invoke,
    StreamRecord,
)
from fanout.local.stream_settings import MappingSettings

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
