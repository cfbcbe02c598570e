from datetime import UTC, datetime, timedelta

import pytest

from event_consumer.order_guard import CLOCK_TOLERANCE
from fanout.errors import Refused
from sentinel import table as dated_read
from sentinel.table import LONGEST_READ_SECONDS, dated

BEGAN = datetime(2026, 11, 23, 9, 30, tzinfo=UTC)


class Server:
    """A clock, and reads that take as long as they are told, one after the other."""

    def __init__(self, *seconds):
        self.now = 0.0
        self.seconds = list(seconds)

    def monotonic(self):
        return self.now

    def read(self):
        self.now += self.seconds.pop(0)
        header = f"{BEGAN + timedelta(seconds=int(self.now)):%a, %d %b %Y %H:%M:%S} GMT"
        return self.now, {"ResponseMetadata": {"HTTPHeaders": {"date": header}}}


@pytest.fixture
def server(monkeypatch):
    def serve(*seconds):
        made = Server(*seconds)
        monkeypatch.setattr(dated_read, "time", made)
        return made

    return serve


def test_a_read_that_took_long_is_made_again_and_the_second_one_is_dated(server):
    slow = server(200.0, 0.25)
    found, read_at = dated(slow.read)
    assert found == 200.25
    assert read_at == BEGAN + timedelta(seconds=199.75)


@pytest.mark.parametrize("seconds", [0.01, 0.99, 1.5, LONGEST_READ_SECONDS])
def test_a_reading_is_never_dated_so_early_that_what_it_holds_seems_to_follow_it(server, seconds):
    found, read_at = dated(server(0.9, seconds, seconds).read)
    held = (BEGAN + timedelta(seconds=found)).replace(microsecond=0)
    assert read_at <= BEGAN + timedelta(seconds=found)
    assert held - read_at < CLOCK_TOLERANCE


def test_reads_that_stay_slow_are_refused_with_what_to_do(server):
    with pytest.raises(Refused, match=r"longer than 3\.0 seconds.*--read-units") as refused:
        dated(server(*[3.5] * 5).read)
    assert "throttled" in str(refused.value)
