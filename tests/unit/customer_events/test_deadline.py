"""An invocation's time is asked of Lambda, and no reserve takes more than its share."""

from types import SimpleNamespace

import pytest

from customer_events.deadline import UNLIMITED, Reserves


class Clock:
    now = 1000.0

    def monotonic(self):
        return self.now


@pytest.mark.parametrize(
    ("milliseconds", "work", "parking"),
    [(60_000, 48.0, 55.0), (24_000, 12.0, 19.0), (10_000, 5.0, 7.5), (0, 0.0, 0.0)],
)
def test_a_reserve_takes_its_seconds_and_at_most_its_share(milliseconds, work, parking):
    reserves = Reserves(
        work_seconds=12, work_share_max=0.5, parking_seconds=5, parking_share_max=0.25
    )
    clock = Clock()
    context = SimpleNamespace(get_remaining_time_in_millis=lambda: milliseconds)
    deadlines = reserves.deadlines(context, clock)
    assert deadlines.work.seconds_left() == work
    assert deadlines.parking.seconds_left() == parking
    clock.now += work
    assert deadlines.work.is_over()
    assert deadlines.parking.is_over() == (milliseconds == 0)


def test_the_unlimited_deadline_is_never_over():
    assert not UNLIMITED.is_over()
