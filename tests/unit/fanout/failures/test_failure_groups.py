import json

import pytest

from customer_events.instants import to_wire
from fanout.failures.commands import by_cause
from fanout.failures.records import read
from fanout.text import mask_record
from publisher.transitions import TableRules
from unit.fanout.failures.failures_in_memory import batch_object, parked_object
from unit.publisher.stream_record_samples import record

RULES = TableRules(reason_attribute="status_reason")


def objects(*documents):
    return [
        read(
            f"parked/{number}" if "record" in one else f"aws/lambda/{number}",
            json.dumps(one).encode(),
        )
        for number, one in enumerate(documents)
    ]


def test_objects_are_counted_by_cause_with_what_would_become_of_their_records():
    good, same = record("ACTIVE", "CLOSED"), record("ACTIVE", "ACTIVE", customer_id="c-2")
    bad = record("ACTIVE", {"N": "7"}, customer_id="c-3")
    groups = by_cause(
        objects(
            batch_object([good, same]),
            batch_object([good, bad]),
            batch_object(None),
            parked_object(bad, "UnknownStatus", field="f", parked_at="2026-11-23T08:00:00Z"),
            parked_object(bad, "UnknownStatus", field="f", parked_at="2026-11-23T10:00:00Z"),
        ),
        RULES,
    )
    batches, parked = groups
    assert (batches.reason, batches.objects, batches.records) == ("RecordAgeExceeded", 3, 4)
    assert batches.would == {"publish": 2, "ignore": 1, "refuse": 1}
    assert batches.without_records == 1
    assert len(batches.customers) == 3
    assert (parked.reason, parked.objects, parked.would["refuse"]) == ("UnknownStatus", 2, 2)
    assert to_wire(parked.to_document()["first_at"]) == "2026-11-23T08:00:00Z"
    assert to_wire(parked.to_document()["last_at"]) == "2026-11-23T10:00:00Z"


def test_a_shown_record_keeps_what_names_the_change_and_hides_the_person():
    made = record("ACTIVE", {"N": "7"}, customer_id="customer-4711", email={"S": "ada@example.com"})
    text = json.dumps(mask_record(made, RULES))
    assert "customer-4711" not in text
    assert "Ada" not in text
    assert "ada@example" not in text
    assert '"cu\\u202611"' in text
    assert '"status": {"N": "7"}' in text
    assert made["dynamodb"]["SequenceNumber"] in text
    assert made["eventID"] in text


def test_a_long_value_in_a_shown_attribute_is_masked_all_the_same():
    made = record("ACTIVE", {"S": "Ada Lovelace of " + "x" * 100})
    assert "Lovelace" not in json.dumps(mask_record(made, RULES))


@pytest.mark.parametrize(
    "item",
    [
        {"profile": {"M": {"Ada Lovelace": {"S": "x"}}}},
        {"profile": {"M": {"status": {"S": "Ada"}}}},
        {"status": {"M": {"S": {"S": "Ada"}}}},
        {"status": {"SS": ["Ada"]}},
        {"customer_id": {"L": [{"S": "Ada"}]}},
        {"Ada Lovelace": {"N": "1"}},
        {"email": {"S": "A\u0301da"}},
    ],
    ids=json.dumps,
)
def test_nothing_personal_of_an_item_shows_through_a_name_or_a_depth(item):
    made = record("ACTIVE", "CLOSED") | {"note": "Ada", "userIdentity": {"type": "Ada"}}
    made["dynamodb"]["NewImage"] |= item
    made["dynamodb"]["Ada"] = {"S": "Ada"}
    text = json.dumps(mask_record(made, RULES), ensure_ascii=False)
    assert "Ada" not in text
    assert "Lovelace" not in text
    assert "\u0301" not in text


def test_what_is_no_record_is_masked_to_its_shape():
    assert mask_record(["Ada 1"], RULES) == ["xxx 9"]
