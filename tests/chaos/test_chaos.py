"""The chaos run itself: its faults look like AWS's, it hurts nobody else, and its checker bites."""

import os
import signal
import subprocess
import sys
from collections import Counter
from datetime import UTC, datetime
from itertools import islice

import boto3
import pytest
from botocore.config import Config
from botocore.exceptions import BotoCoreError, ClientError

from chaos.checks import steps_back
from chaos.faults import Fault, Weather
from chaos.load import changes
from chaos.proxy import CALLS as CALLED
from chaos.proxy import KILLS, UNANSWERED, FaultProxy
from chaos.run import Settings, run
from chaos.workers import is_possible_here, kill_caller
from customer_events.sequence import sequence
from fanout.demo.audit import Stored
from fanout.local.state_folder import RecordedProcess

CALLS = {
    "dynamodb": lambda client: client.list_tables(),
    "sns": lambda client: client.publish(TopicArn="arn:aws:sns:eu-west-1:1:t", Message="m"),
    "sqs": lambda client: client.send_message(QueueUrl="http://127.0.0.1/1/q", MessageBody="m"),
    "s3": lambda client: client.put_object(Bucket="bucket", Key="key", Body=b"body"),
    "events": lambda client: client.put_events(Entries=[{"Source": "s"}]),
}


class Always:
    """A weather with one fault."""

    def __init__(self, fault):
        self._fault = fault

    def next_fault(self):
        return self._fault


@pytest.fixture
def call():
    def make(service, fault):
        proxy = FaultProxy("http://127.0.0.1:9", Always(fault), lambda *_: False)
        with proxy.serving():
            client = boto3.client(
                service,
                endpoint_url=proxy.url,
                region_name="eu-west-1",
                aws_access_key_id="test",
                aws_secret_access_key="test",
                config=Config(retries={"total_max_attempts": 1}, proxies={}),
            )
            try:
                CALLS[service](client)
            except (BotoCoreError, ClientError) as error:
                return error, proxy
            finally:
                client.close()
        pytest.fail(f"{service} did not fail")

    return make


@pytest.mark.parametrize(
    ("service", "code"),
    [
        ("dynamodb", "ProvisionedThroughputExceededException"),
        ("sns", "Throttling"),
        ("sqs", "RequestThrottled"),
        ("s3", "SlowDown"),
        ("events", "ThrottlingException"),
    ],
)
def test_a_throttle_reads_as_the_service_words_it(call, service, code):
    error, proxy = call(service, Fault.THROTTLED)
    assert error.response["Error"]["Code"] == code
    assert proxy.faults == {(service, Fault.THROTTLED): 1}


@pytest.mark.parametrize("service", CALLS)
def test_a_server_error_reads_as_one(call, service):
    error, _ = call(service, Fault.SERVER_ERROR)
    assert error.response["ResponseMetadata"]["HTTPStatusCode"] == 500
    assert error.response["Error"]["Code"].startswith("Internal")


@pytest.mark.parametrize("fault", [Fault.DROPPED, Fault.KILLED_BEFORE, None])
def test_a_call_that_is_dropped_or_finds_no_service_is_a_lost_connection(call, fault):
    error, proxy = call("dynamodb", fault)
    assert type(error).__name__ == "ConnectionClosedError"
    assert proxy.counts[UNANSWERED] == (1 if fault is None else 0)


def test_a_seed_draws_the_same_faults_again_and_every_kind_of_them():
    def drawn(seed):
        seconds = iter(range(10**6))
        weather = Weather(seed, clock=lambda: next(seconds))
        weather.begin()
        return [weather.next_fault() for _ in range(5_000)]

    assert drawn(7) == drawn(7)
    assert drawn(7) != drawn(8)
    assert set(Counter(drawn(7))) == {None, *Fault}


def test_it_is_calm_before_and_after():
    weather = Weather(1)
    assert {weather.next_fault() for _ in range(1_000)} == {None}
    weather.begin()
    weather.calm()
    assert {weather.next_fault() for _ in range(1_000)} == {None}


def test_a_seed_gives_the_same_changes_again():
    def first(seed):
        return list(islice(changes(seed, customers=9, until=1e12), 99))

    assert first(3) == first(3)
    assert first(3) != first(4)


def killing(emulator_pid):
    """A proxy that kills whoever makes a call, where that is a worker of this emulator."""

    def kill(caller_port, proxy_port):
        recorded = RecordedProcess.of(emulator_pid())
        return kill_caller(recorded, caller_port=caller_port, proxy_port=proxy_port)

    return FaultProxy("http://127.0.0.1:9", Always(Fault.KILLED_BEFORE), kill)


CALL = "import sys, urllib.request as r; r.urlopen(sys.argv[1])"
ENVIRONMENT = {"PATH": os.environ["PATH"], "NO_PROXY": "*"}


def test_a_worker_of_the_emulator_is_killed_in_its_call():
    worker = f"subprocess.run([sys.executable, '-c', {CALL!r}, sys.argv[1]]).returncode"
    proxy = killing(lambda: emulator.pid)
    with proxy.serving():
        emulator = subprocess.Popen(
            [sys.executable, "-c", f"import subprocess, sys; print({worker})", proxy.url],
            env=ENVIRONMENT,
            stdout=subprocess.PIPE,
        )
        printed, _ = emulator.communicate()
    assert int(printed) == -signal.SIGKILL
    assert proxy.counts[KILLS] == 1


def test_a_caller_that_is_no_worker_of_the_emulator_is_left_alone():
    """This process's child makes the call, and not a child of the supposed emulator."""
    emulator = subprocess.Popen([sys.executable, "-c", "input()"], stdin=subprocess.PIPE)
    proxy = killing(lambda: emulator.pid)
    try:
        with proxy.serving():
            stranger = subprocess.run(
                [sys.executable, "-c", CALL, proxy.url],
                env=ENVIRONMENT,
                stderr=subprocess.PIPE,
                check=False,
            )
    finally:
        emulator.communicate(b"\n")
    assert proxy.counts[CALLED] == 1
    assert proxy.counts[KILLS] == 0
    assert stranger.returncode == 1, "it ended by the lost connection, not by a signal"


def test_a_row_that_goes_back_is_noticed_and_one_that_stays_or_rises_is_not():
    def version(customer_id, number):
        return Stored(
            event_id="e",
            customer_id=customer_id,
            sequence=sequence(number, epoch=1),
            applied_at=datetime(2026, 11, 23, tzinfo=UTC),
        )

    well = [("a", 1), ("b", 9), ("a", 2), ("a", 2), ("a", 10)]
    assert list(steps_back(version(*one) for one in well)) == []
    (sentence,) = steps_back(version(*one) for one in [*well, ("a", 9), ("b", 9)])
    assert sentence.startswith("backwards: a went from ")


@pytest.mark.slow
@pytest.mark.exhaustive
@pytest.mark.skipif(not is_possible_here(), reason="was tried on Linux only")
def test_a_few_seconds_of_chaos_lose_nothing_and_leave_every_row_right(tmp_path):
    settings = Settings(
        seed=20_261_123,
        chaos_seconds=12,
        rate=40,
        customers=50,
        pause_every_seconds=4,
        visibility_timeout_seconds=5,
    )
    report = run(settings, tmp_path, lambda *_: None)
    assert report.broken == ()
    figures = report.figures
    ended = figures["  applied"] + figures["  superseded"]
    assert ended == figures["changes of status"] > 50
    assert figures["  that differ"] == 0
    assert sum(figures[f"  {fault.value}"] for fault in Fault) > 0
    assert figures["pauses of the emulator"] > 0
