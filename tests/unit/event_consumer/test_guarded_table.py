"""One conditional write, its refusals and its failures; what DynamoDB evaluates is tested apart."""

import pytest

from customer_events.errors import OrderContradiction
from customer_events.event import Change, Status
from customer_events.sequence import SequenceSource
from event_consumer.guarded_table import (
    GUARD_ATTRIBUTES,
    OWN_MAX,
    OWN_SIZE_MAX_BYTES,
    GuardedTable,
    UnusableAttributes,
    read_row,
)
from event_consumer.latest_state import LatestState
from event_consumer.order_guard import Row
from stubbed_client import stubbed_client
from unit.event_consumer.consumer_samples import (
    HOSTILE_NAMES,
    at,
    live,
    outcomes,
    repair,
    snapshot,
)

SEQUENCE = live(7).sequence
TRACEPARENT = f"00-{'4' * 32}-{'1' * 16}-01"
ITEM = {
    "customer_id": {"S": "c-1"},
    "status": {"S": "ACTIVE"},
    "previous_status": {"NULL": True},
    "status_changed_at": {"S": "2026-11-23T12:07:00.000000Z"},
    "payments": {"S": "ALLOWED"},
    "sequence": {"S": SEQUENCE},
    "sequence_source": {"S": "stream"},
    "event_id": {"S": str(live(7).event_id)},
    "schema_version": {"N": "2"},
    "occurred_at": {"S": "2026-11-23T12:07:00.000000Z"},
    "applied_at": {"S": "2026-11-23T12:07:01.000000Z"},
}
ROW = Row(
    sequence=SEQUENCE,
    sequence_source=SequenceSource.STREAM,
    schema_version=2,
    status=Status.ACTIVE,
    previous_status=None,
    occurred_at=at(420),
    snapshot_at=None,
)
REFUSED = {
    "a number": {"limit": 5},
    "nothing": {"limit": None},
    "a truth": {"limit": True},
    "an instant": {"seen_at": at(0)},
    "a value in DynamoDB's own form": {"limit": {"S": "CANARY"}},
    "bytes": {"limit": b"CANARY"},
    "no name": {"": "CANARY"},
    "a number as the name": {5: "CANARY"},
    "half a character": {"note": "CANARY\ud800"},
    "half a character in the name": {"n\ud800": "CANARY"},
    "more than an item holds": {"note": "é" * (OWN_SIZE_MAX_BYTES // 2)},
    "more than an expression holds": {f"n{number}": "CANARY" for number in range(OWN_MAX + 1)},
    "pairs": [("limit", "CANARY")],
    "nothing at all": None,
}


class TableInMemory:
    """UpdateItem that keeps what it is asked for and answers with one item."""

    def __init__(self, item=None):
        self.requests = []
        self._item = item or ITEM

    def update_item(self, **request):
        self.requests.append(request)
        return {"Attributes": self._item}


def table_of(client, rule=lambda _: {}):
    return GuardedTable(client, "payments", rule=rule, clock=lambda: at(500))


def written_by(event, rule=lambda _: {}):
    """Attribute values that the write would set, by name."""
    client = TableInMemory()
    table_of(client, rule).write(event)
    [request] = client.requests
    names, values = request["ExpressionAttributeNames"], request["ExpressionAttributeValues"]
    pairs = request["UpdateExpression"].removeprefix("SET ").split(", ")
    return {names[name]: values[value] for name, value in (pair.split(" = ") for pair in pairs)}


@pytest.fixture
def stubbed():
    with stubbed_client("dynamodb") as made:
        yield made


def refuse(stubber, item=None):
    stubber.add_client_error(
        "update_item",
        "ConditionalCheckFailedException",
        modeled_fields={"Item": item} if item else {},
    )


def test_a_live_event_sets_what_the_guard_needs_and_what_the_rule_adds():
    event = live(7, Status.SUSPENDED, previous_status=Status.ACTIVE, traceparent=TRACEPARENT)
    assert written_by(event, lambda e: {"payments": f"FOR {e.status}"}) == {
        "status": {"S": "SUSPENDED"},
        "previous_status": {"S": "ACTIVE"},
        "status_changed_at": {"S": "2026-11-23T12:07:00.000000Z"},
        "payments": {"S": "FOR SUSPENDED"},
        "sequence": {"S": SEQUENCE},
        "sequence_source": {"S": "stream"},
        "event_id": {"S": str(event.event_id)},
        "schema_version": {"N": "2"},
        "traceparent": {"S": TRACEPARENT},
        "occurred_at": {"S": "2026-11-23T12:07:00.000000Z"},
        "applied_at": {"S": "2026-11-23T12:08:20.000000Z"},
    }


def test_a_creation_sets_an_unknown_previous_status_and_a_missing_trace_to_null():
    sets = written_by(live(7, previous_status=None, change=Change.CREATED))
    assert sets["previous_status"] == sets["traceparent"] == {"NULL": True}


def test_a_snapshot_sets_when_it_was_read():
    assert written_by(snapshot(seconds=1.5))["snapshot_at"] == {"S": "2026-11-23T12:00:01.500000Z"}


def test_a_repair_leaves_the_rows_place_among_the_changes_alone():
    sets = written_by(repair(live(7), Status.CLOSED, seconds=900))
    assert not {"sequence", "sequence_source"} & set(sets)
    assert sets["schema_version"] == {"N": "2"}
    assert sets["snapshot_at"] == {"S": "2026-11-23T12:15:00.000000Z"}


def test_every_write_is_conditional_and_brings_the_refusing_row_back():
    client = TableInMemory()
    events = [live(1), snapshot(seconds=0), repair(live(1), Status.CLOSED, seconds=0)]
    for event in events:
        table_of(client).write(event)
    for request in client.requests:
        assert request["ConditionExpression"]
        assert request["ReturnValuesOnConditionCheckFailure"] == "ALL_OLD"
        assert request["Key"] == {"customer_id": {"S": "c-1"}}


@pytest.mark.parametrize("name", sorted(GUARD_ATTRIBUTES))
def test_a_rule_that_would_overwrite_the_guard_is_refused_before_the_write(name):
    client = TableInMemory()
    with pytest.raises(UnusableAttributes, match=name):
        table_of(client, lambda _: {name: "x"}).write(live(1))
    assert client.requests == []


@pytest.mark.parametrize("own", REFUSED.values(), ids=REFUSED)
def test_a_rule_whose_attributes_can_not_be_stored_is_refused_before_the_write(own):
    client = TableInMemory()
    with pytest.raises(UnusableAttributes) as refusal:
        table_of(client, lambda _: own).write(live(1))
    assert client.requests == []
    assert "CANARY" not in str(refusal.value)


@pytest.mark.parametrize(
    ("own", "expected"),
    [
        ("pairs", "not list"),
        ("half a character", "UTF-8"),
        ("more than an expression holds", f"{OWN_MAX} attributes"),
    ],
)
def test_a_refusal_says_what_was_expected(own, expected):
    with pytest.raises(UnusableAttributes, match=expected):
        table_of(TableInMemory(), lambda _: REFUSED[own]).write(live(1))


def test_attributes_as_large_as_may_be_are_stored():
    note = "x" * (OWN_SIZE_MAX_BYTES - len("note"))
    assert written_by(live(7), lambda _: {"note": note})["note"] == {"S": note}


def test_a_refused_attribute_is_named_with_its_type_and_its_event_is_retried_by_that_name():
    table = table_of(TableInMemory(), lambda _: {"payments": "ALLOWED", "limit": 5})
    with pytest.raises(UnusableAttributes, match="'limit' with int"):
        table.write(live(1))
    [answer] = LatestState(table, writers_max=1).handle([live(1)])
    assert (answer.outcome, answer.error_type) == ("RETRY", "UnusableAttributes")


@pytest.mark.parametrize("name", HOSTILE_NAMES)
def test_a_rule_may_call_its_attribute_what_it_likes(name):
    """Neither the guard's placeholders nor DynamoDB's grammar may meet the rule's names."""
    assert written_by(live(7), lambda _: {name: "mine"}) == written_by(live(7)) | {
        name: {"S": "mine"}
    }


def test_a_rule_with_every_hostile_name_and_as_many_as_there_may_be_stores_each(stubbed):
    own = {name: f"of {name}" for name in HOSTILE_NAMES}
    own |= {f"n{number}": "x" for number in range(OWN_MAX - len(own))}
    sets = written_by(live(7), lambda _: own)
    assert {name: sets[name] for name in own} == {name: {"S": value} for name, value in own.items()}
    client = TableInMemory()
    table_of(client, lambda _: own).write(live(7))
    assert len(client.requests[0]["UpdateExpression"]) <= 4096  # DynamoDB's limit


def test_an_applied_write_tells_the_row_as_it_is_now(stubbed):
    client, stubber = stubbed
    stubber.add_response("update_item", {"Attributes": ITEM})
    written = table_of(client).write(live(7))
    assert (written.applied, written.row) == (True, ROW)


@pytest.mark.parametrize(
    "changed",
    [{"snapshot_at": {"S": "yesterday"}}, {"snapshot_at": {"N": "1"}}, {"schema_version": {}}],
    ids=str,
)
def test_what_was_written_over_a_row_changed_by_hand_is_applied(stubbed, changed):
    """It would be parked, although the row holds it: the next look tells what is wrong."""
    client, stubber = stubbed
    stubber.add_response("update_item", {"Attributes": ITEM | changed})
    answers = LatestState(table_of(client), writers_max=1).handle([live(7)])
    assert outcomes(answers) == ["APPLIED"]


def test_what_is_older_than_what_was_written_over_such_a_row_asks_the_table_itself(stubbed):
    client, stubber = stubbed
    spoiled = ITEM | {"snapshot_at": {"S": "yesterday"}}
    stubber.add_response("update_item", {"Attributes": spoiled})
    refuse(stubber, spoiled)
    answers = LatestState(table_of(client), writers_max=1).handle([live(6), live(7)])
    assert outcomes(answers) == ["PARKED", "APPLIED"]
    assert answers[0].reason.code == "OrderContradiction"


def test_a_refused_write_tells_the_row_that_refused_it(stubbed):
    client, stubber = stubbed
    refuse(stubber, ITEM)
    written = table_of(client).write(live(6))
    assert (written.applied, written.row) == (False, ROW)


def test_a_refused_repair_of_an_absent_row_tells_that_there_is_none(stubbed):
    client, stubber = stubbed
    refuse(stubber)
    written = table_of(client).write(repair(live(7), Status.CLOSED, seconds=900))
    assert (written.applied, written.row) == (False, None)


# Rows that were changed by hand


@pytest.mark.parametrize(
    "changed",
    [
        {"sequence": {"N": "7"}},
        {"sequence": {"S": "7"}},
        {"sequence": {"S": f"zzzz.{'9' * 40}"}},
        {"sequence_source": {"S": "guess"}},
        {"schema_version": {"S": "2"}},
        {"schema_version": {"N": "2.5"}},
        {"status": {"S": "CANARY"}},
        {"previous_status": {"S": "CANARY"}},
        {"occurred_at": {"S": "CANARY"}},
        {"snapshot_at": {"S": "CANARY"}},
        {"snapshot_at": {"N": "1"}},
    ],
    ids=str,
)
def test_a_row_of_nonsense_is_a_contradiction_that_echoes_none_of_it(changed):
    with pytest.raises(OrderContradiction) as failure:
        read_row(ITEM | changed)
    assert "CANARY" not in str(failure.value)
    assert failure.value.field == "sequence"


@pytest.mark.parametrize("name", ["sequence", "sequence_source", "schema_version", "status"])
def test_a_row_without_the_guards_attributes_parks_its_events(stubbed, name):
    client, stubber = stubbed
    refuse(stubber, {key: value for key, value in ITEM.items() if key != name})
    answers = LatestState(table_of(client), writers_max=1).handle([live(8)])
    assert [one.reason.code for one in answers] == ["OrderContradiction"]


def test_a_row_is_read_with_what_others_added_to_it():
    seeded = ITEM | {
        "snapshot_at": {"S": "2026-11-23T11:00:00.000000Z"},
        "previous_status": {"S": "PENDING"},
        "note": {"M": {}},
    }
    row = read_row(seeded)
    assert row.snapshot_at == at(-3600)
    assert row.previous_status is Status.PENDING


def test_a_row_without_a_previous_status_is_read():
    assert read_row({name: ITEM[name] for name in ITEM if name != "previous_status"}) == ROW
