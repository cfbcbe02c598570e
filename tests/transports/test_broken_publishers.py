"""The suite is worth something only if it catches publishers that break a promise."""

from collections import deque
from uuid import uuid4

import pytest

from publisher import events
from publisher.batched_bus import BatchedBus
from publisher.bus_errors import CONFIRMED
from publisher.dispatch import Dispatch
from publisher.eventbridge_bus import EventBridgeBus
from publisher.handlers import PipeHandler
from publisher.sns_bus import SnsTopic
from transports import transport_checks as checks
from unit.publisher.stream_record_samples import UNCHANGED, record

pytestmark = pytest.mark.slow


@pytest.fixture
def broken(monkeypatch):
    return monkeypatch


def test_an_uninspected_answer_of_sns_is_caught(broken, make_rig):
    publish = SnsTopic.publish
    broken.setattr(SnsTopic, "publish", lambda topic, sent: [CONFIRMED] * len(publish(topic, sent)))
    with pytest.raises(AssertionError):
        checks.check_partial_failure(make_rig("sns"))


def test_an_uninspected_answer_of_event_bridge_is_caught(broken, make_rig):
    publish = EventBridgeBus.publish
    broken.setattr(
        EventBridgeBus, "publish", lambda bus, sent: [CONFIRMED] * len(publish(bus, sent))
    )
    with pytest.raises(AssertionError):
        checks.check_partial_failure(make_rig("eventbridge"))


def test_sending_all_of_a_customers_changes_at_once_is_caught(broken, make_rig):
    broken.setattr(Dispatch, "_lanes", lambda _, pending: [deque((one,)) for one in pending])
    with pytest.raises(AssertionError):
        checks.check_order(make_rig("sns-fifo"))


@pytest.mark.parametrize("name", ["sns", "sns-fifo", "eventbridge", "pipes"])
def test_ids_that_name_the_delivery_are_caught(broken, make_rig, name):
    broken.setattr(events, "event_id", lambda *_: uuid4())
    with pytest.raises(AssertionError):
        checks.check_duplicates(make_rig(name))


def test_one_call_for_each_event_is_caught(broken, make_rig):
    send = BatchedBus.send
    broken.setattr(
        BatchedBus,
        "send",
        lambda bus, entries, deadline: [
            answer for entry in entries for answer in send(bus, [entry], deadline)
        ],
    )
    with pytest.raises(AssertionError):
        checks.check_calls(make_rig("eventbridge"))


def test_a_result_that_a_pipe_does_not_send_is_seen_to_be_lost(broken, make_rig):
    broken.setattr(PipeHandler, "_problem", lambda *_: None)
    rig = make_rig("pipes")
    rig.build(PUBLISH_VERSIONS="1,2")
    rig.batch_size = 10
    rig.deliver(checks.histories("c-1", "c-2")[:10])
    assert len(rig.unsent) == 20
    assert rig.documents() == []


def test_a_bad_record_that_a_pipe_could_not_park_is_handed_over_until_it_is(make_rig):
    rig = make_rig("pipes")
    rig.s3.delete_bucket(Bucket="fanout-failures")
    with pytest.raises(AssertionError, match="2 records were never taken"):
        rig.deliver([record("ACTIVE", "CLOSED"), record("ACTIVE", UNCHANGED, number=1)])
    assert rig.documents() == []
