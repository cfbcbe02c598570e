import json
from dataclasses import replace

import pytest

from contract.contract_files import EVENT_FOLDER, read_schema
from customer_events.decoder import decode
from customer_events.encoder import encode, to_document
from customer_events.event import Change, CustomerStatusChanged, Status


def example(name: str) -> CustomerStatusChanged:
    return decode((EVENT_FOLDER / "examples" / f"{name}.json").read_text(encoding="utf-8"))


@pytest.fixture
def event() -> CustomerStatusChanged:
    return example("v2/suspended_with_reason")


def test_the_text_holds_no_blanks_between_its_parts(event):
    assert encode(event) == json.dumps(to_document(event), separators=(",", ":"))


def test_attributes_that_are_not_set_are_left_out(event):
    document = to_document(replace(event, traceparent=None, repairs=None, reason=None))
    assert not {"traceparent", "repairs"} & set(document)
    assert "reason" not in document["data"]


@pytest.mark.parametrize("major", [1, 2])
def test_only_declared_fields_are_written(event, major):
    everything = replace(
        event, schema_version=major, traceparent="00-trace", repairs=event.sequence
    )
    document = to_document(everything)
    assert set(document) == set(read_schema("envelope")["properties"])
    assert set(document["data"]) == set(read_schema(f"v{major}")["properties"])


def test_version_1_says_closed_for_a_removed_customer(event):
    removed = replace(event, schema_version=1, status=Status.REMOVED, change=Change.REMOVED)
    assert to_document(removed)["data"]["new_status"] == "CLOSED"
    back = replace(event, schema_version=1, previous_status=Status.REMOVED)
    assert to_document(back)["data"]["old_status"] == "CLOSED"


def test_version_1_can_not_say_a_snapshot():
    with pytest.raises(ValueError, match="v1 knows no snapshots"):
        encode(replace(example("v2/snapshot_without_counter"), schema_version=1))


@pytest.mark.parametrize("major", [0, 3, -1])
def test_a_version_that_does_not_exist_is_refused(event, major):
    with pytest.raises(ValueError, match=f"no major version {major}"):
        encode(replace(event, schema_version=major))
