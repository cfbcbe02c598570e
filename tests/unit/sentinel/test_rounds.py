"""The slice that a run compares is told by the clock alone."""

from datetime import UTC, datetime, timedelta
from itertools import pairwise

import pytest

from sentinel.rounds import COMPARE_SECONDS, due

MIDNIGHT = datetime(2026, 11, 27, tzinfo=UTC)
INTERVAL = timedelta(seconds=COMPARE_SECONDS)
A_DAY = timedelta(days=1)


def runs(days, *, hours, without=lambda _: False, late_seconds=(0,)):
    """When each slice was compared, by its number."""
    compared = {}
    for number in range(days * A_DAY // INTERVAL):
        if not without(number):
            late = timedelta(seconds=late_seconds[number % len(late_seconds)])
            at = MIDNIGHT + number * INTERVAL + late
            slice_ = due(at, hours)
            assert 0 <= slice_.number < slice_.of
            compared.setdefault(slice_.number, []).append(at)
    assert len(compared) == slice_.of
    return compared


def longest_wait(compared):
    return max(after - before for times in compared.values() for before, after in pairwise(times))


@pytest.mark.parametrize("hours", range(1, 25))
def test_every_slice_is_compared_once_a_round(hours):
    assert longest_wait(runs(4, hours=hours)) == timedelta(hours=hours)


@pytest.mark.parametrize("first", range(0, 96, 7))
def test_with_the_default_half_a_day_of_missed_runs_leaves_no_customer_for_more_than_a_day(first):
    missed = range(first, first + 48)
    compared = runs(4, hours=12, without=missed.__contains__)
    assert longest_wait(compared) <= A_DAY


def test_a_schedule_that_is_not_on_the_minute_skips_no_slice():
    compared = runs(2, hours=12, late_seconds=(-140, 0, 140, 1, -1))
    assert {len(times) for times in compared.values()} == {4}


def test_a_run_that_is_repeated_later_compares_the_slice_it_was_scheduled_for():
    scheduled = MIDNIGHT + 5 * INTERVAL
    assert due(scheduled, 12) == due(scheduled, 12)
    assert due(scheduled, 12) != due(scheduled + INTERVAL, 12)
