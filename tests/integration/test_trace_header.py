"""In Lambda every call of publisher and consumer carries the invocation's X-Ray trace."""

import gc
import os
import subprocess
import sys
from uuid import uuid4

import pytest
from botocore.client import BaseClient

import payments_consumer.bootstrap
import publisher.bootstrap
from integration.aws_on_the_wire import on_the_wire
from unit.event_consumer.consumer_samples import ENVIRONMENT, live
from unit.event_consumer.consumer_samples import record as sqs_record
from unit.publisher.publisher_fakes import FakeContext
from unit.publisher.stream_record_samples import record

SDKS = ("opentelemetry", "aws_xray_sdk")
TRACE = "Root=1-5759e988-bd862e3fe1be46a994272793;Parent=53995c3f42cd8ad8;Sampled=1"
TOPIC = "arn:aws:sns:eu-west-1:123456789012:customer-status"
BUS = "arn:aws:events:eu-west-1:123456789012:event-bus/customer-status"
BAD = record("ACTIVE", {"N": "1"}, number=3)
BATCH = {"Records": [*(record("ACTIVE", "CLOSED", number=n) for n in (1, 2)), BAD]}


@pytest.fixture
def wire(monkeypatch):
    wire = on_the_wire(monkeypatch)
    wire.bus_arn = BUS
    monkeypatch.setattr(gc, "freeze", lambda: None)
    for name, value in {
        "AWS_REGION": "eu-west-1",
        "AWS_DEFAULT_REGION": "eu-west-1",
        "AWS_LAMBDA_FUNCTION_NAME": "fanout",
        "_X_AMZN_TRACE_ID": TRACE,
        "POWERTOOLS_SERVICE_NAME": f"trace-{uuid4()}",
        "DEPLOYMENT": "fanout",
        "FAILURE_BUCKET": "fanout-failures",
    }.items():
        monkeypatch.setenv(name, value)
    return wire


def traced(wire):
    return [(call.service, call.trace) for call in wire.calls]


@pytest.mark.parametrize(
    ("bus", "services"),
    [
        (TOPIC, ["sns", "s3", "sns", "s3"]),
        (f"{TOPIC}.fifo", ["sns", "sns", "s3"] * 2),
        (BUS, ["events", "events", "s3", "events", "s3"]),
    ],
)
def test_each_call_of_the_publisher_carries_the_invocations_trace(wire, monkeypatch, bus, services):
    """The second batch too: only the first call of a topic is encoded by botocore itself."""
    monkeypatch.setenv("BUS_ARN", bus)
    handler = publisher.bootstrap.build()
    for _ in range(2):
        assert handler(BATCH, FakeContext()) == {"batchItemFailures": []}
    assert traced(wire) == [(service, TRACE) for service in services]


def test_a_pipes_enrichment_parks_with_the_invocations_trace(wire):
    handler = publisher.bootstrap.build_for_pipe()
    assert len(handler(BATCH["Records"], FakeContext())) == 2
    assert traced(wire) == [("s3", TRACE)]


def test_each_call_of_a_consumer_carries_the_invocations_trace(wire, monkeypatch):
    """The write of a row, parking, and the delay of what comes again."""
    for name, value in ENVIRONMENT.items():
        monkeypatch.setenv(name, value)
    handler = payments_consumer.bootstrap.build()
    handler({"Records": [sqs_record(1, live(1)), sqs_record(2, "no JSON")]}, FakeContext())
    assert sorted(traced(wire)) == [("dynamodb", TRACE), ("sqs", TRACE), ("sqs", TRACE)]


def test_what_an_instrumentation_adds_to_an_event_leaves_with_it_and_with_no_later_one(
    wire, monkeypatch
):
    """As OpenTelemetry's instrumentation of botocore does, in place, around each call."""
    spans, make_api_call = iter(["span-1", "span-2"]), BaseClient._make_api_call

    def instrumented(client, operation, params):
        if operation == "PublishBatch" and (span := next(spans, None)):
            for entry in params["PublishBatchRequestEntries"]:
                added = {"DataType": "String", "StringValue": span}
                entry["MessageAttributes"]["traceparent"] = added
        return make_api_call(client, operation, params)

    monkeypatch.setattr(BaseClient, "_make_api_call", instrumented)
    monkeypatch.setenv("BUS_ARN", TOPIC)
    handler = publisher.bootstrap.build()
    for _ in range(3):
        assert handler(BATCH, FakeContext()) == {"batchItemFailures": []}
    bodies = [call.body for call in wire.calls if call.service == "sns"]
    assert [(body.count("span-1"), body.count("span-2")) for body in bodies] == [
        (2, 0),
        (0, 2),
        (0, 0),
    ]


@pytest.mark.slow
@pytest.mark.parametrize("service", ["publisher", "payments_consumer", "sentinel"])
def test_a_cold_start_imports_no_tracing_sdk_even_where_a_layer_brings_one(service, tmp_path):
    for name in SDKS:
        (tmp_path / name).mkdir()
        (tmp_path / name / "__init__.py").touch()
    environment = ENVIRONMENT | {"BUS_ARN": TOPIC, "FAILURE_BUCKET": "fanout-failures"}
    script = (
        f"import sys; from {service}.lambda_entry import lambda_handler; "
        f"sys.exit(', '.join(sys.modules.keys() & {set(SDKS)!r}) or 0)"
    )
    done = subprocess.run(
        [sys.executable, "-c", script],
        env=os.environ
        | environment
        | {"AWS_REGION": "eu-west-1", "AWS_DEFAULT_REGION": "eu-west-1"}
        | {"PYTHONPATH": str(tmp_path), "_X_AMZN_TRACE_ID": TRACE},
        check=False,
        capture_output=True,
        text=True,
    )
    assert (done.returncode, done.stderr) == (0, "")
