from dataclasses import replace
from datetime import UTC, datetime, timedelta

import pytest

from fanout.errors import Refused
from fanout.failures.records import StreamRange, read_again
from stubbed_client import stubbed_client

ARN = "arn:aws:dynamodb:eu-west-1:123456789012:table/accounts/stream/2026-11-01T08:00:00.000"
RANGE = StreamRange(
    stream_arn=ARN, shard_id="shardId-00000001795426200000-1a2b3c4d", first="1" * 21, last="3" * 21
)


@pytest.fixture
def streams():
    with stubbed_client("dynamodbstreams") as made:
        yield made


def raw(number):
    return {
        "eventName": "MODIFY",
        "dynamodb": {
            "SequenceNumber": number,
            "Keys": {"customer_id": {"S": "c-1"}},
            "ApproximateCreationDateTime": datetime(2026, 11, 23, tzinfo=UTC),
        },
    }


def test_a_range_is_read_to_its_end_over_empty_pages_in_the_shape_of_lambda(streams):
    client, stubber = streams
    stubber.add_response("get_shard_iterator", {"ShardIterator": "i-1"})
    stubber.add_response("get_records", {"Records": [], "NextShardIterator": "i-2"})
    stubber.add_response(
        "get_records", {"Records": [raw("1" * 21), raw("2" * 21)], "NextShardIterator": "i-3"}
    )
    stubber.add_response("get_records", {"Records": [raw("3" * 21), raw("4" * 21)]})
    found = read_again(client, RANGE)
    assert [one["dynamodb"]["SequenceNumber"][0] for one in found] == ["1", "2", "3"]
    assert found[0]["eventSourceARN"] == ARN
    assert found[0]["dynamodb"]["ApproximateCreationDateTime"] == 1_795_392_000


@pytest.mark.parametrize("code", ["TrimmedDataAccessException", "ResourceNotFoundException"])
def test_what_the_stream_no_longer_has_is_refused_with_the_way_out(streams, code):
    client, stubber = streams
    stubber.add_client_error("get_shard_iterator", code)
    with pytest.raises(Refused, match="reconcile"):
        read_again(client, RANGE)


def test_a_shard_that_answers_only_empty_pages_is_given_up_after_a_while(streams):
    client, stubber = streams
    stubber.add_response("get_shard_iterator", {"ShardIterator": "i"})
    for _ in range(50):
        stubber.add_response("get_records", {"Records": [], "NextShardIterator": "i"})
    with pytest.raises(Refused, match="24 hours"):
        read_again(client, RANGE)


def test_the_hours_left_count_down_from_24_to_none():
    now = datetime(2026, 11, 23, 12, tzinfo=UTC)
    arrived = [replace(RANGE, arrived_at=now - timedelta(hours=hours)) for hours in (20, 30)]
    assert [one.hours_left(now) for one in (*arrived, RANGE)] == [4, 0, None]
