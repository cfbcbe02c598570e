import random
from itertools import pairwise

import pytest

from fanout.failures.records import sequence_of
from fanout.failures.recover import merged
from unit.publisher.stream_record_samples import record


def opened(objects):
    """Merge objects, given as lists of numbers, with what was in memory together at most."""
    made = {
        name: [record("ACTIVE", "CLOSED", number=number) for number in numbers]
        for name, numbers in objects.items()
    }
    openings = sorted((min(map(sequence_of, records)), name) for name, records in made.items())
    in_memory = set()
    most = 0

    def opening():
        nonlocal most
        for number, name in openings:
            in_memory.add(name)
            most = max(most, len(in_memory))
            yield number, name, made[name]

    found = []
    for queued in merged(opening()):
        found.append(queued)
        if queued.last:
            in_memory.discard(queued.item_id)
    return found, most


@pytest.mark.parametrize("seed", range(20))
def test_records_come_by_their_numbers_each_once_and_the_last_of_an_object_is_marked(seed):
    chance = random.Random(seed)
    numbers = list(range(200))
    chance.shuffle(numbers)
    objects = {f"o{start}": numbers[start : start + 10] for start in range(0, 200, 10)}
    found, _ = opened(objects)
    orders = [sequence_of(one.record) for one in found]
    assert len(found) == len(numbers)
    assert all(before < after for before, after in pairwise(orders))
    for name in objects:
        marks = [one.last for one in found if one.item_id == name]
        assert marks == [False] * 9 + [True]


def test_of_objects_that_do_not_overlap_only_the_next_is_in_memory_too():
    _, most = opened({f"o{start}": list(range(start, start + 10)) for start in range(0, 500, 10)})
    assert most == 2
