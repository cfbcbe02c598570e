"""What a consumer reads of an SQS record."""

import pytest

from event_consumer.messages import from_record
from unit.event_consumer.consumer_samples import QUEUE_ARN, at, message_id, record, text_attribute


def test_a_record_of_a_standard_queue_is_read():
    read = from_record(record(1, "{}", messageAttributes={"type": text_attribute("x")}))
    assert (read.message_id, read.receipt_handle, read.body) == (message_id(1), "receipt-1", "{}")
    assert read.receive_count == 1
    assert read.first_received_at == at(0.123)
    assert (read.fifo, read.group_id, read.trace_header) == (False, None, None)
    assert read.attributes == {"type": text_attribute("x")}


def test_a_record_of_a_fifo_queue_has_its_group_and_trace():
    made = record(1, "{}", eventSourceARN=f"{QUEUE_ARN}.fifo")
    made["attributes"] |= {
        "MessageGroupId": "g",
        "AWSTraceHeader": "Root=1",
        "ApproximateReceiveCount": "3",
    }
    read = from_record(made)
    assert (read.fifo, read.group_id, read.trace_header) == (True, "g", "Root=1")
    assert read.receive_count == 3


def test_a_group_alone_does_not_make_a_queue_fifo():
    made = record(1, "{}")
    made["attributes"]["MessageGroupId"] = "tenant"
    assert from_record(made).fifo is False


def test_a_record_that_says_nothing_but_its_id_and_body_is_read():
    read = from_record({"messageId": "m", "body": "{}"})
    assert read.receive_count == 1
    assert (read.fifo, dict(read.attributes)) == (False, {})


@pytest.mark.parametrize("name", ["messageId", "body"])
def test_a_record_without_id_or_body_is_no_sqs_record(name):
    made = record(1, "{}")
    del made[name]
    with pytest.raises(KeyError, match=name):
        from_record(made)
