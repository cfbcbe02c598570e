import json
import os
import sys
from pathlib import Path

import pytest

from simulation.checkers import NOTHING_LOST
from simulation.faults import EVERY, all_but, only
from simulation.generate import generate
from simulation.play import play
from simulation.schedule import dump, load
from simulation.story import tell
from simulation.variants import VARIANTS, seeds_until_caught
from simulation.variants_publisher import IgnoresRemovals

KEPT = sorted((Path(__file__).parent / "schedules").glob("*.json"))


@pytest.mark.parametrize("seed", range(150))
def test_every_guarantee_holds_with_every_fault(seed):
    assert play(generate(seed, EVERY)) is None


@pytest.mark.slow
@pytest.mark.parametrize("chunk", range(20))
def test_every_guarantee_holds_in_many_histories_with_every_fault(chunk):
    for seed in range(1000 + chunk * 100, 1100 + chunk * 100):
        assert play(generate(seed, EVERY)) is None, f"make simulate SEEDS=1 SEED={seed}"


@pytest.mark.slow
@pytest.mark.parametrize("name", sorted(EVERY.names()))
def test_every_guarantee_holds_where_one_kind_of_fault_occurs_alone(name):
    for seed in range(40):
        assert play(generate(seed, only(name))) is None, seed


@pytest.mark.slow
def test_every_guarantee_holds_in_fresh_histories():
    """CI draws new ones each time; a failure names its seed, and `make simulate` tells it."""
    first = int.from_bytes(os.urandom(5), "big")
    sys.stdout.write(f"fresh seeds from {first}\n")
    for seed in range(first, first + 500):
        assert play(generate(seed, EVERY)) is None, f"make simulate SEEDS=1 SEED={seed}"


@pytest.mark.parametrize("path", KEPT, ids=lambda path: path.stem)
def test_what_once_broke_a_guarantee_holds(path):
    failure = play(load(path))
    assert failure is None, failure


@pytest.mark.parametrize("path", KEPT, ids=lambda path: path.stem)
def test_a_kept_schedule_says_what_it_once_broke(path):
    assert load(path).story


@pytest.mark.slow
@pytest.mark.parametrize("variant", VARIANTS, ids=lambda one: one.system.__name__)
def test_a_broken_variant_is_caught_by_its_checker(variant):
    assert seeds_until_caught(variant) is not None, variant.name


def test_there_is_a_broken_variant_for_every_guarantee_that_a_variant_can_break():
    assert len(VARIANTS) >= 25
    assert len({one.name for one in VARIANTS}) == len(VARIANTS)
    assert {one.caught_by for one in VARIANTS} >= {NOTHING_LOST}


@pytest.mark.parametrize("seed", range(5))
def test_a_seed_gives_the_same_history_to_the_letter(seed):
    one = play(generate(seed, all_but()), IgnoresRemovals, telling=True)
    other = play(generate(seed, all_but()), IgnoresRemovals, telling=True)
    assert one == other


def test_a_schedule_is_the_same_after_it_was_written_and_read(tmp_path):
    schedule = generate(3, EVERY)
    path = tmp_path / "schedule.json"
    path.write_text(dump(schedule))
    assert load(path) == schedule
    assert json.loads(path.read_text())["seed"] == 3


def test_a_failure_is_shrunk_and_told():
    schedule = next(
        found
        for seed in range(50)
        if play(found := generate(seed, EVERY), IgnoresRemovals) is not None
    )
    story = tell(schedule, IgnoresRemovals)
    assert story.guarantee == NOTHING_LOST
    assert len(story.schedule.steps) <= 3
    assert "BROKEN, nothing lost" in story.text
