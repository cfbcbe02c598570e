"""The event source mapping of the stream: Lambda's rules are those of the local runtime's machine.

What it adds: which shards may be read (a child waits for its parent), where reading goes on after
the mapping was off or made anew, and what is done with.
"""

import math
from random import Random

from fanout.streams.mapping import (
    Batch,
    MappingSettings,
    Result,
    ShardMapping,
)
from fanout.streams.records import StreamRecord
from fanout.streams.shards import readable_shards
from simulation.accounts import Accounts, Shard
from simulation.faults import Setting

RECORD_AGE_SECONDS_MAX = 12 * 3600


class StreamMapping:
    def __init__(self, accounts: Accounts, setting: Setting) -> None:
        self._accounts = accounts
        self._settings = MappingSettings(
            mapping_id="mapping",
            function_arn="publisher",
            stream_arn="stream",
            batch_size=setting.stream_batch,
            lanes=setting.lanes,
            record_age_seconds_max=RECORD_AGE_SECONDS_MAX,
            retry_seconds_first=0.5,
            retry_seconds_max=60.0,
        )
        self._shards: dict[str, ShardMapping] = {}
        self._read_to: dict[str, int] = {}
        self._due: list[tuple[str, Batch]] = []
        self._checkpoints: dict[str, int] = {}

    def make_anew(self) -> None:
        """Deleted and created again: everything still in the stream comes once more."""
        self.forget()
        self._checkpoints = {}

    def forget(self) -> None:
        """Polling stops. What was under way comes again, from the checkpoints."""
        for shard_id, mapping in self._shards.items():
            if mapping.checkpoint is not None:
                self._checkpoints[shard_id] = int(mapping.checkpoint)
        self._shards = {}
        self._due = []

    def take(self, dice: Random, now: float) -> tuple[str, Batch] | None:
        """One batch that is due, if there is one; it has to be reported on."""
        self._poll(now)
        return self._due.pop(dice.randrange(len(self._due))) if self._due else None

    def due_at(self, now: float) -> float | None:
        self._poll(now)
        if self._due:
            return now
        times = [one.due_at() for one in self._shards.values()]
        return min((at for at in times if at < math.inf), default=None)

    def report(self, shard_id: str, batch: Batch, result: Result, now: float) -> list[int]:
        """Report what became of a batch; the numbers of the records that are done now."""
        mapping = self._shards.get(shard_id)
        if mapping is None:  # the mapping was stopped or made anew meanwhile
            return []
        try:
            done = mapping.report(batch, result, now=now)
        except ValueError:  # a new mapping, which never gave this batch out
            return []
        return [record.number for record in done]

    # Private functions

    def _poll(self, now: float) -> None:
        """Read what is there, and take in flight every batch that is due."""
        shards = {one.shard_id: one for one in self._accounts.shards}
        parents = {one.shard_id: one.parent for one in self._accounts.shards}
        finished: set[str] = set()
        for shard in self._accounts.shards:  # parents come first
            parent_done = shard.parent is None or shard.parent in finished
            if parent_done and self._is_finished(shard):
                finished.add(shard.shard_id)
        for shard_id in readable_shards(parents, finished=finished):
            shard = shards[shard_id]
            mapping = self._mapping(shard)
            new = shard.records[max(0, self._read_to[shard_id] - shard.first) :]
            mapping.add([_as_read(one.number, one.customer, one.at) for one in new], now=now)
            self._read_to[shard_id] = shard.first + len(shard.records)
            self._due += [(shard_id, one) for one in mapping.next_batches(now=now)]

    def _mapping(self, shard: Shard) -> ShardMapping:
        if shard.shard_id not in self._shards:
            self._shards[shard.shard_id] = ShardMapping(self._settings)
            checkpoint = self._checkpoints.get(shard.shard_id, -1)
            before = sum(one.number <= checkpoint for one in shard.records)
            self._read_to[shard.shard_id] = shard.first + before
        return self._shards[shard.shard_id]

    def _is_finished(self, shard: Shard) -> bool:
        if not shard.closed:
            return False
        mapping = self._shards.get(shard.shard_id)
        if mapping is None:
            checkpoint = self._checkpoints.get(shard.shard_id, -1)
            return all(one.number <= checkpoint for one in shard.records)
        read_all = self._read_to[shard.shard_id] >= shard.first + len(shard.records)
        return read_all and not mapping.pending


# Private functions


def _as_read(number: int, customer: str, at: float) -> StreamRecord:
    return StreamRecord(sequence=str(number), key=customer, created_at=at)
