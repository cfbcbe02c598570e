"""The shards of a DynamoDB stream: which may be read now, and reading each from its position."""

from collections.abc import Iterable, Iterator, Mapping
from dataclasses import dataclass
from typing import Any

from botocore.exceptions import ClientError

from fanout.streams.mapping import MappingSettings, ShardMapping

# Lambda polls a shard 4 times a second; here that delay would be most of the latency shown.
_POLL_SECONDS_MIN = 0.02
POLL_SECONDS_MAX = 0.05
_POLL_SLOWDOWN = 1.1
_EXPIRED = "ExpiredIteratorException"
_TRIMMED = "TrimmedDataAccessException"


@dataclass(frozen=True, slots=True, kw_only=True)
class Stream:
    """A stream as DescribeStream reports it; `shards` maps each shard to its parent, or None."""

    partition_key: str
    shards: Mapping[str, str | None]


def describe(dynamodbstreams: Any, stream_arn: str) -> Stream:
    """Read the whole shard list, page by page (a page holds 100 shards at most)."""
    shards: dict[str, str | None] = {}
    partition_key = ""
    start: dict[str, str] = {}
    while True:
        answer = dynamodbstreams.describe_stream(StreamArn=stream_arn, **start)
        found = answer["StreamDescription"]
        partition_key = next(
            (one["AttributeName"] for one in found["KeySchema"] if one["KeyType"] == "HASH"), ""
        )
        shards.update((one["ShardId"], one.get("ParentShardId")) for one in found["Shards"])
        last = found.get("LastEvaluatedShardId")
        if not last:
            return Stream(partition_key=partition_key, shards=shards)
        start = {"ExclusiveStartShardId": last}


def readable_shards(shards: Mapping[str, str | None], *, finished: Iterable[str]) -> Iterator[str]:
    """The shards whose turn it is: not finished, and their parent is finished or trimmed away.

    A child read before its parent is done could overtake changes of the same item.
    """
    done = set(finished)
    for shard, parent in shards.items():
        if shard not in done and (parent is None or parent in done or parent not in shards):
            yield shard


class ShardReader:
    """Reads one shard page by page, and finds its place again when its iterator is lost.

    Args:
        start: Where to begin: `TRIM_HORIZON` or `LATEST`.
    """

    def __init__(self, dynamodbstreams: Any, *, stream_arn: str, shard_id: str, start: str) -> None:
        self._client = dynamodbstreams
        self._stream_arn = stream_arn
        self._shard_id = shard_id
        self._start = start
        self._iterator: str | None = None
        self.is_ended = False
        """The shard is closed and was read to its end."""
        self.trims = 0
        """How often records were trimmed before they were read: changes lost from the stream."""

    def read(self, *, after: str | None) -> list[dict[str, Any]]:
        """The next page; may be empty. `after` is the last sequence number that was taken in.

        An iterator lives 15 minutes; one that expired is replaced behind `after`. A position that
        was trimmed goes on at the oldest record there is, and is counted.
        """
        try:
            return self._next_page(after)
        except ClientError as error:
            code = error.response.get("Error", {}).get("Code", "")
            if code not in {_EXPIRED, _TRIMMED}:
                raise
            self._iterator = None
            if code == _TRIMMED:
                self.trims += 1
                self._iterator = self._shard_iterator(ShardIteratorType="TRIM_HORIZON")
        return self._next_page(after)

    # Private functions

    def _next_page(self, after: str | None) -> list[dict[str, Any]]:
        iterator = self._iterator or self._find_place(after)
        answer = self._client.get_records(ShardIterator=iterator)
        self._iterator = answer.get("NextShardIterator")
        self.is_ended = self._iterator is None
        records: list[dict[str, Any]] = answer["Records"]
        return records

    def _find_place(self, after: str | None) -> str:
        if after is not None:
            place = {"ShardIteratorType": "AFTER_SEQUENCE_NUMBER", "SequenceNumber": after}
        else:
            place = {"ShardIteratorType": self._start}
        self._iterator = self._shard_iterator(**place)
        return self._iterator

    def _shard_iterator(self, **place: str) -> str:
        iterator: str = self._client.get_shard_iterator(
            StreamArn=self._stream_arn, ShardId=self._shard_id, **place
        )["ShardIterator"]
        return iterator


class MappedShard:
    """A shard that is being read: its position, its lanes, and when to look again."""

    def __init__(self, reader: ShardReader, settings: MappingSettings) -> None:
        self.reader = reader
        self.mapping = ShardMapping(settings)
        self.read_at = 0.0
        self.was_empty = False
        self._poll_seconds = _POLL_SECONDS_MIN

    @property
    def may_be_read(self) -> bool:
        """Whether there is more to come, and room for it."""
        return not self.reader.is_ended and self.mapping.wants_records

    @property
    def is_finished(self) -> bool:
        """Whether it is closed and all in it is done with, so that its children may start."""
        return self.reader.is_ended and self.mapping.is_drained

    @property
    def wake_at(self) -> float | None:
        """When there is something to do, if no report comes in before."""
        times = [self.mapping.due_at(), self.read_at if self.may_be_read else None]
        return min((at for at in times if at is not None), default=None)

    def has_read(self, *, records: int, now: float) -> None:
        """Look again soon while records come, and a little later each time while none do."""
        self.was_empty = records == 0
        slower = min(POLL_SECONDS_MAX, self._poll_seconds * _POLL_SLOWDOWN)
        self._poll_seconds = slower if self.was_empty else _POLL_SECONDS_MIN
        self.read_at = now + self._poll_seconds
