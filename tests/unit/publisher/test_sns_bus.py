from hashlib import sha256

import pytest
from botocore.stub import ANY

from publisher.ports import Verdict
from publisher.sns_bus import SnsTopic
from publisher.transports import SNS
from stubbed_client import stubbed_client
from unit.publisher.publisher_fakes import FakeClock, bus_on, verdicts
from unit.publisher.stream_record_samples import entries

TOPIC = "arn:aws:sns:eu-west-1:123456789012:customer-status"


class FakeSns:
    """Takes every entry, unless `answer` gives an error code for an entry's id."""

    def __init__(self, answer=None):
        self.answer = answer or (lambda _id: None)
        self.requests = []

    def publish_batch(self, *, TopicArn, PublishBatchRequestEntries):  # noqa: N803
        assert TopicArn.startswith("arn:aws:sns:")
        self.requests += PublishBatchRequestEntries
        response = {"Successful": [], "Failed": []}
        for entry in PublishBatchRequestEntries:
            code = self.answer(entry["Id"])
            if code is None:
                response["Successful"].append({"Id": entry["Id"], "MessageId": "m"})
            elif code != "vanish":
                response["Failed"].append({"Id": entry["Id"], "Code": code, "SenderFault": True})
        return response


def publish(client, sent, *, topic=TOPIC):
    return SnsTopic(client=client, topic_arn=topic).publish(sent)


@pytest.fixture
def stubbed():
    with stubbed_client("sns") as (client, stubber):
        yield client, stubber


def test_the_document_is_the_body_and_filters_find_their_attributes():
    client = FakeSns()
    (entry,) = entries(1, new="SUSPENDED")
    publish(client, [entry])
    (request,) = client.requests
    attributes = request.pop("MessageAttributes")
    assert request == {"Id": "0", "Message": entry.document}
    assert {
        name: (value["DataType"], value["StringValue"]) for name, value in attributes.items()
    } == {
        "type": ("String", "novapay.accounts.CustomerStatusChanged.v2"),
        "schema_version": ("String", "2"),
        "status": ("String", "SUSPENDED"),
        "transition": ("String", "ACTIVE>SUSPENDED"),
    }
    size_bytes = len(entry.document) + sum(
        len(name + value["DataType"] + value["StringValue"]) for name, value in attributes.items()
    )
    assert SNS.size_bytes(entry) == size_bytes


def test_on_a_fifo_topic_the_group_is_the_customers_hash_and_the_event_id_deduplicates():
    client = FakeSns()
    (entry,) = entries(1)
    publish(client, [entry], topic=f"{TOPIC}.fifo")
    (request,) = client.requests
    assert request["MessageGroupId"] == sha256(b"c-0").hexdigest()
    assert request["MessageDeduplicationId"] == entry.event_id


def test_only_an_id_that_is_listed_as_successful_counts():
    codes = [None, "vanish", "InternalError", "InvalidParameter", "KMSAccessDenied", "Throttled"]
    answers = publish(FakeSns(lambda entry_id: codes[int(entry_id)]), entries(6))
    assert verdicts(answers) == [
        Verdict.CONFIRMED,
        Verdict.TRANSIENT,
        Verdict.TRANSIENT,
        Verdict.REFUSED,
        Verdict.BUS_FAULT,
        Verdict.TRANSIENT,
    ]
    assert [answer.code for answer in answers[1:3]] == ["Unmentioned", "InternalError"]


@pytest.mark.parametrize(
    ("response", "answered"),
    [
        (
            {
                "Successful": [{"Id": "1", "MessageId": "m-1"}],
                "Failed": [{"Id": "0", "Code": "InternalError", "SenderFault": False}],
            },
            [Verdict.TRANSIENT, Verdict.CONFIRMED],
        ),
        ({}, [Verdict.TRANSIENT] * 2),
        (
            {
                "Successful": [{"Id": "77", "MessageId": "m"}, {"Id": "x", "MessageId": "m"}],
                "Failed": [{"Id": "y", "Code": "InternalError", "SenderFault": False}],
            },
            [Verdict.TRANSIENT] * 2,
        ),
    ],
)
def test_an_answer_as_botocore_reads_it_counts_for_the_entries_that_it_names(
    stubbed, response, answered
):
    client, stubber = stubbed
    expected = {"TopicArn": TOPIC, "PublishBatchRequestEntries": ANY}
    stubber.add_response("publish_batch", response, expected)
    assert verdicts(publish(client, entries(2))) == answered


def test_an_error_that_names_the_topic_blames_the_topic_and_no_entry(stubbed):
    client, stubber = stubbed
    stubber.add_client_error(
        "publish_batch", "InvalidParameter", "Invalid parameter: TopicArn", http_status_code=400
    )
    answers = bus_on(client).send(entries(2), FakeClock().deadline(30))
    assert verdicts(answers) == [Verdict.BUS_FAULT] * 2
