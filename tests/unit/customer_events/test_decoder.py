import json
from typing import Any

import pytest

from contract.contract_files import EVENT_FOLDER, read_json
from customer_events import errors
from customer_events.decoder import decode, from_document, parse_json
from customer_events.event import TYPE_PREFIX
from publisher.transitions import TableRules
from unit.publisher.stream_record_samples import detect, record


@pytest.fixture
def document() -> dict[str, Any]:
    return read_json(EVENT_FOLDER / "examples" / "v2" / "traced.json")


@pytest.mark.parametrize(
    "body",
    [
        "",
        " ",
        '{"hello"',
        "{'a': 1}",
        '{"a": 1,}',
        "// note\n{}",
        "NaN",
        '{"a": Infinity}',
        "{} {}",
        b"\xff\xfe{\x00}\x00",
        b'{"a": "\xc3"}',
        b"\xef\xbb\xbf{}",
        '{"a": "\\ud800"}',
        '{"a": "\ud800"}',
        '{"a": "line\nbreak"}',
        "[" * 100_000,
        '{"a":' * 100_000,
        "9" * 100_000,
    ],
)
def test_what_is_no_json_document_is_not_json(body):
    with pytest.raises(errors.NotJson) as refused:
        decode(body)
    assert refused.value.field == ""


@pytest.mark.parametrize("body", ["null", "true", "7", '"text"', "[]", "[{}]"])
def test_json_that_is_no_object_violates_the_schema(body):
    with pytest.raises(errors.SchemaViolation, match="document: expected a JSON object"):
        decode(body)


def test_text_and_bytes_are_read_alike(document):
    text = json.dumps(document, ensure_ascii=False)
    assert decode(text) == decode(text.encode()) == from_document(document)


def test_parse_json_gives_plain_values():
    assert parse_json('{"a": [1, 2.5, null, true, "é"]}') == {"a": [1, 2.5, None, True, "é"]}


OTHERS = ["", "CustomerStatusChanged", "novapay.accounts.Other.v2"]
NO_MAJORS = ["", "0", "02", "-1", "2.1", "2 ", "2\n", "\u0662", "1" * 10]


@pytest.mark.parametrize("event_type", [*OTHERS, *(f"{TYPE_PREFIX}{major}" for major in NO_MAJORS)])
def test_another_event_or_a_version_that_is_no_number_from_1_is_unknown(document, event_type):
    with pytest.raises(errors.UnknownEventType):
        from_document(document | {"type": event_type})


def test_a_newer_version_is_unsupported_however_different_it_looks(document):
    newer = {"type": document["type"].replace("v2", "v9")}
    with pytest.raises(errors.UnsupportedVersion) as refused:
        from_document(newer)
    assert refused.value.field == "type"
    assert "up to major version 2" in refused.value.expected


@pytest.mark.parametrize(
    ("value", "kept"),
    [
        (f"00-{'4' * 32}-{'0' * 15}1-01", True),
        (f"cc-{'4' * 32}-{'0' * 15}1-00", True),
        (f"ff-{'4' * 32}-{'0' * 15}1-01", False),
        (f"00-{'0' * 32}-{'0' * 15}1-01", False),
        (f"00-{'4' * 32}-{'0' * 16}-01", False),
        (f"00-{'A' * 32}-{'0' * 15}1-01", False),
        (f"00-{'4' * 32}-{'0' * 15}1-01\n", False),
        ("", False),
        ("x" * 100_000, False),
    ],
)
def test_the_decoder_keeps_exactly_the_trace_contexts_that_the_publisher_keeps(
    document, value, kept
):
    wanted = value if kept else None
    assert from_document(document | {"traceparent": value}).traceparent == wanted
    written = record("ACTIVE", "CLOSED", trace={"S": value})
    found = detect(written, TableRules(traceparent_attribute="trace"))
    assert found.traceparent == wanted


@pytest.mark.parametrize(
    ("changed", "field"),
    [
        ({"subject": "C-2048"}, "partitionkey"),
        ({"subject": "C-2048", "partitionkey": "C-2048"}, "data.customer_id"),
        ({"sequence": "0000." + "0" * 40}, "sequence"),
        ({"repairs": "0001." + "0" * 40}, "repairs"),
    ],
)
def test_fields_that_contradict_each_other_are_refused_by_one_of_them(document, changed, field):
    with pytest.raises(errors.SchemaViolation) as refused:
        from_document(document | changed)
    assert refused.value.field == field


def test_the_first_field_at_fault_is_named_and_the_cause_is_not_chained(document):
    del document["data"]["changed_at"]
    with pytest.raises(errors.SchemaViolation) as refused:
        from_document(document)
    assert str(refused.value) == "data.changed_at: Field required"
    assert refused.value.__cause__ is None
    assert refused.value.__suppress_context__


def test_what_was_expected_is_told_without_the_validators_own_words(document):
    with pytest.raises(errors.SchemaViolation) as refused:
        from_document(document | {"time": "2026-11-23T09:30:00"})
    assert refused.value.field == "time"
    assert not refused.value.expected.startswith("Value error")
