"""The order of the tests for several workers: what takes long stands at the beginning of a part."""

from types import SimpleNamespace

import pytest

from shares import LONGEST, shares


def item(file, *marks):
    found = {mark.name: mark for mark in marks}
    return SimpleNamespace(nodeid=f"{file}::test", get_closest_marker=found.get)


def test_each_part_begins_with_slow_tests_the_longest_first_and_none_is_lost():
    slow, group = pytest.mark.slow.mark, pytest.mark.xdist_group("deployment").mark
    quick = [item(f"quick-{number}.py") for number in range(7)]
    longest, second = item(LONGEST[0], slow), item(LONGEST[1], slow)
    together = [item("a.py", slow, group), item("b.py", slow, group)]
    others = [item("other.py", slow) for _ in range(2)]
    ordered = shares([*quick, *others, together[0], second, together[1], longest], 3)
    assert ordered[:4] == [longest, *others, quick[0]]
    assert ordered[4:8] == [second, *quick[1:4]]
    assert ordered[8:] == [*together, *quick[4:]]
