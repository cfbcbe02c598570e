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

    def load(name):
        nonlocal most
        in_memory.add(name)
        most = max(most, len(in_memory))
        return made[name]

    found = []
    for queued in merged(openings, load):
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


def test_objects_that_do_not_overlap_are_in_memory_one_at_a_time():
    _, most = opened({f"o{start}": list(range(start, start + 10)) for start in range(0, 500, 10)})
    assert most == 1


def test_an_object_without_records_is_passed_over():
    found = list(merged([(1, "empty")], lambda _name: ()))
    assert found == []
