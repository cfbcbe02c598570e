"""Messages are parked in batches, each entry of whose answer is inspected."""

import pytest
from botocore.stub import ANY

from stubbed_client import stubbed_client
from unit.event_consumer.consumer_samples import DLQ_URL, SqsInMemory, message, message_id
from unit.event_consumer.dlq_in_memory import park


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
