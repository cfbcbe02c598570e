"""How many calls a batch costs, counted where botocore would send them."""

import gc
from types import SimpleNamespace
from urllib.parse import parse_qs
from uuid import uuid4

import pytest
from botocore.awsrequest import AWSResponse

from customer_events.decoder import decode
from publisher import bootstrap
from unit.publisher.publisher_fakes import FakeContext
from unit.publisher.stream_record_samples import record

TOPIC = "arn:aws:sns:eu-west-1:123456789012:customer-status"


@pytest.fixture
def sent(monkeypatch):
    """Builds the handler for an environment; its requests end here, each entry confirmed."""

    def built(**environment):
        settings = {
            "AWS_ACCESS_KEY_ID": "test",
            "AWS_SECRET_ACCESS_KEY": "test",
            "BUS_ARN": TOPIC,
            "DEPLOYMENT": "fanout",
            "FAILURE_BUCKET": "fanout-failures",
            "POWERTOOLS_SERVICE_NAME": f"publisher-{uuid4()}",
        }
        for name, value in (settings | environment).items():
            monkeypatch.setenv(name, value)
        handler = bootstrap.build()
        requests = []

        def take(request, **_):
            fields = {name: one for name, (one,) in parse_qs(text_of(request.body)).items()}
            requests.append(fields)
            return _confirmation(fields, request.url)

        events = handler.bus.calls.client.meta.events
        events.register_first("before-send.sns.PublishBatch", take)
        return handler, requests

    monkeypatch.delenv("AWS_PROFILE", raising=False)
    monkeypatch.setattr(gc, "freeze", lambda: None)
    return built


def text_of(body):
    """botocore encodes the first call, as text; the later ones are encoded here, as bytes."""
    return body.decode() if isinstance(body, bytes) else body


def documents(requests):
    return [
        value for fields in requests for name, value in fields.items() if name.endswith(".Message")
    ]


@pytest.mark.parametrize(("versions", "calls"), [("2", 100), ("1,2", 200)])
def test_a_thousand_records_take_a_tenth_of_as_many_calls_as_there_are_events(
    sent, versions, calls
):
    handler, requests = sent(PUBLISH_VERSIONS=versions)
    batch = [
        record("ACTIVE", "CLOSED", customer_id=f"c-{number}", number=number)
        for number in range(1_000)
    ]
    assert handler({"Records": batch}, FakeContext()) == {"batchItemFailures": []}
    assert len(requests) == calls
    assert len({decode(one).event_id for one in documents(requests)}) == 10 * calls


def test_on_a_fifo_topic_distinct_customers_cost_no_call_more(sent):
    handler, requests = sent(BUS_ARN=f"{TOPIC}.fifo")
    batch = [
        record("ACTIVE", "CLOSED", customer_id=f"c-{number}", number=number) for number in range(95)
    ]
    assert handler({"Records": batch}, FakeContext()) == {"batchItemFailures": []}
    assert len(requests) == 10


def test_what_any_customer_id_looks_like_on_the_way_it_arrives_as_it_is(sent):
    handler, requests = sent()
    odd = "Zoë +&=%41/\U0001f600 \x7f\n"
    batch = [record(None, "ACTIVE", customer_id=odd)]
    assert handler({"Records": batch}, FakeContext()) == {"batchItemFailures": []}
    (document,) = documents(requests)
    assert decode(document).customer_id == odd
    assert requests[0]["Action"] == "PublishBatch"


# Private functions


def _confirmation(fields, url):
    """SNS's answer, by which each entry of the request is confirmed."""
    ids = [value for name, value in fields.items() if name.endswith(".Id")]
    members = "".join(f"<member><Id>{one}</Id><MessageId>m</MessageId></member>" for one in ids)
    body = (
        '<PublishBatchResponse xmlns="http://sns.amazonaws.com/doc/2010-03-31/">'
        f"<PublishBatchResult><Successful>{members}</Successful><Failed/></PublishBatchResult>"
        "</PublishBatchResponse>"
    )
    return AWSResponse(url, 200, {}, SimpleNamespace(stream=lambda: iter([body.encode()])))
