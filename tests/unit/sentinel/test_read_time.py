from datetime import UTC, datetime, timedelta

import pytest

from sentinel.table import read_time

HEADER = "Mon, 23 Nov 2026 09:30:05 GMT"
STAMPED = datetime(2026, 11, 23, 9, 30, 5, tzinfo=UTC)


def test_a_read_is_dated_before_its_request_by_the_servers_clock():
    assert read_time(HEADER, call_seconds=0.25) == STAMPED - timedelta(seconds=0.25)


@pytest.mark.parametrize("seconds", [0.0, 1.0, 0.5, 2.000001])
def test_a_reading_has_a_fraction_of_a_second_that_no_stream_record_has(seconds):
    found = read_time(HEADER, call_seconds=seconds)
    assert found.microsecond
    assert found.tzinfo is UTC


@pytest.mark.parametrize("header", ["", "yesterday"])
def test_an_answer_without_a_date_is_refused(header):
    with pytest.raises(ValueError, match="date"):
        read_time(header, call_seconds=0)
