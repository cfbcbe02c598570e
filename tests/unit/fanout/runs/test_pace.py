import threading

import pytest

from fanout.runs.pace import Stopping
from sentinel.pace import Pace
from unit.fanout.dlq.dlq_fakes import Clock


@pytest.fixture
def clock():
    return Clock(100.0)


def paced(clock, per_second):
    return Pace(per_second, wait=clock.sleep, monotonic=clock)


def test_calls_wait_until_what_was_consumed_is_paid_off(clock):
    pace = paced(clock, 10)
    for _ in range(5):
        pace.take()
        pace.spent(20)
    assert clock.seconds == 100 + 4 * 2
    pace.take(5)
    pace.take()
    assert clock.seconds == 110.5


def test_time_that_passed_unused_is_not_saved_up(clock):
    pace = paced(clock, 10)
    clock.seconds += 3600
    pace.spent(20)
    pace.take()
    assert clock.seconds == 100 + 3600 + 2


def test_without_a_rate_nothing_waits(clock):
    pace = paced(clock, None)
    pace.take(1_000_000)
    pace.take()
    assert clock.seconds == 100


def test_waiting_ends_when_somebody_asks_to_stop():
    stopping = Stopping()
    pace = Pace(0.001, wait=stopping.wait)
    pace.spent(1)
    threading.Timer(0.01, stopping.ask).start()
    pace.take()
    assert stopping.asked()
