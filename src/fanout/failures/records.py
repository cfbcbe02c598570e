"""What lies in the failure store, as the commands see it. Pure.

The shapes are the publisher's own (`publisher.failure_store`) and Lambda's: "Retain discarded
records for a DynamoDB event source in Lambda", Lambda developer guide.
"""

import json
from collections.abc import Iterable, Iterator, Mapping, Sequence
from dataclasses import dataclass
from datetime import datetime, timedelta
from enum import StrEnum
from typing import Any

from botocore.exceptions import ClientError

from customer_events.instants import from_wire
from customer_events.tracebacks import where_raised
from fanout.errors import Refused
from fanout.streams.records import shape_record
from publisher import attribute_values, stream_records
from publisher.failure_store import KEY_PREFIX
from publisher.reasons import BadRecord
from publisher.transitions import TableRules, detect

PARKED_PREFIX = f"{KEY_PREFIX}/"
LAMBDA_PREFIX = "aws/lambda/"
UNREADABLE = "Unreadable"
Record = dict[str, Any]


class Kind(StrEnum):
    """Who put it there."""

    PARKED = "parked"
    BATCH = "batch"
    RANGE = "range"
    """Nobody: a range of the stream that a person named."""


@dataclass(frozen=True, slots=True, kw_only=True)
class StreamRange:
    """Records of one shard, both ends included; `arrived_at` is of the first, where known."""

    stream_arn: str
    shard_id: str
    first: str
    last: str
    arrived_at: datetime | None = None


@dataclass(frozen=True, slots=True, kw_only=True)
class Failure:
    """One object.

    Args:
        key: in the bucket.
        kind: who put it there.
        reason: the code for which the publisher parked it, or Lambda's condition.
        field: what was at fault, for a parked record.
        expected: what would have been right; for a batch, the function's error.
        at: when it was put there; None where it does not say.
        records: the stream records; None where it holds only their range.
        stream_range: where a batch's records are in the stream.
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
    try:
        document = json.loads(body)
    except (ValueError, RecursionError):
        document = None
    if isinstance(document, dict):
        found = _parked(key, document) if kind is Kind.PARKED else _batch(key, document)
        if found is not None:
            return found
    return Failure(
        key=key, kind=kind, reason=UNREADABLE, expected="a document of the publisher or of Lambda"
    )


def order_of(record: Record) -> int:
    """The record's place among all: its SequenceNumber; 0 where it has none.

    A later change of one item has the numerically larger number, across splits of its shard too.
    """
    number = stream_records.sequence_number(record)
    return 0 if number is None else int(number)


def customer_of(record: Record, id_attribute: str) -> str | None:
    """Whom a record is about; None where its key does not say."""
    keys = _object(_object(_object(record).get("dynamodb")).get("Keys"))
    return attribute_values.scalar(keys.get(id_attribute)) or None


def occurred_at(record: Record) -> datetime | None:
    """When the change was made, to the second."""
    stream = _object(_object(record).get("dynamodb"))
    return attribute_values.epoch_second(stream.get("ApproximateCreationDateTime"))


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
        at=_instant(document.get("parked_at")),
        records=(record,),
    )


def _batch(key: str, document: Mapping[str, Any]) -> Failure | None:
    records = _records_in(document.get("payload"))
    stream_range = _range(_object(document.get("DDBStreamBatchInfo")))
    if records is None and stream_range is None:
        return None
    error = _object(document.get("responseContext")).get("functionError")
    return Failure(
        key=key,
        kind=Kind.BATCH,
        reason=str(_object(document.get("requestContext")).get("condition") or "unknown condition"),
        expected=f"a function without error; it said {error}" if error else "",
        at=_instant(document.get("timestamp")),
        records=records,
        stream_range=stream_range,
    )


def _records_in(payload: object) -> list[Record] | None:
    """The payload is the invocation's event, as JSON text or as an object."""
    try:
        event = json.loads(payload) if isinstance(payload, str) else payload
    except (ValueError, RecursionError):
        return None
    records = _object(event).get("Records")
    return records if isinstance(records, list) else None


def _range(info: Mapping[str, Any]) -> StreamRange | None:
    try:
        return StreamRange(
            stream_arn=str(info["streamArn"]),
            shard_id=str(info["shardId"]),
            first=str(int(info["startSequenceNumber"])),
            last=str(int(info["endSequenceNumber"])),
            arrived_at=_instant(info.get("approximateArrivalOfFirstRecord")),
        )
    except (KeyError, TypeError, ValueError, OverflowError):
        return None


def _instant(value: object) -> datetime | None:
    try:
        return from_wire(str(value)) if value else None
    except ValueError:
        return None


def _object(value: object) -> Mapping[str, Any]:
    return value if isinstance(value, dict) else {}


# What would become of a record if it were published again now. Pure


class Prospect(StrEnum):
    """What is to be expected."""

    PUBLISH = "publish"
    IGNORE = "ignore"
    """It holds no change of status."""
    REFUSE = "refuse"


@dataclass(frozen=True, slots=True, kw_only=True)
class Forecast:
    """A record's prospect; `reason`, `field` and `expected` where it would be refused."""

    prospect: Prospect
    reason: str = ""
    field: str = ""
    expected: str = ""


@dataclass(frozen=True, slots=True, kw_only=True)
class Outlook:
    """How many records of an object would be published, ignored, refused; and why refused."""

    publish: int = 0
    ignore: int = 0
    refuse: int = 0
    reasons: tuple[str, ...] = ()


def forecast(record: Record, rules: TableRules) -> Forecast:
    """What would become of one record."""
    try:
        transition = detect(record, rules)
    except BadRecord as reason:
        return Forecast(
            prospect=Prospect.REFUSE,
            reason=reason.code,
            field=reason.field,
            expected=reason.expected,
        )
    except (AttributeError, LookupError, TypeError, ValueError) as error:
        return Forecast(
            prospect=Prospect.REFUSE,
            reason="UnexpectedError",
            expected=f"no exception; there was a {where_raised(error)}",
        )
    return Forecast(prospect=Prospect.IGNORE if transition is None else Prospect.PUBLISH)


def outlook(records: Iterable[Record], rules: TableRules) -> Outlook:
    """What would become of all records of an object."""
    found: Sequence[Forecast] = [forecast(record, rules) for record in records]
    refused = [one for one in found if one.prospect is Prospect.REFUSE]
    return Outlook(
        publish=sum(one.prospect is Prospect.PUBLISH for one in found),
        ignore=sum(one.prospect is Prospect.IGNORE for one in found),
        refuse=len(refused),
        reasons=tuple(sorted({one.reason for one in refused})),
    )


# Read a range of a shard again, for as long as the stream keeps it: 24 hours


KEPT = timedelta(hours=24)
RECORDS_MAX = 20_000
"""Of one range, which is held in memory; a batch of Lambda's has 10,000 at most."""
_EMPTY_PAGES_MAX = 50
"""Pages without a record, in a row: GetRecords may answer some before the data begins."""
_GONE = {"TrimmedDataAccessException", "ResourceNotFoundException"}


def hours_left(arrived_at: datetime, now: datetime) -> float:
    """How long the stream still keeps a record, in hours; 0 where it may be gone."""
    return max(0.0, (arrived_at + KEPT - now) / timedelta(hours=1))


def read_again(client: Any, wanted: StreamRange) -> list[Record]:
    """The records of a range, in the shape in which Lambda hands them over.

    Raises:
        Refused: the stream no longer has them, or the range is too long.
    """
    found: list[Record] = []
    last = int(wanted.last)
    try:
        for raw in _raw(client, wanted):
            if int(raw["dynamodb"]["SequenceNumber"]) > last:
                break
            found.append(shape_record(raw, stream_arn=wanted.stream_arn))
            if len(found) > RECORDS_MAX:
                raise Refused(
                    f"The range of {wanted.shard_id} holds more than {RECORDS_MAX:,} records: "
                    "give a shorter one, and the rest as another."
                )
    except ClientError as error:
        if error.response.get("Error", {}).get("Code", "") not in _GONE:
            raise
        raise Refused(_gone(wanted)) from None
    if not found:
        raise Refused(_gone(wanted))
    return found


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


def _gone(wanted: StreamRange) -> str:
    return (
        f"The stream no longer has {wanted.first} to {wanted.last} of {wanted.shard_id}: it keeps "
        "24 hours. `fanout reconcile SUBSCRIBER --repair` brings the rows to today's state."
    )


# Do a record's numbers go on in the stream that the publisher reads now? Pure


EARLIER = (
    "of an earlier stream, whose numbers do not go on in today's: bring the rows up to date with "
    "`fanout reconcile SUBSCRIBER --repair`, then discard it with --even-if-current"
)


def why_earlier(records: Iterable[Record], stream_arn: str) -> str:
    """Why an object is not to be published again; "" where all of it is of today's stream.

    A record that does not say where it comes from counts as today's.
    """
    arns = {one.get("eventSourceARN") or stream_arn for one in records if isinstance(one, dict)}
    return EARLIER if arns - {stream_arn} else ""
