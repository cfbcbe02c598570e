"""The shards of a DynamoDB stream: which may be read now, and reading each from its position."""

from collections.abc import Iterable, Iterator, Mapping
from dataclasses import dataclass
from typing import Any

from botocore.exceptions import ClientError

from fanout.aws import code_of

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
    start: dict[str, str] = {}
    while True:
        page = dynamodbstreams.describe_stream(StreamArn=stream_arn, **start)["StreamDescription"]
        shards.update((shard["ShardId"], shard.get("ParentShardId")) for shard in page["Shards"])
        last = page.get("LastEvaluatedShardId")
        if not last:
            keys = {key["KeyType"]: key["AttributeName"] for key in page["KeySchema"]}
            return Stream(partition_key=keys["HASH"], shards=shards)
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
    """Reads one shard from its oldest record on, page by page, also where its iterator is lost.

    Attributes:
        is_ended: The shard is closed and was read to its end.
    """

    def __init__(self, dynamodbstreams: Any, *, stream_arn: str, shard_id: str) -> None:
        self._client = dynamodbstreams
        self._shard = {"StreamArn": stream_arn, "ShardId": shard_id}
        self._iterator: str | None = None
        self._last: str | None = None
        self.is_ended = False

    def read(self) -> list[dict[str, Any]]:
        """The next page; may be empty.

        An iterator lives 15 minutes; one that expired is replaced behind what was read last. A
        position that was trimmed is replaced by the oldest record there is.
        """
        try:
            return self._next_page()
        except ClientError as error:
            if code_of(error) not in {_EXPIRED, _TRIMMED}:
                raise
            self._iterator = None
            if code_of(error) == _TRIMMED:
                self._last = None
        return self._next_page()

    # Private functions

    def _next_page(self) -> list[dict[str, Any]]:
        if self._iterator is None:
            after = {} if self._last is None else {"SequenceNumber": self._last}
            kind = "AFTER_SEQUENCE_NUMBER" if after else "TRIM_HORIZON"
            answer = self._client.get_shard_iterator(**self._shard, **after, ShardIteratorType=kind)
            self._iterator = answer["ShardIterator"]
        answer = self._client.get_records(ShardIterator=self._iterator)
        self._iterator = answer.get("NextShardIterator")
        self.is_ended = self._iterator is None
        records: list[dict[str, Any]] = answer["Records"]
        if records:
            self._last = records[-1]["dynamodb"]["SequenceNumber"]
        return records
