"""A batch tells one log line and one metrics blob, and never a payload."""

import io
import json
import logging
import sys
import traceback
from dataclasses import replace
from typing import Any

import pytest

from customer_events.encoder import to_document
from customer_events.event import Status
from customer_events.sequence import SequenceSource
from event_consumer.messages import from_record
from unit.event_consumer.consumer_samples import (
    UNHURRIED,
    Answers,
    Consumption,
    live,
    record,
    repair,
    text_attribute,
)


def told_by(act, capsys, monkeypatch):
    """What one batch wrote to standard output: its log line and its metrics blob."""
    out = io.StringIO()
    monkeypatch.setattr(sys, "stdout", out)
    act()
    monkeypatch.undo()
    lines = [json.loads(line) for line in out.getvalue().splitlines()]
    assert capsys.readouterr().err == ""
    [line] = [one for one in lines if "_aws" not in one]
    [blob] = [one for one in lines if "_aws" in one]
    return line, blob


CANARY = "CANARYzq7"


def with_canaries(document: dict[str, Any]) -> list[Any]:
    """The document with the canary in each of its fields in turn, as value, type and name."""
    made: list[Any] = []
    names = [(name,) for name in document] + [("data", name) for name in document["data"]]
    for path in names:
        for value in (CANARY, [CANARY], {CANARY: CANARY}):
            changed = json.loads(json.dumps(document))
            target = changed["data"] if len(path) == 2 else changed
            target[path[-1]] = value
            made.append(changed)
    return made


def messages_with_canaries() -> list[dict[str, Any]]:
    """Good and bad ones, raw and wrapped; in bodies, names of fields and message attributes."""
    good = live(1, customer_id=CANARY, reason=CANARY, source=f"urn:{CANARY}", traceparent=None)
    full = to_document(live(2, reason="KYC", traceparent="00-" + "a" * 32 + "-" + "b" * 16 + "-01"))
    old = to_document(live(2, schema_version=1))
    seed = to_document(repair(live(2), Status.ACTIVE, seconds=999))
    bodies = [
        good,
        replace(good, status=Status.CLOSED),
        replace(good, sequence_source=SequenceSource.VERSION),
        to_document(good) | {CANARY: CANARY},
        *with_canaries(full),
        *with_canaries(old),
        *with_canaries(seed),
        CANARY,
        f'{{"{CANARY}"',
        [CANARY],
        {CANARY: CANARY},
        {"Type": "Notification", "Message": CANARY},
        {"Type": "Notification", "Message": json.dumps({CANARY: CANARY})},
        {"detail-type": CANARY, "detail": {CANARY: CANARY}},
        {"detail-type": CANARY, "detail": full | {"type": f"{CANARY}.v2"}},
        full | {"type": f"novapay.accounts.CustomerStatusChanged.v9{CANARY}"},
    ]
    records = [record(n, body) for n, body in enumerate(bodies)]
    marks = json.dumps({"original_message_id": CANARY, "first_received_at": CANARY})
    for one in records:
        one["messageAttributes"] = {
            CANARY: text_attribute(CANARY),
            "replayed": text_attribute(marks),
            "parked": text_attribute(marks),
            "parked_reason": text_attribute(CANARY),
        }
    return records


def test_no_payload_is_in_an_error_even_with_its_traceback():
    messages = [from_record(one) for one in messages_with_canaries()]
    decided = Consumption(Answers(KeyError(CANARY))).consumer.decide(messages, UNHURRIED)
    reasons = [one.handled.reason for one in decided]
    refused = [reason for reason in reasons if reason]
    assert len(refused) > 60
    for reason in refused:
        assert CANARY not in "".join(traceback.format_exception(reason))
        assert CANARY not in repr(reason)


@pytest.mark.parametrize("without", ["", "table", "dlq"])
def test_no_payload_reaches_a_log_or_a_mark(build, capfd, caplog, monkeypatch, without):
    # botocore logs whole requests at DEBUG; Lambda's own level never turns that on.
    caplog.set_level(logging.INFO)
    caplog.set_level(logging.DEBUG, logger="event_consumer")
    out = io.StringIO()
    monkeypatch.setattr(sys, "stdout", out)
    payments = build(without=without)
    records = messages_with_canaries()
    answer = payments.handler({"Records": records}, None)
    monkeypatch.undo()
    written = capfd.readouterr()
    everything = out.getvalue() + written.out + written.err + caplog.text + json.dumps(answer)
    assert "batch consumed" in everything
    assert CANARY not in everything
    if without != "dlq":
        dead = payments.dead()
        assert len(dead) > 60
        assert sum(CANARY in one["Body"] for one in dead) > 60
        for one in dead:
            marks = [one["MessageAttributes"][name] for name in ("parked", "parked_reason")]
            assert CANARY not in json.dumps(marks, default=str)
            assert one["MessageAttributes"][CANARY]["StringValue"] == CANARY


@pytest.mark.parametrize(
    ("without", "body", "code"),
    [
        ("table", live(1), "ResourceNotFoundException"),
        ("dlq", "poison", "ParkingFailed:AWS.SimpleQueueService.NonExistentQueue"),
    ],
)
def test_an_outage_is_told_by_awss_error_code_in_log_and_metric(
    build, monkeypatch, without, body, code
):
    out = io.StringIO()
    monkeypatch.setattr(sys, "stdout", out)
    build(without=without).invoke(body)
    monkeypatch.undo()
    lines = [json.loads(line) for line in out.getvalue().splitlines()]
    [line] = [one for one in lines if "_aws" not in one]
    [problem] = line["problems"]
    assert (problem["outcome"], problem["reason"], problem["cause"]) == (
        "RETRY",
        code,
        "DEPENDENCY_FAULT",
    )
    blob, by_code = [one for one in lines if "_aws" in one]
    assert blob["DependencyFaults"] == [1.0]
    assert (by_code["error_code"], by_code["DependencyFaultsByCode"]) == (code, [1.0])
