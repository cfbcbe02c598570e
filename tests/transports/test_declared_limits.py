"""The declared sizes to the byte: the largest entry is sent, one byte more is not.

moto and the embedded AWS hold other limits than AWS, so what is checked is what would be sent.
"""

import json
from dataclasses import replace

import pytest

from publisher import transports
from publisher.events import Producer, to_entries
from publisher.handlers import PipeHandler
from publisher.ports import Verdict
from publisher.settings import MESSAGE_SIZE_LIMIT_BYTES
from publisher.transitions import TableRules
from transports import transport_checks as checks
from unit.publisher.publisher_fakes import FakeClock, FakeContext, Rig, bus_on
from unit.publisher.stream_record_samples import detect, record

BUS = "arn:aws:events:eu-west-1:123456789012:event-bus/customer-status"
RULES = TableRules(reason_attribute="status_reason")
TOPIC = "arn:aws:sns:eu-west-1:123456789012:customer-status"


class Takes:
    """A client that takes everything."""

    def describe_event_bus(self, **_):
        return {"Arn": BUS}

    def publish_batch(self, *, TopicArn, PublishBatchRequestEntries):  # noqa: N803
        assert TopicArn
        return {"Successful": [{"Id": entry["Id"]} for entry in PublishBatchRequestEntries]}

    def put_events(self, *, Entries):  # noqa: N803
        return {"FailedEntryCount": 0, "Entries": [{"EventId": "e"} for _ in Entries]}


class OfSize:
    """A rig's stand-in for `checks.size_bytes`."""

    def __init__(self, transport):
        self.transport = transport


def record_and_producer(transport, size):
    """A change whose entry has exactly this size: a long source, and a reason for the last byte."""
    for reason_length in range(1, 8):
        changed = record("ACTIVE", "CLOSED", status_reason={"S": "r" * reason_length})
        bare = to_document(changed, Producer(source="urn:", epoch=1, versions=(2,)))
        left = size - checks.size_bytes(OfSize(transport), bare)
        times = 1 if transport in {transports.SNS, transports.SNS_FIFO} else 2
        if left % times == 0:
            source = "urn:" + "x" * (left // times)
            return changed, Producer(source=source, epoch=1, versions=(2,))
    raise AssertionError("no reason makes the size odd or even")


def to_document(changed, producer):
    (entry,) = to_entries(detect(changed, RULES), producer)
    return json.loads(entry.document)


def bus_of(transport):
    suffix = ".fifo" if transport is transports.SNS_FIFO else ""
    arn = BUS if transport is transports.EVENTBRIDGE else TOPIC + suffix
    return bus_on(Takes(), arn, size_max_bytes=MESSAGE_SIZE_LIMIT_BYTES)


def test_each_transports_limits_are_those_that_aws_documents():
    """PublishBatch, PutEvents and Pipes: their API references and quotas."""
    assert {
        one.name: (
            one.entries_per_call_max,
            one.entry_size_max_bytes,
            one.call_size_max_bytes,
            one.versions_max,
            one.duplicates_dropped_seconds,
        )
        for one in transports.ALL
    } == {
        "sns": (10, 1_048_576, 1_048_576, None, 0),
        "sns-fifo": (10, 1_048_576, 1_048_576, 1, 300),
        "eventbridge": (10, 1_048_575, 1_048_575, None, 0),
        "pipes": (10, 104_857, 1_048_575, None, 0),
    }


@pytest.mark.parametrize("beyond", [0, 1])
@pytest.mark.parametrize(
    "transport", [transports.SNS, transports.SNS_FIFO, transports.EVENTBRIDGE], ids=lambda t: t.name
)
def test_an_entry_is_sent_up_to_the_declared_size_and_no_byte_beyond(transport, beyond):
    changed, producer = record_and_producer(transport, transport.entry_size_max_bytes + beyond)
    entries = to_entries(detect(changed, RULES), producer)
    (answer,) = bus_of(transport).send(entries, FakeClock().deadline(30))
    assert answer.verdict is (Verdict.REFUSED if beyond else Verdict.CONFIRMED)


@pytest.mark.parametrize("beyond", [0, 1])
def test_a_pipes_result_holds_an_event_up_to_the_declared_size_and_no_byte_beyond(beyond):
    size = transports.PIPES.entry_size_max_bytes + beyond
    changed, producer = record_and_producer(transports.PIPES, size)
    rig = Rig()
    handler = PipeHandler(
        publisher=replace(rig.publisher, producer=producer),
        reporter=rig.reporter,
        clock=rig.clock,
        event_size_max_bytes=MESSAGE_SIZE_LIMIT_BYTES,
        batch_size_max=10,
    )
    documents = handler([changed], FakeContext())
    assert len(documents) == 1 - beyond
    assert rig.store.reasons == ["EventTooLarge"] * beyond


def test_a_full_call_of_a_pipe_is_never_too_large():
    full = transports.PIPES.entries_per_call_max * transports.PIPES.entry_size_max_bytes
    assert full <= transports.PIPES.call_size_max_bytes < 1_048_576


def test_what_event_bridge_counts_is_counted():
    changed, producer = record_and_producer(transports.EVENTBRIDGE, 5_000)
    (entry,) = to_entries(detect(changed, RULES), producer)
    assert transports.EVENTBRIDGE.size_bytes(entry) == 5_000
