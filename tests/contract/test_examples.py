"""Examples are true, rejected documents are refused for what they say, and nothing is orphaned."""

import json
from datetime import datetime
from uuid import UUID

import pytest

from contract.contract_files import (
    ENVELOPE,
    EVENT_FOLDER,
    example_paths,
    failing_fields,
    path_id,
    published_validator,
    read_json,
    read_schema,
    schema_names,
)
from customer_events import errors, identity
from customer_events.decoder import decode, from_document
from customer_events.encoder import encode, to_document
from customer_events.event import Change, CustomerStatusChanged, Status
from customer_events.sequence import UNCOUNTED, SequenceSource

EXAMPLES = example_paths()
REJECTED = example_paths("rejected")
MAJORS = [name for name in schema_names() if name != ENVELOPE]


def read_event(path) -> CustomerStatusChanged:
    return decode(path.read_text(encoding="utf-8"))


@pytest.mark.parametrize("path", EXAMPLES, ids=path_id)
def test_an_example_is_read_and_written_again_as_it_was(path):
    event = read_event(path)
    assert to_document(event) == read_json(path)
    assert json.loads(encode(event)) == read_json(path)
    assert f"v{event.schema_version}" == path.parent.name


@pytest.mark.parametrize("path", EXAMPLES, ids=path_id)
def test_an_example_satisfies_the_schemas(path):
    assert failing_fields(read_json(path)) == set()


@pytest.mark.parametrize("path", EXAMPLES, ids=path_id)
def test_an_example_has_the_id_that_the_change_has(path):
    event = read_event(path)
    change = (event.source, event.customer_id, event.sequence, event.schema_version)
    if event.change is Change.SNAPSHOT:
        assert event.event_id == identity.snapshot_id(*change, event.occurred_at)
    else:
        assert event.event_id == identity.event_id(*change)


@pytest.mark.parametrize("path", REJECTED, ids=path_id)
def test_a_rejected_document_is_refused_for_the_field_it_states(path):
    rejected = read_json(path)
    with pytest.raises(errors.PermanentError) as refused:
        from_document(rejected["document"])
    assert (refused.value.code, refused.value.field) == (rejected["code"], rejected["field"])


@pytest.mark.parametrize("path", REJECTED, ids=path_id)
def test_a_rejected_document_breaks_the_schemas_in_that_field_alone(path):
    rejected = read_json(path)
    assert failing_fields(rejected["document"]) == {rejected["field"]}


@pytest.mark.parametrize("major", MAJORS)
def test_every_version_has_examples_and_rejected_documents(major):
    assert list((EVENT_FOLDER / "examples" / major).glob("*.json"))
    assert list((EVENT_FOLDER / "rejected" / major).glob("*.json"))


@pytest.mark.parametrize("kind", ["examples", "rejected"])
def test_no_folder_of_examples_is_without_its_schema(kind):
    assert sorted(folder.name for folder in (EVENT_FOLDER / kind).iterdir()) == MAJORS


@pytest.mark.parametrize("major", MAJORS)
def test_every_required_field_is_missing_from_some_rejected_document_or_near_one(major):
    fields = {
        read_json(path)["field"] for path in example_paths("rejected") if path.parent.name == major
    }
    assert {f"data.{name}" for name in read_schema(major)["properties"]} <= fields


@pytest.mark.parametrize("path", EXAMPLES + REJECTED, ids=path_id)
def test_a_file_is_written_the_way_its_neighbours_are(path):
    text = path.read_text(encoding="utf-8")
    assert text == json.dumps(json.loads(text), indent=2, ensure_ascii=False) + "\n"


def test_the_examples_of_the_newest_version_show_every_status_change_and_counter():
    events = [read_event(path) for path in EXAMPLES if path.parent.name == "v2"]
    assert {event.status for event in events} == set(Status)
    assert {event.change for event in events} == set(Change)
    assert {event.sequence_source for event in events} == set(SequenceSource)
    assert any(event.sequence == UNCOUNTED for event in events)
    assert any(event.repairs for event in events)
    assert any(event.traceparent for event in events)
    assert any(event.reason for event in events)
    assert any(not event.customer_id.isascii() for event in events)
    assert any(event.changed_at.microsecond for event in events)


@pytest.mark.parametrize("name", [ENVELOPE, *MAJORS])
def test_the_examples_inside_a_schema_satisfy_it(name):
    schema = read_schema(name)
    for example in schema.get("examples", []):
        assert published_validator(name).is_valid(example)
    for rules in schema["properties"].values():
        for example in rules.get("examples", []):
            validator = published_validator(name).evolve(schema=rules)
            assert validator.is_valid(example), example


def test_what_an_example_says_arrives_in_the_event():
    event = read_event(EVENT_FOLDER / "examples" / "v2" / "suspended_with_reason.json")
    assert isinstance(event.event_id, UUID)
    assert (event.customer_id, event.status, event.previous_status) == (
        "C-1024",
        Status.SUSPENDED,
        Status.ACTIVE,
    )
    assert (event.reason, event.change) == ("PAYMENT_OVERDUE", Change.CHANGED)
    assert event.changed_at == datetime.fromisoformat("2026-11-23T09:29:59.123456+00:00")
    assert event.occurred_at == datetime.fromisoformat("2026-11-23T09:30:00+00:00")


def test_an_older_version_is_read_in_the_meaning_of_the_newest():
    event = read_event(EVENT_FOLDER / "examples" / "v1" / "removed_reads_as_closed.json")
    assert (event.status, event.previous_status) == (Status.CLOSED, Status.ACTIVE)
    assert (event.change, event.reason, event.schema_version) == (Change.CHANGED, None, 1)
    created = read_event(EVENT_FOLDER / "examples" / "v1" / "created.json")
    assert created.change is Change.CREATED
