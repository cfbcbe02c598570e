"""A consumer of another event brings its reader; the engine does the rest."""

import json
from types import SimpleNamespace
from typing import ClassVar

import pytest

from customer_events.decoder import attributes_of, expect_same_customer, read_envelope, validate
from customer_events.encoder import to_document
from customer_events.errors import SchemaViolation, UnknownEventType, UnsupportedVersion
from customer_events.event import Event
from customer_events.wire_models import Attributes, CustomerId, Wire
from event_consumer import bootstrap
from event_consumer.settings import from_environment
from unit.event_consumer.consumer_samples import ENVIRONMENT, AppliesAll, SqsInMemory, live, record


class CustomerRenamed(Event):
    name: ClassVar[str] = "CustomerRenamed"
    type_prefix: ClassVar[str] = "novapay.accounts.CustomerRenamed.v"


class Data(Wire):
    customer_id: CustomerId


def from_document(document):
    major, envelope = read_envelope(document, Attributes, CustomerRenamed, 1)
    data = validate(Data, envelope.data, "data")
    expect_same_customer(data.customer_id, envelope)
    return CustomerRenamed(
        **attributes_of(envelope), schema_version=major, customer_id=data.customer_id
    )


def document(**changed):
    made = to_document(live(1)) | {"type": "novapay.accounts.CustomerRenamed.v1"}
    return made | {"data": {"customer_id": "c-1"}} | changed


def test_another_event_reaches_its_handler_and_a_status_is_parked(capsys):
    handler, sqs = AppliesAll(), SqsInMemory()
    handle = bootstrap.lambda_handler(
        from_environment(ENVIRONMENT), handler, sqs=sqs, reader=from_document
    )
    records = [record(1, json.dumps(document())), record(2, live(2))]
    assert handle({"Records": records}, SimpleNamespace()) == {"batchItemFailures": []}
    [event] = handler.events
    assert isinstance(event, CustomerRenamed)
    assert event.customer_id == "c-1"
    assert sqs.reasons == ["UnknownEventType"]
    assert "EventsApplied" in capsys.readouterr().out


@pytest.mark.parametrize(
    ("changed", "error", "field"),
    [
        ({"type": "novapay.accounts.CustomerStatusChanged.v1"}, UnknownEventType, "type"),
        ({"type": "novapay.accounts.CustomerRenamed.v2"}, UnsupportedVersion, "type"),
        ({"type": 1}, SchemaViolation, "type"),
        ({"partitionkey": "c-2"}, SchemaViolation, "partitionkey"),
        ({"data": {"customer_id": "c-2"}}, SchemaViolation, "data.customer_id"),
        ({"data": {}}, SchemaViolation, "data.customer_id"),
        ({"sequence": "1"}, SchemaViolation, "sequence"),
    ],
)
def test_what_is_wrong_around_another_event_has_the_contracts_own_errors(changed, error, field):
    with pytest.raises(error) as refused:
        from_document(document(**changed))
    assert refused.value.field == field
