from datetime import UTC, datetime, timedelta

import pytest
from hypothesis import given
from hypothesis import strategies as st

from sentinel.table import read_time

HEADER = "Mon, 23 Nov 2026 09:30:05 GMT"
STAMPED = datetime(2026, 11, 23, 9, 30, 5, tzinfo=UTC)


def test_a_read_is_dated_before_its_request_by_the_servers_clock():
    assert read_time(HEADER, call_seconds=0.25) == STAMPED - timedelta(seconds=0.25)


@given(
    sent_after=st.floats(0, 100),
    to_read=st.floats(0, 5),
    to_answer=st.floats(0, 5),
    to_arrive=st.floats(0, 5),
)
def test_a_reading_never_claims_to_be_later_than_the_read(
    sent_after, to_read, to_answer, to_arrive
):
    read = sent_after + to_read
    stamp = int(read + to_answer)  # the header holds whole seconds, rounded down
    header = (STAMPED + timedelta(seconds=stamp)).strftime("%a, %d %b %Y %H:%M:%S GMT")
    claimed = read_time(header, call_seconds=to_read + to_answer + to_arrive)
    assert claimed <= STAMPED + timedelta(seconds=read) + timedelta(microseconds=2)


@pytest.mark.parametrize("seconds", [0.0, 1.0, 0.5, 2.000001])
def test_a_reading_has_a_fraction_of_a_second_that_no_stream_record_has(seconds):
    found = read_time(HEADER, call_seconds=seconds)
    assert found.microsecond
    assert found.tzinfo is UTC


@pytest.mark.parametrize("header", ["", "yesterday"])
def test_an_answer_without_a_date_is_refused(header):
    with pytest.raises(ValueError, match="date"):
        read_time(header, call_seconds=0)
