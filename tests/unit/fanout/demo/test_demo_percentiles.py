"""Percentiles are values that were measured."""

from fanout.demo.run import latency


def test_the_nearest_rank_is_taken_whatever_the_order_of_measuring():
    assert latency([number / 1000 for number in range(100, 0, -1)]) == {
        "measured": 100,
        "p50_milliseconds": 50.0,
        "p95_milliseconds": 95.0,
        "p99_milliseconds": 99.0,
        "max_milliseconds": 100.0,
    }


def test_of_one_value_every_percentile_is_that_value():
    assert set(latency([0.0125]).values()) == {1, 12.5}


def test_nothing_measured_is_no_number():
    assert latency([]) is None
