from types import SimpleNamespace
from urllib.parse import parse_qs, quote, urlencode

import pytest
from botocore.awsrequest import AWSResponse
from botocore.config import Config
from botocore.session import Session

from publisher.form_encoding import (
    encode_body_once,
    entries_encoded,
    form_encoded,
    keep_entries_back,
)

TOPIC = "arn:aws:sns:eu-west-1:123456789012:customer-status.fifo"
TEXTS = ["", "plain-._~", "a b+c&d=e", '{"a":"%41\\u00e9","b":[1,2]}', "é", "\x00\x1f\x7f", "%25%%"]


def entry(place, text, **marks):
    names = ("type", "schema_version", "status", "transition")
    values = ("novapay.accounts.CustomerStatusChanged.v2", "2", "CLOSED", "ACTIVE>CLOSED")
    return {
        "Id": str(place),
        "Message": text,
        "MessageAttributes": {
            name: {"DataType": "String", "StringValue": value}
            for name, value in zip(names, values, strict=True)
        },
        **marks,
    }


def body_sent(entries, *, ours):
    """The body of a call as it would leave, with our handlers or with botocore alone."""
    session = Session()
    session.set_credentials("test", "test")
    config = Config(parameter_validation=not ours)
    client = session.create_client("sns", region_name="eu-west-1", config=config)
    bodies = []

    def take(request, **_):
        bodies.append(request.body)
        answer = b"<PublishBatchResponse><PublishBatchResult/></PublishBatchResponse>"
        raw = SimpleNamespace(stream=lambda: iter([answer]))
        return AWSResponse(request.url, 200, {}, raw)

    events = client.meta.events
    if ours:
        events.register("before-parameter-build.sns.PublishBatch", keep_entries_back)
        events.register("before-call.sns.PublishBatch", encode_body_once)
    events.register_first("before-send.sns.PublishBatch", take)
    client.publish_batch(TopicArn=TOPIC, PublishBatchRequestEntries=entries)
    (body,) = bodies
    return parse_qs(
        body.decode() if isinstance(body, bytes) else body,
        keep_blank_values=True,
        strict_parsing=True,
    )


@pytest.mark.parametrize("value", TEXTS)
def test_the_encoding_is_that_of_the_standard_library(value):
    fields = {"Action": "PublishBatch", "E.member.1.Message": value}
    assert form_encoded(fields) == urlencode(fields, quote_via=quote).encode()
    read_back = parse_qs(form_encoded(fields).decode(), keep_blank_values=True)
    assert read_back == {key: [text] for key, text in fields.items()}


def test_what_leaves_is_field_by_field_what_botocore_would_send():
    marks = {"MessageGroupId": "a" * 64, "MessageDeduplicationId": "6f1c9a52-1d0e-5b7c-9f43"}
    entries = [entry(place, text, **marks) for place, text in enumerate(TEXTS)]
    entries += [entry(len(TEXTS), "no marks")]
    sent = body_sent(entries, ours=True)
    assert sent == body_sent(entries, ours=False)
    assert len(sent) == 3 + len(entries) * 14 + len(TEXTS) * 2


def test_no_entries_add_nothing():
    assert entries_encoded([]) == ""


def test_where_sns_speaks_another_protocol_the_entries_stay():
    model = SimpleNamespace(service_model=SimpleNamespace(resolved_protocol="json"))
    params, context = {"PublishBatchRequestEntries": ["e"]}, {}
    keep_entries_back(params, model, context)
    assert (params, context) == ({"PublishBatchRequestEntries": ["e"]}, {})


def test_a_body_that_is_encoded_already_stays_as_it_is():
    params = {"body": b"Action=PublishBatch"}
    encode_body_once(params, {}, model=None)
    assert params == {"body": b"Action=PublishBatch"}
    params = {"body": {"Action": "Publish Batch"}}
    encode_body_once(params, {})
    assert params == {"body": b"Action=Publish%20Batch"}
