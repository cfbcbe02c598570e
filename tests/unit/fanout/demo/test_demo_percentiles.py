"""Percentiles are values that were measured."""

import pytest

from fanout.demo.run import latency, percentile


@pytest.mark.parametrize(
    ("share", "expected"), [(50, 50), (95, 95), (99, 99), (100, 100), (0.5, 1)]
)
def test_the_nearest_rank_is_taken(share, expected):
    assert percentile(range(1, 101), share) == expected


def test_of_one_value_every_percentile_is_that_value():
    found = latency([0.0125])
    assert (found.p50_milliseconds, found.p99_milliseconds) == (12.5, 12.5)
    assert (found.max_milliseconds, found.measured) == (12.5, 1)


def test_the_order_of_measuring_does_not_matter():
    assert latency([0.3, 0.1, 0.2]) == latency([0.1, 0.2, 0.3])
    assert latency([0.3, 0.1, 0.2]).p50_milliseconds == 200.0


def test_nothing_measured_is_no_number():
    assert latency([]) is None
