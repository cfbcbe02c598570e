import pytest
from botocore.exceptions import ClientError

from fanout.streams.shards import ShardReader, describe, readable_shards
from stubbed_client import stubbed_client

ARN = "arn:aws:dynamodb:us-east-1:123456789012:table/accounts/stream/2026-11-01T00:00:00.000"
SHARD = "shardId-00000000000000000001-00000001"


@pytest.fixture
def stubbed():
    with stubbed_client("dynamodbstreams") as (client, stubber):
        yield client, stubber
        stubber.assert_no_pending_responses()


@pytest.fixture
def stubber(stubbed):
    return stubbed[1]


@pytest.fixture
def reader(stubbed):
    return ShardReader(stubbed[0], stream_arn=ARN, shard_id=SHARD)


def expect_iterator(stubber, name, **place):
    stubber.add_response(
        "get_shard_iterator", {"ShardIterator": name}, {"StreamArn": ARN, "ShardId": SHARD, **place}
    )


def expect_page(stubber, iterator, ids, *, following):
    records = [{"eventID": one, "dynamodb": {"SequenceNumber": one * 21}} for one in ids]
    answer = {"Records": records}
    if following:
        answer["NextShardIterator"] = following
    stubber.add_response("get_records", answer, {"ShardIterator": iterator})


def expect_error(stubber, code):
    stubber.add_client_error("get_records", service_error_code=code)


def test_all_pages_of_the_shard_list_are_read_with_their_lineage(stubbed):
    client, stubber = stubbed
    stream = {"KeySchema": [{"AttributeName": "customer_id", "KeyType": "HASH"}]}
    first = {"Shards": [{"ShardId": SHARD}], "LastEvaluatedShardId": SHARD}
    second = {"Shards": [{"ShardId": SHARD[:-1] + "2", "ParentShardId": SHARD}]}
    stubber.add_response(
        "describe_stream", {"StreamDescription": stream | first}, {"StreamArn": ARN}
    )
    stubber.add_response(
        "describe_stream",
        {"StreamDescription": stream | second},
        {"StreamArn": ARN, "ExclusiveStartShardId": SHARD},
    )
    found = describe(client, ARN)
    assert found.partition_key == "customer_id"
    assert found.shards == {SHARD: None, SHARD[:-1] + "2": SHARD}


@pytest.mark.parametrize(
    ("finished", "readable"),
    [(set(), ["a", "d"]), ({"a"}, ["b", "c", "d"]), ({"a", "b", "c", "d"}, [])],
)
def test_a_child_waits_for_its_parent_unless_that_was_trimmed_away(finished, readable):
    shards = {"a": None, "b": "a", "c": "a", "d": "trimmed"}
    assert list(readable_shards(shards, finished=finished)) == readable


def test_reading_starts_at_the_oldest_record_and_goes_on_from_page_to_page(stubber, reader):
    expect_iterator(stubber, "one", ShardIteratorType="TRIM_HORIZON")
    expect_page(stubber, "one", ["1", "2"], following="two")
    expect_page(stubber, "two", [], following="three")
    assert [record["eventID"] for record in reader.read()] == ["1", "2"]
    assert reader.read() == []
    assert not reader.is_ended


def test_an_expired_iterator_is_replaced_behind_what_was_taken_in(stubber, reader):
    expect_iterator(stubber, "one", ShardIteratorType="TRIM_HORIZON")
    expect_page(stubber, "one", ["1"], following="two")
    expect_error(stubber, "ExpiredIteratorException")
    expect_iterator(
        stubber, "three", ShardIteratorType="AFTER_SEQUENCE_NUMBER", SequenceNumber="1" * 21
    )
    expect_page(stubber, "three", ["2"], following="four")
    reader.read()
    assert [record["eventID"] for record in reader.read()] == ["2"]


def test_a_trimmed_position_goes_on_at_the_oldest_record(stubber, reader):
    expect_iterator(stubber, "one", ShardIteratorType="TRIM_HORIZON")
    expect_page(stubber, "one", ["1"], following="one")
    expect_error(stubber, "TrimmedDataAccessException")
    expect_iterator(stubber, "two", ShardIteratorType="TRIM_HORIZON")
    expect_page(stubber, "two", ["9"], following="three")
    reader.read()
    assert [record["eventID"] for record in reader.read()] == ["9"]


def test_another_error_passes_and_keeps_the_place(stubber, reader):
    expect_iterator(stubber, "one", ShardIteratorType="TRIM_HORIZON")
    expect_error(stubber, "InternalServerError")
    expect_page(stubber, "one", ["1"], following="two")
    with pytest.raises(ClientError):
        reader.read()
    assert len(reader.read()) == 1


def test_a_closed_shard_ends_with_its_last_page(stubber, reader):
    expect_iterator(stubber, "one", ShardIteratorType="TRIM_HORIZON")
    expect_page(stubber, "one", ["1"], following=None)
    assert len(reader.read()) == 1
    assert reader.is_ended
