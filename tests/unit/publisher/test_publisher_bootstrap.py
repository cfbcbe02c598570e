import gc
import subprocess
import sys

import pytest

from customer_events.settings import BadSettings
from publisher import bootstrap, other_events
from publisher.eventbridge_bus import EventBridgeBus
from publisher.handlers import PipeHandler

TOPIC = "arn:aws:sns:eu-west-1:123456789012:customer-status"


@pytest.fixture
def environment(monkeypatch):
    for name in ("PUBLISH_VERSIONS", "AWS_REGION", "AWS_DEFAULT_REGION", "AWS_PROFILE"):
        monkeypatch.delenv(name, raising=False)
    monkeypatch.setenv("BUS_ARN", TOPIC)
    monkeypatch.setenv("DEPLOYMENT", "fanout")
    monkeypatch.setenv("FAILURE_BUCKET", "fanout-failures")
    monkeypatch.setenv("AWS_ACCESS_KEY_ID", "test")
    monkeypatch.setenv("AWS_SECRET_ACCESS_KEY", "test")
    monkeypatch.setattr(gc, "freeze", lambda: None)
    return monkeypatch


def test_the_client_speaks_to_the_topics_region_with_a_connection_for_each_worker(environment):
    client = bootstrap.build().bus.calls.client
    assert client.meta.region_name == "eu-west-1"
    assert client.meta.config.max_pool_connections == 20
    assert client.meta.config.retries["total_max_attempts"] == 1
    assert client.meta.config.read_timeout == 4


def test_garbage_collection_is_on_again_afterwards_even_if_building_failed(environment):
    bootstrap.build()
    assert gc.isenabled()
    environment.setenv("BUS_ARN", "")
    with pytest.raises(BadSettings, match="BUS_ARN: is not set"):
        bootstrap.build()
    assert gc.isenabled()


def test_an_event_bridge_bus_gets_its_own_adapter_in_its_own_region(environment):
    environment.setenv("BUS_ARN", "arn:aws:events:eu-north-1:123456789012:event-bus/bus")
    calls = bootstrap.build().bus.calls
    assert isinstance(calls, EventBridgeBus)
    assert calls.client.meta.region_name == "eu-north-1"
    assert calls.client.meta.service_model.service_name == "events"


def test_other_events_that_are_named_are_published(environment):
    entries = object()
    environment.setattr(other_events, "ALL", (entries,))
    assert bootstrap.build().publisher.other_events == (entries,)
    assert bootstrap.build_for_pipe().publisher.other_events == (entries,)


@pytest.mark.usefixtures("environment")
def test_two_environments_do_not_wait_alike_when_they_try_again():
    jitter = bootstrap.build().publisher.jitter
    waits = [jitter() for _ in range(20)]
    assert len(set(waits)) > 1
    assert all(0 <= wait < 1 for wait in waits)


def test_a_pipes_enrichment_needs_no_bus(environment):
    environment.delenv("BUS_ARN")
    environment.setenv("PUBLISH_VERSIONS", "1,2")
    handler = bootstrap.build_for_pipe()
    assert isinstance(handler, PipeHandler)
    assert handler.batch_size_max == 5
    assert gc.isenabled()


@pytest.mark.slow
@pytest.mark.parametrize("entry", ["lambda_entry", "pipe_entry"])
def test_the_entry_imports_neither_pydantic_nor_boto3_nor_what_only_consumers_need(
    environment, entry
):
    script = (
        f"import sys; from publisher.{entry} import lambda_handler; "
        "unwanted = {'pydantic', 'boto3', 'customer_events.decoder', 'event_consumer', "
        "'aws_lambda_powertools.utilities.parser'}; "
        "sys.exit(', '.join(sorted(unwanted & set(sys.modules))) or 0)"
    )
    done = subprocess.run(
        [sys.executable, "-c", script], check=False, capture_output=True, text=True
    )
    assert (done.returncode, done.stderr) == (0, "")
