import re

import pytest

from publisher import stream_records
from unit.publisher.stream_record_samples import modify


def test_a_record_is_known_by_its_event_id():
    assert stream_records.record_id(modify()) == "c81e728d9d4c2f636f067f89cc14862c"


@pytest.mark.parametrize("event_id", [None, "", "../../etc", "a b", 7, "f" * 65])
def test_without_a_usable_event_id_the_hash_of_the_record_names_it(event_id):
    made = modify() | {"eventID": event_id}
    named = stream_records.record_id(made)
    assert re.fullmatch("[0-9a-f]{64}", named)
    assert named == stream_records.record_id(dict(reversed(made.items())))
    assert named != stream_records.record_id(made | {"awsRegion": "elsewhere"})


@pytest.mark.parametrize("number", [None, 12, "x", "", "1" * 41])
def test_only_digits_are_a_sequence_number(number):
    made = modify()
    assert stream_records.sequence_number(made) == "820400000000000001192334"
    made["dynamodb"]["SequenceNumber"] = number
    assert stream_records.sequence_number(made) is None


@pytest.mark.parametrize("odd", ["text", None, 5, [], {}, {"dynamodb": 1}, {"dynamodb": {}}])
def test_what_is_no_record_at_all_still_has_a_name(odd):
    assert stream_records.sequence_number(odd) is None
    assert stream_records.creation_date(odd) is None
    assert stream_records.creation_epoch_seconds(odd) is None
    assert re.fullmatch("[0-9a-f]{64}", stream_records.record_id(odd))


def test_the_day_of_a_change_is_its_day_in_utc():
    assert stream_records.creation_date(modify()) == "2026/11/23"
    assert stream_records.creation_epoch_seconds(modify()) == 1795426200
