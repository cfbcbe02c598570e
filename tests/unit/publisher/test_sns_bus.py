from collections import Counter
from concurrent.futures import ThreadPoolExecutor
from hashlib import sha256

import pytest
from botocore.exceptions import (
    ClientError,
    ConnectTimeoutError,
    EndpointConnectionError,
    NoCredentialsError,
    ReadTimeoutError,
)
from botocore.parsers import ResponseParserError
from botocore.session import Session
from botocore.stub import ANY, Stubber

from customer_events.deadline import Deadline
from publisher.events import Producer, to_entries
from publisher.ports import Verdict
from publisher.sns_bus import SnsBus
from publisher.transitions import TableRules, detect
from unit.publisher.publisher_fakes import FakeClock
from unit.publisher.stream_record_samples import record

TOPIC = "arn:aws:sns:eu-west-1:123456789012:customer-status"
RULES = TableRules(reason_attribute="status_reason")


def entries(count, *, version=2, reason=""):
    producer = Producer(source="urn:novapay:accounts", epoch=1, versions=(version,))
    made = []
    for number in range(count):
        extra = {"status_reason": {"S": reason}} if reason else {}
        changed = (
            record("ACTIVE", None, number=number)
            if version == 1
            else record("ACTIVE", "SUSPENDED", number=number, customer_id=f"c-{number}", **extra)
        )
        made += to_entries(detect(changed, RULES), producer)
    return made


class FakeSns:
    """Takes every entry, unless `answer` (entry, call number) gives an error code.

    It raises what `raises` returns for a call's entries.
    """

    def __init__(self, answer=None, raises=None):
        self.answer = answer or (lambda _entry, _call: None)
        self.raises = raises or (lambda _entries: None)
        self.calls = []

    def publish_batch(self, *, TopicArn, PublishBatchRequestEntries):  # noqa: N803
        assert TopicArn.startswith("arn:aws:sns:")
        assert 1 <= len(PublishBatchRequestEntries) <= 10
        ids = [entry["Id"] for entry in PublishBatchRequestEntries]
        assert len(set(ids)) == len(ids)
        self.calls.append(PublishBatchRequestEntries)
        error = self.raises(PublishBatchRequestEntries)
        if error:
            raise error
        response = {"Successful": [], "Failed": []}
        for entry in PublishBatchRequestEntries:
            code = self.answer(entry, len(self.calls))
            if code is None:
                response["Successful"].append({"Id": entry["Id"], "MessageId": "m"})
            elif code != "vanish":
                response["Failed"].append({"Id": entry["Id"], "Code": code, "SenderFault": True})
        return response


def send(client, sent, *, topic=TOPIC, size=262_144, seconds_left=30.0):
    clock = FakeClock()
    deadline = Deadline(ends_at=clock.monotonic() + seconds_left, clock=clock)
    with ThreadPoolExecutor(2) as executor:
        bus = SnsBus(client=client, topic_arn=topic, message_size_max_bytes=size, executor=executor)
        return bus.send(sent, deadline)


def size_bytes(entry):
    """As SNS counts it: the body, and each attribute's name, type and value."""
    probe = FakeSns()
    send(probe, [entry])
    attributes = probe.calls[0][0]["MessageAttributes"]
    return len(entry.document) + sum(
        len(name + value["DataType"] + value["StringValue"]) for name, value in attributes.items()
    )


def verdicts(answers):
    return [answer.verdict for answer in answers]


def client_error(code, status, message=""):
    """As botocore makes it of an answer."""
    return ClientError(
        {
            "Error": {"Code": code, "Message": message},
            "ResponseMetadata": {"HTTPStatusCode": status},
        },
        "PublishBatch",
    )


@pytest.fixture
def stubbed():
    session = Session()
    session.set_credentials("test", "test")
    client = session.create_client("sns", region_name="eu-west-1")
    with Stubber(client) as stubber:
        yield client, stubber


@pytest.mark.parametrize(("count", "calls"), [(1, 1), (10, 1), (11, 2), (99, 10), (1_000, 100)])
def test_n_entries_take_a_tenth_of_n_calls_rounded_up(count, calls):
    client = FakeSns()
    assert verdicts(send(client, entries(count))) == [Verdict.CONFIRMED] * count
    assert len(client.calls) == calls


def test_no_entries_take_no_call():
    client = FakeSns()
    assert send(client, []) == []
    assert client.calls == []


def test_the_document_is_the_body_and_filters_find_their_attributes():
    client = FakeSns()
    (entry,) = entries(1)
    send(client, [entry])
    ((request,),) = client.calls
    assert request["Message"] == entry.document
    assert {
        name: (value["DataType"], value["StringValue"])
        for name, value in request["MessageAttributes"].items()
    } == {
        "type": ("String", "novapay.accounts.CustomerStatusChanged.v2"),
        "schema_version": ("String", "2"),
        "status": ("String", "SUSPENDED"),
        "transition": ("String", "ACTIVE>SUSPENDED"),
    }
    assert "MessageGroupId" not in request


def test_the_first_versions_attributes_speak_its_own_vocabulary():
    client = FakeSns()
    send(client, entries(1, version=1))
    attributes = client.calls[0][0]["MessageAttributes"]
    assert attributes["type"]["StringValue"] == "novapay.accounts.CustomerStatusChanged.v1"
    assert attributes["status"]["StringValue"] == "CLOSED"
    assert attributes["transition"]["StringValue"] == "ACTIVE>CLOSED"


def test_on_a_fifo_topic_the_group_is_the_customers_hash_and_the_event_id_deduplicates():
    client = FakeSns()
    (entry,) = entries(1)
    send(client, [entry], topic=f"{TOPIC}.fifo")
    request = client.calls[0][0]
    assert request["MessageGroupId"] == sha256(b"c-0").hexdigest()
    assert request["MessageDeduplicationId"] == entry.event_id


@pytest.mark.parametrize(("topic", "ordered"), [(TOPIC, False), (f"{TOPIC}.fifo", True)])
def test_only_a_fifo_topic_keeps_order(topic, ordered):
    bus = SnsBus(client=None, topic_arn=topic, message_size_max_bytes=1024, executor=None)
    assert bus.ordered is ordered


def test_calls_are_split_by_bytes_body_and_attributes_counted():
    (entry,) = entries(1)
    size = size_bytes(entry)
    client = FakeSns()
    assert verdicts(send(client, entries(10), size=3 * size)) == [Verdict.CONFIRMED] * 10
    assert [len(call) for call in client.calls] == [3, 3, 3, 1]
    client = FakeSns()
    assert verdicts(send(client, entries(10), size=size)) == [Verdict.CONFIRMED] * 10
    client = FakeSns()
    answers = send(client, entries(1), size=size - 1)
    assert [(answer.code, answer.reason.code) for answer in answers] == [("EventTooLarge",) * 2]
    assert f"at most {size - 1} bytes" in answers[0].reason.expected
    assert client.calls == []


def test_an_event_that_is_too_large_does_not_touch_its_neighbours():
    sent = entries(3)
    sent[1] = entries(2, reason="x" * 128)[1]
    client = FakeSns()
    answers = send(client, sent, size=size_bytes(sent[0]) + 100)
    assert verdicts(answers) == [Verdict.CONFIRMED, Verdict.REFUSED, Verdict.CONFIRMED]
    assert len(client.calls) == 2


def test_only_an_id_that_is_listed_as_successful_counts():
    codes = {
        "0": None,
        "1": "vanish",
        "2": "InternalError",
        "3": "InvalidParameter",
        "4": "KMSAccessDenied",
        "5": "Throttled",
    }
    answers = send(FakeSns(lambda entry, _call: codes[entry["Id"]]), entries(6))
    assert verdicts(answers) == [
        Verdict.CONFIRMED,
        Verdict.TRANSIENT,
        Verdict.TRANSIENT,
        Verdict.REFUSED,
        Verdict.BUS_FAULT,
        Verdict.TRANSIENT,
    ]
    assert [answer.code for answer in answers[1:3]] == ["Unmentioned", "InternalError"]


def test_a_partial_failure_as_botocore_reads_it_fails_only_its_entry(stubbed):
    client, stubber = stubbed
    stubber.add_response(
        "publish_batch",
        {
            "Successful": [{"Id": "1", "MessageId": "m-1"}],
            "Failed": [{"Id": "0", "Code": "InternalError", "SenderFault": False}],
        },
        {"TopicArn": TOPIC, "PublishBatchRequestEntries": ANY},
    )
    assert verdicts(send(client, entries(2))) == [Verdict.TRANSIENT, Verdict.CONFIRMED]


def test_an_answer_without_lists_fails_everything(stubbed):
    client, stubber = stubbed
    stubber.add_response("publish_batch", {})
    assert verdicts(send(client, entries(2))) == [Verdict.TRANSIENT] * 2


@pytest.mark.parametrize(
    ("code", "status", "verdict"),
    [
        ("Throttling", 400, Verdict.TRANSIENT),
        ("ThrottledException", 429, Verdict.TRANSIENT),
        ("InternalError", 500, Verdict.TRANSIENT),
        ("503", 503, Verdict.TRANSIENT),
        ("AuthorizationError", 403, Verdict.BUS_FAULT),
        ("NotFound", 404, Verdict.BUS_FAULT),
        ("KMSDisabled", 400, Verdict.BUS_FAULT),
        ("SomethingNew", 404, Verdict.BUS_FAULT),
        ("SomethingNew", 400, Verdict.TRANSIENT),
    ],
)
def test_an_error_of_the_whole_call_is_every_entrys(stubbed, code, status, verdict):
    client, stubber = stubbed
    stubber.add_client_error("publish_batch", code, http_status_code=status)
    answers = send(client, entries(3))
    assert [(answer.verdict, answer.code) for answer in answers] == [(verdict, code)] * 3


@pytest.mark.parametrize(
    ("error", "verdict"),
    [
        (ReadTimeoutError(endpoint_url="x"), Verdict.TRANSIENT),
        (ConnectTimeoutError(endpoint_url="x"), Verdict.TRANSIENT),
        (EndpointConnectionError(endpoint_url="x"), Verdict.TRANSIENT),
        (NoCredentialsError(), Verdict.BUS_FAULT),
    ],
)
def test_a_call_that_never_got_an_answer_is_made_once(error, verdict):
    client = FakeSns(raises=lambda _entries: error)
    answers = send(client, entries(3))
    assert [(answer.verdict, answer.code) for answer in answers] == [
        (verdict, type(error).__name__)
    ] * 3
    assert len(client.calls) == 1


@pytest.mark.parametrize(
    ("error", "verdict"),
    [
        (client_error("InvalidParameter", 400, "Message too long"), Verdict.REFUSED),
        (ValueError("a surprise in an entry"), Verdict.TRANSIENT),
        (ResponseParserError("not XML"), Verdict.TRANSIENT),
    ],
)
def test_where_a_whole_call_is_refused_each_entry_goes_alone_to_find_the_guilty_one(error, verdict):
    client = FakeSns(
        raises=lambda requests: error if any(one["Id"] == "2" for one in requests) else None
    )
    answers = send(client, entries(4))
    assert Counter(verdicts(answers)) == {Verdict.CONFIRMED: 3, verdict: 1}
    assert answers[2].verdict is verdict
    assert len(client.calls) == 5


def test_a_wrong_topic_is_the_buss_fault_and_refuses_no_entry():
    error = client_error("InvalidParameter", 400, "Invalid parameter: TopicArn")
    client = FakeSns(raises=lambda _entries: error)
    answers = send(client, entries(3))
    assert [(one.verdict, one.code) for one in answers] == [
        (Verdict.BUS_FAULT, "InvalidParameter")
    ] * 3
    assert len(client.calls) == 1


@pytest.mark.parametrize(
    ("response", "code"),
    [({}, "Unnamed"), ({"Error": {}}, "Unnamed"), ({"Error": {"Code": "X"}}, "X")],
)
def test_an_error_that_says_hardly_anything_may_pass_the_next_time(response, code):
    client = FakeSns(raises=lambda _entries: ClientError(response, "PublishBatch"))
    (answer,) = send(client, entries(1))
    assert (answer.verdict, answer.code) == (Verdict.TRANSIENT, code)


def test_as_long_as_any_time_is_left_every_call_is_made():
    client = FakeSns()
    assert verdicts(send(client, entries(25), seconds_left=0.5)) == [Verdict.CONFIRMED] * 25
    error = client_error("InvalidParameter", 400)
    client = FakeSns(raises=lambda requests: error if len(requests) > 1 else None)
    assert verdicts(send(client, entries(3), seconds_left=0.5)) == [Verdict.CONFIRMED] * 3


def test_when_time_runs_out_no_further_call_starts_but_the_first_one_always_does():
    client = FakeSns()
    answers = send(client, entries(25), seconds_left=0.0)
    assert Counter(verdicts(answers)) == {Verdict.CONFIRMED: 10, Verdict.NOT_SENT: 15}
    assert verdicts(answers)[:10] == [Verdict.CONFIRMED] * 10
    assert len(client.calls) == 1


def test_no_time_is_spent_on_finding_the_guilty_one_where_none_is_left():
    error = client_error("InvalidParameter", 400)
    client = FakeSns(raises=lambda _entries: error)
    answers = send(client, entries(3), seconds_left=0.0)
    assert verdicts(answers) == [Verdict.NOT_SENT] * 3
    assert len(client.calls) == 1


def test_an_id_that_nobody_sent_changes_nothing(stubbed):
    client, stubber = stubbed
    stubber.add_response(
        "publish_batch",
        {
            "Successful": [{"Id": "77", "MessageId": "m"}, {"Id": "x", "MessageId": "m"}],
            "Failed": [{"Id": "y", "Code": "InternalError", "SenderFault": False}],
        },
    )
    assert verdicts(send(client, entries(2))) == [Verdict.TRANSIENT] * 2
