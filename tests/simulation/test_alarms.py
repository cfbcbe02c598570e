"""Every failure raises an alarm in time, and calm raises none: the deployed alarms, minute by
minute."""

from dataclasses import replace

import pytest

from simulation import alarm_page, alarm_set
from simulation.checkers import GuaranteeBroken
from simulation.monitored import PREFIX
from simulation.outages import OUTAGES, TRAFFIC, History, drill, history, play
from simulation.variants.alarms import BROKEN_SETS

SEEDS = 8
LONE_WRITES_THAT_CHANGE_NOTHING = (94001000902, 94001001833)
"""Calm days of few changes, in which quarters of an hour have a write and no record."""


@pytest.mark.slow
@pytest.mark.parametrize("seed", [*range(SEEDS), *LONE_WRITES_THAT_CHANGE_NOTHING])
def test_no_failure_is_silent_and_no_alarm_is_false(seed):
    play(history(seed))


@pytest.mark.slow
def test_a_batch_that_fails_every_two_minutes_is_seen_though_its_metrics_are_late():
    """Three of five minutes were too few for it."""
    late = History(
        seed=0,
        traffic="quiet",
        calm_minutes=45,
        outage=next(one for one in OUTAGES if one.name == "the topic is down"),
        late_minutes_max=3,
        spare=0,
        hiccups=0.0,
    )
    behind = f"{PREFIX}-publisher-behind"
    assert behind in play(late).minutes
    short = [replace(one, periods=5) if one.name == behind else one for one in alarm_set.alarms()]
    with pytest.raises(GuaranteeBroken, match="no alarm was on for 16 minutes"):
        play(late, short)


@pytest.mark.slow
def test_each_alarm_goes_on_in_its_drill_and_the_page_of_the_alarms_says_when():
    """`drill` itself fails where an alarm that is named for it stays off."""
    drills = {one.name: drill(one) for one in OUTAGES}
    tripped = {name for one in drills.values() for name in one.minutes}
    deployed = {one.name for one in (*alarm_set.alarms(), *alarm_set.composites())}
    assert tripped == deployed
    assert alarm_page.PAGE.read_text(encoding="utf-8") == alarm_page.render(drills), (
        "run: PYTHONPATH=tests .venv/bin/python -m simulation --drill"
    )


def test_each_alarm_is_named_by_an_outage():
    named = {name for one in OUTAGES for name in one.trips}
    assert named == {one.name.removeprefix(f"{PREFIX}-") for one in alarm_set.alarms()}


def test_histories_cover_every_outage_and_every_traffic():
    drawn = [history(seed) for seed in range(600)]
    assert {one.outage.name for one in drawn if one.outage} == {
        one.name for one in OUTAGES if not one.is_long
    }
    assert {one.traffic for one in drawn if not one.outage} == set(TRAFFIC)
    assert {one.late_minutes_max for one in drawn} == {1, 3}


@pytest.mark.slow
@pytest.mark.parametrize("broken", BROKEN_SETS, ids=lambda one: one.name)
def test_a_broken_alarm_set_is_caught_by_its_checker(broken):
    assert broken.seeds_until_caught(first=broken.shown_by) is not None


def test_a_seed_gives_the_same_history_again():
    one = next(
        one for seed in range(50) if (one := history(seed)).outage and one.calm_minutes < 120
    )
    assert play(one) == play(one)
