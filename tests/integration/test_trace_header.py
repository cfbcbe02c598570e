"""In Lambda every call of publisher and consumer carries the invocation's X-Ray trace."""

import gc
import json
from types import SimpleNamespace
from urllib.parse import parse_qsl, unquote, urlparse
from uuid import uuid4

import pytest
from botocore.awsrequest import AWSResponse
from botocore.httpsession import URLLib3Session

import payments_consumer.bootstrap
import publisher.bootstrap
from unit.event_consumer.consumer_samples import ENVIRONMENT, live
from unit.event_consumer.consumer_samples import record as sqs_record
from unit.publisher.publisher_fakes import FakeContext
from unit.publisher.stream_record_samples import record

TRACE = "Root=1-5759e988-bd862e3fe1be46a994272793;Parent=53995c3f42cd8ad8;Sampled=1"
TOPIC = "arn:aws:sns:eu-west-1:123456789012:customer-status"
BUS = "arn:aws:events:eu-west-1:123456789012:event-bus/customer-status"
BAD = record("ACTIVE", {"N": "1"}, number=3)
BATCH = {"Records": [*(record("ACTIVE", "CLOSED", number=n) for n in (1, 2)), BAD]}


@pytest.fixture
def calls(monkeypatch):
    """The service and the trace of each call that would leave; every call succeeds."""
    made = []

    def send(_, request):
        service = urlparse(request.url).netloc.split(".")[-4]
        trace = request.headers.get("X-Amzn-Trace-Id")
        made.append((service, unquote(trace.decode() if isinstance(trace, bytes) else trace)))
        body = _answer(service, request)
        raw = SimpleNamespace(stream=lambda: iter([body.encode()]))
        return AWSResponse(request.url, 200, {}, raw)

    monkeypatch.setattr(URLLib3Session, "send", send)
    monkeypatch.setattr(gc, "freeze", lambda: None)
    monkeypatch.delenv("AWS_PROFILE", raising=False)
    monkeypatch.delenv("AWS_ENDPOINT_URL", raising=False)
    for name, value in {
        "AWS_ACCESS_KEY_ID": "test",
        "AWS_SECRET_ACCESS_KEY": "test",
        "AWS_REGION": "eu-west-1",
        "AWS_DEFAULT_REGION": "eu-west-1",
        "AWS_LAMBDA_FUNCTION_NAME": "fanout",
        "_X_AMZN_TRACE_ID": TRACE,
        "POWERTOOLS_SERVICE_NAME": f"trace-{uuid4()}",
        "DEPLOYMENT": "fanout",
        "FAILURE_BUCKET": "fanout-failures",
    }.items():
        monkeypatch.setenv(name, value)
    return made


def _answer(service, request):
    """Success, as that service says it."""
    if service == "sns":
        body = request.body if isinstance(request.body, str) else request.body.decode()
        ids = [one for name, one in parse_qsl(body) if name.endswith(".Id")]
        members = "".join(f"<member><Id>{one}</Id><MessageId>m</MessageId></member>" for one in ids)
        return (
            '<PublishBatchResponse xmlns="http://sns.amazonaws.com/doc/2010-03-31/">'
            f"<PublishBatchResult><Successful>{members}</Successful><Failed/>"
            "</PublishBatchResult></PublishBatchResponse>"
        )
    if service == "events":
        entries = json.loads(request.body).get("Entries", [])
        taken = [{"EventId": "e"} for _ in entries]
        return json.dumps({"Arn": BUS, "FailedEntryCount": 0, "Entries": taken})
    return "" if service == "s3" else "{}"


@pytest.mark.parametrize(
    ("bus", "services"),
    [
        (TOPIC, ["sns", "s3", "sns", "s3"]),
        (f"{TOPIC}.fifo", ["sns", "sns", "s3"] * 2),
        (BUS, ["events", "events", "s3", "events", "s3"]),
    ],
)
def test_each_call_of_the_publisher_carries_the_invocations_trace(
    calls, monkeypatch, bus, services
):
    """The second batch too: only the first call of a topic is encoded by botocore itself."""
    monkeypatch.setenv("BUS_ARN", bus)
    handler = publisher.bootstrap.build()
    for _ in range(2):
        assert handler(BATCH, FakeContext()) == {"batchItemFailures": []}
    assert calls == [(service, TRACE) for service in services]


def test_a_pipes_enrichment_parks_with_the_invocations_trace(calls):
    handler = publisher.bootstrap.build_for_pipe()
    assert len(handler(BATCH["Records"], FakeContext())) == 2
    assert calls == [("s3", TRACE)]


def test_each_call_of_a_consumer_carries_the_invocations_trace(calls, monkeypatch):
    """The write of a row, parking, and the delay of what comes again."""
    for name, value in ENVIRONMENT.items():
        monkeypatch.setenv(name, value)
    handler = payments_consumer.bootstrap.build()
    handler({"Records": [sqs_record(1, live(1)), sqs_record(2, "no JSON")]}, FakeContext())
    assert sorted(calls) == [("dynamodb", TRACE), ("sqs", TRACE), ("sqs", TRACE)]
