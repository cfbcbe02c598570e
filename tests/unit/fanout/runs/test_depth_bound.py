from threading import Thread

import pytest

from fanout.errors import Refused
from fanout.runs.pace import LOOK_SECONDS, STALLED_SECONDS, DepthBound

PAGE = 50


class Queue:
    """A queue of so many messages, a clock, and a consumer that takes some every second."""

    def __init__(self, depth=0, *, taken_per_second=0):
        self.depth = depth
        self.taken_per_second = taken_per_second
        self.now = 0.0
        self.looks = 0

    def look(self):
        self.looks += 1
        return self.depth

    def asked(self):
        return False

    def wait(self, seconds):
        self.now += seconds
        self.depth = max(0, self.depth - round(self.taken_per_second * seconds))


class Asked(Queue):
    """Somebody asks to stop as soon as it waits."""

    def asked(self):
        return self.now > 0


def bound(queue, depth_max, *, holding=lambda _: None):
    return DepthBound(
        look=queue.look,
        depth_max=depth_max,
        page_size=PAGE,
        holding=holding,
        monotonic=lambda: queue.now,
    )


def test_without_a_bound_nobody_looks():
    queue = Queue(10**9)
    pages = bound(queue, None)
    for _ in range(9):
        assert pages.wait(queue)
        pages.page_sent(PAGE)
    assert (queue.looks, queue.now) == (0, 0)


def test_a_long_queue_holds_the_scan_until_it_has_become_short():
    queue = Queue(1_000, taken_per_second=100)
    assert bound(queue, 300).wait(queue)
    assert queue.depth == 300


def test_the_queue_never_gets_longer_than_the_bound_and_a_page():
    queue, deepest = Queue(taken_per_second=40), 0
    pages = bound(queue, 200)
    for _ in range(100):
        assert pages.wait(queue)
        queue.depth += PAGE
        pages.page_sent(PAGE)
        deepest = max(deepest, queue.depth)
    assert 200 < deepest <= 200 + PAGE


def test_pages_that_are_just_being_sent_count_as_well():
    queue = Queue()
    pages = bound(queue, 120)
    assert [pages.wait(queue) for _ in range(3)] == [True] * 3
    stopped = Asked()
    stopped.now = queue.now = 1.0
    assert not pages.wait(stopped)


def test_segments_do_not_look_more_often_together_than_one_alone():
    queue = Queue(500)
    pages = bound(queue, 100)
    threads = [Thread(target=pages._allows_page) for _ in range(16)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    assert queue.looks == 1
    queue.now += LOOK_SECONDS
    assert not pages._allows_page()
    assert queue.looks == 2


def test_asked_to_stop_it_waits_no_longer():
    queue = Asked(1_000)
    assert not bound(queue, 10).wait(queue)
    assert queue.now == LOOK_SECONDS


def test_the_first_wait_is_told_with_what_is_in_the_queue():
    queue, told = Queue(1_000, taken_per_second=300), []
    pages = bound(queue, 200, holding=told.append)
    for _ in range(20):
        assert pages.wait(queue)
        queue.depth += PAGE
        pages.page_sent(PAGE)
    assert told == [1_000]


def test_a_queue_that_nobody_empties_is_told_and_not_waited_for_without_end():
    queue = Queue(1_000)
    with pytest.raises(Refused, match="does its consumer run"):
        bound(queue, 10).wait(queue)
    assert STALLED_SECONDS < queue.now < STALLED_SECONDS + 10


def test_a_queue_that_gets_shorter_slowly_is_waited_for():
    queue = Queue(3_000, taken_per_second=1)
    assert bound(queue, 10).wait(queue)
    assert queue.now > 2 * STALLED_SECONDS
