import json
from datetime import UTC, datetime

import pytest

from fanout.failures import records as module
from fanout.failures.records import Kind, StreamRange, customer_of, forecast, read, sequence_of
from publisher.transitions import TableRules
from unit.fanout.failures.failures_in_memory import batch_object, parked_object
from unit.publisher.stream_record_samples import ARN, FIRST_SEQUENCE_NUMBER, record

RECORD = record("ACTIVE", "CLOSED", number=3)
KEY = "aws/lambda/m/shard-1/2026/11/23/x"


def body(document):
    return json.dumps(document).encode()


def test_a_parked_record_tells_its_reason_its_field_and_when():
    document = parked_object(RECORD, "UnknownStatus", field="dynamodb.NewImage.status")
    found = read("parked/2026/11/23/1.json", body(document))
    assert (found.kind, found.reason, found.field) == (
        Kind.PARKED,
        "UnknownStatus",
        "dynamodb.NewImage.status",
    )
    assert found.at == datetime(2026, 11, 23, 9, 30, tzinfo=UTC)
    assert list(found.records) == [RECORD]


@pytest.mark.parametrize("as_text", [True, False])
def test_a_batch_is_read_whether_its_payload_is_a_text_or_an_object(as_text):
    found = read(KEY, body(batch_object([RECORD, RECORD], as_text=as_text)))
    assert (found.kind, found.reason) == (Kind.BATCH, "RecordAgeExceeded")
    assert list(found.records) == [RECORD, RECORD]


def test_a_batch_without_its_records_still_tells_where_they_are_in_the_stream():
    found = read(KEY, body(batch_object(None)))
    assert found.records is None
    assert found.stream_range == StreamRange(
        stream_arn=ARN,
        shard_id="shard-1",
        first="820400000000000001192334",
        last="820400000000000001192344",
        arrived_at=datetime(2026, 11, 23, 9, 20, tzinfo=UTC),
    )


@pytest.mark.parametrize(
    "text", [b"", b"\xff", b"[1]", b"{}", b'{"record": 7}', b'{"payload": "{"}', b'{"payload": 7}']
)
@pytest.mark.parametrize("key", ["parked/x", KEY])
def test_what_is_of_no_known_form_is_unreadable_and_never_dropped(key, text):
    found = read(key, text)
    assert (found.key, found.reason, found.records) == (key, "Unreadable", None)


def test_the_order_is_that_of_the_numbers_and_not_of_their_text():
    shorter, longer = record("ACTIVE", "CLOSED"), record("CLOSED", "ACTIVE")
    shorter["dynamodb"]["SequenceNumber"] = "820400000000000001192334"
    longer["dynamodb"]["SequenceNumber"] = "1683700000000000001135967"
    assert sequence_of(shorter) < sequence_of(longer)
    assert sequence_of({}) == sequence_of("x") == 0
    assert sequence_of(RECORD) == FIRST_SEQUENCE_NUMBER + 3


@pytest.mark.parametrize("odd", [None, 7, {}, {"dynamodb": 7}, {"dynamodb": {"Keys": []}}])
def test_an_odd_record_is_about_nobody(odd):
    assert customer_of(odd, "customer_id") is None


@pytest.mark.parametrize("surprise", [KeyError, IndexError, TypeError, ValueError, AttributeError])
def test_a_record_that_no_code_foresaw_is_told_by_its_type_and_line_and_never_by_its_text(
    monkeypatch, surprise
):
    def raises(*_):
        raise surprise("secret")

    monkeypatch.setattr(module, "detect", raises)
    found = forecast(record("ACTIVE", "CLOSED"), TableRules())
    assert (found.would, found.reason) == ("refuse", "UnexpectedError")
    line = raises.__code__.co_firstlineno + 1
    assert (
        f"a {surprise.__name__} at failures/test_failure_documents.py:{line} < " in found.expected
    )
    assert "secret" not in found.expected


@pytest.mark.parametrize(
    ("arns", "earlier"), [([ARN, None], False), ([ARN, "another"], True), ([ARN, ["odd"]], True)]
)
def test_a_record_of_an_earlier_stream_is_known_by_its_arn_whatever_that_is(arns, earlier):
    records = [{"eventSourceARN": arn} for arn in arns]
    assert module.is_of_earlier_stream(records, ARN) is earlier
