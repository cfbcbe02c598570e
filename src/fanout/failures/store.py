"""The failure store in S3, and the publisher that it belongs to."""

import re
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass
from datetime import UTC, datetime
from itertools import islice
from typing import Any

from botocore.exceptions import ClientError

from fanout.aws import AwsTarget, code_of
from fanout.errors import Refused, WrongUse
from fanout.failures.records import (
    LAMBDA_PREFIX,
    PARKED_PREFIX,
    Failure,
    Record,
    StreamRange,
    as_object,
    read,
    read_again,
)
from fanout.overlap import CALLS_MAX, overlap
from fanout.runs.function import ReportingFunction
from publisher.transitions import TableRules
from sentinel.discovery import Publisher, find_publisher, table_rules

_ABSENT = {"404", "NoSuchKey", "NotFound"}


@dataclass(frozen=True, slots=True)
class ObjectStore:
    """The bucket, by its name; `client`: a boto3 S3 client."""

    client: Any
    bucket: str

    def failures(self, *, most: int | None = None) -> Iterator[Failure]:
        """Every object, parked records first, each kind by key; at most so many of each kind."""
        for prefix in (PARKED_PREFIX, LAMBDA_PREFIX):
            keys = self._keys(prefix, most)
            # A batch is 6 MB at most, which bounds the memory of those that are read together.
            while page := list(islice(keys, CALLS_MAX)):
                # One that is gone by now was recovered or discarded meanwhile.
                yield from filter(None, overlap(self.read, page).require_all())

    def count(self, most: int) -> int:
        """How many objects there are; counts no further than `most` of each kind."""
        kinds = (PARKED_PREFIX, LAMBDA_PREFIX)
        return sum(1 for prefix in kinds for _ in self._keys(prefix, most))

    def read(self, key: str) -> Failure | None:
        """One object; None where there is none."""
        try:
            body = self.client.get_object(Bucket=self.bucket, Key=key)["Body"].read()
        except ClientError as error:
            if code_of(error) not in _ABSENT:
                raise
            return None
        return read(key, body)

    def move(self, key: str, new_key: str) -> bool:
        """Copy, then delete; False where there is nothing to move, and never was in this place.

        Doing it again after a crash between the two ends the same: the copy names the same object,
        and one that is there already without its source was moved before.
        """
        source = {"Bucket": self.bucket, "Key": key}
        try:
            self.client.copy_object(Bucket=self.bucket, Key=new_key, CopySource=source)
        except ClientError as error:
            if code_of(error) not in _ABSENT:
                raise
            return new_key in self._keys(new_key)
        self.client.delete_object(**source)
        return True

    # Private functions

    def _keys(self, prefix: str, most: int | None = None) -> Iterator[str]:
        pages = self.client.get_paginator("list_objects_v2").paginate(
            Bucket=self.bucket, Prefix=prefix, PaginationConfig={"MaxItems": most}
        )
        for page in pages:
            for listed in page.get("Contents", []):
                yield listed["Key"]


# What the publisher says of each record


PUBLISHED, IGNORED, REFUSED, FAILED = "PUBLISHED", "IGNORED", "REFUSED", "FAILED"


@dataclass(frozen=True, slots=True, kw_only=True)
class Outcome:
    """What became of one record, with the reason where it was refused or failed."""

    outcome: str
    reason: str = ""


class PublisherFunction(ReportingFunction):
    """The deployed publisher."""

    def publish(self, records: Sequence[Record]) -> list[Outcome]:
        """Outcomes, in the records' order; `FAILED`, but perhaps published, where none came."""
        outcomes, why = self.ask(records)
        if outcomes is None or len(outcomes) != len(records):
            return [Outcome(outcome=FAILED, reason=why or "NotReported")] * len(records)
        return [_outcome(as_object(outcome)) for outcome in outcomes]


def _outcome(answer: Mapping[str, Any]) -> Outcome:
    """Anything but the four words counts as failed."""
    outcome = str(answer.get("outcome"))
    if outcome not in {PUBLISHED, IGNORED, REFUSED, FAILED}:
        return Outcome(outcome=FAILED, reason="NotReported")
    return Outcome(outcome=outcome, reason=str(answer.get("reason") or ""))


# A deployment, and what a person names of its stream


@dataclass(frozen=True, slots=True, kw_only=True)
class Deployment:
    """The publisher of a deployment, its failure store, and how it reads records."""

    target: AwsTarget
    publisher: Publisher
    store: ObjectStore
    rules: TableRules

    def require_same(self, subject: Mapping[str, Any]) -> None:
        """Raises: WrongUse where a run was made on another failure store, or for another stream."""
        if subject["failure_bucket"] != self.publisher.failure_bucket:
            raise WrongUse(
                f"The run was made on {subject['failure_bucket']}; here the failure store is "
                f"{self.publisher.failure_bucket}: check --profile, --region and --prefix."
            )
        then, now = subject.get("stream_arn"), self.publisher.stream_arn
        if then not in (None, now):
            raise WrongUse(
                f"The run was made while the publisher read {then}; it reads {now} now, and an "
                "earlier stream's numbers do not continue in it: start a new run."
            )

    def records_of(self, failure: Failure, *, from_stream: bool = False) -> Sequence[Record]:
        """An object's records, with `from_stream` also where it holds only their range.

        Raises: Refused: there are none; says why.
        """
        if failure.records is not None:
            return failure.records
        if failure.stream_range is None:
            raise Refused("its content can't be read: see `fanout failures show`")
        if from_stream:
            return read_again(self.target.client("dynamodbstreams"), failure.stream_range)
        hours = failure.stream_range.hours_left(datetime.now(UTC))
        left = "" if hours is None else f", {hours:.1f} hours left"
        raise Refused(f"only a range, read with --from-stream{left}")

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


_SEQUENCE = re.compile(r"[0-9]{21,40}", re.ASCII)
_SHARD = re.compile(r"[ -~]{28,65}", re.ASCII)
"""The lengths that DynamoDB Streams' API reference gives (GetShardIterator)."""


def stream_range(
    stream_arn: str, shard: str | None, first: str | None, last: str | None, *, from_stream: bool
) -> StreamRange | None:
    """The range that options name, if any. Raises: WrongUse: in part, or not by numbers."""
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
    return StreamRange(stream_arn=stream_arn, shard_id=shard, first=first, last=last)
