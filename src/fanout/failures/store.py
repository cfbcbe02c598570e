"""The failure store in S3: list it, read it, and move away what is done with."""

import re
from collections.abc import Callable, Iterator, Mapping, Sequence
from concurrent.futures import ThreadPoolExecutor
from dataclasses import dataclass
from datetime import UTC, datetime
from functools import partial
from itertools import islice
from typing import Any

from botocore.exceptions import ClientError

from fanout.aws import AwsTarget
from fanout.discovery import Publisher, find_publisher, table_rules
from fanout.errors import Refused, WrongUse
from fanout.failures.records import (
    LAMBDA_PREFIX,
    PARKED_PREFIX,
    Failure,
    Kind,
    Record,
    StreamRange,
    hours_left,
    read,
    read_again,
)
from publisher.transitions import TableRules

READERS = 8
"""Objects read at once. A batch is 6 MB at most, which bounds the memory as well."""
_ABSENT = {"404", "NoSuchKey", "NotFound"}


class ObjectStore:
    """The bucket.

    Args:
        client: a boto3 S3 client.
        bucket: its name.
    """

    def __init__(self, client: Any, bucket: str) -> None:
        self._client = client
        self.bucket = bucket

    def failures(self, *, most: int | None = None) -> Iterator[Failure]:
        """Every object, parked records first, each kind by key; at most so many of each kind."""
        with ThreadPoolExecutor(max_workers=READERS) as pool:
            for prefix in (PARKED_PREFIX, LAMBDA_PREFIX):
                keys = self._keys(prefix, most)
                while page := list(islice(keys, READERS)):
                    # One that is gone by now was recovered or discarded meanwhile.
                    yield from (one for one in pool.map(self.read, page) if one is not None)

    def read(self, key: str) -> Failure | None:
        """One object; None where there is none."""
        try:
            body = self._client.get_object(Bucket=self.bucket, Key=key)["Body"].read()
        except ClientError as error:
            if _is_absent(error):
                return None
            raise
        return read(key, body)

    def move(self, key: str, new_key: str) -> bool:
        """Copy, then delete; False where there is nothing to move, and never was in this place.

        Doing it again after a crash between the two ends the same: the copy names the same object,
        and one that is there already without its source was moved before.
        """
        try:
            self._client.copy_object(
                Bucket=self.bucket, Key=new_key, CopySource={"Bucket": self.bucket, "Key": key}
            )
        except ClientError as error:
            if _is_absent(error):
                return self.holds(new_key)
            raise
        self._client.delete_object(Bucket=self.bucket, Key=key)
        return True

    def holds(self, key: str) -> bool:
        """Whether there is such an object."""
        try:
            self._client.head_object(Bucket=self.bucket, Key=key)
        except ClientError as error:
            if _is_absent(error):
                return False
            raise
        return True

    # Private functions

    def _keys(self, prefix: str, most: int | None) -> Iterator[str]:
        pages = self._client.get_paginator("list_objects_v2").paginate(
            Bucket=self.bucket, Prefix=prefix, PaginationConfig={"MaxItems": most}
        )
        for page in pages:
            for found in page.get("Contents", []):
                yield found["Key"]


def _is_absent(error: ClientError) -> bool:
    return error.response.get("Error", {}).get("Code", "") in _ABSENT


# Get an object's records: from the object itself, or, where it holds only a range, the stream


RANGE_PREFIX = "stream/"


@dataclass(frozen=True, slots=True, kw_only=True)
class Loaded:
    """`records`, or None and a sentence that says why there are none."""

    records: Sequence[Record] | None
    why: str = ""


@dataclass(frozen=True, slots=True, kw_only=True)
class Loading:
    """How a run gets at records.

    Args:
        store: the failure store.
        read_range: reads a range of the stream; raises `Refused` where it is gone.
        named: a range that a person named, or None.
        from_stream: whether ranges of objects without records are read as well.
    """

    store: ObjectStore
    read_range: Callable[[StreamRange], list[Record]]
    named: StreamRange | None
    from_stream: bool

    def load(self, item_id: str) -> Loaded:
        """The records of an item of a run, by its id."""
        if self.named is not None and item_id == id_of(self.named):
            return self._from_stream(self.named)
        found = self.store.read(item_id)
        if found is None:
            return Loaded(records=None, why="no longer there: recovered or discarded by someone")
        return self.of(found)

    def of(self, failure: Failure) -> Loaded:
        """The records of an object that was read."""
        if failure.records is not None:
            return Loaded(records=failure.records)
        wanted = failure.stream_range
        if wanted is None:
            return Loaded(records=None, why="its content can't be read: see `failures show`")
        if not self.from_stream:
            return Loaded(records=None, why=f"only a range, read with --from-stream{left(wanted)}")
        return self._from_stream(wanted)

    def named_failure(self) -> Failure | None:
        """The named range as if it were an object."""
        if self.named is None:
            return None
        return Failure(
            key=id_of(self.named), kind=Kind.RANGE, reason="NamedRange", stream_range=self.named
        )

    # Private functions

    def _from_stream(self, wanted: StreamRange) -> Loaded:
        try:
            return Loaded(records=self.read_range(wanted))
        except Refused as refusal:
            return Loaded(records=None, why=str(refusal))


def id_of(wanted: StreamRange) -> str:
    """A range as the id of an item of a run."""
    return f"{RANGE_PREFIX}{wanted.shard_id}/{wanted.first}-{wanted.last}"


def left(wanted: StreamRange) -> str:
    """`, 3.5 hours left`; nothing where the range does not say when it arrived."""
    if wanted.arrived_at is None:
        return ""
    return f", {hours_left(wanted.arrived_at, datetime.now(UTC)):.1f} hours left"


# The publisher of a deployment, ready to be worked with


@dataclass(frozen=True, slots=True, kw_only=True)
class Deployment:
    """What discovery tells of the publisher, its failure store, and how it reads records."""

    target: AwsTarget
    publisher: Publisher
    store: ObjectStore
    rules: TableRules

    def subject(self) -> dict[str, Any]:
        """What a run works on, for its header; a resume checks it."""
        return {
            "prefix": self.target.prefix,
            "failure_bucket": self.publisher.failure_bucket,
            "function_name": self.publisher.function_name,
            "stream_arn": self.publisher.stream_arn,
        }

    def require_same(self, subject: Mapping[str, Any]) -> None:
        """Raises: WrongUse where a run was made on another failure store, or for another stream."""
        if subject["failure_bucket"] != self.publisher.failure_bucket:
            raise WrongUse(
                f"The run was made on {subject['failure_bucket']}; here the failure store is "
                f"{self.publisher.failure_bucket}: check --profile, --region and --prefix."
            )
        then, now = subject.get("stream_arn"), self.publisher.stream_arn
        if then is not None and then != now:
            raise WrongUse(
                f"The run was made while the publisher read {then}; it reads {now} now, and an "
                "earlier stream's numbers do not go on in it: start a new run."
            )

    def loading(self, *, named: StreamRange | None = None, from_stream: bool = False) -> Loading:
        """How a run gets at records."""
        return Loading(
            store=self.store,
            read_range=partial(read_again, self.target.client("dynamodbstreams")),
            named=named,
            from_stream=from_stream,
        )

    def item_now(self, key: Mapping[str, Any]) -> Mapping[str, Any] | None:
        """An item of Accounts as it is now; None where there is none."""
        answer = self.target.client("dynamodb").get_item(
            TableName=self.publisher.accounts_table, Key=dict(key), ConsistentRead=True
        )
        item: Mapping[str, Any] | None = answer.get("Item")
        return item


def find_deployment(target: AwsTarget) -> Deployment:
    """Raises: WrongUse where no deployment has this prefix."""
    publisher = find_publisher(target)
    return Deployment(
        target=target,
        publisher=publisher,
        store=ObjectStore(target.client("s3"), publisher.failure_bucket),
        rules=table_rules(publisher),
    )


# A range of the stream, as a person names it on the command line


_SEQUENCE = re.compile(r"[0-9]{21,40}", re.ASCII)
_SHARD = re.compile(r"[ -~]{28,65}", re.ASCII)
"""The lengths that DynamoDB Streams' API reference gives (GetShardIterator)."""


def stream_range(
    deployment: Deployment,
    shard: str | None,
    first: str | None,
    last: str | None,
    *,
    from_stream: bool,
) -> StreamRange | None:
    """The range that the options state, or None where they state none.

    Raises:
        WrongUse: it is named in part, or not by numbers.
    """
    if shard is None and first is None and last is None:
        return None
    if not from_stream or shard is None or first is None or last is None:
        raise WrongUse(
            "A range needs all of --from-stream, --shard, --from-sequence and --to-sequence."
        )
    if not (_SEQUENCE.fullmatch(first) and _SEQUENCE.fullmatch(last) and int(first) <= int(last)):
        raise WrongUse(
            "--from-sequence and --to-sequence: expected 21 to 40 digits each, the lower one first."
        )
    if not _SHARD.fullmatch(shard):
        raise WrongUse(f"--shard {shard!r}: expected an id such as shardId-000…, 28 to 65 long.")
    return StreamRange(
        stream_arn=deployment.publisher.stream_arn, shard_id=shard, first=first, last=last
    )
