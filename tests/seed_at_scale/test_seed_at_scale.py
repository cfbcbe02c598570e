"""A seed while customers change, killed in the middle: every row right, nobody else disturbed."""

import pytest

from seed_at_scale.memory import Memory, Sample
from seed_at_scale.run import run
from seed_at_scale.watching import Settings

pytestmark = pytest.mark.slow


def seed(folder, **settings):
    report = run(Settings(**settings), folder, lambda _: None)
    assert report.broken == ()
    figures = report.figures
    read = figures["customers read, the killed run's included"]
    assert read >= settings["customers"] * 0.8, "some customers are removed meanwhile"
    assert figures["rows"] >= settings["customers"]
    return figures


@pytest.mark.exhaustive
def test_a_seed_of_some_hundred_customers(tmp_path):
    figures = seed(tmp_path, customers=400, depth_max=100, page_size=25)
    assert figures["live changes while it was seeded"] > 10


@pytest.mark.exhaustive
def test_a_seed_of_a_hundred_thousand_customers(tmp_path):
    figures = seed(tmp_path, customers=100_000)
    assert figures["live changes while it was seeded"] > 1_000
    assert figures["  by live changes alone"] > 1_000


def test_memory_that_grows_with_the_work_is_noticed():
    def growth(*resident):
        samples = [Sample(done=n, resident_bytes=one) for n, one in enumerate(resident)]
        return Memory(samples=tuple(samples)).growth

    assert growth(1, 80, 90, 90, 90, 90) == 1.0
    assert growth(1, 80, 90, 100, 110, 120) == 1.2
