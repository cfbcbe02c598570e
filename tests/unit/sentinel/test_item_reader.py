import pytest

from customer_events.event import Status
from fanout.errors import WrongUse
from sentinel.snapshots import ItemReader, Unreadable
from unit.fanout.backfill_samples import at, item, position, publisher

READ_AT = at(0.5)


def read(document, **settings):
    return ItemReader(publisher(**settings)).read(document, READ_AT)


def test_an_item_is_read_with_the_time_of_the_read():
    found = read(item(status="SUSPENDED"))
    assert (found.customer_id, found.status, found.read_at) == ("c-1", Status.SUSPENDED, READ_AT)
    assert found.sequence is None
    assert found.changed_at is None


def test_the_publishers_own_attributes_are_used():
    document = {
        "id": {"N": "17"},
        "state": {"S": "CLOSED"},
        "why": {"S": "MOVED"},
        "since": {"N": "1795435200"},
        "version": {"N": "12"},
    }
    found = read(
        document,
        customer_id_attribute="id",
        status_attribute="state",
        reason_attribute="why",
        changed_at_attribute="since",
        sequence_attribute="version",
        sequence_epoch=3,
    )
    assert (found.customer_id, found.status, found.reason) == ("17", Status.CLOSED, "MOVED")
    assert found.sequence == position(12, epoch=3)
    assert found.changed_at == at(0)


@pytest.mark.parametrize(
    ("document", "code"),
    [
        ({"customer_id": {"S": "c-1"}}, "MissingStatus"),
        (item(status="FROZEN"), "UnknownStatus"),
        (item(status="ACTIVE", version={"S": "x"}), "MissingVersion"),
    ],
)
def test_an_item_that_the_publisher_would_park_is_unreadable_for_the_same_reason(document, code):
    found = read(document, sequence_attribute="version" if "version" in document else None)
    assert isinstance(found, Unreadable)
    assert (found.customer_id, found.code) == ("c-1", code)


def test_what_the_entity_filter_leaves_out_is_no_customer():
    orders = item(entity={"S": "order"})
    customers = item(entity={"S": "customer"})
    reader = ItemReader(publisher(entity_filter="entity=customer"))
    assert reader.read(orders, READ_AT) is None
    assert reader.read(customers, READ_AT).customer_id == "c-1"


def test_a_malformed_entity_filter_is_named():
    with pytest.raises(WrongUse, match="attribute=value"):
        ItemReader(publisher(entity_filter="customer"))


def test_a_status_of_the_tables_own_is_read_as_the_publisher_translates_it():
    reader = ItemReader(publisher(table_status_map="frozen=SUSPENDED"))
    assert reader.read(item(status="frozen"), READ_AT).status is Status.SUSPENDED
    unmapped = reader.read(item(status="held"), READ_AT)
    assert (unmapped.code, "TABLE_STATUS_MAP" in unmapped.expected) == ("UnknownStatus", True)


def test_a_malformed_status_map_is_named():
    with pytest.raises(WrongUse, match="TABLE_STATUS_MAP: expected value=STATUS"):
        ItemReader(publisher(table_status_map="gone=REMOVED"))


def test_only_what_a_reading_needs_is_asked_for():
    reader = ItemReader(publisher(reason_attribute="why", entity_filter="entity=customer"))
    assert reader.attributes == ["customer_id", "status", "why", "entity"]
