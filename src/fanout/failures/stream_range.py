"""Read a range of a shard again, for as long as the stream keeps it: 24 hours.

Source: "Reading and processing a stream", DynamoDB developer guide: a record may be removed at any
moment once it is 24 hours old.
"""

from collections.abc import Iterator
from datetime import datetime, timedelta
from typing import Any

from botocore.exceptions import ClientError

from fanout.errors import Refused
from fanout.failures.documents import Record, StreamRange
from fanout.local.stream_records import shape_record

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


# Private functions


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
