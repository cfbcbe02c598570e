import json
import os
import sys
from pathlib import Path

import pytest

from simulation.checkers import NEVER_BACKWARDS, NOTHING_LOST
from simulation.faults import EVERY, Setting, all_but, only
from simulation.generate import generate
from simulation.play import explain, play
from simulation.schedule import CallFault, Schedule, Step, dump, load
from simulation.variants import VARIANTS
from simulation.variants.commands import READS_ACCOUNTS_FIRST

[IGNORES_REMOVALS] = [one.system for one in VARIANTS if "no removals" in one.name]
KEPT = sorted((Path(__file__).parent / "schedules").glob("*.json"))


@pytest.mark.parametrize("seed", range(100))
def test_every_guarantee_holds_with_every_fault(seed):
    assert play(generate(seed, EVERY)) is None


@pytest.mark.slow
@pytest.mark.parametrize("name", sorted(EVERY.names()))
def test_every_guarantee_holds_where_one_kind_of_fault_occurs_alone(name):
    for seed in range(4):
        assert play(generate(seed, only(name))) is None, seed


@pytest.mark.slow
def test_every_guarantee_holds_in_more_histories_with_every_fault():
    for seed in range(1000, 1100):
        assert play(generate(seed, EVERY)) is None, f"make simulate SEEDS=1 SEED={seed}"


@pytest.mark.slow
@pytest.mark.exhaustive
def test_every_guarantee_holds_in_fresh_histories():
    """Each run draws new ones; a failure names its seed, and `make simulate` explains it."""
    first = int.from_bytes(os.urandom(5), "big")
    sys.stdout.write(f"fresh seeds from {first}\n")
    for seed in range(first, first + 150):
        assert play(generate(seed, EVERY)) is None, f"make simulate SEEDS=1 SEED={seed}"


@pytest.mark.parametrize("path", KEPT, ids=lambda path: path.stem)
def test_what_once_broke_a_guarantee_holds(path):
    failure = play(load(path))
    assert failure is None, failure


@pytest.mark.parametrize("path", KEPT, ids=lambda path: path.stem)
def test_a_kept_schedule_says_what_it_once_broke(path):
    assert load(path).broke


@pytest.mark.slow
@pytest.mark.parametrize("variant", VARIANTS, ids=lambda one: one.name)
def test_a_broken_variant_is_caught_by_its_checker(variant):
    """From the seed that is known to show it; the number in the report counts from the first."""
    assert variant.seeds_until_caught(first=variant.shown_by) is not None


def test_there_is_a_broken_variant_for_every_guarantee_that_a_variant_can_break():
    assert len(VARIANTS) >= 25
    assert len({one.name for one in VARIANTS}) == len(VARIANTS)
    assert {one.caught_by for one in VARIANTS} >= {NOTHING_LOST}


@pytest.mark.parametrize("transport", ["eventbridge", "fifo"])
def test_every_guarantee_holds_on_every_transport_while_operators_are_at_work(transport):
    faults = only("operators", "crashes", "lost_answers", "poison_messages", transport)
    schedules = [generate(seed, faults) for seed in range(15)]
    assert any(one.setting.commands and getattr(one.setting, transport) for one in schedules)
    for one in schedules:
        assert play(one) is None, one.seed


@pytest.mark.slow
@pytest.mark.parametrize("through", ["queue", "consumer"])
@pytest.mark.parametrize("kind", ["crash_before", "crash_after"])
def test_a_replay_dies_at_any_call_and_any_line_and_is_gone_on_with(through, kind):
    died = 0
    for call in range(0, 40, 2):
        poisoned = (Step(do="bury"), Step(do="poison", dice=3))
        schedule = Schedule(
            setting=Setting(customers=1, commands=True),
            steps=(
                *(Step(do="write", what="status"), Step(do="publish"), Step(do="deliver")),
                *poisoned,
                Step(
                    do="command",
                    what=f"replay {through}",
                    faults=(CallFault(call=call, kind=kind),),
                ),
                Step(do="command", what="resume", after=200.0),
            ),
        )
        lines: list[str] = []
        assert play(schedule, lines=lines) is None, call
        first, second = [one for one in lines if "an operator's" in one][:2]
        if "its process dies (" in first:
            died += 1
            assert "Every selected message ended well" in second, call
    assert died > 7


def test_every_kind_of_history_has_its_failovers():
    """At the trim horizon: the replica's stream still holds what was published before."""
    with_every_fault = [generate(seed, EVERY) for seed in range(100)]
    failovers = [one for one in with_every_fault if any(s.do == "fail over" for s in one.steps)]
    assert len(failovers) > 10
    lines: list[str] = []
    for schedule in failovers:
        assert play(schedule, lines=lines) is None, schedule.seed
    assert any("in epoch 2" in one and "publisher" not in one for one in lines)


def a_live_change_during_a_repair(call: int) -> Schedule:
    """A row drifts, since its change was trimmed; it is repaired during another change."""
    live = Step(do="live change", what="status", dice=5)
    return Schedule(
        setting=Setting(customers=1, commands=True),
        steps=(
            *(Step(do="write", what="status"), Step(do="publish"), Step(do="deliver")),
            *(Step(do="consume"), Step(do="write", what="status", dice=2)),
            Step(do="mapping off", what="25"),
            Step(do="command", what="reconcile", during=((call, live),)),
        ),
    )


def test_a_live_change_at_any_call_of_a_repair_is_not_taken_back():
    for call in range(30):
        assert play(a_live_change_during_a_repair(call)) is None, call


def test_a_repair_that_reads_the_item_before_the_row_is_caught_at_one_call():
    failures = [
        play(a_live_change_during_a_repair(call), READS_ACCOUNTS_FIRST.system) for call in range(30)
    ]
    assert {one.guarantee for one in failures if one is not None} == {NEVER_BACKWARDS}


@pytest.mark.parametrize("seed", range(5))
def test_a_seed_gives_the_same_history_to_the_letter(seed):
    one = play(generate(seed, all_but()), IGNORES_REMOVALS, with_log=True)
    other = play(generate(seed, all_but()), IGNORES_REMOVALS, with_log=True)
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
        if play(found := generate(seed, EVERY), IGNORES_REMOVALS) is not None
    )
    explanation = explain(schedule, IGNORES_REMOVALS)
    assert explanation.guarantee == NOTHING_LOST
    assert len(explanation.schedule.steps) <= 3
    assert "BROKEN, nothing lost" in explanation.text
