"""The consumer asks Lambda for the time left, and keeps enough of it for parking and answering."""

import pytest
from botocore.session import get_session

from customer_events.encoder import encode
from event_consumer import bootstrap
from event_consumer.latest_state import LatestState
from event_consumer.settings import from_environment
from unit.event_consumer.consumer_samples import (
    ENVIRONMENT,
    FakeClock,
    RowsInMemory,
    Silence,
    SqsInMemory,
    lambda_context,
    live,
    message_id,
    record,
)


class SlowRows(RowsInMemory):
    def __init__(self, clock, seconds):
        super().__init__()
        self.clock, self.seconds = clock, seconds

    def write(self, event):
        self.clock.seconds += self.seconds
        return super().write(event)


def run(records, *, function_seconds=30.0, write_seconds=1.0, call_seconds=0.0):
    """What was written, the SQS client, and how long it all took."""
    clock = FakeClock()
    rows = SlowRows(clock, write_seconds)
    sqs = SqsInMemory(lambda: clock.pass_seconds(call_seconds))
    handler = bootstrap.lambda_handler(
        from_environment(ENVIRONMENT),
        LatestState(rows, writers_max=1),
        sqs=sqs,
        reporter=Silence(),
        clock=clock,
    )
    started = clock.seconds
    answer = handler({"Records": records}, lambda_context(function_seconds))
    failed = [one["itemIdentifier"] for one in answer["batchItemFailures"]]
    return len(rows.writes), sqs, clock.seconds - started, failed


def events(count):
    return [record(n, live(1, customer_id=f"c-{n}")) for n in range(count)]


@pytest.mark.parametrize(
    ("function_seconds", "writes"), [(30, 12), (60, 42), (20, 8), (10, 4), (900, 882)]
)
def test_writes_start_while_a_write_and_a_parking_still_fit(function_seconds, writes):
    written, _, _, failed = run(events(1000), function_seconds=function_seconds)
    assert written == writes
    assert failed == [message_id(n) for n in range(writes, 1000)]


def test_a_write_that_takes_as_long_as_the_client_lets_it_leaves_time_to_park():
    poison = record(0, "poison")
    _, sqs, seconds, failed = run([poison, *events(9)[1:]], write_seconds=9.0, call_seconds=9.0)
    assert len(sqs.parked) == 1
    assert seconds <= 30
    assert message_id(0) not in failed


def test_parking_in_several_calls_and_delaying_end_before_lambda_ends_the_invocation():
    poison = [record(n, "poison") for n in range(100)]
    _, sqs, seconds, failed = run(poison, call_seconds=9.0)
    assert seconds <= 30
    assert len(sqs.parked) == 30
    assert failed == [message_id(n) for n in range(30, 100)]
    assert sqs.delayed == [], "they come back when their visibility timeout ends"


def test_a_short_function_keeps_three_tenths_of_its_time_for_answering():
    poison = [record(n, "poison") for n in range(100)]
    _, sqs, seconds, _ = run(poison, function_seconds=10.0, call_seconds=2.0)
    assert (len(sqs.parked), seconds) == (40, 8.0)


def test_ten_slow_messages_of_one_customer_end_in_time():
    same = [record(n, live(n + 1)) for n in range(10)]
    *_, seconds, _ = run(same, write_seconds=4.5)
    assert seconds <= 30


@pytest.mark.parametrize("service", ["dynamodb", "sqs"])
def test_a_client_gives_a_call_up_after_two_attempts_of_a_second_and_three(service, monkeypatch):
    """So that nine seconds, a second between the attempts included, are enough for any call."""
    monkeypatch.setenv("AWS_DEFAULT_REGION", "eu-west-1")
    settings = from_environment(ENVIRONMENT)
    config = bootstrap.aws_client(get_session(), service, settings).meta.config
    assert (config.connect_timeout, config.read_timeout) == (1, 3)
    assert config.retries["total_max_attempts"] == 2
    assert config.max_pool_connections == settings.writers_max


def test_a_replay_has_the_same_deadline():
    clock = FakeClock()
    rows = SlowRows(clock, 5.0)
    handler = bootstrap.lambda_handler(
        from_environment(ENVIRONMENT),
        LatestState(rows, writers_max=1),
        sqs=SqsInMemory(),
        reporter=Silence(),
        clock=clock,
    )
    records = [record(n, encode(live(1, customer_id=f"c-{n}"))) for n in range(9)]
    told = handler({"Records": records, "report_outcomes": True}, lambda_context())["outcomes"]
    assert [one["reason"] for one in told] == [""] * 3 + ["OutOfTime"] * 6
