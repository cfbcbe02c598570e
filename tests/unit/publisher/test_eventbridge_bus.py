from datetime import UTC, datetime

import pytest
from botocore.exceptions import NoCredentialsError, ReadTimeoutError
from botocore.stub import ANY

from publisher.batched_bus import BatchedBus
from publisher.eventbridge_bus import EventBridgeBus
from publisher.ports import Verdict
from publisher.transports import EVENTBRIDGE
from stubbed_client import client_error, stubbed_client
from unit.publisher.publisher_fakes import FakeClock, verdicts
from unit.publisher.stream_record_samples import entries

BUS = "arn:aws:events:eu-west-1:123456789012:event-bus/customer-status"


class FakeEvents:
    """Takes every entry, unless `answer` (entry, index in its call) gives a result for it.

    `looks` holds what each look at the bus finds, in turn: its ARN, or what is raised. The last
    one is found for ever.
    """

    def __init__(self, answer=None, looks=(BUS,)):
        self.answer = answer or (lambda _entry, _index: {"EventId": "e"})
        self.looks = list(looks)
        self.looked = 0
        self.calls = []

    def describe_event_bus(self, *, Name):  # noqa: N803
        assert Name == "customer-status"
        found = self.looks[min(self.looked, len(self.looks) - 1)]
        self.looked += 1
        if isinstance(found, Exception):
            raise found
        return {"Name": Name, "Arn": found}

    def put_events(self, *, Entries):  # noqa: N803
        assert 1 <= len(Entries) <= 10
        self.calls.append(Entries)
        results = [self.answer(entry, index) for index, entry in enumerate(Entries)]
        failed = sum("EventId" not in result for result in results)
        return {"FailedEntryCount": failed, "Entries": results}


class Sender:
    """A bus on a fake client, and a clock."""

    def __init__(self, client):
        self.clock = FakeClock()
        calls = EventBridgeBus(client=client, bus_arn=BUS)
        self.bus = BatchedBus(
            transport=EVENTBRIDGE, calls=calls, size_max_bytes=262_144, executor=None
        )

    def send(self, sent):
        return self.bus.send(sent, self.clock.deadline(30.0))


@pytest.fixture
def stubbed():
    with stubbed_client("events") as (client, stubber):
        stubber.add_response("describe_event_bus", {"Arn": BUS}, {"Name": "customer-status"})
        yield client, stubber


def test_the_document_is_the_detail_and_the_source_is_the_producers():
    client = FakeEvents()
    (entry,) = entries(1)
    Sender(client).send([entry])
    assert client.calls == [
        [
            {
                "Time": datetime(2026, 11, 23, 9, 30, tzinfo=UTC),
                "Source": "urn:novapay:accounts",
                "DetailType": "CustomerStatusChanged",
                "Detail": entry.document,
                "EventBusName": BUS,
            }
        ]
    ]


def test_each_entry_is_judged_by_the_result_at_its_index():
    codes = [
        None,
        "InternalFailure",
        "ThrottlingException",
        "MalformedDetail",
        "InvalidArgument",
        "RedactionFailure",
        "AccessDeniedException",
        "NotAuthorizedForSourceException",
        "NotAuthorizedForDetailTypeException",
        "InvalidAccountIdException",
    ]

    def answer(_entry, index):
        code = codes[index]
        return {"ErrorCode": code, "ErrorMessage": "m"} if code else {"EventId": "e"}

    answers = Sender(FakeEvents(answer)).send(entries(10))
    assert verdicts(answers) == [
        Verdict.CONFIRMED,
        *[Verdict.TRANSIENT] * 2,
        *[Verdict.REFUSED] * 3,
        *[Verdict.BUS_FAULT] * 4,
    ]
    assert [answer.code for answer in answers[1:]] == codes[1:]


@pytest.mark.parametrize(
    "response",
    [
        {},
        {"FailedEntryCount": 0, "Entries": []},
        {"FailedEntryCount": 0, "Entries": [{"EventId": "e"}]},
        {"FailedEntryCount": 0, "Entries": [{"EventId": "e"}] * 3},
        {"FailedEntryCount": 1, "Entries": [{"EventId": "e"}] * 2},
        {"Entries": [{"EventId": "e"}] * 2},
        {"FailedEntryCount": 2, "Entries": [{}, {}]},
    ],
)
def test_an_answer_that_does_not_add_up_confirms_nothing(stubbed, response):
    client, stubber = stubbed
    stubber.add_response("put_events", response, {"Entries": ANY})
    answers = Sender(client).send(entries(2))
    assert [(answer.verdict, answer.code) for answer in answers] == [
        (Verdict.TRANSIENT, "Unmentioned")
    ] * 2


@pytest.mark.parametrize(
    ("found", "verdict", "code"),
    [
        (
            client_error("ResourceNotFoundException"),
            Verdict.BUS_FAULT,
            "EventBusNotFound",
        ),
        (BUS.replace("123456789012", "210987654321"), Verdict.BUS_FAULT, "EventBusNotFound"),
        (None, Verdict.BUS_FAULT, "EventBusNotFound"),
        (
            client_error("AccessDeniedException"),
            Verdict.BUS_FAULT,
            "AccessDeniedException",
        ),
        (
            client_error("ValidationException"),
            Verdict.BUS_FAULT,
            "ValidationException",
        ),
        (NoCredentialsError(), Verdict.BUS_FAULT, "NoCredentialsError"),
        (
            client_error("ThrottlingException"),
            Verdict.TRANSIENT,
            "ThrottlingException",
        ),
        (ReadTimeoutError(endpoint_url="x"), Verdict.TRANSIENT, "ReadTimeoutError"),
    ],
)
def test_nothing_is_sent_to_a_bus_that_was_never_seen(found, verdict, code):
    client = FakeEvents(looks=[found])
    answers = Sender(client).send(entries(3))
    assert [(answer.verdict, answer.code, answer.reason) for answer in answers] == [
        (verdict, code, None)
    ] * 3
    assert client.calls == []


def test_an_error_that_names_the_bus_blames_the_bus_and_no_entry(stubbed):
    client, stubber = stubbed
    stubber.add_client_error(
        "put_events", "ValidationException", "Invalid EventBusName", http_status_code=400
    )
    assert verdicts(Sender(client).send(entries(2))) == [Verdict.BUS_FAULT] * 2


def test_a_bus_that_appears_is_used_at_once():
    missing = client_error("ResourceNotFoundException")
    client = FakeEvents(looks=[missing, missing, BUS])
    sender = Sender(client)
    found = [verdicts(sender.send(entries(1)))[0] for _ in range(4)]
    assert found == [Verdict.BUS_FAULT] * 2 + [Verdict.CONFIRMED] * 2
    assert client.looked == 3


def test_a_bus_that_was_deleted_under_a_warm_publisher_is_noticed_within_a_minute():
    missing = client_error("ResourceNotFoundException")
    client = FakeEvents(looks=[BUS, missing])
    sender = Sender(client)
    assert verdicts(sender.send(entries(1))) == [Verdict.CONFIRMED]
    sender.clock.pass_seconds(59)
    assert verdicts(sender.send(entries(1))) == [Verdict.CONFIRMED]
    sender.clock.pass_seconds(1)
    assert verdicts(sender.send(entries(1))) == [Verdict.BUS_FAULT]
    assert len(client.calls) == 2


def test_a_second_look_that_fails_for_a_passing_reason_stops_nothing():
    client = FakeEvents(looks=[BUS, client_error("ThrottlingException")])
    sender = Sender(client)
    for _ in range(3):
        assert verdicts(sender.send(entries(1))) == [Verdict.CONFIRMED]
        sender.clock.pass_seconds(60)
    assert client.looked == 3
