"""A failed message comes back after a while that doubles, with jitter."""

import random

import pytest
from botocore.exceptions import EndpointConnectionError
from botocore.stub import ANY

from customer_events.deadline import UNLIMITED
from event_consumer.sqs_queue import SqsRedelivery
from stubbed_client import stubbed_client
from unit.event_consumer.consumer_samples import QUEUE_URL, SqsInMemory, message


def delays(receive_count, draws=200):
    queue = SqsInMemory()
    redelivery = SqsRedelivery(queue, QUEUE_URL, jitter=random.Random(7))
    redelivery.delay([message(n, receive_count=receive_count) for n in range(draws)], UNLIMITED)
    return [entry["VisibilityTimeout"] for entry in queue.delayed]


@pytest.mark.parametrize(
    ("receive_count", "longest"),
    [(1, 5), (2, 10), (3, 20), (4, 40), (7, 320), (8, 640), (9, 900), (1000, 900)],
)
def test_the_delay_doubles_with_each_receive_up_to_fifteen_minutes(receive_count, longest):
    seen = delays(receive_count)
    assert longest * 0.95 <= max(seen) <= longest
    assert min(seen) >= longest // 2
    assert len(set(seen)) > 1, "without jitter a whole batch comes back at once"


def test_a_message_that_was_received_never_as_far_as_we_know_is_delayed_like_a_first():
    assert max(delays(0)) == 5


def test_each_message_is_delayed_by_its_own_receipt():
    queue = SqsInMemory()
    SqsRedelivery(queue, QUEUE_URL).delay([message(n) for n in range(23)], UNLIMITED)
    assert sorted(map(len, queue.calls)) == [3, 10, 10]
    assert {entry["ReceiptHandle"] for entry in queue.delayed} == {
        f"receipt-{n}" for n in range(23)
    }


def test_nothing_to_delay_is_nothing_to_call():
    queue = SqsInMemory()
    SqsRedelivery(queue, QUEUE_URL).delay([], UNLIMITED)
    assert queue.calls == []


def test_a_delay_that_fails_is_let_go():
    def fail():
        raise EndpointConnectionError(endpoint_url=QUEUE_URL)

    SqsRedelivery(SqsInMemory(before=fail), QUEUE_URL).delay([message(1)], UNLIMITED)


def test_a_throttled_or_partly_failed_delay_is_let_go():
    with stubbed_client("sqs") as (client, stubber):
        failed = {"Id": "0", "SenderFault": True, "Code": "MessageNotInflight"}
        stubber.add_response(
            "change_message_visibility_batch",
            {"Successful": [], "Failed": [failed]},
            {"QueueUrl": QUEUE_URL, "Entries": ANY},
        )
        stubber.add_client_error("change_message_visibility_batch", "RequestThrottled")
        for _ in range(2):
            SqsRedelivery(client, QUEUE_URL).delay([message(1)], UNLIMITED)
        stubber.assert_no_pending_responses()
