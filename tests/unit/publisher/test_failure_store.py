import io
import json
from concurrent.futures import ThreadPoolExecutor
from datetime import UTC, datetime

import pytest
from botocore.exceptions import ClientError, ReadTimeoutError

from customer_events.deadline import Deadline
from publisher.failure_store import S3FailureStore, key_of
from publisher.ports import ParkedRecord
from publisher.reasons import UnexpectedError, UnknownStatus
from publisher.stream_records import StreamRecord
from unit.publisher.publisher_fakes import FakeClock
from unit.publisher.stream_record_samples import ARN, modify, record

PARKED_AT = datetime(2026, 11, 24, 8, 0, 0, 250_000, tzinfo=UTC)


class FakeS3:
    def __init__(self, error=None):
        self.error = error or (lambda _key: None)
        self.objects = {}
        self.puts = 0

    def put_object(self, *, Bucket, Key, Body, ContentType):  # noqa: N803
        self.puts += 1
        error = self.error(Key)
        if error:
            raise error
        assert (Bucket, ContentType) == ("fanout-failures", "application/json")
        self.objects[Key] = json.load(io.BytesIO(Body))


def parked(one, reason=None):
    return ParkedRecord(
        record=StreamRecord(one),
        reason=reason or UnknownStatus("one of those", field="dynamodb.NewImage.status"),
        parked_at=PARKED_AT,
    )


def park(client, records, *, seconds_left=30.0):
    clock = FakeClock()
    deadline = Deadline(ends_at=clock.monotonic() + seconds_left, clock=clock)
    factory = client if callable(client) else lambda: client
    with ThreadPoolExecutor(2) as executor:
        store = S3FailureStore(client_factory=factory, bucket="fanout-failures", executor=executor)
        return store.park(records, deadline)


def test_the_whole_record_is_kept_with_the_reason_under_its_day_and_event_id():
    s3 = FakeS3()
    assert park(s3, [parked(modify())]) == [None]
    assert s3.objects == {
        "parked/2026/11/23/c81e728d9d4c2f636f067f89cc14862c.json": {
            "reason": "UnknownStatus",
            "expected": "one of those",
            "field": "dynamodb.NewImage.status",
            "parked_at": "2026-11-24T08:00:00.250000Z",
            "event_source_arn": ARN,
            "record": modify(),
        }
    }


def test_a_reason_about_the_whole_record_names_no_field():
    s3 = FakeS3()
    park(s3, [parked(modify(), UnexpectedError("no exception"))])
    (document,) = s3.objects.values()
    assert "field" not in document


@pytest.mark.parametrize("odd", [None, "text", {"eventName": "MODIFY"}, {"eventID": "../x"}])
def test_a_record_without_day_or_id_has_a_key_of_its_own_all_the_same(odd):
    key = key_of(parked(odd))
    assert key.startswith("parked/undated/")
    assert key == key_of(parked(odd))
    s3 = FakeS3()
    assert park(s3, [parked(odd)]) == [None]
    assert s3.objects[key]["record"] == odd


def test_each_record_has_its_own_answer():
    def error(key):
        if key.endswith("1.json"):
            return ClientError({"Error": {"Code": "AccessDenied"}}, "PutObject")
        if key.endswith("2.json"):
            return ReadTimeoutError(endpoint_url="x")
        return None

    records = [parked(record("ACTIVE", "CLOSED", number=number)) for number in range(4)]
    assert park(FakeS3(error), records) == [None, "AccessDenied", "ReadTimeoutError", None]


def test_a_client_that_can_not_be_made_parks_nothing_and_raises_nothing():
    def factory():
        raise ValueError("no such region")

    told = park(factory, [parked(modify())] * 2)
    assert [one.partition(" at ")[0] for one in told] == ["ValueError", "ValueError"]


def test_the_client_is_made_once_and_not_before_it_is_needed():
    made = []

    def factory():
        made.append(1)
        return FakeS3()

    with ThreadPoolExecutor(2) as executor:
        store = S3FailureStore(client_factory=factory, bucket="fanout-failures", executor=executor)
        assert made == []
        clock = FakeClock()
        for _ in range(3):
            store.park([parked(modify())] * 2, Deadline(ends_at=2_000.0, clock=clock))
    assert made == [1]


def test_when_time_runs_out_no_further_put_starts_but_the_first_one_always_does():
    records = [parked(record("ACTIVE", "CLOSED", number=number)) for number in range(3)]
    s3 = FakeS3()
    assert park(s3, records, seconds_left=0.0) == [None, "OutOfTime", "OutOfTime"]
    assert s3.puts == 1


def test_a_record_that_is_no_json_is_not_parked_and_raises_nothing():
    (told,) = park(FakeS3(), [parked({"eventID": "a", "x": {1, 2}})])
    assert told.startswith("TypeError at json/encoder.py")
    assert "publisher/failure_store.py" in told
