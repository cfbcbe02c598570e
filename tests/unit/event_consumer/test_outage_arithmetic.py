"""How often a message is received while what the consumer needs is down for 12 hours."""

from pathlib import Path

import pytest

from customer_events.deadline import UNLIMITED
from event_consumer.settings import RECEIVES_MAX
from event_consumer.sqs_queue import SqsRedelivery
from unit.event_consumer.consumer_samples import QUEUE_URL, SqsInMemory, message

OUTAGE_SECONDS = 12 * 3600
VISIBILITY_SECONDS = 6 * 30 + 1
GUARANTEES = Path(__file__).parents[3] / "docs/guarantees.md"


class ShortestDelay:
    """Jitter that always takes the least, so that messages come as often as they can."""

    def randint(self, low, _high):
        return low


def delayed(receives):
    queue = SqsInMemory()
    redelivery = SqsRedelivery(queue, QUEUE_URL, jitter=ShortestDelay())
    redelivery.delay([message(1, receive_count=receives)], UNLIMITED)
    return queue.delayed[0]["VisibilityTimeout"]


def receives_in(seconds, delay):
    """Received at the start, and again after each delay, for as long as the outage lasts."""
    at, receives = 0, 1
    while at + delay(receives) <= seconds:
        at += delay(receives)
        receives += 1
    return receives


@pytest.mark.parametrize(
    ("delay", "receives"), [(delayed, 103), (lambda _: VISIBILITY_SECONDS, 239)]
)
def test_an_outage_of_twelve_hours_ends_before_the_last_receive(delay, receives):
    assert receives_in(OUTAGE_SECONDS, delay) == receives < RECEIVES_MAX == 240
    assert f"= {receives}" in GUARANTEES.read_text()
