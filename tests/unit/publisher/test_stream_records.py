import re
from datetime import UTC, datetime

import pytest

from publisher.stream_records import StreamRecord
from unit.publisher.stream_record_samples import modify


def test_a_record_is_known_by_its_event_id():
    assert StreamRecord(modify()).record_id == "c81e728d9d4c2f636f067f89cc14862c"


@pytest.mark.parametrize("event_id", [None, "", "../../etc", "a b", 7, "f" * 65])
def test_without_a_usable_event_id_the_hash_of_the_record_names_it(event_id):
    made = modify() | {"eventID": event_id}
    named = StreamRecord(made).record_id
    assert re.fullmatch("[0-9a-f]{64}", named)
    assert named == StreamRecord(dict(reversed(made.items()))).record_id
    assert named != StreamRecord(made | {"awsRegion": "elsewhere"}).record_id


@pytest.mark.parametrize("number", [None, 12, "x", "", "9" * 41, "٣", "1\n"])
def test_only_digits_are_a_sequence_number(number):
    made = modify()
    assert StreamRecord(made).sequence_number == "820400000000000001192334"
    made["dynamodb"]["SequenceNumber"] = "9" * 40
    assert StreamRecord(made).sequence_number == "9" * 40
    made["dynamodb"]["SequenceNumber"] = number
    assert StreamRecord(made).sequence_number is None


@pytest.mark.parametrize("odd", ["text", None, 5, [], {}, {"dynamodb": 1}, {"dynamodb": {}}])
def test_what_is_no_record_at_all_still_has_a_name(odd):
    assert StreamRecord(odd).sequence_number is None
    assert StreamRecord(odd).created_at is None
    assert (StreamRecord(odd).kind, StreamRecord(odd).stream) == ("", {})
    assert re.fullmatch("[0-9a-f]{64}", StreamRecord(odd).record_id)


def test_it_knows_when_the_item_changed():
    assert StreamRecord(modify()).created_at == datetime.fromtimestamp(1795426200, UTC)
