"""The document comes out of whatever a transport wrapped around it, or the body is refused."""

import json
from contextlib import suppress

import pytest
from hypothesis import given
from hypothesis import strategies as st

from customer_events.decoder import from_document
from customer_events.encoder import to_document
from customer_events.errors import NotJson, UnknownEnvelope
from event_consumer.unwrap import unwrap
from unit.event_consumer.consumer_samples import live

DOCUMENT = to_document(live(1))


def sns(content):
    """As SNS wraps a message without raw delivery."""
    return {
        "Type": "Notification",
        "MessageId": "22b80b92-fdea-4c2c-8f9d-bdfb0c7bf324",
        "TopicArn": "arn:aws:sns:eu-west-1:123456789012:fanout-customer-status",
        "Message": content if isinstance(content, str) else json.dumps(content),
        "Timestamp": "2026-11-23T12:00:00.000Z",
        "SignatureVersion": "1",
        "Signature": "EXAMPLE",
        "SigningCertURL": "https://sns.eu-west-1.amazonaws.com/example.pem",
        "UnsubscribeURL": "https://sns.eu-west-1.amazonaws.com/?Action=Unsubscribe",
    }


def eventbridge(detail):
    """As a rule without an input path hands an event over."""
    return {
        "version": "0",
        "id": "6a7e8feb-b491-4cf7-a9f1-bf3703467718",
        "detail-type": "CustomerStatusChanged",
        "source": "novapay.accounts",
        "account": "123456789012",
        "time": "2026-11-23T12:00:00Z",
        "region": "eu-west-1",
        "resources": [],
        "detail": detail,
    }


@pytest.mark.parametrize(
    "body",
    [
        DOCUMENT,
        sns(DOCUMENT),
        eventbridge(DOCUMENT),
        sns(eventbridge(DOCUMENT)),
        eventbridge(sns(DOCUMENT)),
        sns(sns(DOCUMENT)),
    ],
    ids=["raw", "SNS", "EventBridge", "bus to topic", "topic to bus", "topic to topic"],
)
def test_the_document_is_found_under_up_to_two_envelopes(body):
    assert unwrap(json.dumps(body)) == DOCUMENT
    assert from_document(unwrap(json.dumps(body, indent=2))) == live(1)


def test_a_raw_document_is_told_from_an_envelope_by_its_specversion():
    odd = DOCUMENT | {"detail-type": "x", "detail": {}, "Type": "Notification", "Message": "{}"}
    assert unwrap(json.dumps(odd)) == odd


@pytest.mark.parametrize("body", ["hello", "NaN", "[" * 100_000], ids=["word", "NaN", "deep"])
def test_a_body_that_is_no_json_is_told_so(body):
    with pytest.raises(NotJson):
        unwrap(body)


def test_an_sns_message_that_is_no_json_is_told_so():
    with pytest.raises(NotJson):
        unwrap(json.dumps(sns("hello")))


@pytest.mark.parametrize(
    "body",
    [
        None,
        7,
        "text",
        [],
        [DOCUMENT],
        {},
        {"data": {}},
        {"Type": "SubscriptionConfirmation", "Message": "{}"},
        {"Type": "Notification"},
        {"Type": "Notification", "Message": {"specversion": "1.0"}},
        {"detail": DOCUMENT},
        {"detail-type": "CustomerStatusChanged"},
        eventbridge(None),
        eventbridge([DOCUMENT]),
        eventbridge(json.dumps(DOCUMENT)),
        sns("7"),
        sns(sns(sns(DOCUMENT))),
        {"Event": "s3:TestEvent", "Bucket": "b"},
    ],
    ids=lambda body: json.dumps(body)[:50],
)
def test_json_without_an_event_in_it_is_an_unknown_envelope(body):
    with pytest.raises(UnknownEnvelope):
        unwrap(json.dumps(body))


JSON_VALUES = st.recursive(
    st.none() | st.booleans() | st.integers() | st.text(max_size=8),
    lambda inner: (
        st.lists(inner, max_size=3)
        | st.dictionaries(
            st.sampled_from(["specversion", "Type", "Message", "detail", "detail-type", "data"]),
            inner | st.sampled_from(["Notification", "1.0", "{}", "[", json.dumps(DOCUMENT)]),
            max_size=4,
        )
    ),
    max_leaves=8,
)


@given(st.text(max_size=60) | JSON_VALUES.map(json.dumps))
def test_whatever_comes_in_only_the_contracts_errors_come_out(body):
    with suppress(NotJson, UnknownEnvelope):
        assert "specversion" in unwrap(body)
