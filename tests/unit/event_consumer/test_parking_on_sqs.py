"""A parked message keeps its body byte for byte and says why it is there."""

import base64
import json

import pytest
from botocore.stub import ANY

from customer_events.deadline import UNLIMITED
from customer_events.errors import NotJson, OrderContradiction
from event_consumer.ports import Parking
from event_consumer.sqs_queue import SqsParkingLot
from stubbed_client import stubbed_client
from unit.event_consumer.consumer_samples import (
    DLQ_URL,
    NOON,
    SqsInMemory,
    at,
    message,
    message_id,
    text_attribute,
)


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
        "",
        " {\n\t} ",
        '{"a":1,"a":2}',
        "é\u00a0\u2028🙂\U0010ffff",
        "\ufeff{}",
        "a\r\nb\x7f",
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


# A DLQ in memory, and messages parked in it

REASON = NotJson("expected one JSON document")


def park(*messages, client=None, reason=REASON):
    lot = SqsParkingLot(client or SqsInMemory(), DLQ_URL, consumer="payments")
    parkings = [Parking(message=one, reason=reason) for one in messages]
    return lot.park(parkings, parked_at=at(60), deadline=UNLIMITED)


def entry_of(one, reason=REASON):
    dlq = SqsInMemory()
    assert park(one, client=dlq, reason=reason) == {one.message_id: ""}
    return dlq.calls[0][0]


def note_of(entry):
    return json.loads(entry["MessageAttributes"]["parked"]["StringValue"])


def attributes(count):
    return {f"attribute_{n}": text_attribute("x") for n in range(count)}


# What an earlier parking noted is kept, and nothing that anyone else wrote in its place

FIRST = {
    "first_received_at": "2026-11-01T08:00:00.125Z",
    "original_message_id": "11111111-2222-4333-8444-aaaaaaaaaaaa",
}


@pytest.mark.parametrize("mark", ["replayed", "parked"])
def test_a_message_that_was_parked_before_keeps_its_first_id_and_time(mark):
    marked = message(9, attributes={mark: text_attribute(json.dumps(FIRST | {"more": 1}))})
    note = note_of(entry_of(marked))
    assert note["original_message_id"] == FIRST["original_message_id"]
    assert note["first_received_at"] == "2026-11-01T08:00:00.125000Z"


@pytest.mark.parametrize(
    "content",
    [
        "no JSON",
        "[]",
        "7",
        "{}",
        "[" * 5000,
        json.dumps(FIRST | {"original_message_id": "CANARY"}),
        json.dumps(FIRST | {"original_message_id": "CANARY" * 10_000}),
        json.dumps(FIRST | {"original_message_id": ["CANARY"]}),
        json.dumps(FIRST | {"first_received_at": "CANARY"}),
        json.dumps(FIRST | {"first_received_at": 1}),
    ],
    ids=range(10),
)
@pytest.mark.parametrize("mark", ["replayed", "parked"])
def test_a_mark_that_is_not_ours_is_not_believed_and_not_copied(mark, content):
    entry = entry_of(message(9, attributes={mark: text_attribute(content)}))
    assert note_of(entry)["original_message_id"] == message_id(9)
    assert "CANARY" not in json.dumps(entry)


def test_a_mark_without_text_is_not_believed():
    marked = message(9, attributes={"replayed": {"dataType": "Binary", "binaryValue": "AA=="}})
    assert note_of(entry_of(marked))["original_message_id"] == message_id(9)


def test_the_marks_are_bounded_however_long_the_reason_is():
    reason = OrderContradiction("é" * 10_000, field="\u2028" * 10_000)
    entry = entry_of(message(attributes={"replayed": text_attribute("x" * 100_000)}), reason)
    assert sum(len(str(value)) for value in entry["MessageAttributes"].values()) < 4096


def test_marks_of_an_earlier_parking_take_no_room():
    marks = {
        name: text_attribute(json.dumps(FIRST)) for name in ("parked", "parked_reason", "replayed")
    }
    assert len(entry_of(message(attributes=attributes(8) | marks))["MessageAttributes"]) == 10


# Messages are parked in batches, each entry of whose answer is inspected


@pytest.fixture
def stubbed():
    with stubbed_client("sqs") as made:
        yield made


def test_messages_are_parked_ten_to_a_call():
    dlq = SqsInMemory()
    assert len(park(*[message(n) for n in range(25)], client=dlq)) == 25
    assert [len(call) for call in dlq.calls] == [10, 10, 5]
    assert all(len({entry["Id"] for entry in call}) == len(call) for call in dlq.calls)


def test_a_call_never_exceeds_what_sqs_takes_in_bytes():
    dlq = SqsInMemory()
    half = "é" * (1_048_576 // 4)  # a mebibyte is what SQS takes
    assert len(park(*[message(n, half) for n in range(3)], client=dlq)) == 3
    assert [len(call) for call in dlq.calls] == [1, 1, 1]


def test_a_call_takes_all_that_fits_into_its_bytes():
    dlq = SqsInMemory()
    park(*[message(n, "x" * 500_000) for n in range(4)], client=dlq)
    assert [len(call) for call in dlq.calls] == [2, 2]


def test_only_entries_that_are_listed_as_successful_are_parked(stubbed):
    client, stubber = stubbed
    stubber.add_response(
        "send_message_batch",
        {
            "Successful": [{"Id": "1", "MessageId": "m", "MD5OfMessageBody": "d"}],
            "Failed": [{"Id": "0", "SenderFault": False, "Code": "InternalError"}],
        },
        {"QueueUrl": DLQ_URL, "Entries": ANY},
    )
    assert park(message(1), message(2), message(3), client=client) == {
        message_id(1): "InternalError",
        message_id(2): "",
    }


@pytest.mark.parametrize("code", ["RequestThrottled", "AccessDenied", "BatchRequestTooLong"])
def test_a_call_that_fails_parks_none_of_its_messages_and_the_next_one_is_made(stubbed, code):
    client, stubber = stubbed
    stubber.add_client_error("send_message_batch", code, http_status_code=400)
    stubber.add_response(
        "send_message_batch",
        {"Successful": [{"Id": "10", "MessageId": "m", "MD5OfMessageBody": "d"}], "Failed": []},
    )
    assert park(*[message(n) for n in range(11)], client=client) == {
        **{message_id(n): code for n in range(10)},
        message_id(10): "",
    }


def test_a_failure_without_a_code_parks_nothing(stubbed):
    client, stubber = stubbed
    stubber.add_response(
        "send_message_batch",
        {"Successful": [], "Failed": [{"Id": "0", "SenderFault": False, "Code": ""}]},
    )
    stubber.add_client_error("send_message_batch", "", http_status_code=400)
    unparked = {message_id(1): "Unnamed"}
    assert park(message(1), client=client) == unparked
    assert park(message(1), client=client) == unparked


def test_an_answer_with_neither_list_parks_nothing(stubbed):
    client, stubber = stubbed
    stubber.add_response("send_message_batch", {"Successful": [], "Failed": []})
    assert park(message(1), client=client) == {}
