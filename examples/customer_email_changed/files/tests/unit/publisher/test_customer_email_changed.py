"""A changed e-mail address becomes an event; the address itself stays in Accounts."""

import json

import pytest

from publisher.events import Producer, to_entries
from publisher.other_events.customer_email_changed import entries
from publisher.reasons import MissingVersion, UndecodableImage
from publisher.stream_records import StreamRecord
from publisher.transitions import TableRules, detect
from unit.publisher.stream_record_samples import record

PRODUCER = Producer(source="urn:novapay:accounts", epoch=1, versions=(1, 2))
NULL = {"NULL": True}


def changed(old, new, *, kind="MODIFY", **attributes):
    """A record whose images have these addresses; None: no such attribute."""
    statuses = {"INSERT": (None, "ACTIVE"), "MODIFY": ("ACTIVE",) * 2, "REMOVE": ("ACTIVE", None)}
    made = record(*statuses[kind], **attributes)
    for name, value in (("OldImage", old), ("NewImage", new)):
        if value is not None:
            address = {"S": value} if isinstance(value, str) else value
            made["dynamodb"].setdefault(name, {})["email"] = address
    return made


def documents(made, rules=TableRules()):  # noqa: B008
    return [json.loads(one.document) for one in entries(StreamRecord(made), rules, PRODUCER)]


@pytest.mark.parametrize(
    ("old", "new", "kind", "expected"),
    [
        ("a@x.example", "b@x.example", "MODIFY", ["changed"]),
        (None, "b@x.example", "MODIFY", ["created"]),
        (NULL, "b@x.example", "MODIFY", ["created"]),
        ("a@x.example", None, "MODIFY", ["removed"]),
        (None, "b@x.example", "INSERT", ["created"]),
        ("a@x.example", None, "REMOVE", ["removed"]),
        ("a@x.example", "a@x.example", "MODIFY", []),
        (None, NULL, "MODIFY", []),
        (None, None, "INSERT", []),
        (None, None, "REMOVE", []),
    ],
)
def test_only_a_change_of_the_address_is_published(old, new, kind, expected):
    found = documents(changed(old, new, kind=kind))
    assert [one["data"] for one in found] == [
        {"customer_id": "c-1", "change": change} for change in expected
    ]


def test_the_address_is_in_no_event():
    [entry] = entries(StreamRecord(changed("a@x.example", "b@x.example")), TableRules(), PRODUCER)
    assert "x.example" not in entry.document


def test_it_has_another_identity_than_the_status_change_in_the_same_record():
    made = StreamRecord(record("ACTIVE", "CLOSED", email={"S": "b@x.example"}))
    of_status = to_entries(detect(made, TableRules()), PRODUCER)
    of_email = entries(made, TableRules(), PRODUCER)
    assert len({one.event_id for one in (*of_status, *of_email)}) == 3


@pytest.mark.parametrize(
    ("kinds", "expected"),
    [
        (("ORDER", "ORDER"), []),
        (("ORDER", "CUSTOMER"), ["created"]),
        (("CUSTOMER", "ORDER"), ["removed"]),
    ],
)
def test_an_item_is_a_customers_by_the_entity_filter(kinds, expected):
    made = changed("a@x.example", "b@x.example")
    for name, kind in zip(("OldImage", "NewImage"), kinds, strict=True):
        made["dynamodb"][name]["kind"] = {"S": kind}
    found = documents(made, TableRules(entity_filter=("kind", "CUSTOMER")))
    assert [one["data"]["change"] for one in found] == expected


def test_it_is_ordered_by_the_tables_version_counter_where_there_is_one():
    rules = TableRules(sequence_attribute="version")
    [document] = documents(changed("a@x.example", "b@x.example", version={"N": "7"}), rules)
    assert (document["sequence"], document["sequencesource"]) == (f"0001.{7:040}", "version")


@pytest.mark.parametrize(
    ("missing", "rules", "reason"),
    [
        ("ApproximateCreationDateTime", TableRules(), UndecodableImage),
        ("OldImage", TableRules(), UndecodableImage),
        ("version", TableRules(sequence_attribute="version"), MissingVersion),
    ],
)
def test_a_change_that_can_not_become_an_event_has_a_reason(missing, rules, reason):
    made = changed("a@x.example", "b@x.example")
    made["dynamodb"].pop(missing, None)
    with pytest.raises(reason):
        documents(made, rules)
