import pytest

from customer_events.event import Status
from fanout.failures.records import Failure, Kind
from fanout.failures.recover import NOT_REFUSED, OF_A_BATCH, why_not_discard
from fanout.failures.store import ObjectStore
from publisher.transitions import TableRules
from unit.fanout.failures.failures_in_memory import FakeS3
from unit.publisher.stream_record_samples import record

BY_STREAM = TableRules()
BY_VERSION = TableRules(sequence_attribute="version")


def decide(made, item, rules=BY_STREAM, kind=Kind.PARKED):
    failure = Failure(key="parked/x", kind=kind, reason="UnknownStatus", records=(made,))
    return why_not_discard(failure, rules, lambda _key: item)


def item(status, **more):
    return {"customer_id": {"S": "c-1"}, "status": status, **more}


NUMBER_STATUS = record("ACTIVE", {"N": "7"})


def test_a_status_that_is_a_number_is_superseded_once_the_item_is_written_anew():
    assert decide(NUMBER_STATUS, item({"S": "CLOSED"})) == ""


def test_it_is_not_while_the_item_is_as_it_was():
    assert "as it was" in decide(NUMBER_STATUS, item({"N": "7"}))


def test_a_removal_supersedes_what_was_before_it_but_not_itself():
    assert decide(NUMBER_STATUS, None) == ""
    removal = record("ACTIVE", None)
    assert "item is gone" in decide(removal, None, BY_VERSION)
    created_again = item({"S": "ACTIVE"}, version={"N": "9"})
    assert decide(removal, created_again, BY_VERSION) == ""


def test_an_item_that_is_no_customer_any_more_is_gone():
    rules = TableRules(entity_filter=("kind", "CUSTOMER"), sequence_attribute="version")
    archived = item({"S": "ACTIVE"}, version={"N": "8"}, kind={"S": "ARCHIVED"})
    stuck = record("ACTIVE", {"N": "7"}, kind={"S": "CUSTOMER"})
    assert decide(stuck, archived, rules) == ""
    leave = record("ACTIVE", "ACTIVE", kind={"S": "ARCHIVED"}, version={"N": "7"})
    leave["dynamodb"]["OldImage"] |= {"kind": {"S": "CUSTOMER"}, "version": {"N": "7"}}
    assert "item is gone" in decide(leave, archived, rules)
    assert decide(leave, {**archived, "kind": {"S": "CUSTOMER"}}, rules) == ""


def test_two_values_that_are_translated_to_one_status_supersede_nothing():
    rules = TableRules(status_map={"frozen": Status.SUSPENDED, "held": Status.SUSPENDED})
    large = record("ACTIVE", "frozen", customer_id={"B": "aGk="})
    assert "as it was" in decide(large, item({"S": "frozen"}), rules)
    assert "as it was" in decide(large, item({"S": "held"}), rules)


def test_what_may_be_published_as_it_is_and_a_batch_are_recovered_instead():
    assert decide(record("ACTIVE", "CLOSED"), item({"S": "ACTIVE"})) == NOT_REFUSED
    assert decide(NUMBER_STATUS, item({"S": "CLOSED"}), kind=Kind.BATCH) == OF_A_BATCH


@pytest.mark.parametrize(("now", "superseded"), [("5", False), ("6", True), ("x", False)])
def test_with_a_version_counter_only_a_higher_version_supersedes(now, superseded):
    stuck = record("ACTIVE", "CLOSED", version={"N": "5"})
    stuck["dynamodb"]["OldImage"]["version"] = {"N": "5"}
    why = decide(stuck, item({"S": "CLOSED"}, version={"N": now}), BY_VERSION)
    assert (why == "") is superseded


def test_a_record_without_a_key_is_never_superseded():
    odd = record("ACTIVE", {"N": "7"})
    del odd["dynamodb"]["Keys"]
    assert decide(odd, None) != ""


def test_a_move_that_is_repeated_ends_the_same_and_what_never_was_there_is_said():
    s3 = FakeS3({"parked/x": {}})
    store = ObjectStore(s3, "failures")
    assert [store.move("parked/x", "discarded/run/parked/x") for _ in range(2)] == [True, True]
    assert list(s3.objects) == ["discarded/run/parked/x"]
    assert not store.move("parked/y", "discarded/run/parked/y")
