"""The Accounts table and its stream: shards with lineage, numbers that rise, 24 hours of memory.

Amazon DynamoDB Developer Guide, "Change data capture for DynamoDB Streams": each change appears
once, in its item's order; a write that changes nothing leaves no record; a shard ends, and its
children follow it.
"""

from dataclasses import dataclass, field
from random import Random
from typing import Any
from zlib import crc32

from simulation.clock import VirtualClock

RETENTION_SECONDS = 24 * 3600.0
FIRST_NUMBER = 10**24 - 25
"""So that within one history numbers grow by a digit, as they do in AWS's own example."""
_BUCKETS = 8
Item = dict[str, dict[str, str]]


@dataclass(slots=True, kw_only=True)
class StreamRecord:
    number: int
    at: float
    customer: str
    body: dict[str, Any]


@dataclass(slots=True, kw_only=True)
class Shard:
    """`records` holds what is not trimmed; `first` is how many were trimmed before them."""

    shard_id: str
    parent: str | None
    buckets: frozenset[int]
    records: list[StreamRecord] = field(default_factory=list)
    first: int = 0
    closed: bool = False


class Accounts:
    def __init__(self, clock: VirtualClock) -> None:
        self._clock = clock
        self.items: dict[str, Item] = {}
        self.bodies: dict[int, dict[str, Any]] = {}
        """Every record that ever was, by its number, trimmed ones included."""
        self.generation = 1
        self.shards: list[Shard] = []
        self._number = 0
        self._new_stream(FIRST_NUMBER)

    @property
    def stream_arn(self) -> str:
        """A stream that is made anew has another one."""
        return f"arn:aws:dynamodb:eu-west-1:123456789012:table/accounts/stream/{self.generation}"

    def write(self, customer: str, item: Item | None, dice: Random) -> StreamRecord | None:
        """Put an item, or remove it; the record, or None where nothing changed."""
        old = self.items.get(customer)
        if item == old:
            return None
        if item is None:
            del self.items[customer]
        else:
            self.items[customer] = item
        self._number += dice.randint(1, 3)
        record = StreamRecord(
            number=self._number,
            at=self._clock.seconds,
            customer=customer,
            body=self._body(customer, old, item),
        )
        self.bodies[record.number] = record.body
        self._shard_of(customer).records.append(record)
        return record

    def end_shard(self, dice: Random) -> None:
        """One open shard ends; its children are two, or one."""
        shard = dice.choice([one for one in self.shards if not one.closed])
        shard.closed = True
        buckets = sorted(shard.buckets)
        cut = len(buckets) // 2 if dice.random() < 0.5 else 0
        for part in (buckets[:cut], buckets[cut:]):
            if part:
                self._open_shard(shard.shard_id, frozenset(part))

    def trim(self) -> list[StreamRecord]:
        """Forget what is older than 24 hours; DynamoDB may do so at any moment."""
        horizon = self._clock.seconds - RETENTION_SECONDS
        trimmed: list[StreamRecord] = []
        for shard in self.shards:
            old = [one for one in shard.records if one.at < horizon]
            shard.records = shard.records[len(old) :]
            shard.first += len(old)
            trimmed += old
        return trimmed

    def restore(self) -> None:
        """The table is restored from a backup: a new stream, whose numbers begin lower."""
        self.generation += 1
        self._new_stream(FIRST_NUMBER // 10**self.generation)

    def fail_over(self, lag_seconds: float) -> list[tuple[StreamRecord, StreamRecord]]:
        """Another replica's stream is read from here on: each record with its copy in there.

        Each replica's stream carries the writes of all Regions, under numbers of its own, dated
        when they came to it (Amazon DynamoDB Developer Guide, "Global tables: How it works").
        """
        originals = sorted(
            (one for shard in self.shards for one in shard.records), key=lambda one: one.number
        )
        self.restore()
        return [(one, self._copy(one, lag_seconds)) for one in originals]

    # Private functions

    def _copy(self, original: StreamRecord, lag_seconds: float) -> StreamRecord:
        self._number += 1
        at = original.at + lag_seconds
        stream = original.body["dynamodb"] | {
            "ApproximateCreationDateTime": int(at),
            "SequenceNumber": str(self._number),
        }
        body = original.body | {
            "eventID": f"{self.generation:04x}{self._number:028x}",
            "eventSourceARN": self.stream_arn,
            "dynamodb": stream,
        }
        record = StreamRecord(number=self._number, at=at, customer=original.customer, body=body)
        self.bodies[record.number] = body
        self._shard_of(original.customer).records.append(record)
        return record

    def _new_stream(self, first_number: int) -> None:
        self.shards = []
        self._number = first_number
        self._open_shard(None, frozenset(range(_BUCKETS)))

    def _open_shard(self, parent: str | None, buckets: frozenset[int]) -> None:
        shard_id = f"shard-{self.generation}-{len(self.shards)}"
        self.shards.append(Shard(shard_id=shard_id, parent=parent, buckets=buckets))

    def _shard_of(self, customer: str) -> Shard:
        bucket = crc32(customer.encode()) % _BUCKETS
        return next(one for one in self.shards if not one.closed and bucket in one.buckets)

    def _body(self, customer: str, old: Item | None, new: Item | None) -> dict[str, Any]:
        keys = {"customer_id": {"S": customer}}
        stream: dict[str, Any] = {
            "ApproximateCreationDateTime": int(self._clock.seconds),
            "Keys": keys,
            "SequenceNumber": str(self._number),
            "StreamViewType": "NEW_AND_OLD_IMAGES",
        }
        if old is not None:
            stream["OldImage"] = {**keys, **old}
        if new is not None:
            stream["NewImage"] = {**keys, **new}
        name = "INSERT" if old is None else "REMOVE" if new is None else "MODIFY"
        return {
            "eventID": f"{self.generation:04x}{self._number:028x}",
            "eventName": name,
            "eventSource": "aws:dynamodb",
            "awsRegion": "eu-west-1",
            "dynamodb": stream,
            "eventSourceARN": self.stream_arn,
        }
