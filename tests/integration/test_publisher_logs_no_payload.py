"""A canary in every field of every record, good and bad, never comes out of the publisher.

What may come out: SequenceNumbers, `eventID`s that look like one, counts and codes. Into the
failure store goes the whole record, as it must.
"""

import logging
import sys
import traceback
from concurrent.futures import ThreadPoolExecutor
from copy import deepcopy
from dataclasses import replace
from pathlib import Path
from uuid import uuid4

import pytest
from botocore.exceptions import ClientError

from publisher import publish_batch
from publisher.failure_store import S3FailureStore
from publisher.publish_batch import BatchPublisher
from publisher.reporting import BatchReporter
from publisher.transitions import TableRules
from unit.publisher.publisher_fakes import FakeContext, Rig, bus_on
from unit.publisher.stream_record_samples import TTL_IDENTITY, UNCHANGED, modify, record

CANARY = "CANARY-e7c1"
RULES = TableRules(
    reason_attribute="status_reason",
    changed_at_attribute="changed_at",
    traceparent_attribute="trace",
    entity_filter=None,
)
GOOD = [
    modify(),
    record(None, "ACTIVE", number=1, changed_at={"S": "2026-11-23T09:30:00Z"}),
    record("CLOSED", None, number=2) | {"userIdentity": TTL_IDENTITY},
    record("ACTIVE", "ACTIVE", number=3),
]
BAD = [record("ACTIVE", {"N": "1"}, number=4), record("ACTIVE", UNCHANGED, number=5)]


def spoiled(value, spoil):
    """Every copy of a JSON value in which one key or leaf is replaced."""
    yield spoil(value)
    if isinstance(value, dict):
        for key, inner in value.items():
            for changed in spoiled(inner, spoil):
                yield value | {key: changed}
            yield {CANARY if name == key else name: one for name, one in value.items()}
    if isinstance(value, list):
        for place, inner in enumerate(value):
            for changed in spoiled(inner, spoil):
                yield [*value[:place], changed, *value[place + 1 :]]


SPOILERS = [
    lambda _value: CANARY,
    lambda _value: [CANARY],
    lambda _value: {"S": CANARY},
    lambda _value: {"N": CANARY},
    lambda value: f"{value}{CANARY}" if isinstance(value, str) else value,
]


def echo(operation):
    """An error of AWS that quotes what it was sent, as validation errors do."""
    return ClientError(
        {
            "Error": {"Code": "InvalidParameter", "Message": f"Invalid: {CANARY}"},
            "ResponseMetadata": {"HTTPStatusCode": 400},
        },
        operation,
    )


class Aws:
    """Takes all; or refuses all, quoting it; or raises what quotes it."""

    def __init__(self, mode):
        self.mode = mode

    def publish_batch(self, **request):
        entries = request["PublishBatchRequestEntries"]
        if self.mode == "refuses":
            raise echo("PublishBatch")
        if self.mode == "breaks":
            raise ValueError(CANARY)
        return {"Successful": [{"Id": entry["Id"], "MessageId": "m"} for entry in entries]}

    def put_object(self, **_):
        if self.mode == "refuses":
            raise echo("PutObject")
        if self.mode == "breaks":
            raise ValueError(CANARY)


def handler_on(mode):
    rig = Rig(rules=RULES)
    executor = ThreadPoolExecutor(2)
    publisher = replace(
        rig.publisher,
        failure_store=S3FailureStore(
            client_factory=lambda: Aws(mode), bucket="fanout-failures", executor=executor
        ),
    )
    assert isinstance(publisher, BatchPublisher)
    reporter = BatchReporter(
        service=f"publisher-{uuid4()}", deployment="fanout", namespace="CustomerStatusFanout"
    )
    bus = bus_on(Aws(mode), executor=executor)
    return replace(rig.handler, publisher=publisher, bus=bus, reporter=reporter)


def output_of(handler, event, capsys, caplog):
    """Everything that leaves the handler: output, log records, its answer or its exception."""
    caplog.clear()
    said = []
    try:
        said.append(str(handler(event, FakeContext(13_000))))
    except Exception as error:  # noqa: BLE001 - whatever it is, it must not quote a record
        said.append("".join(traceback.format_exception(error)))
    captured = capsys.readouterr()
    return captured.out + captured.err + caplog.text + "".join(said)


@pytest.mark.parametrize("mode", ["takes", "refuses", "breaks"])
@pytest.mark.parametrize("spoil", SPOILERS)
def test_no_field_of_any_record_reaches_a_log_or_an_exception(capsys, caplog, mode, spoil):
    caplog.set_level(logging.DEBUG)
    handler = handler_on(mode)
    batch = [one for original in GOOD + BAD for one in spoiled(deepcopy(original), spoil)]
    said = output_of(handler, {"Records": batch}, capsys, caplog)
    assert '"records":' in said
    assert CANARY not in said


@pytest.mark.parametrize("mode", ["takes", "refuses", "breaks"])
def test_a_record_that_is_alone_in_its_batch_is_no_less_discreet(capsys, caplog, mode):
    caplog.set_level(logging.DEBUG)
    handler = handler_on(mode)
    for spoil in SPOILERS:
        for one in spoiled(deepcopy(BAD[0]), spoil):
            assert CANARY not in output_of(handler, {"Records": [one]}, capsys, caplog)


@pytest.mark.parametrize("event", [CANARY, {CANARY: []}, {"Records": CANARY}, {"Records": {}}])
def test_an_event_that_is_no_batch_is_not_quoted_either(capsys, caplog, event):
    said = output_of(handler_on("takes"), event, capsys, caplog)
    assert "BatchFailed" in said
    assert CANARY not in said


def test_an_unexpected_exception_is_logged_with_its_line_and_the_records_id(
    capsys, caplog, monkeypatch
):
    def surprise(record, rules):
        raise KeyError(CANARY, record)

    monkeypatch.setattr(publish_batch, "detect", surprise)
    said = output_of(handler_on("takes"), {"Records": [GOOD[1]]}, capsys, caplog)
    line = surprise.__code__.co_firstlineno + 1
    assert f'"raised":"KeyError at integration/{Path(__file__).name}:{line} < publisher/' in said
    assert f'"event_id":"{GOOD[1]["eventID"]}"' in said
    assert CANARY not in said


def test_an_exception_while_parking_is_logged_with_its_line(capsys, caplog):
    said = output_of(handler_on("breaks"), {"Records": [BAD[0]]}, capsys, caplog)
    line = Aws.put_object.__code__.co_firstlineno + 4
    assert f"ParkingFailed:ValueError at integration/{Path(__file__).name}:{line}" in said
    assert CANARY not in said


def test_the_search_itself_finds_a_canary(capsys, caplog):
    def careless(event, context):
        sys.stdout.write(event["Records"][0])
        logging.getLogger("careless").warning("%s", event)
        raise ValueError(event)

    assert output_of(careless, {"Records": [CANARY]}, capsys, caplog).count(CANARY) >= 3
