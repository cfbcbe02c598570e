"""What the failure store's objects hold, and what the contract makes of their records now. Pure.

The shapes are the publisher's own (`publisher.failure_store`) and Lambda's: "Retain discarded
records for a DynamoDB event source in Lambda", Lambda developer guide. `read_again` alone asks AWS.
"""

from collections.abc import Iterable, Iterator, Mapping, Sequence
from dataclasses import dataclass
from datetime import datetime, timedelta
from enum import StrEnum
from typing import Any, Literal

from botocore.exceptions import ClientError

from customer_events.tracebacks import where_raised
from fanout.aws import code_of
from fanout.errors import Refused
from fanout.streams.records import shape_record
from fanout.text import json_object, known_instant
from publisher import attribute_values
from publisher.failure_store import KEY_PREFIX
from publisher.reasons import BadRecord
from publisher.stream_records import StreamRecord
from publisher.transitions import NoTransition, TableRules, detect

PARKED_PREFIX = f"{KEY_PREFIX}/"
LAMBDA_PREFIX = "aws/lambda/"
UNREADABLE = "Unreadable"
Record = dict[str, Any]


class Kind(StrEnum):
    """Who put an object there."""

    PARKED = "parked"  # the publisher: one record
    BATCH = "batch"  # Lambda: a batch that it gave up
    RANGE = "range"  # nobody: a range of the stream that a person named


@dataclass(frozen=True, slots=True, kw_only=True)
class StreamRange:
    """Records of one shard, both ends included; `arrived_at` is of the first, where known."""

    stream_arn: str
    shard_id: str
    first: str
    last: str
    arrived_at: datetime | None = None

    @property
    def item_id(self) -> str:
        """The range as the id of an item of a run."""
        return f"stream/{self.shard_id}/{self.first}-{self.last}"

    def hours_left(self, now: datetime) -> float | None:
        """How long the stream, which keeps 24 hours, still has it; None where that is not known."""
        if self.arrived_at is None:
            return None
        return max(0.0, (self.arrived_at + timedelta(hours=24) - now) / timedelta(hours=1))


@dataclass(frozen=True, slots=True, kw_only=True)
class Failure:
    """One object, put there at `at`.

    `reason` is the code for which the publisher parked it, or Lambda's condition; `field` is what
    was at fault, and `expected` what would have been right. `records` is None where it holds only
    their `stream_range`.
    """

    key: str
    kind: Kind
    reason: str
    field: str = ""
    expected: str = ""
    at: datetime | None = None
    records: Sequence[Record] | None = None
    stream_range: StreamRange | None = None


def read(key: str, body: bytes) -> Failure:
    """Read an object; one of no known form has the reason `Unreadable` and no records."""
    kind = Kind.PARKED if key.startswith(PARKED_PREFIX) else Kind.BATCH
    document = json_object(body)
    failure = _parked(key, document) if kind is Kind.PARKED else _batch(key, document)
    return failure or Failure(
        key=key, kind=kind, reason=UNREADABLE, expected="a document of the publisher or of Lambda"
    )


def sequence_of(record: Record) -> int:
    """The record's SequenceNumber, which orders all records; 0 where it has none.

    A later change of one item has the numerically larger number, across splits of its shard too.
    """
    return int(StreamRecord(record).sequence_number or 0)


def customer_of(record: Record, id_attribute: str) -> str | None:
    """Whom a record is about; None where its key does not say."""
    keys = as_object(as_object(as_object(record).get("dynamodb")).get("Keys"))
    return attribute_values.scalar(keys.get(id_attribute)) or None


def is_of_earlier_stream(records: Iterable[Record], stream_arn: str) -> bool:
    """Whether a record is of another stream than today's; one that names none is not."""
    arns = (as_object(record).get("eventSourceARN") for record in records)
    return any(arn and arn != stream_arn for arn in arns)


def _parked(key: str, document: Mapping[str, Any]) -> Failure | None:
    record = document.get("record")
    if not isinstance(record, dict):
        return None
    return Failure(
        key=key,
        kind=Kind.PARKED,
        reason=str(document.get("reason") or "unknown reason"),
        field=str(document.get("field") or ""),
        expected=str(document.get("expected") or ""),
        at=known_instant(document.get("parked_at")),
        records=(record,),
    )


def _batch(key: str, document: Mapping[str, Any]) -> Failure | None:
    payload = document.get("payload")  # the invocation's event, as JSON text or as an object
    event = json_object(payload) if isinstance(payload, str) else as_object(payload)
    records = event.get("Records")
    stream_range = _range(as_object(document.get("DDBStreamBatchInfo")))
    if not isinstance(records, list) and stream_range is None:
        return None
    error = as_object(document.get("responseContext")).get("functionError")
    condition = as_object(document.get("requestContext")).get("condition")
    return Failure(
        key=key,
        kind=Kind.BATCH,
        reason=str(condition or "unknown condition"),
        expected=f"a function without error; it said {error}" if error else "",
        at=known_instant(document.get("timestamp")),
        records=records if isinstance(records, list) else None,
        stream_range=stream_range,
    )


def _range(info: Mapping[str, Any]) -> StreamRange | None:
    try:
        return StreamRange(
            stream_arn=str(info["streamArn"]),
            shard_id=str(info["shardId"]),
            first=str(int(info["startSequenceNumber"])),
            last=str(int(info["endSequenceNumber"])),
            arrived_at=known_instant(info.get("approximateArrivalOfFirstRecord")),
        )
    except (KeyError, TypeError, ValueError, OverflowError):
        return None


def as_object(value: object) -> Mapping[str, Any]:
    """The value where it is a JSON object, else an empty one."""
    return value if isinstance(value, dict) else {}


# What would become of a record if it were published again now


@dataclass(frozen=True, slots=True, kw_only=True)
class Forecast:
    """`ignore`: it holds no change of status. `reason` and the rest say why it would be refused."""

    would: Literal["publish", "ignore", "refuse"]
    reason: str = ""
    field: str = ""
    expected: str = ""


def forecast(record: Record, rules: TableRules) -> Forecast:
    """What would become of one record."""
    try:
        transition = detect(StreamRecord(record), rules)
    except BadRecord as bad:
        return Forecast(would="refuse", reason=bad.code, field=bad.field, expected=bad.expected)
    except (AttributeError, LookupError, TypeError, ValueError) as error:
        expected = f"no exception; there was a {where_raised(error)}"
        return Forecast(would="refuse", reason="UnexpectedError", expected=expected)
    return Forecast(would="ignore" if isinstance(transition, NoTransition) else "publish")


# Read a range of a shard again, for as long as the stream keeps it


RECORDS_MAX = 20_000
"""Of one range, which is held in memory; a batch of Lambda's has 10,000 at most."""
_EMPTY_PAGES_MAX = 50
"""Pages without a record, in a row: GetRecords may answer some before the data begins."""
_GONE = {"TrimmedDataAccessException", "ResourceNotFoundException"}


def read_again(client: Any, wanted: StreamRange) -> list[Record]:
    """A range as Lambda hands it over. Raises: Refused: it is gone from the stream, or too long."""
    records: list[Record] = []
    try:
        for raw in _raw(client, wanted):
            if int(raw["dynamodb"]["SequenceNumber"]) > int(wanted.last):
                break
            records.append(shape_record(raw, stream_arn=wanted.stream_arn))
            if len(records) > RECORDS_MAX:
                raise Refused(
                    f"The range of {wanted.shard_id} holds more than {RECORDS_MAX:,} records: "
                    "give a shorter one, and the rest as another."
                )
    except ClientError as error:
        if code_of(error) not in _GONE:
            raise
        records = []
    if not records:
        raise Refused(
            f"The stream no longer has {wanted.first} to {wanted.last} of {wanted.shard_id}: it "
            "keeps 24 hours. `fanout reconcile SUBSCRIBER --repair` brings the rows to today's "
            "state."
        )
    return records


def _raw(client: Any, wanted: StreamRange) -> Iterator[dict[str, Any]]:
    iterator = client.get_shard_iterator(
        StreamArn=wanted.stream_arn,
        ShardId=wanted.shard_id,
        ShardIteratorType="AT_SEQUENCE_NUMBER",
        SequenceNumber=wanted.first,
    )["ShardIterator"]
    empty = 0
    while iterator is not None and empty < _EMPTY_PAGES_MAX:
        answer = client.get_records(ShardIterator=iterator)
        yield from answer["Records"]
        empty = 0 if answer["Records"] else empty + 1
        iterator = answer.get("NextShardIterator")
