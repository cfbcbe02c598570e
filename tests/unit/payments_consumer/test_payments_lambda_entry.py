"""The entry builds the handler when Lambda imports it, and names each setting at fault."""

import importlib
import sys

import pytest

from customer_events.settings import BadSettings
from unit.event_consumer.consumer_samples import ENVIRONMENT, REGION

ENTRY = "payments_consumer.lambda_entry"


@pytest.fixture
def environment(monkeypatch):
    for name in [*ENVIRONMENT, "WRITERS_MAX", "CLOCK_TOLERANCE_SECONDS"]:
        monkeypatch.delenv(name, raising=False)
    monkeypatch.setenv("AWS_DEFAULT_REGION", REGION)
    monkeypatch.delitem(sys.modules, ENTRY, raising=False)
    yield monkeypatch
    sys.modules.pop(ENTRY, None)


def test_the_entry_offers_the_handler_that_the_template_names(environment):
    for name, value in ENVIRONMENT.items():
        environment.setenv(name, value)
    assert callable(importlib.import_module(ENTRY).lambda_handler)


def test_without_settings_the_entry_fails_and_names_them_all(environment):
    with pytest.raises(BadSettings) as failure:
        importlib.import_module(ENTRY)
    for name in ENVIRONMENT:
        assert f"{name}: is not set" in str(failure.value)
