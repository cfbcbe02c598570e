"""A consumer reads unknown statuses as its own entry in the registry says, and parks the rest."""

import json
from types import SimpleNamespace

import pytest

from customer_events import registry
from customer_events.encoder import to_document
from event_consumer import bootstrap
from event_consumer.settings import from_environment
from unit.event_consumer.consumer_samples import (
    ENVIRONMENT,
    AppliesAll,
    Silence,
    SqsInMemory,
    live,
    record,
)


@pytest.fixture
def consume(monkeypatch):
    """Runs one batch of a consumer for which `status_map` was agreed."""

    def run(body, status_map):
        known = registry.load("CustomerStatusChanged")
        agreed = registry.Registry(
            event=known.event, versions=known.versions, status_maps={"payments": status_map}
        )
        monkeypatch.setattr(bootstrap, "load", lambda event: agreed)
        handler, sqs = AppliesAll(), SqsInMemory()
        handle = bootstrap.lambda_handler(
            from_environment(ENVIRONMENT), handler, sqs=sqs, reporter=Silence()
        )
        response = handle({"Records": [record(1, body)]}, SimpleNamespace())
        assert response == {"batchItemFailures": []}
        return [str(event.status) for event in handler.events], sqs.reasons

    return run


def frozen():
    document = to_document(live(1))
    document["data"]["status"] = "FROZEN"
    return json.dumps(document)


def test_an_unknown_status_is_parked_with_its_reason(consume):
    assert consume(frozen(), {}) == ([], ["UnknownStatus"])


def test_an_unknown_status_is_read_as_the_subscribers_entry_says(consume):
    assert consume(frozen(), {"FROZEN": "SUSPENDED"}) == (["SUSPENDED"], [])
