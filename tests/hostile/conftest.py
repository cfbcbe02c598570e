"""A seed that a failing test shows."""

import random

import pytest


@pytest.fixture
def chance():
    seed = random.randrange(2**32)
    print(f"seed {seed}")  # noqa: T201 - pytest shows it when the test fails
    return random.Random(seed)
