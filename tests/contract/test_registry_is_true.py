"""The registry in `schemas/` names what exists, and what ships with the contract says the same."""

import pytest

from contract.contract_files import SCHEMAS, read_registry, read_schema
from customer_events.event import Status
from customer_events.wire_models import StatusTextV1
from sentinel.contract.folder import read_contract

REGISTRY = read_registry()
IN_EVERY_VERSION = set(StatusTextV1.__args__) & set(Status)


def test_every_folder_of_an_event_has_a_registry_and_every_schema_in_it_is_a_version():
    for event in read_contract(SCHEMAS).events:
        folder = SCHEMAS / event.folder
        assert {path.name for path in folder.glob("*.schema.json")} == {
            version.entry["schema"] for version in event.versions
        }
    folders = {path.name for path in SCHEMAS.iterdir() if path.is_dir()}
    assert folders == {event.folder for event in read_contract(SCHEMAS).events}


def test_the_bus_filters_by_fields_that_each_version_has():
    for version in REGISTRY["versions"]:
        fields = read_schema(f"v{version['major']}")["properties"]
        assert set(version["filters"]) == {"status", "previous_status"}
        assert set(version["filters"].values()) <= set(fields)


@pytest.mark.parametrize("subscriber", REGISTRY["subscribers"], ids=lambda one: one["name"])
def test_a_subscriber_maps_unknown_statuses_to_statuses_that_every_version_knows(subscriber):
    status_map = subscriber["status_map"]
    assert not set(status_map) & set(Status), "a status that is known is never read as another"
    assert set(status_map.values()) <= IN_EVERY_VERSION
    assert "REMOVED" not in status_map.values(), "only the table's own record says who is removed"


@pytest.mark.parametrize("subscriber", REGISTRY["subscribers"], ids=lambda one: one["name"])
def test_a_subscribers_filter_lets_through_every_status_that_its_code_names(subscriber):
    wanted = subscriber.get("filter_statuses")
    assert wanted is None or set(subscriber["statuses"]) <= set(wanted) <= set(Status)
