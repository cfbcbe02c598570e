from dataclasses import replace

import pytest

from customer_events.event import Change, Status
from customer_events.instants import to_wire
from customer_events.sequence import SequenceSource
from publisher.reasons import (
    MissingCustomerId,
    MissingStatus,
    MissingVersion,
    UndecodableImage,
    UnknownStatus,
    VersionDidNotRise,
)
from publisher.stream_records import StreamRecord
from publisher.transitions import NoTransition, TableRules
from unit.publisher.stream_record_samples import TTL_IDENTITY, UNCHANGED, detect, modify, record

SEQUENCE_NUMBER = "dynamodb.SequenceNumber"
CREATED = "dynamodb.ApproximateCreationDateTime"
PLAIN = TableRules()
VERSIONED = TableRules(sequence_attribute="version")
CUSTOMERS = TableRules(entity_filter=("kind", "CUSTOMER"))
MAPPED = TableRules(
    status_map={
        "active": Status.ACTIVE,
        "1": Status.ACTIVE,
        "frozen": Status.SUSPENDED,
        "held": Status.SUSPENDED,
    }
)
REASONED = TableRules(reason_attribute="status_reason")
TRACEPARENT = "00-4bf92f3577b34da6a3ce929d0e0e4736-00f067aa0ba902b7-01"


def versioned(old, new, old_version, new_version):
    made = record(old, new)
    for image, version in (("OldImage", old_version), ("NewImage", new_version)):
        if version is not None:
            made["dynamodb"][image]["version"] = version
    return made


def test_a_modified_status_is_a_change_from_the_old_to_the_new_one():
    found = detect(modify(), REASONED)
    assert found.customer_id == "c-1"
    assert told(found) == (Change.CHANGED, Status.ACTIVE, Status.SUSPENDED)
    assert (found.reason, found.reason_left_out) == ("KYC_EXPIRED", False)
    assert found.number == "820400000000000001192334"
    assert found.sequence_source is SequenceSource.STREAM
    assert to_wire(found.occurred_at) == to_wire(found.changed_at) == "2026-11-23T09:30:00Z"
    assert found.traceparent is None


def told(found):
    return found.change, found.previous_status, found.status


UNKNOWN = ["NO_SUCH_STATUS", {"N": "1"}, {"NULL": True}]


@pytest.mark.parametrize(
    ("made", "change"),
    [
        (record(None, "PENDING"), (Change.CREATED, None, Status.PENDING)),
        *((record(old, "ACTIVE"), (Change.CHANGED, None, Status.ACTIVE)) for old in UNKNOWN),
        (record(UNCHANGED, "ACTIVE"), (Change.CHANGED, None, Status.ACTIVE)),
        (record("CLOSED", None), (Change.REMOVED, Status.CLOSED, Status.REMOVED)),
        (
            record("CLOSED", None) | {"userIdentity": TTL_IDENTITY},
            (Change.REMOVED, Status.CLOSED, Status.REMOVED),
        ),
        (record("NO_SUCH_STATUS", None), (Change.REMOVED, None, Status.REMOVED)),
        (record(UNCHANGED, None), (Change.REMOVED, None, Status.REMOVED)),
    ],
)
def test_an_old_status_that_is_missing_or_unknown_reads_as_none(made, change):
    assert told(detect(made, PLAIN)) == change


@pytest.mark.parametrize("old", [None, "ACTIVE", UNCHANGED])
def test_a_missing_new_status_is_refused_and_the_setting_named_be_it_missing_before_or_not(old):
    with pytest.raises(MissingStatus, match="STATUS_ATTRIBUTE") as refused:
        detect(record(old, UNCHANGED), PLAIN)
    assert refused.value.field == "dynamodb.NewImage.status"


@pytest.mark.parametrize(
    "new", ["NO_SUCH_STATUS", "active", "", {"N": "1"}, {"BOOL": True}, {"NULL": True}, {"S": 5}]
)
def test_a_new_status_that_is_unknown_or_no_string_is_refused(new):
    expected = "PENDING, ACTIVE, SUSPENDED, CLOSED, REMOVED, or a value that TABLE_STATUS_MAP"
    with pytest.raises(UnknownStatus, match=expected):
        detect(record("ACTIVE", new if isinstance(new, dict) else {"S": new}), PLAIN)


@pytest.mark.parametrize(
    ("key", "customer_id"),
    [({"N": "-3"}, "-3"), ({"N": "1E+5"}, "100000"), ({"S": "x" * 2048}, "x" * 2048)],
    ids=["a number", "as DynamoDB writes it", "the longest"],
)
def test_the_customer_id_is_a_text_or_a_number_as_dynamodb_writes_it(key, customer_id):
    assert detect(record(None, "ACTIVE", customer_id=key), PLAIN).customer_id == customer_id


@pytest.mark.parametrize("key", [{"B": "aGk="}, {"S": ""}, {"S": "x" * 2049}, {}, None])
def test_a_key_that_holds_no_usable_customer_id_is_refused(key):
    made = record(None, "ACTIVE")
    made["dynamodb"]["Keys"]["customer_id"] = key
    with pytest.raises(MissingCustomerId):
        detect(made, PLAIN)


@pytest.mark.parametrize("keys", [None, {}, {"pk": {"S": "c-1"}}, "c-1"])
def test_keys_without_the_configured_attribute_are_refused(keys):
    made = record(None, "ACTIVE")
    made["dynamodb"]["Keys"] = keys
    with pytest.raises(MissingCustomerId, match=r"dynamodb\.Keys\.customer_id"):
        detect(made, PLAIN)


@pytest.mark.parametrize(
    ("name", "image"),
    [
        ("MODIFY", "OldImage"),
        ("MODIFY", "NewImage"),
        ("INSERT", "NewImage"),
        ("REMOVE", "OldImage"),
    ],
)
def test_a_stream_that_lacks_an_image_is_refused_and_the_view_type_named(name, image):
    made = modify()
    made["eventName"] = name
    del made["dynamodb"][image]
    with pytest.raises(UndecodableImage, match=rf"dynamodb\.{image}: .*NEW_AND_OLD_IMAGES"):
        detect(made, PLAIN)


@pytest.mark.parametrize(
    ("spoil", "field"),
    [
        (lambda made: made.update(eventName="UPSERT"), "eventName"),
        (lambda made: made.pop("eventName"), "eventName"),
        (lambda made: made.pop("dynamodb"), "eventName"),
        (lambda made: made.update(dynamodb=[]), "eventName"),
        (lambda made: made["dynamodb"].update(NewImage="{}"), "dynamodb.NewImage"),
        (lambda made: made["dynamodb"].pop("SequenceNumber"), SEQUENCE_NUMBER),
        (lambda made: made["dynamodb"].update(SequenceNumber="12a"), SEQUENCE_NUMBER),
        (lambda made: made["dynamodb"].update(SequenceNumber=12), SEQUENCE_NUMBER),
        (lambda made: made["dynamodb"].update(SequenceNumber="9" * 41), SEQUENCE_NUMBER),
        (lambda made: made["dynamodb"].pop("ApproximateCreationDateTime"), CREATED),
        (lambda made: made["dynamodb"].update(ApproximateCreationDateTime="yesterday"), CREATED),
        (lambda made: made["dynamodb"].update(ApproximateCreationDateTime=float("nan")), CREATED),
        (lambda made: made["dynamodb"].update(ApproximateCreationDateTime=1e300), CREATED),
        (lambda made: made["dynamodb"].update(ApproximateCreationDateTime=True), CREATED),
    ],
)
def test_what_has_not_the_shape_of_a_stream_record_is_refused_by_its_field(spoil, field):
    made = modify()
    spoil(made)
    with pytest.raises(UndecodableImage) as refused:
        detect(made, PLAIN)
    assert refused.value.field == field


@pytest.mark.parametrize("written", [1795426200, 1795426200.999, 1795426200999, 1795426200999.0])
def test_the_time_of_the_change_in_seconds_or_milliseconds_is_rounded_down_to_the_second(written):
    made = modify()
    made["dynamodb"]["ApproximateCreationDateTime"] = written
    assert StreamRecord(made).created_at.timestamp() == 1795426200
    assert to_wire(detect(made, PLAIN).occurred_at) == "2026-11-23T09:30:00Z"


@pytest.mark.parametrize(
    "reason", [{"S": ""}, {"S": "x" * 129}, {"N": "3"}, {"L": []}, {"S": "\ud800"}]
)
def test_an_unusable_reason_is_left_out_and_counted_since_the_change_matters_more(reason):
    found = detect(record("ACTIVE", "CLOSED", status_reason=reason), REASONED)
    assert (found.reason, found.reason_left_out) == (None, True)


@pytest.mark.parametrize("reason", ["x", "x" * 128, "Gebühr nicht bezahlt"])
def test_a_usable_reason_is_kept(reason):
    found = detect(record("ACTIVE", "CLOSED", status_reason={"S": reason}), REASONED)
    assert (found.reason, found.reason_left_out) == (reason, False)


def test_without_a_reason_nothing_is_left_out():
    assert not detect(record("ACTIVE", "CLOSED"), REASONED).reason_left_out
    unread = detect(record("ACTIVE", "CLOSED", status_reason={"N": "1"}), PLAIN)
    assert (unread.reason, unread.reason_left_out) == (None, False)


def test_changed_at_is_the_tables_own_where_it_is_an_instant():
    rules = TableRules(changed_at_attribute="changed_at")
    made = record("ACTIVE", "CLOSED", changed_at={"S": "2026-11-23T10:29:59.5+01:00"})
    assert to_wire(detect(made, rules).changed_at) == "2026-11-23T09:29:59.500000Z"


@pytest.mark.parametrize("value", [{"S": "yesterday"}, {"BOOL": True}, None])
def test_changed_at_is_when_the_stream_saw_it_where_the_table_has_no_instant(value):
    rules = TableRules(changed_at_attribute="changed_at")
    attributes = {} if value is None else {"changed_at": value}
    found = detect(record("ACTIVE", "CLOSED", **attributes), rules)
    assert found.changed_at == found.occurred_at


@pytest.mark.parametrize(
    ("value", "kept"), [(TRACEPARENT, True), ("00-zz", False), ("00-" + "0" * 32, False)]
)
def test_a_trace_context_is_carried_if_it_is_well_formed(value, kept):
    rules = TableRules(traceparent_attribute="trace")
    found = detect(record("ACTIVE", "CLOSED", trace={"S": value}), rules)
    assert found.traceparent == (value if kept else None)


@pytest.mark.parametrize("kind", [{"S": "7"}, {"N": "7"}, {"N": "7.0"}])
def test_an_item_is_a_customer_by_a_string_or_a_number(kind):
    rules = TableRules(entity_filter=("kind", "7"))
    assert detect(record(None, "ACTIVE", kind=kind), rules).change is Change.CREATED
    assert detect(record("ACTIVE", None, kind=kind), rules).change is Change.REMOVED


def entity(old, new, was, becomes, **attributes):
    """A write that makes an item of one kind one of another kind."""
    made = record(old, new, **attributes)
    made["dynamodb"]["OldImage"]["kind"] = {"S": was}
    made["dynamodb"]["NewImage"]["kind"] = {"S": becomes}
    return made


@pytest.mark.parametrize(
    ("made", "rules"),
    [
        *((record(old, old, name={"S": "Another"}), PLAIN) for old in ("ACTIVE", *UNKNOWN)),
        (record("ACTIVE", {"N": "1"}, kind={"S": "invoice"}), CUSTOMERS),
        (record(None, UNCHANGED), CUSTOMERS),
        (record("ACTIVE", None, kind={"S": "ARCHIVED"}), CUSTOMERS),
        (entity("ACTIVE", "CLOSED", "LEAD", "LEAD"), CUSTOMERS),
        (record("frozen", "held"), MAPPED),
        (record("SUSPENDED", "frozen"), MAPPED),
        (versioned("ACTIVE", "ACTIVE", {"N": "7"}, {"N": "7"}), VERSIONED),
    ],
)
def test_what_leaves_a_customers_status_alone_is_no_transition_however_odd_it_is(made, rules):
    assert isinstance(detect(made, rules), NoTransition)


@pytest.mark.parametrize("old", ["ACTIVE", "PENDING", UNCHANGED, {"N": "1"}])
def test_an_item_that_starts_to_match_the_entity_filter_is_created(old):
    found = detect(entity(old, "ACTIVE", "LEAD", "CUSTOMER"), CUSTOMERS)
    assert told(found) == (Change.CREATED, None, Status.ACTIVE)


def test_an_item_that_starts_to_match_without_a_status_is_refused():
    with pytest.raises(MissingStatus):
        detect(entity(UNCHANGED, UNCHANGED, "LEAD", "CUSTOMER"), CUSTOMERS)


@pytest.mark.parametrize("new", ["ACTIVE", "CLOSED", "NO_SUCH_STATUS", UNCHANGED])
def test_an_item_that_ceases_to_match_is_removed_whatever_its_status_is_then(new):
    said = {"status_reason": {"S": "MOVED"}, "at": {"S": "2020-01-01T00:00:00Z"}}
    rules = replace(CUSTOMERS, reason_attribute="status_reason", changed_at_attribute="at")
    found = detect(entity("ACTIVE", new, "CUSTOMER", "ARCHIVED", **said), rules)
    assert told(found) == (Change.REMOVED, Status.ACTIVE, Status.REMOVED)
    assert (found.reason, found.changed_at) == (None, found.occurred_at)


@pytest.mark.parametrize(("new", "number"), [({"N": "9"}, 9), (None, 8), ({"S": "x"}, 8)])
def test_a_version_of_its_own_orders_a_leave_and_else_one_more_than_the_last(new, number):
    made = entity("ACTIVE", "ACTIVE", "CUSTOMER", "ARCHIVED")
    made["dynamodb"]["OldImage"]["version"] = {"N": "7"}
    if new:
        made["dynamodb"]["NewImage"]["version"] = new
    assert detect(made, replace(CUSTOMERS, sequence_attribute="version")).number == number


@pytest.mark.parametrize("kinds", [("CUSTOMER", "ARCHIVED"), ("LEAD", "CUSTOMER")])
def test_an_item_that_enters_or_leaves_with_the_version_it_had_is_refused(kinds):
    made = entity("ACTIVE", "ACTIVE", *kinds, version={"N": "7"})
    made["dynamodb"]["OldImage"]["version"] = {"N": "7"}
    with pytest.raises(VersionDidNotRise):
        detect(made, replace(CUSTOMERS, sequence_attribute="version"))


def test_a_status_of_the_tables_own_is_translated_in_both_images():
    found = detect(record("active", "frozen"), MAPPED)
    assert (found.previous_status, found.status) == (Status.ACTIVE, Status.SUSPENDED)
    found = detect(record("CLOSED", {"N": "1"}), MAPPED)
    assert (found.previous_status, found.status) == (Status.CLOSED, Status.ACTIVE)


@pytest.mark.parametrize(
    ("statuses", "versions", "number"),
    [
        (("ACTIVE", "CLOSED"), ({"N": "7"}, {"N": "8"}), 8),
        (("ACTIVE", None), ({"N": "7"}, None), 8),
        (("ACTIVE", "CLOSED"), (None, {"N": "0"}), 0),
    ],
    ids=["a change", "a removal counts as one more", "the first version of an item"],
)
def test_with_a_version_counter_the_version_orders_the_change(statuses, versions, number):
    found = detect(versioned(*statuses, *versions), VERSIONED)
    assert (found.number, found.sequence_source) == (number, SequenceSource.VERSION)


@pytest.mark.parametrize("new", ["7", "6", "0"])
def test_a_status_change_whose_version_did_not_rise_is_refused(new):
    with pytest.raises(VersionDidNotRise, match=r"^dynamodb\.NewImage\.version: "):
        detect(versioned("ACTIVE", "CLOSED", {"N": "7"}, {"N": new}), VERSIONED)


@pytest.mark.parametrize("version", [None, {"S": "8"}, {"N": "8.5"}, {"N": "-1"}, {"N": "x"}])
@pytest.mark.parametrize("change", [("ACTIVE", "CLOSED"), ("ACTIVE", None), (None, "ACTIVE")])
def test_a_change_without_a_whole_version_is_refused(change, version):
    old, new = change
    made = versioned(old, new, version if new is None else None, None if new is None else version)
    image = "OldImage" if new is None else "NewImage"
    with pytest.raises(MissingVersion, match=rf"^dynamodb\.{image}\.version: .*SEQUENCE_ATTRIBUTE"):
        detect(made, VERSIONED)
