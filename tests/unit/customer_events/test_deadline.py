"""An invocation's time is asked of Lambda, and no reserve takes more than its share."""

from types import SimpleNamespace

import pytest

from customer_events.deadline import UNLIMITED, of_invocation


class Clock:
    now = 1000.0

    def monotonic(self):
        return self.now


def context(milliseconds):
    return SimpleNamespace(get_remaining_time_in_millis=lambda: milliseconds)


def test_a_deadline_comes_when_lambda_ends_the_invocation():
    clock = Clock()
    deadline = of_invocation(context(30_000), clock)
    assert (deadline.seconds_left(), deadline.is_over()) == (30.0, False)
    clock.now += 30
    assert deadline.is_over()


@pytest.mark.parametrize(
    ("milliseconds", "left"), [(60_000, 48.0), (24_000, 12.0), (10_000, 5.0), (0, 0.0)]
)
def test_a_reserve_takes_its_seconds_and_at_most_its_share(milliseconds, left):
    deadline = of_invocation(context(milliseconds), Clock())
    assert deadline.reserving(12, share_max=0.5).seconds_left() == left


def test_the_unlimited_deadline_is_never_over():
    assert not UNLIMITED.is_over()
