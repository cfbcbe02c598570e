"""Another event from the same stream records is published beside the status, and apart from it."""

import json
from dataclasses import dataclass, replace
from typing import ClassVar

import pytest

from customer_events.encoder import document_of, to_text
from customer_events.event import CustomerStatusChanged, Event
from customer_events.identity import event_id
from customer_events.sequence import SequenceSource, sequence
from publisher.events import Entry
from publisher.reasons import MissingStatus
from unit.publisher.publisher_fakes import Rig
from unit.publisher.stream_record_samples import record


@dataclass(frozen=True, slots=True, kw_only=True)
class CustomerRenamed(Event):
    name: ClassVar[str] = "CustomerRenamed"
    type_prefix: ClassVar[str] = "novapay.accounts.CustomerRenamed.v"
    schema_base: ClassVar[str] = "https://schemas.novapay.example/customer_renamed"

    called: str


def renamed(found, rules, producer):
    """An entry for each record that holds a name which is not the old one."""
    stream = found.stream
    called = stream["NewImage"]["name"]["S"]
    if called == stream["OldImage"]["name"]["S"]:
        return []
    place = sequence(stream["SequenceNumber"], epoch=producer.epoch)
    customer_id = stream["Keys"][rules.customer_id_attribute]["S"]
    event = CustomerRenamed(
        event_id=event_id(f"{producer.source}#name", customer_id, place, 1),
        source=producer.source,
        customer_id=customer_id,
        sequence=place,
        sequence_source=SequenceSource.STREAM,
        schema_version=1,
        occurred_at=found.created_at,
        called=called,
    )
    document = to_text(document_of(event, {"customer_id": customer_id, "name": called}))
    return [Entry(event_id=str(event.event_id), event=event, document=document)]


def rig_with(entries_of):
    rig = Rig()
    rig.publisher = replace(rig.publisher, other_events=(entries_of,))
    return rig


def published(rig):
    return [entry.event for entry in rig.bus.published]


def test_a_record_gives_the_events_that_it_holds():
    rig = rig_with(renamed)
    both = record("ACTIVE", "CLOSED", number=1, name={"S": "Ada King"})
    name_alone = record("ACTIVE", "ACTIVE", number=2, name={"S": "Ada Byron"})
    neither = record("ACTIVE", "ACTIVE", number=3)
    result = rig.publish([both, name_alone, neither])
    assert [type(event) for event in published(rig)] == [
        CustomerStatusChanged,
        CustomerRenamed,
        CustomerRenamed,
    ]
    assert (result.published, result.transitions, result.failed, result.parked) == (3, 1, {}, {})


@pytest.mark.parametrize("error", [MissingStatus("a name", field="x"), KeyError("x")])
def test_what_one_event_can_not_say_is_parked_and_the_other_is_published(error):
    def fails(found, rules, producer):
        raise error

    rig = rig_with(fails)
    result = rig.publish([record("ACTIVE", "CLOSED")])
    assert [type(event) for event in published(rig)] == [CustomerStatusChanged]
    assert list(result.parked) == [0]
    assert len(rig.store.parked) == 1


def test_a_record_that_neither_event_can_read_is_parked_once():
    rig = rig_with(renamed)
    bad = record("ACTIVE", {"N": "1"})
    del bad["dynamodb"]["NewImage"]["name"]
    rig.publish([bad])
    assert len(rig.store.parked) == 1


def test_a_document_of_another_event_has_the_attributes_of_all():
    rig = rig_with(renamed)
    rig.publish([record("ACTIVE", "ACTIVE", name={"S": "Ada King"})])
    [event] = published(rig)
    document = json.loads(to_text(document_of(event, {"customer_id": "c-1"})))
    assert document["type"] == "novapay.accounts.CustomerRenamed.v1"
    assert document["dataschema"].endswith("customer_renamed/v1.schema.json")
    assert document["subject"] == document["partitionkey"] == "c-1"
    assert dict(event.filter_attributes()) == {"type": document["type"], "schema_version": "1"}
