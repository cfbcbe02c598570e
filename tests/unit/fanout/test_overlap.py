"""Calls side by side: all are made, all are waited for, and none is forgotten where one fails."""

from threading import Barrier

import pytest

from fanout.overlap import CALLS_MAX, overlap


def test_ten_calls_are_under_way_at_a_time_and_answer_in_their_order():
    all_there = Barrier(CALLS_MAX, timeout=60)

    def call(number):
        all_there.wait()
        return number * number

    assert overlap(call, range(CALLS_MAX)).require_all() == [n * n for n in range(CALLS_MAX)]


def test_where_one_call_fails_the_others_answers_are_there():
    def call(number):
        if number == 3:
            raise ConnectionError(number)
        return number

    overlapped = overlap(call, range(5))
    assert overlapped.answers == [0, 1, 2, 4]
    with pytest.raises(ConnectionError, match="3"):
        overlapped.require_all()


def test_no_call_has_no_answer():
    assert overlap(str, []).require_all() == []
