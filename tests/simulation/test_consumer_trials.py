"""Each rule about a consumer's failures: the system stands its trial, and fails without it."""

import pytest

from simulation.broken import GuaranteeBroken
from simulation.consumer_trials import TRIALS
from simulation.variants_trials import VARIANTS, RealSystem

SEEDS = 10


@pytest.mark.slow
@pytest.mark.parametrize("trial", TRIALS, ids=lambda one: one.__name__)
def test_the_consumer_stands_each_trial(trial):
    for seed in range(SEEDS):
        trial(RealSystem, seed)


@pytest.mark.slow
@pytest.mark.parametrize(
    "variant", VARIANTS, ids=lambda one: f"{one.system.__name__}-{one.trial.__name__}"
)
def test_a_consumer_without_one_rule_is_caught(variant):
    def all_seeds():
        for seed in range(SEEDS):
            variant.trial(variant.system, seed)

    with pytest.raises(GuaranteeBroken) as broken:
        all_seeds()
    assert broken.value.guarantee == variant.breaks, broken.value


def test_every_trial_shows_a_broken_consumer():
    assert {one.trial for one in VARIANTS} == set(TRIALS)
