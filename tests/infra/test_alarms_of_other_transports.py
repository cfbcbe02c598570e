"""No failure is silent and no alarm is false on FIFO, on EventBridge and with a pipe either.

The alarms are those that Terraform deploys; outages that differ are played, and calm.
"""

import json
from dataclasses import replace
from functools import cache

import pytest

from simulation import alarm_set
from simulation.outages import drill, history, play
from simulation.transports import BY_EXAMPLE

pytestmark = [pytest.mark.slow, pytest.mark.infra]

SEEDS = 2
OUTAGES = [
    pytest.param(example, outage, id=f"{example}: {outage.name}")
    for example, outages in BY_EXAMPLE.items()
    for outage in outages
]


@pytest.fixture(scope="session")
def alarms(planned_example):
    """The alarms and the composite ones, by the Terraform example."""

    @cache
    def of(example):
        """With the Accounts table called as in the simulation."""
        renamed = json.dumps(planned_example(example)).replace("fanout-accounts", "accounts")
        return alarm_set.of_terraform(json.loads(renamed))

    return of


@pytest.mark.parametrize(("example", "outage"), OUTAGES)
def test_no_failure_is_silent(alarms, example, outage):
    """`drill` fails too where one of the alarms stays off that the outage names."""
    drill(outage, *alarms(example))


@pytest.mark.exhaustive
@pytest.mark.parametrize(("example", "outage"), OUTAGES)
def test_no_failure_is_silent_in_random_histories(alarms, example, outage):
    for seed in range(0 if outage.is_long else SEEDS):
        play(history(seed, outage), *alarms(example))


@pytest.mark.parametrize("seed", [0, pytest.param(1, marks=pytest.mark.exhaustive)])
@pytest.mark.parametrize("example", BY_EXAMPLE)
def test_calm_raises_no_alarm(alarms, example, seed):
    calm = replace(history(seed), outage=None, setting=BY_EXAMPLE[example][0].setting)
    play(replace(calm, calm_minutes=240), *alarms(example))


def test_each_alarm_that_a_standard_topic_lacks_is_named_by_an_outage(alarms):
    deployed = {one.name for example in BY_EXAMPLE for one in alarms(example)[0]}
    own = deployed - {one.name for one in alarm_set.alarms()}
    named = {name for outages in BY_EXAMPLE.values() for one in outages for name in one.trips}
    assert own
    assert {name.partition("-")[2] for name in own} <= named
