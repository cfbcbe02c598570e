"""The publisher ends before Lambda ends it, however long its clients wait for an answer."""

from dataclasses import replace

import pytest
from botocore.exceptions import ReadTimeoutError

from publisher import bootstrap
from publisher.failure_store import S3FailureStore
from unit.publisher.publisher_fakes import TOPIC_ARN, FakeContext, Rig, bus_on
from unit.publisher.stream_record_samples import record

BUS_ARN = "arn:aws:events:eu-west-1:123456789012:event-bus/bus"
CALL_SECONDS = 5.0
PUT_SECONDS = 11.0
"""Two attempts, and up to a second between them."""


class Hangs:
    """The clients of SNS, EventBridge and S3: no call gets an answer, save the look at the bus."""

    def __init__(self, clock):
        self.clock = clock
        self.puts = 0

    def publish_batch(self, **_):
        self._hang(CALL_SECONDS)

    def put_events(self, **_):
        self._hang(CALL_SECONDS)

    def describe_event_bus(self, **_):
        self.clock.seconds += CALL_SECONDS
        return {"Arn": BUS_ARN}

    def put_object(self, **_):
        self.puts += 1
        self._hang(PUT_SECONDS)

    def _hang(self, seconds):
        self.clock.seconds += seconds
        raise ReadTimeoutError(endpoint_url="https://aws.example")


class OneAfterAnother:
    map = staticmethod(map)


@pytest.mark.parametrize("arn", [TOPIC_ARN, BUS_ARN])
@pytest.mark.parametrize("started_late_seconds", [0.0, 1.0, 2.5, 4.0])
def test_a_bus_and_a_failure_store_that_hang_leave_time_to_answer(arn, started_late_seconds):
    rig = Rig()
    client = Hangs(rig.clock)
    store = S3FailureStore(
        client_factory=lambda: client, bucket="failures", executor=OneAfterAnother()
    )
    handler = replace(
        rig.handler,
        bus=bus_on(client, arn, executor=OneAfterAnother()),
        publisher=replace(rig.publisher, failure_store=store),
    )
    left = 60.0 - started_late_seconds
    ends_at = rig.clock.seconds + left
    good, bad = record("ACTIVE", "CLOSED"), record("ACTIVE", "FROZEN", number=1)
    assert handler({"Records": [good, bad]}, FakeContext(left * 1000))["batchItemFailures"]
    assert rig.clock.seconds <= ends_at
    assert client.puts == 1


def test_the_clients_give_up_as_fast_as_the_reserves_allow_for():
    attempt_seconds = bootstrap.CONNECT_TIMEOUT_SECONDS + bootstrap.READ_TIMEOUT_SECONDS
    assert attempt_seconds == CALL_SECONDS
    assert bootstrap.PARKING_ATTEMPTS * attempt_seconds + 1 == PUT_SECONDS
