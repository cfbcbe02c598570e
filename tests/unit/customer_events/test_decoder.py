import json
from typing import Any

import pytest

from contract.contract_files import EVENT_FOLDER, read_json
from customer_events import errors
from customer_events.decoder import decode, from_document, parse_json
from customer_events.event import Change, Status
from customer_events.instants import to_wire
from publisher.transitions import TableRules
from unit.publisher.stream_record_samples import detect, record


@pytest.fixture
def document() -> dict[str, Any]:
    return read_json(EVENT_FOLDER / "examples" / "v2" / "traced.json")


@pytest.mark.parametrize(
    "body",
    [
        *("", " ", '{"hello"', "{'a': 1}", '{"a": 1,}', "// note\n{}", "NaN", '{"a": Infinity}'),
        *("{} {}", b"\xff\xfe{\x00}\x00", b'{"a": "\xc3"}', b"\xef\xbb\xbf{}", '{"a": "\\ud800"}'),
        *('{"a": "\ud800"}', '{"a": "line\nbreak"}'),
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


@pytest.mark.parametrize("event_type", ["", "CustomerStatusChanged", "novapay.accounts.Other.v2"])
def test_another_event_is_unknown(document, event_type):
    with pytest.raises(errors.UnknownEventType):
        from_document(document | {"type": event_type})


@pytest.mark.parametrize("major", ["", "0", "02", "-1", "2.1", "2 ", "2\n", "\u0662", "1" * 10])
def test_a_version_that_is_no_number_from_1_is_unknown(document, major):
    prefix = document["type"].removesuffix("2")
    with pytest.raises(errors.UnknownEventType):
        from_document(document | {"type": f"{prefix}{major}"})


def test_a_newer_version_is_unsupported_however_different_it_looks(document):
    newer = {"type": document["type"].replace("v2", "v9")}
    with pytest.raises(errors.UnsupportedVersion) as refused:
        from_document(newer)
    assert (refused.value.field, "up to major version 2" in refused.value.expected) == (
        "type",
        True,
    )


def test_an_unknown_status_is_told_apart_from_a_status_of_the_wrong_type(document):
    document["data"]["status"] = "DORMANT"
    with pytest.raises(errors.UnknownStatus) as refused:
        from_document(document)
    assert refused.value.field == "data.status"
    assert "'SUSPENDED'" in refused.value.expected
    document["data"]["status"] = 3
    with pytest.raises(errors.SchemaViolation):
        from_document(document)


def test_version_1_expects_no_removed_status():
    document = read_json(EVENT_FOLDER / "examples" / "v1" / "changed.json")
    document["data"]["new_status"] = "REMOVED"
    with pytest.raises(errors.UnknownStatus) as refused:
        from_document(document)
    assert "REMOVED" not in refused.value.expected


def test_fields_that_are_not_declared_are_ignored(document):
    richer = {**document, "added": 1, "data": {**document["data"], "added": {"deep": []}}}
    assert from_document(richer) == from_document(document)


@pytest.mark.parametrize("name", ["traceparent", "repairs"])
def test_an_attribute_that_is_null_counts_as_absent(document, name):
    document.pop(name, None)
    assert from_document({**document, name: None}) == from_document(document)


def test_a_reason_that_is_null_counts_as_absent(document):
    assert "reason" not in document["data"]
    with_null = {**document, "data": {**document["data"], "reason": None}}
    assert from_document(with_null) == from_document(document)


@pytest.mark.parametrize("value", ["", "00-trace", "00-" + "0" * 32, "x" * 100_000])
def test_a_malformed_trace_context_is_ignored(document, value):
    assert from_document(document | {"traceparent": value}).traceparent is None


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


def test_a_trace_context_is_kept(document):
    assert from_document(document).traceparent == document["traceparent"]


@pytest.mark.parametrize(
    ("name", "value", "field"),
    [("partitionkey", "C-2048", "partitionkey"), ("subject", "C-2048", "partitionkey")],
)
def test_subject_and_partition_key_name_the_same_customer(document, name, value, field):
    with pytest.raises(errors.SchemaViolation) as refused:
        from_document(document | {name: value})
    assert refused.value.field == field


def test_the_customer_of_the_data_is_the_subject(document):
    document["data"]["customer_id"] = "C-2048"
    with pytest.raises(errors.SchemaViolation) as refused:
        from_document(document)
    assert refused.value.field == "data.customer_id"


def test_only_a_snapshot_may_stand_below_every_change(document):
    uncounted = document | {"sequence": "0000." + "0" * 40}
    with pytest.raises(errors.SchemaViolation) as refused:
        from_document(uncounted)
    assert refused.value.field == "sequence"


@pytest.mark.parametrize("major", [1, 2])
def test_only_a_snapshot_may_repair(major):
    document = read_json(EVENT_FOLDER / "examples" / f"v{major}" / "changed.json")
    with pytest.raises(errors.SchemaViolation) as refused:
        from_document(document | {"repairs": document["sequence"]})
    assert refused.value.field == "repairs"


@pytest.mark.parametrize(
    ("old_status", "change"), [(None, Change.CREATED), ("PENDING", Change.CHANGED)]
)
def test_version_1_is_a_creation_where_nothing_was_before(old_status, change):
    document = read_json(EVENT_FOLDER / "examples" / "v1" / "changed.json")
    document["data"]["old_status"] = old_status
    event = from_document(document)
    assert (event.change, event.status, event.reason) == (change, Status.SUSPENDED, None)
    assert (event.schema_version, to_wire(event.changed_at)) == (1, "2026-11-23T09:30:00Z")


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
