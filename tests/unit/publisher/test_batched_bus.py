"""Calls are as few and as full as a bus takes them, and each entry gets an answer of its own."""

from collections import Counter
from concurrent.futures import ThreadPoolExecutor

import pytest
from botocore.exceptions import (
    ClientError,
    ConnectTimeoutError,
    EndpointConnectionError,
    NoCredentialsError,
    ReadTimeoutError,
)
from botocore.parsers import ResponseParserError

from publisher.batched_bus import BatchedBus
from publisher.bus_errors import CONFIRMED
from publisher.ports import Answer, Verdict
from publisher.transports import EVENTBRIDGE, SNS, SNS_FIFO
from stubbed_client import client_error
from unit.publisher.publisher_fakes import FakeClock, verdicts
from unit.publisher.stream_record_samples import entries


class FakeCalls:
    """Takes every entry, unless `raises` answers with an error for a call's entries."""

    bus_parameter = "TopicArn"

    def __init__(self, raises=None, absent=None):
        self.raises = raises or (lambda _entries: None)
        self.absent = absent
        self.calls = []

    def absence(self, now):
        return self.absent

    def publish(self, sent):
        assert 1 <= len(sent) <= 10
        self.calls.append(sent)
        error = self.raises(sent)
        if error:
            raise error
        return [CONFIRMED] * len(sent)


def send(calls, sent, *, transport=SNS, size=262_144, seconds_left=30.0):
    with ThreadPoolExecutor(2) as executor:
        bus = BatchedBus(transport=transport, calls=calls, size_max_bytes=size, executor=executor)
        return bus.send(sent, FakeClock().deadline(seconds_left))


@pytest.mark.parametrize(
    ("count", "calls"), [(0, 0), (1, 1), (10, 1), (11, 2), (99, 10), (1_000, 100)]
)
def test_n_entries_take_a_tenth_of_n_calls_rounded_up(count, calls):
    fake = FakeCalls()
    assert verdicts(send(fake, entries(count))) == [Verdict.CONFIRMED] * count
    assert len(fake.calls) == calls


@pytest.mark.parametrize(
    ("transport", "ordered"), [(SNS, False), (SNS_FIFO, True), (EVENTBRIDGE, False)]
)
def test_only_a_fifo_topic_keeps_order(transport, ordered):
    bus = BatchedBus(transport=transport, calls=None, size_max_bytes=1024, executor=None)
    assert bus.ordered is ordered


@pytest.mark.parametrize(
    ("transport", "in_a_call"), [(SNS, [3, 3, 3, 1]), (SNS_FIFO, [3, 3, 3, 1]), (EVENTBRIDGE, [10])]
)
def test_the_size_of_a_message_limits_a_whole_call_of_sns_and_one_event_of_event_bridge(
    transport, in_a_call
):
    fake, sent = FakeCalls(), entries(10)
    size = 3 * transport.size_bytes(sent[0])
    assert verdicts(send(fake, sent, transport=transport, size=size)) == [Verdict.CONFIRMED] * 10
    assert [len(call) for call in fake.calls] == in_a_call


def test_one_call_to_event_bridge_holds_less_than_a_megabyte():
    fake, sent = FakeCalls(), entries(10, source="urn:" + "x" * 80_000, customer_id="\x01" * 2_000)
    assert verdicts(send(fake, sent, transport=EVENTBRIDGE)) == [Verdict.CONFIRMED] * 10
    fit = 1_048_575 // EVENTBRIDGE.size_bytes(sent[0])
    assert 1 < fit < 10
    assert [len(call) for call in fake.calls[:-1]] == [fit] * (9 // fit)


@pytest.mark.parametrize("transport", [SNS, EVENTBRIDGE])
def test_an_entry_is_sent_up_to_its_limit_and_no_byte_beyond_and_leaves_its_neighbours_alone(
    transport,
):
    sent = entries(3)
    sent[1] = entries(2, reason="x" * 128)[1]
    size = transport.size_bytes(sent[1])
    assert (
        verdicts(send(FakeCalls(), sent, transport=transport, size=size)) == [Verdict.CONFIRMED] * 3
    )
    answers = send(FakeCalls(), sent, transport=transport, size=size - 1)
    assert verdicts(answers) == [Verdict.CONFIRMED, Verdict.REFUSED, Verdict.CONFIRMED]
    assert (answers[1].code, answers[1].reason.code) == ("EventTooLarge", "EventTooLarge")
    assert f"at most {size - 1} bytes" in answers[1].reason.expected


def test_nothing_is_sent_to_a_bus_that_is_absent():
    absent = Answer(verdict=Verdict.BUS_FAULT, code="EventBusNotFound")
    fake = FakeCalls(absent=absent)
    assert send(fake, entries(3)) == [absent] * 3
    assert fake.calls == []


@pytest.mark.parametrize(
    ("error", "verdict"),
    [
        (client_error("Throttling"), Verdict.TRANSIENT),
        (client_error("InternalError", 500), Verdict.TRANSIENT),
        (client_error("AuthorizationError", 403), Verdict.BUS_FAULT),
        (client_error("SomethingNew", 404), Verdict.BUS_FAULT),
        (client_error("InvalidParameter", 400, "Invalid parameter: TopicArn"), Verdict.BUS_FAULT),
        (ReadTimeoutError(endpoint_url="x"), Verdict.TRANSIENT),
        (ConnectTimeoutError(endpoint_url="x"), Verdict.TRANSIENT),
        (EndpointConnectionError(endpoint_url="x"), Verdict.TRANSIENT),
        (NoCredentialsError(), Verdict.BUS_FAULT),
    ],
)
def test_an_error_of_the_whole_call_is_every_entrys_and_the_call_is_made_once(error, verdict):
    fake = FakeCalls(raises=lambda _sent: error)
    answers = send(fake, entries(3))
    is_answer = isinstance(error, ClientError)
    code = error.response["Error"]["Code"] if is_answer else type(error).__name__
    assert [(answer.verdict, answer.code) for answer in answers] == [(verdict, code)] * 3
    assert len(fake.calls) == 1


@pytest.mark.parametrize(
    ("error", "verdict"),
    [
        (client_error("InvalidParameter", 400, "Message too long"), Verdict.REFUSED),
        (client_error("ValidationException", 400, "See EventBusName"), Verdict.REFUSED),
        (ValueError("a surprise in an entry"), Verdict.TRANSIENT),
        (ResponseParserError("not XML"), Verdict.TRANSIENT),
    ],
)
def test_where_a_whole_call_is_refused_each_entry_goes_alone_to_find_the_guilty_one(error, verdict):
    sent = entries(4)
    fake = FakeCalls(raises=lambda call: error if sent[2] in call else None)
    answers = send(fake, sent)
    assert Counter(verdicts(answers)) == {Verdict.CONFIRMED: 3, verdict: 1}
    assert answers[2].verdict is verdict
    assert len(fake.calls) == 5


@pytest.mark.parametrize(
    ("response", "code"),
    [({}, "Unnamed"), ({"Error": {}}, "Unnamed"), ({"Error": {"Code": "X"}}, "X")],
)
def test_an_error_that_says_hardly_anything_may_pass_the_next_time(response, code):
    fake = FakeCalls(raises=lambda _sent: ClientError(response, "PublishBatch"))
    (answer,) = send(fake, entries(1))
    assert (answer.verdict, answer.code) == (Verdict.TRANSIENT, code)


def test_as_long_as_any_time_is_left_every_call_is_made():
    assert verdicts(send(FakeCalls(), entries(25), seconds_left=0.5)) == [Verdict.CONFIRMED] * 25
    error = client_error("InvalidParameter")
    fake = FakeCalls(raises=lambda call: error if len(call) > 1 else None)
    assert verdicts(send(fake, entries(3), seconds_left=0.5)) == [Verdict.CONFIRMED] * 3


def test_when_time_runs_out_no_further_call_starts_but_the_first_one_always_does():
    fake = FakeCalls()
    answers = send(fake, entries(25), seconds_left=0.0)
    assert verdicts(answers) == [Verdict.CONFIRMED] * 10 + [Verdict.NOT_SENT] * 15
    assert len(fake.calls) == 1


def test_no_time_is_spent_on_finding_the_guilty_one_where_none_is_left():
    fake = FakeCalls(raises=lambda _sent: client_error("InvalidParameter"))
    assert verdicts(send(fake, entries(3), seconds_left=0.0)) == [Verdict.NOT_SENT] * 3
    assert len(fake.calls) == 1
