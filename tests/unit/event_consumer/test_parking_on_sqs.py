"""A parked message keeps its body byte for byte and says why it is there."""

import base64

import pytest

from customer_events.errors import OrderContradiction
from unit.event_consumer.consumer_samples import (
    NOON,
    SqsInMemory,
    message,
    message_id,
    text_attribute,
)
from unit.event_consumer.dlq_in_memory import attributes, entry_of, note_of, park


def test_a_parked_message_says_why_when_from_where_and_by_whom():
    reason = OrderContradiction("expected a higher sequence", field="sequence")
    entry = entry_of(message(7, "{}", first_received_at=NOON), reason)
    assert entry["MessageAttributes"]["parked_reason"] == {
        "DataType": "String",
        "StringValue": "OrderContradiction",
    }
    assert note_of(entry) == {
        "field": "sequence",
        "expected": "expected a higher sequence",
        "parked_at": "2026-11-23T12:01:00Z",
        "first_received_at": "2026-11-23T12:00:00Z",
        "original_message_id": message_id(7),
        "consumer": "payments",
    }


@pytest.mark.parametrize(
    "body",
    [
        *("", " {\n\t} ", '{"a":1,"a":2}', "é\u00a0\u2028🙂\U0010ffff", "\ufeff{}", "a\r\nb\x7f"),
        '"\\ud800"',
    ],
    ids=["empty", "blanks", "twice", "unicode", "bom", "controls", "escaped"],
)
def test_a_parked_body_is_kept_as_it_is(body):
    assert entry_of(message(1, body))["MessageBody"] == body


def test_a_parked_message_keeps_its_own_attributes_of_every_type():
    own = {
        "type": text_attribute("novapay"),
        "size": {"stringValue": "12", "dataType": "Number.int"},
        "blob": {"binaryValue": base64.b64encode(b"\x00\xff").decode(), "dataType": "Binary.raw"},
    }
    sent = entry_of(message(attributes=own))["MessageAttributes"]
    assert sent["type"] == {"DataType": "String", "StringValue": "novapay"}
    assert sent["size"] == {"DataType": "Number.int", "StringValue": "12"}
    assert sent["blob"] == {"DataType": "Binary.raw", "BinaryValue": b"\x00\xff"}
    assert set(sent) == {*own, "parked", "parked_reason"}


def test_a_parked_message_keeps_its_trace_header():
    header = "Root=1-5759e988-bd862e3fe1be46a994272793"
    sent = entry_of(message(trace_header=header))["MessageSystemAttributes"]
    assert sent == {"AWSTraceHeader": {"DataType": "String", "StringValue": header}}


def test_on_fifo_the_group_stays_and_the_message_id_deduplicates():
    entry = entry_of(message(3, fifo=True, group_id="g-1"))
    assert entry["MessageGroupId"] == "g-1"
    assert entry["MessageDeduplicationId"] == message_id(3)


def test_on_a_standard_queue_a_group_stays_without_deduplication():
    entry = entry_of(message(3, group_id="tenant"))
    assert entry["MessageGroupId"] == "tenant"
    assert "MessageDeduplicationId" not in entry
    assert "MessageGroupId" not in entry_of(message(3))


# Room for the marks


def test_a_message_with_eight_attributes_is_parked():
    assert len(entry_of(message(attributes=attributes(8)))["MessageAttributes"]) == 10


@pytest.mark.parametrize("count", [9, 10])
def test_a_message_with_more_attributes_is_not_parked_and_loses_none(count):
    dlq = SqsInMemory()
    both = [message(1, attributes=attributes(count)), message(2)]
    assert park(*both, client=dlq) == {message_id(2): ""}
    assert len(dlq.calls[0]) == 1


@pytest.mark.parametrize(
    "odd",
    [
        {"dataType": "Binary", "binaryValue": "no base64!"},
        {"dataType": "String"},
        {"dataType": "String", "stringValue": None},
        {"stringValue": "x"},
        None,
    ],
    ids=["base64", "no value", "null", "no type", "nothing"],
)
def test_a_message_that_can_not_be_sent_as_it_is_keeps_no_neighbour_unparked(odd):
    assert park(message(1, attributes={"odd": odd}), message(2)) == {message_id(2): ""}


def test_a_body_that_is_no_unicode_keeps_no_neighbour_unparked():
    assert park(message(1, "\ud800"), message(2)) == {message_id(2): ""}
