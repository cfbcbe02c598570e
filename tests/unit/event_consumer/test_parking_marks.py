"""What an earlier parking noted is kept, and nothing that anyone else wrote in its place."""

import json

import pytest

from customer_events.errors import OrderContradiction
from unit.event_consumer.consumer_samples import message, message_id, text_attribute
from unit.event_consumer.dlq_in_memory import attributes, entry_of, note_of

FIRST = {
    "first_received_at": "2026-11-01T08:00:00.125Z",
    "original_message_id": "11111111-2222-4333-8444-aaaaaaaaaaaa",
}


@pytest.mark.parametrize("mark", ["replayed", "parked"])
def test_a_message_that_was_parked_before_keeps_its_first_id_and_time(mark):
    marked = message(9, attributes={mark: text_attribute(json.dumps(FIRST | {"more": 1}))})
    note = note_of(entry_of(marked))
    assert note["original_message_id"] == FIRST["original_message_id"]
    assert note["first_received_at"] == "2026-11-01T08:00:00.125000Z"


@pytest.mark.parametrize(
    "content",
    [
        "no JSON",
        "[]",
        "7",
        "{}",
        "[" * 5000,
        json.dumps(FIRST | {"original_message_id": "CANARY"}),
        json.dumps(FIRST | {"original_message_id": "CANARY" * 10_000}),
        json.dumps(FIRST | {"original_message_id": ["CANARY"]}),
        json.dumps(FIRST | {"first_received_at": "CANARY"}),
        json.dumps(FIRST | {"first_received_at": 1}),
    ],
    ids=range(10),
)
@pytest.mark.parametrize("mark", ["replayed", "parked"])
def test_a_mark_that_is_not_ours_is_not_believed_and_not_copied(mark, content):
    entry = entry_of(message(9, attributes={mark: text_attribute(content)}))
    assert note_of(entry)["original_message_id"] == message_id(9)
    assert "CANARY" not in json.dumps(entry)


def test_a_mark_without_text_is_not_believed():
    marked = message(9, attributes={"replayed": {"dataType": "Binary", "binaryValue": "AA=="}})
    assert note_of(entry_of(marked))["original_message_id"] == message_id(9)


def test_the_marks_are_bounded_however_long_the_reason_is():
    reason = OrderContradiction("é" * 10_000, field="\u2028" * 10_000)
    entry = entry_of(message(attributes={"replayed": text_attribute("x" * 100_000)}), reason)
    assert sum(len(str(value)) for value in entry["MessageAttributes"].values()) < 4096


def test_marks_of_an_earlier_parking_take_no_room():
    marks = {
        name: text_attribute(json.dumps(FIRST)) for name in ("parked", "parked_reason", "replayed")
    }
    assert len(entry_of(message(attributes=attributes(8) | marks))["MessageAttributes"]) == 10
