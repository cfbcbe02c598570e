"""The poller's threads and bookkeeping, on clients in memory; the rules have tests of their own."""

import io
import json
import threading
import time
from collections import Counter
from contextlib import contextmanager
from datetime import UTC, datetime, timedelta

import pytest
from botocore.exceptions import EndpointConnectionError

from fanout.streams import poller as stream_poller
from fanout.streams.poller import StreamPoller
from stubbed_client import client_error

STREAM = "arn:aws:dynamodb:us-east-1:123456789012:table/accounts/stream/1"
SETTINGS = {
    "UUID": "5f7",
    "FunctionArn": "arn:aws:lambda:us-east-1:123456789012:function:publisher",
    "EventSourceArn": STREAM,
    "State": "Disabled",
    "BisectBatchOnFunctionError": True,
    "FunctionResponseTypes": ["ReportBatchItemFailures"],
    "DestinationConfig": {"OnFailure": {"Destination": "arn:aws:s3:::failures"}},
}
DEADLINE_SECONDS = 60


class FakeStreams:
    """Shards as lists of records; an iterator is `shard:position`."""

    def __init__(self):
        self.parents, self.records, self.closed = {}, {}, set()
        self.failures = []
        self.reads = []

    def shard(self, name, parent=None):
        self.parents[name] = parent
        self.records[name] = []

    def put(self, shard, number, customer="c1", *, age_seconds=0):
        self.records[shard].append(
            {
                "eventID": str(number),
                "eventName": "MODIFY",
                "dynamodb": {
                    "Keys": {"customer_id": {"S": customer}},
                    "SequenceNumber": str(number),
                    "ApproximateCreationDateTime": datetime.now(UTC)
                    - timedelta(seconds=age_seconds),
                },
            }
        )

    def describe_stream(self, **_):
        shards = [
            {"ShardId": name} | ({"ParentShardId": parent} if parent else {})
            for name, parent in self.parents.items()
        ]
        schema = [{"AttributeName": "customer_id", "KeyType": "HASH"}]
        return {"StreamDescription": {"Shards": shards, "KeySchema": schema}}

    def get_shard_iterator(self, *, StreamArn, ShardId, ShardIteratorType, SequenceNumber=None):  # noqa: N803
        numbers = [one["dynamodb"]["SequenceNumber"] for one in self.records[ShardId]]
        position = {
            "TRIM_HORIZON": lambda: 0,
            "AFTER_SEQUENCE_NUMBER": lambda: numbers.index(SequenceNumber) + 1,
        }[ShardIteratorType]()
        return {"ShardIterator": f"{ShardId}:{position}"}

    def get_records(self, *, ShardIterator):  # noqa: N803
        if self.failures:
            raise self.failures.pop(0)
        shard, position = ShardIterator.split(":")
        self.reads.append(shard)
        page = self.records[shard][int(position) :][:1000]
        following = int(position) + len(page)
        answer = {"Records": page}
        if shard not in self.closed or following < len(self.records[shard]):
            answer["NextShardIterator"] = f"{shard}:{following}"
        return answer


class FakeLambda:
    """Records what it is invoked with; `script` holds answers, exceptions to raise, or None."""

    def __init__(self, **settings):
        self.settings = SETTINGS | settings
        self.script = []
        self.batches = []

    def get_event_source_mapping(self, *, UUID):  # noqa: N803
        return self.settings | {"UUID": UUID}

    def invoke(self, *, FunctionName, InvocationType, Payload):  # noqa: N803
        records = json.loads(Payload)["Records"]
        self.batches.append([one["eventID"] for one in records])
        step = self.script.pop(0) if self.script else None
        if isinstance(step, Exception):
            raise step
        if callable(step):
            step = step()
        body = io.BytesIO(json.dumps(step).encode())
        if isinstance(step, dict) and "errorType" in step:
            return {"StatusCode": 200, "FunctionError": "Unhandled", "Payload": body}
        return {"StatusCode": 200, "Payload": body}

    @property
    def delivered(self):
        return [one for batch in self.batches for one in batch]


class FakeBucket:
    def __init__(self):
        self.failures = []
        self.objects = {}

    def put_object(self, *, Bucket, Key, Body, ContentType):  # noqa: N803
        if self.failures:
            raise self.failures.pop(0)
        self.objects[Key] = json.loads(Body)


@pytest.fixture
def streams():
    fake = FakeStreams()
    fake.shard("shard-1")
    return fake


@pytest.fixture
def bucket():
    return FakeBucket()


def poller_of(streams, function, bucket=None):
    return StreamPoller(
        dynamodbstreams=streams, lambda_client=function, s3=bucket or FakeBucket(), mapping_id="5f7"
    )


@contextmanager
def polling(streams, function, bucket=None):
    poller = poller_of(streams, function, bucket)
    stop = threading.Event()
    thread = threading.Thread(target=poller.run, args=[stop])
    thread.start()
    try:
        yield poller
    finally:
        stop.set()
        thread.join(DEADLINE_SECONDS)
        assert not thread.is_alive()


def wait_until(condition):
    deadline = time.monotonic() + DEADLINE_SECONDS
    while not condition():
        assert time.monotonic() < deadline, "waited in vain"
        time.sleep(0.005)


def test_a_disabled_mapping_is_polled_all_the_same_and_every_record_arrives_once(streams):
    for number in range(1, 251):
        streams.put("shard-1", number)
    function = FakeLambda(BatchSize=100)
    with polling(streams, function) as poller:
        wait_until(lambda: poller.status().is_caught_up)
        streams.put("shard-1", 251)
        wait_until(lambda: poller.status().records_succeeded == 251)
    assert function.delivered == [str(number) for number in range(1, 252)]
    assert max(map(len, function.batches)) == 100


def test_a_child_shard_is_not_read_before_its_parent_is_done_with(streams):
    streams.shard("shard-2", parent="shard-1")
    streams.put("shard-1", 1)
    streams.put("shard-2", 2)
    streams.closed.add("shard-1")
    release = threading.Event()
    function = FakeLambda()
    function.script = [lambda: release.wait(DEADLINE_SECONDS) and None]
    with polling(streams, function) as poller:
        wait_until(lambda: function.batches)
        assert "shard-2" not in streams.reads
        release.set()
        wait_until(lambda: poller.status().records_succeeded == 2)
    assert function.delivered == ["1", "2"]


@pytest.mark.parametrize(
    "trouble",
    [
        client_error("TooManyRequestsException"),
        EndpointConnectionError(endpoint_url="http://127.0.0.1:1"),
        RuntimeError("anything else"),
    ],
)
def test_a_call_that_does_not_reach_the_function_loses_nothing(streams, trouble, bucket):
    streams.put("shard-1", 1)
    function = FakeLambda()
    function.script = [trouble]
    with polling(streams, function, bucket) as poller:
        wait_until(lambda: poller.status().records_succeeded == 1)
    assert function.batches == [["1"], ["1"]]
    assert bucket.objects == {}


def test_records_that_are_too_old_end_in_the_bucket_and_the_stream_goes_on(streams, bucket):
    for number in (1, 2):
        streams.put("shard-1", number, age_seconds=100)
    function = FakeLambda(MaximumRecordAgeInSeconds=60)
    with polling(streams, function, bucket) as poller:
        wait_until(lambda: poller.status().records_discarded == 2)
        streams.put("shard-1", 3)
        wait_until(lambda: poller.status().records_succeeded == 1)
    assert function.delivered == ["3"]
    ((key, document),) = bucket.objects.items()
    assert key.startswith("aws/lambda/5f7/shard-1/")
    payload = json.loads(document["payload"])
    assert [record["eventID"] for record in payload["Records"]] == ["1", "2"]


def test_a_function_that_fails_is_called_again_and_named(streams):
    streams.put("shard-1", 1)
    function = FakeLambda()
    function.script = [{"errorType": "ValueError", "errorMessage": "canary"}]
    with polling(streams, function) as poller:
        wait_until(lambda: poller.status().records_succeeded == 1)
    assert function.batches == [["1"], ["1"]]
    assert poller.status().last_error == "Unhandled: ValueError"


def test_a_refused_on_failure_record_is_written_again(streams, bucket):
    streams.put("shard-1", 1, age_seconds=100)
    bucket.failures = [client_error("SlowDown")] * 2
    with polling(streams, FakeLambda(MaximumRecordAgeInSeconds=60), bucket) as poller:
        wait_until(lambda: poller.status().records_discarded == 1)
    assert len(bucket.objects) == 1


def test_an_error_of_the_stream_is_noted_and_reading_goes_on(streams):
    streams.put("shard-1", 1)
    streams.failures = [
        client_error("InternalServerError", operation="GetRecords"),
        EndpointConnectionError(endpoint_url="http://127.0.0.1:1"),
    ]
    function = FakeLambda()
    with polling(streams, function) as poller:
        wait_until(lambda: poller.status().last_error == "GetRecords: InternalServerError")
        wait_until(lambda: poller.status().records_succeeded == 1)


def test_a_blocked_stream_tells_since_when_its_oldest_record_waits(streams):
    released = threading.Event()
    streams.put("shard-1", 1)
    [first] = streams.records["shard-1"]
    function = FakeLambda()
    function.script = [lambda: released.wait(DEADLINE_SECONDS)]
    with polling(streams, function) as poller:
        wait_until(lambda: function.batches)
        streams.put("shard-1", 2)
        wait_until(lambda: poller.status().pending_records == 2)
        created_at = first["dynamodb"]["ApproximateCreationDateTime"].timestamp()
        assert poller.status().oldest_pending_at == created_at
        released.set()
        wait_until(lambda: poller.status().pending_records == 0)
        assert poller.status().oldest_pending_at is None


def test_a_stream_that_cannot_be_read_is_not_caught_up(streams):
    function = FakeLambda()
    with polling(streams, function) as poller:
        wait_until(lambda: poller.status().is_caught_up)
        streams.failures = [client_error("InternalServerError")] * 10_000
        wait_until(lambda: not poller.status().is_caught_up)


def test_after_a_trim_no_record_is_sent_twice(streams):
    streams.put("shard-1", 1)
    function = FakeLambda()
    with polling(streams, function) as poller:
        wait_until(lambda: poller.status().records_succeeded == 1)
        streams.failures = [client_error("TrimmedDataAccessException")]
        streams.put("shard-1", 2)
        wait_until(lambda: poller.status().records_succeeded == 2)
    assert function.delivered == ["1", "2"]


def test_lanes_call_the_function_side_by_side(streams):
    for number in range(1, 9):
        streams.put("shard-1", number, customer=f"c{number}")
    meeting = threading.Barrier(2)
    function = FakeLambda(ParallelizationFactor=2)
    function.script = [lambda: meeting.wait(DEADLINE_SECONDS) < 0 or None] * 2
    with polling(streams, function) as poller:
        wait_until(lambda: poller.status().records_succeeded == 8)
    assert Counter(function.delivered) == Counter(str(number) for number in range(1, 9))


@pytest.mark.parametrize(
    ("quiet_seconds", "next_look_seconds"), [(0, 0.02), (2, 0.02), (10, 0.1), (60, 0.25)]
)
def test_a_shard_is_looked_at_soon_after_records_and_more_rarely_the_longer_it_is_quiet(
    quiet_seconds, next_look_seconds
):
    shard = stream_poller._Shard(None, stream_poller.MappingSettings.from_answer(SETTINGS))
    shard.has_read(records=1, now=1000.0)
    shard.has_read(records=0, now=1000.0 + quiet_seconds)
    assert shard.read_at - 1000.0 - quiet_seconds == pytest.approx(next_look_seconds)


def test_the_end_is_quiet_when_the_emulator_is_gone_first(streams, caplog):
    stop = threading.Event()

    def refuse(**_):
        stop.set()
        raise EndpointConnectionError(endpoint_url="http://127.0.0.1:1")

    streams.get_records = refuse
    poller = poller_of(streams, FakeLambda())
    poller.run(stop)
    assert caplog.records == []
    assert poller.status().last_error is None


def test_what_is_under_way_at_the_end_is_waited_for(streams, monkeypatch):
    monkeypatch.setattr(stream_poller, "_DRAIN_SECONDS", DEADLINE_SECONDS)
    streams.put("shard-1", 1)
    stop, function = threading.Event(), FakeLambda()
    # The function asks for the end itself, so its answer always comes after it.
    function.script = [stop.set]
    poller = poller_of(streams, function)
    poller.run(stop)
    assert poller.status().records_succeeded == 1
