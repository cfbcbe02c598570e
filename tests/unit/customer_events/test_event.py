from dataclasses import replace

import pytest

from contract.contract_files import EVENT_FOLDER
from customer_events.decoder import decode
from customer_events.event import (
    SCHEMA_BASE,
    TYPE_PREFIX,
    CustomerStatusChanged,
    Status,
    transition,
)


@pytest.fixture
def event() -> CustomerStatusChanged:
    path = EVENT_FOLDER / "examples" / "v2" / "suspended_with_reason.json"
    return decode(path.read_text(encoding="utf-8"))


def test_a_transition_names_the_status_left_and_the_status_reached(event):
    assert transition(event) == "ACTIVE>SUSPENDED"


def test_a_transition_from_no_known_status_begins_with_none(event):
    assert transition(replace(event, previous_status=None, status=Status.ACTIVE)) == "NONE>ACTIVE"


def test_an_event_holds_no_field_that_is_not_declared(event):
    assert not hasattr(event, "__dict__")


def test_names_on_the_wire_are_never_changed():
    assert TYPE_PREFIX == "novapay.accounts.CustomerStatusChanged.v"
    assert SCHEMA_BASE == "https://schemas.novapay.example/customer_status_changed"
    assert [*Status] == ["PENDING", "ACTIVE", "SUSPENDED", "CLOSED", "REMOVED"]
