"""A consumer is built without garbage collection, and makes no client before it needs it."""

import gc

import pytest

from cold_start import clients
from customer_events.settings import BadSettings
from event_consumer import every_event_consumer, latest_state_consumer
from unit.event_consumer.consumer_samples import ENVIRONMENT, REGION, record

BUILDERS = {
    "latest state": lambda environ: latest_state_consumer(lambda _: {}, environ),
    "every event": lambda environ: every_event_consumer(lambda _: None, environ),
}


@pytest.fixture
def made(monkeypatch):
    """The services for which a client was made, and whether anything was collected meanwhile."""
    made, create = [], clients.create_client

    def note(session, service, **options):
        made.append((service, gc.isenabled()))
        return create(session, service, **options)

    monkeypatch.setattr(clients, "create_client", note)
    monkeypatch.setattr(gc, "freeze", lambda: made.append(("frozen", gc.isenabled())))
    monkeypatch.setenv("AWS_DEFAULT_REGION", REGION)
    monkeypatch.setenv("AWS_ACCESS_KEY_ID", "test")
    monkeypatch.setenv("AWS_SECRET_ACCESS_KEY", "test")
    monkeypatch.setenv("AWS_ENDPOINT_URL", "http://127.0.0.1:1")
    return made


@pytest.mark.parametrize("build", BUILDERS.values(), ids=BUILDERS)
def test_nothing_is_collected_while_it_is_built_and_what_was_built_is_frozen(build, made):
    build(ENVIRONMENT)
    assert made == [("dynamodb", False), ("frozen", False)]
    assert gc.isenabled()


@pytest.mark.parametrize("build", BUILDERS.values(), ids=BUILDERS)
def test_a_wrong_setting_leaves_garbage_collection_on(build, made):
    with pytest.raises(BadSettings):
        build({})
    assert gc.isenabled()
    assert made == []


@pytest.mark.parametrize("build", BUILDERS.values(), ids=BUILDERS)
def test_a_client_of_sqs_is_made_once_something_is_parked(build, made):
    handle = build(ENVIRONMENT)
    made.clear()
    for _ in range(2):
        handle({"Records": [record(1, "poison")]}, None)
    assert [service for service, _ in made] == ["sqs"]
