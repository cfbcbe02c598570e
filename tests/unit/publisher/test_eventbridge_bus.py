from collections import Counter
from concurrent.futures import ThreadPoolExecutor
from datetime import UTC, datetime

import pytest
from botocore.exceptions import ClientError, NoCredentialsError, ReadTimeoutError
from botocore.session import Session
from botocore.stub import ANY, Stubber

from customer_events.deadline import Deadline
from publisher.eventbridge_bus import EventBridgeBus, size_bytes
from publisher.events import Producer, to_entries
from publisher.ports import Verdict
from publisher.transitions import TableRules, detect
from unit.publisher.publisher_fakes import FakeBus, FakeClock, Rig
from unit.publisher.stream_record_samples import record

BUS = "arn:aws:events:eu-west-1:123456789012:event-bus/customer-status"
PRODUCER = Producer(source="urn:novapay:accounts", epoch=1, versions=(2,))


def entries(count, *, reason=""):
    extra = {"status_reason": {"S": reason}} if reason else {}
    rules = TableRules(reason_attribute="status_reason")
    return [
        entry
        for number in range(count)
        for entry in to_entries(
            detect(
                record("ACTIVE", "CLOSED", number=number, customer_id=f"c-{number}", **extra), rules
            ),
            PRODUCER,
        )
    ]


def client_error(operation, code, status=400, message=""):
    return ClientError(
        {
            "Error": {"Code": code, "Message": message},
            "ResponseMetadata": {"HTTPStatusCode": status},
        },
        operation,
    )


class FakeEvents:
    """Takes every entry, unless `answer` (entry, place in its call) gives a result for it.

    `looks` holds what each look at the bus finds, in turn: its ARN, or what is raised. The last
    one is found for ever.
    """

    def __init__(self, answer=None, raises=None, looks=(BUS,)):
        self.answer = answer or (lambda _entry, _place: {"EventId": "e"})
        self.raises = raises or (lambda _entries: None)
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
        error = self.raises(Entries)
        if error:
            raise error
        results = [self.answer(entry, place) for place, entry in enumerate(Entries)]
        failed = sum("EventId" not in result for result in results)
        return {"FailedEntryCount": failed, "Entries": results}


class Sender:
    """A bus on a fake client, and a clock."""

    def __init__(self, client, *, size=262_144):
        self.clock = FakeClock()
        self.executor = ThreadPoolExecutor(2)
        self.bus = EventBridgeBus(
            client=client, bus_arn=BUS, event_size_max_bytes=size, executor=self.executor
        )

    def send(self, sent, *, seconds_left=30.0):
        deadline = Deadline(ends_at=self.clock.monotonic() + seconds_left, clock=self.clock)
        return self.bus.send(sent, deadline)


def verdicts(answers):
    return [answer.verdict for answer in answers]


@pytest.fixture
def stubbed():
    session = Session()
    session.set_credentials("test", "test")
    client = session.create_client("events", region_name="eu-west-1")
    with Stubber(client) as stubber:
        stubber.add_response("describe_event_bus", {"Arn": BUS}, {"Name": "customer-status"})
        yield client, stubber


@pytest.mark.parametrize(("count", "calls"), [(1, 1), (10, 1), (11, 2), (99, 10), (1_000, 100)])
def test_n_entries_take_a_tenth_of_n_calls_rounded_up(count, calls):
    client = FakeEvents()
    assert verdicts(Sender(client).send(entries(count))) == [Verdict.CONFIRMED] * count
    assert (len(client.calls), client.looked) == (calls, 1)


def test_no_entries_take_no_call():
    client = FakeEvents()
    assert Sender(client).send([]) == []
    assert (client.calls, client.looked) == ([], 0)


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


def test_a_bus_promises_no_order():
    assert Sender(FakeEvents()).bus.ordered is False


def test_size_is_counted_as_event_bridge_does():
    (entry,) = entries(1)
    assert size_bytes(entry) == 14 + len("urn:novapay:accounts") + len(
        "CustomerStatusChanged"
    ) + len(entry.document.encode())


def test_an_entry_is_sent_up_to_its_limit_and_no_byte_beyond_and_leaves_its_neighbours_alone():
    sent = entries(3)
    sent[1] = entries(2, reason="x" * 128)[1]
    client = FakeEvents()
    answers = Sender(client, size=size_bytes(sent[1])).send(sent)
    assert verdicts(answers) == [Verdict.CONFIRMED] * 3
    answers = Sender(client, size=size_bytes(sent[1]) - 1).send(sent)
    assert verdicts(answers) == [Verdict.CONFIRMED, Verdict.REFUSED, Verdict.CONFIRMED]
    assert answers[1].reason.code == "EventTooLarge"


def test_one_call_holds_less_than_a_megabyte():
    huge = [
        to_entries(
            detect(
                record("ACTIVE", "CLOSED", number=number, customer_id="\x01" * 2_000), TableRules()
            ),
            Producer(source="urn:" + "x" * 80_000, epoch=1, versions=(2,)),
        )[0]
        for number in range(10)
    ]
    client = FakeEvents()
    assert verdicts(Sender(client).send(huge)) == [Verdict.CONFIRMED] * 10
    one = size_bytes(huge[0])
    assert 10 * one > 1_048_575
    assert [len(call) for call in client.calls] == [1_048_575 // one, 10 - 1_048_575 // one]


def test_each_entry_is_judged_by_the_result_in_its_place():
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

    def answer(_entry, place):
        code = codes[place]
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
    ("code", "status", "verdict"),
    [
        ("InternalException", 500, Verdict.TRANSIENT),
        ("ThrottlingException", 400, Verdict.TRANSIENT),
        ("ServiceUnavailable", 503, Verdict.TRANSIENT),
        ("AccessDeniedException", 400, Verdict.BUS_FAULT),
        ("ResourceNotFoundException", 400, Verdict.BUS_FAULT),
    ],
)
def test_an_error_of_the_whole_call_is_every_entrys(stubbed, code, status, verdict):
    client, stubber = stubbed
    stubber.add_client_error("put_events", code, http_status_code=status)
    answers = Sender(client).send(entries(3))
    assert [(answer.verdict, answer.code) for answer in answers] == [(verdict, code)] * 3


def test_where_a_whole_call_is_refused_each_entry_goes_alone_to_find_the_guilty_one():
    guilty = entries(3)[2].document
    error = client_error("PutEvents", "ValidationException", message="Total size over the limit")
    client = FakeEvents(
        raises=lambda sent: error if any(one["Detail"] == guilty for one in sent) else None
    )
    answers = Sender(client).send(entries(4))
    assert Counter(verdicts(answers)) == {Verdict.CONFIRMED: 3, Verdict.REFUSED: 1}
    assert answers[2].verdict is Verdict.REFUSED


@pytest.mark.parametrize(
    ("found", "verdict", "code"),
    [
        (
            client_error("DescribeEventBus", "ResourceNotFoundException"),
            Verdict.BUS_FAULT,
            "EventBusNotFound",
        ),
        (BUS.replace("123456789012", "210987654321"), Verdict.BUS_FAULT, "EventBusNotFound"),
        (None, Verdict.BUS_FAULT, "EventBusNotFound"),
        (
            client_error("DescribeEventBus", "AccessDeniedException"),
            Verdict.BUS_FAULT,
            "AccessDeniedException",
        ),
        (
            client_error("DescribeEventBus", "ValidationException"),
            Verdict.BUS_FAULT,
            "ValidationException",
        ),
        (NoCredentialsError(), Verdict.BUS_FAULT, "NoCredentialsError"),
        (
            client_error("DescribeEventBus", "ThrottlingException"),
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


@pytest.mark.parametrize(
    ("named", "verdict", "calls"),
    [
        ("Invalid EventBusName: not a bus", Verdict.BUS_FAULT, 1),
        ("Invalid Detail, see TopicArn", Verdict.REFUSED, 4),
    ],
)
def test_an_error_that_names_the_bus_blames_the_bus_and_no_entry(named, verdict, calls):
    error = client_error("PutEvents", "ValidationException", message=named)
    client = FakeEvents(raises=lambda _sent: error)
    assert verdicts(Sender(client).send(entries(3))) == [verdict] * 3
    assert len(client.calls) == calls


def test_a_bus_that_appears_is_used_at_once():
    missing = client_error("DescribeEventBus", "ResourceNotFoundException")
    client = FakeEvents(looks=[missing, missing, BUS])
    sender = Sender(client)
    found = [verdicts(sender.send(entries(1)))[0] for _ in range(4)]
    assert found == [Verdict.BUS_FAULT] * 2 + [Verdict.CONFIRMED] * 2
    assert client.looked == 3


def test_a_bus_that_was_deleted_under_a_warm_publisher_is_noticed_within_a_minute():
    missing = client_error("DescribeEventBus", "ResourceNotFoundException")
    client = FakeEvents(looks=[BUS, missing])
    sender = Sender(client)
    assert verdicts(sender.send(entries(1))) == [Verdict.CONFIRMED]
    sender.clock.pass_seconds(59)
    assert verdicts(sender.send(entries(1))) == [Verdict.CONFIRMED]
    sender.clock.pass_seconds(1)
    assert verdicts(sender.send(entries(1))) == [Verdict.BUS_FAULT]
    assert len(client.calls) == 2


def test_a_second_look_that_fails_for_a_passing_reason_stops_nothing():
    client = FakeEvents(looks=[BUS, client_error("DescribeEventBus", "ThrottlingException")])
    sender = Sender(client)
    for _ in range(3):
        assert verdicts(sender.send(entries(1))) == [Verdict.CONFIRMED]
        sender.clock.pass_seconds(60)
    assert client.looked == 3


def test_when_time_runs_out_no_further_call_starts_but_the_first_one_always_does():
    client = FakeEvents()
    answers = Sender(client).send(entries(25), seconds_left=0.0)
    assert Counter(verdicts(answers)) == {Verdict.CONFIRMED: 10, Verdict.NOT_SENT: 15}


def test_a_missing_bus_parks_and_loses_nothing_and_counts_as_the_buss_fault():
    missing = client_error("DescribeEventBus", "ResourceNotFoundException")
    sender = Sender(FakeEvents(looks=[missing]))
    rig = Rig(bus=FakeBus())
    rig.bus.send = sender.bus.send
    batch = [
        record("ACTIVE", "CLOSED", number=number, customer_id=f"c-{number}") for number in (1, 2)
    ]
    assert rig.handle(batch) == min(one["dynamodb"]["SequenceNumber"] for one in batch)
    (result,) = rig.reporter.results
    assert (result.bus_faults, result.published, rig.store.parked) == (2, 0, [])
