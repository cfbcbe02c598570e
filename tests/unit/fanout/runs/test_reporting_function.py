"""Invoking a function as a run does: patiently, and never twice where it may have done its work."""

import io

import pytest
from botocore.exceptions import ClientError, ReadTimeoutError

from fanout.aws import AwsTarget
from fanout.runs import function
from fanout.runs.function import ReportingFunction, patient_client

THROTTLED = ClientError({"Error": {"Code": "TooManyRequestsException"}}, "Invoke")
BROKEN = ClientError({"Error": {"Code": "ServiceException"}}, "Invoke")
LOST = ReadTimeoutError(endpoint_url="https://lambda")


class Lambda:
    """Answers in turn; an exception is raised."""

    def __init__(self, *answers):
        self.answers = list(answers)

    class exceptions:  # noqa: N801 (boto3's name)
        ResourceNotFoundException = type("ResourceNotFoundException", (Exception,), {})

    def invoke(self, **_):
        answer = self.answers.pop(0)
        if isinstance(answer, Exception):
            raise answer
        return {"Payload": io.BytesIO(answer)}


@pytest.fixture
def slept(monkeypatch):
    seconds = []
    monkeypatch.setattr(function.time, "sleep", seconds.append)
    return seconds


def ask(*answers):
    client = Lambda(*answers)
    outcomes, why = ReportingFunction(client=client, name="f", remedy="").ask([{}])
    return outcomes, why, len(client.answers)


def test_an_invocation_that_did_not_begin_is_repeated(slept):
    assert ask(THROTTLED, THROTTLED, b'{"outcomes": []}') == ([], "", 0)
    assert slept == [0.5, 1.0]


def test_a_function_that_stays_busy_is_given_up_after_some_seconds(slept):
    assert ask(*[THROTTLED] * 9) == (None, "TooManyRequestsException", 4)
    assert sum(slept) < 10


@pytest.mark.parametrize(
    ("answer", "why"), [(BROKEN, "ServiceException"), (LOST, "ReadTimeoutError")]
)
def test_an_invocation_that_may_have_been_done_is_not_repeated(slept, answer, why):
    assert ask(answer, b'{"outcomes": []}') == (None, why, 1)
    assert not slept


def test_its_client_waits_as_long_as_a_function_may_run_and_repeats_nothing(monkeypatch):
    for name in ("AWS_ACCESS_KEY_ID", "AWS_SECRET_ACCESS_KEY"):
        monkeypatch.setenv(name, "test")
    config = patient_client(AwsTarget(region="eu-west-1")).meta.config
    assert config.read_timeout >= 900
    assert config.retries["total_max_attempts"] == 1
