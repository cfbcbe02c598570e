"""What the smoke test creates and deletes, what it asks, and what it makes of the answers."""

import json
from contextlib import nullcontext
from pathlib import Path
from types import SimpleNamespace

import pytest
from botocore.exceptions import ClientError
from typer.testing import CliRunner

import smoke_aws
from fanout.errors import WrongUse
from fanout.local.stack import load_template
from smoke_aws import QUESTIONS, NotAsked, NotInTime, Report, ask_all, run_drills

PAGE = Path(__file__).parents[2] / "docs" / "howto" / "smoke-test-aws.md"


class Recorder:
    """Stands for every client: notes each call with its arguments, and answers as told."""

    def __init__(self, **answers):
        self.calls = []
        self._answers = answers
        self.meta = SimpleNamespace(region_name="eu-west-1")
        self.exceptions = SimpleNamespace(ClientError=ClientError)

    def get_waiter(self, name):
        return SimpleNamespace(wait=lambda **named: self.calls.append((name, named)))

    def get_paginator(self, name):
        pages = self._answers.get(name, [{}])
        return SimpleNamespace(paginate=lambda **named: self.calls.append((name, named)) or pages)

    def __getattr__(self, name):
        def call(**named):
            self.calls.append((name, named))
            return self._answers.get(name, {})

        return call


def target_of(client):
    return SimpleNamespace(prefix="smoke-0a1b2c3d", client=lambda _service: client)


def test_without_execute_only_the_plan_is_shown():
    shown = CliRunner().invoke(smoke_aws.app, ["smoke", "--json"])
    assert shown.exit_code == 0
    plan = json.loads(shown.stdout)
    assert plan["prefix"].startswith("smoke-")
    assert plan["drills"] == list(smoke_aws.DRILLS)


def test_each_run_has_a_prefix_of_its_own_that_the_template_takes():
    prefixes = {smoke_aws.random_prefix() for _ in range(100)}
    assert len(prefixes) == 100
    assert all(len(prefix) <= 20 for prefix in prefixes)


@pytest.mark.parametrize(
    "arguments", [["--local", "--execute"], ["--local"]], ids=["both", "an endpoint"]
)
def test_a_call_that_contradicts_itself_is_refused(arguments):
    before = [] if "--execute" in arguments else ["--endpoint-url", "http://127.0.0.1:1"]
    result = CliRunner().invoke(smoke_aws.app, [*before, "smoke", *arguments])
    assert isinstance(result.exception, WrongUse)


def test_nothing_of_the_stack_outlives_it():
    template = smoke_aws.ephemeral(load_template())
    kept = [one for one in template["Resources"].values() if one["DeletionPolicy"] != "Delete"]
    assert kept == []


def test_tearing_down_empties_and_deletes_what_it_made_and_nothing_else():
    made = {"ResourceType": "AWS::S3::Bucket", "PhysicalResourceId": "smoke-0a1b2c3d-failures"}
    other = {"ResourceType": "AWS::SQS::Queue", "PhysicalResourceId": "a-queue"}
    versions = [{"Versions": [{"Key": "k", "VersionId": "1"}], "DeleteMarkers": []}]
    client = Recorder(
        list_stack_resources=[{"StackResourceSummaries": [made, other]}],
        list_object_versions=versions,
    )
    smoke_aws._tear_down(target_of(client), "smoke-0a1b2c3d-packages-1", lambda _: None)
    changed = [(name, named) for name, named in client.calls if "delete" in name]
    assert {named.get("Bucket", named.get("StackName")) for _, named in changed} == {
        "smoke-0a1b2c3d",
        "smoke-0a1b2c3d-failures",
        "smoke-0a1b2c3d-packages-1",
    }
    assert changed[-1] == ("delete_bucket", {"Bucket": "smoke-0a1b2c3d-packages-1"})


def test_what_was_made_is_torn_down_when_a_drill_raises(monkeypatch):
    pages = [{"StackResourceSummaries": []}]
    client = Recorder(get_caller_identity={"Account": "1"}, list_stack_resources=pages)
    monkeypatch.setattr(smoke_aws, "_create_stack", lambda *_: None)
    with pytest.raises(KeyboardInterrupt), smoke_aws.deployed(target_of(client), lambda _: None):
        raise KeyboardInterrupt
    assert ("delete_stack", {"StackName": "smoke-0a1b2c3d"}) in client.calls


def drilled(monkeypatch, drill):
    monkeypatch.setattr(smoke_aws, "DRILLS", {"one": drill, "two": lambda _: "fine"})
    return run_drills(SimpleNamespace(), lambda _: None)


@pytest.mark.parametrize(
    ("raised", "good"), [(NotInTime("late"), False), (NotAsked("no"), None)], ids=str
)
def test_a_drill_that_fails_does_not_stop_the_next(monkeypatch, raised, good):
    def drill(_):
        raise raised

    findings = drilled(monkeypatch, drill)
    assert [one.good for one in findings] == [good, True]
    report = Report(prefix="smoke-1", local=True, findings=findings, answers=[])
    assert report.is_good is (good is None)


def test_a_throttle_is_taken_back_even_when_the_drill_fails(monkeypatch):
    monkeypatch.setattr(smoke_aws.time, "sleep", lambda _: None)
    client = Recorder()

    def fails(*_):
        raise NotInTime("it did not come")

    site = SimpleNamespace(
        client=lambda _: client,
        payments=SimpleNamespace(function_name="consumer"),
        put=fails,
        local=False,
    )
    with pytest.raises(NotInTime), nullcontext():
        smoke_aws._throttle(site)
    assert [name for name, _ in client.calls] == [
        "put_function_concurrency",
        "delete_function_concurrency",
    ]


def test_a_question_that_fails_is_reported_as_not_answered():
    def fails(*_):
        raise NotInTime("late")

    site = SimpleNamespace(local=False, put=fails, client=fails, bus=SimpleNamespace(transport="x"))
    answers = ask_all(site, lambda _: None)
    assert [each["question"] for each in answers] == list(QUESTIONS)
    assert [each for each in answers if each["answer"]] == []
    assert all(each["remark"] for each in answers)


def test_the_page_lists_each_question():
    text = PAGE.read_text()
    assert [each for each in QUESTIONS if each not in text] == []
