from types import SimpleNamespace

from fanout.runs.pace import CapacityPace


class Clock:
    def __init__(self):
        self.now = 100.0
        self.stop_after = None

    def monotonic(self):
        return self.now

    def asked(self):
        return self.stop_after is not None and self.now >= self.stop_after

    def wait(self, seconds):
        self.now += seconds


def test_calls_wait_until_what_was_consumed_is_paid_off():
    clock = Clock()
    pace = CapacityPace(10, monotonic=clock.monotonic)
    for _ in range(5):
        assert pace.wait(clock)
        pace.spent(20)
    assert clock.now == 100 + 4 * 2
    assert pace.seconds_to_wait() == 2


def test_time_that_passed_unused_is_not_saved_up():
    clock = Clock()
    pace = CapacityPace(10, monotonic=clock.monotonic)
    clock.now += 3600
    pace.spent(20)
    assert pace.seconds_to_wait() == 2


def test_without_a_rate_nothing_waits():
    pace = CapacityPace(None)
    pace.spent(1_000_000)
    assert pace.seconds_to_wait() == 0


def test_waiting_ends_when_somebody_asks_to_stop():
    clock = Clock()
    clock.stop_after = 105
    pace = CapacityPace(1, monotonic=clock.monotonic)
    pace.spent(1000)
    stopping = SimpleNamespace(asked=clock.asked, wait=lambda seconds: clock.wait(min(seconds, 1)))
    assert not pace.wait(stopping)
    assert clock.now == 105
