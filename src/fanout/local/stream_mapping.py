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

from collections import OrderedDict
from collections.abc import Iterable
from zlib import crc32

from fanout.local.stream_answer import (
    Failed,
    InvocationResult,
    NotInvoked,
    PartlyFailed,
    Succeeded,
    read_answer,
)
from fanout.local.stream_batches import (
    Action,
    Batch,
    Discard,
    DiscardReason,
    Invoke,
    StreamRecord,
)
from fanout.local.stream_lane import PAYLOAD_BYTES_MAX, Backoff, Lane
from fanout.local.stream_settings import MappingSettings

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
