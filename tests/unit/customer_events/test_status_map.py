"""A status that the reader does not know: parked, or read as the subscriber agreed beforehand."""

import json

import pytest

from customer_events.decoder import decode, from_document
from customer_events.encoder import to_document
from customer_events.errors import SchemaViolation, UnknownStatus
from customer_events.event import Status
from unit.event_consumer.consumer_samples import live

FROZEN = {"FROZEN": "SUSPENDED"}
STATUS_FIELDS = [(2, "status"), (2, "previous_status"), (1, "new_status"), (1, "old_status")]


def document(major, field, value):
    made = to_document(live(1, schema_version=major))
    made["data"][field] = value
    return made


def read_status(event, field):
    return event.previous_status if field in {"previous_status", "old_status"} else event.status


@pytest.mark.parametrize(("major", "field"), STATUS_FIELDS)
def test_an_unknown_status_is_read_as_agreed(major, field):
    made = document(major, field, "FROZEN")
    for event in (from_document(made, FROZEN), decode(json.dumps(made), FROZEN)):
        assert read_status(event, field) is Status.SUSPENDED


@pytest.mark.parametrize(
    ("major", "field", "value", "status_map"),
    [
        *((*field, "ASLEEP", FROZEN) for field in STATUS_FIELDS),
        (1, "new_status", "GONE", {"GONE": "REMOVED"}),  # version 1 knows no removals
        (2, "status", "FROZEN", {"FROZEN": "ASLEEP"}),
    ],
)
def test_what_the_map_leads_to_no_status_of_the_version_is_refused(major, field, value, status_map):
    with pytest.raises(UnknownStatus) as refused:
        from_document(document(major, field, value), status_map)
    assert refused.value.field == f"data.{field}"


@pytest.mark.parametrize(("major", "field"), STATUS_FIELDS)
def test_a_status_that_is_known_is_never_read_as_another(major, field):
    event = from_document(document(major, field, "ACTIVE"), {"ACTIVE": "CLOSED"})
    assert read_status(event, field) is Status.ACTIVE


@pytest.mark.parametrize("value", [7, ["FROZEN"], {"FROZEN": 1}, True])
def test_what_is_no_text_is_a_violation_map_or_not(value):
    with pytest.raises(SchemaViolation):
        from_document(document(2, "status", value), FROZEN)


def test_only_statuses_are_mapped():
    made = document(2, "reason", "FROZEN")
    made["data"]["customer_id"] = made["subject"] = made["partitionkey"] = "FROZEN"
    event = from_document(made, FROZEN)
    assert (event.reason, event.customer_id) == ("FROZEN", "FROZEN")
