"""How Hypothesis behaves: no test fails on a clock, and a failure can be run again.

And how wide a table is, whatever terminal the tests run in: set before the console is made; that
git looks for a repository where a test says; and that in CI a skipped test is a failure. AWS's
descriptions of its services are read once for each worker: moto gives each test a new session, and
reading them again was more than half of what those tests cost. Half of what a botocore client costs
is kept likewise: the other names of its events, and what its handlers take. Python looks for
garbage in cycles less often: with all tests in memory, that was a fifth of what they cost.
"""

import functools
import gc
import os

import botocore.loaders
import pytest
import yaml
from botocore import hooks
from botocore.hooks import EventAliaser, NodeList
from hypothesis import HealthCheck, Phase, settings

from no_skips import pytest_sessionfinish, pytest_terminal_summary
from shares import pytest_collection_modifyitems

__all__ = ["pytest_collection_modifyitems", "pytest_sessionfinish", "pytest_terminal_summary"]

settings.register_profile(
    "house", deadline=None, suppress_health_check=[HealthCheck.too_slow], print_blob=True
)
if "MUTANT_UNDER_TEST" in os.environ:  # by mutmut, which asks for no smallest example
    settings.register_profile(
        "house", settings.get_profile("house"), phases=[Phase.generate], report_multiple_bugs=False
    )
settings.load_profile("house")

os.environ["COLUMNS"] = "200"

for name in [one for one in os.environ if one.startswith("GIT_")]:
    del os.environ[name]  # of the hook that runs the tests: it would name another repository

botocore.loaders.create_loader = functools.cache(botocore.loaders.create_loader)
_alias = functools.cache(EventAliaser(None)._alias_event_name)
EventAliaser._alias_event_name = lambda _, name: _alias(name)
_accepts = functools.cache(hooks.accepts_kwargs)
hooks.accepts_kwargs = lambda function: _accepts(getattr(function, "__func__", function))
NodeList.__copy__ = lambda self: NodeList(*map(list, self))

gc.set_threshold(100_000, 20, 10)


@pytest.fixture
def libyaml(monkeypatch):
    """YAML by the library in C, in a tenth of the time; where the subject is not YAML's errors."""
    monkeypatch.setattr(yaml, "SafeLoader", yaml.CSafeLoader)
    monkeypatch.setattr(yaml, "SafeDumper", yaml.CSafeDumper)
