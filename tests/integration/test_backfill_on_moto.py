"""`fanout backfill` on moto: what is read, what is sent, what is refused."""

import json
import re
import shutil
import time
from datetime import UTC, datetime, timedelta
from pathlib import Path

import pytest

from aws_parts import create_table
from customer_events.event import Status
from customer_events.sequence import UNCOUNTED
from fanout import console
from fanout.errors import Refused, WrongUse
from fanout.runs import pace as depth_bound
from fanout.runs.pace import Stopping
from fanout.sqs.queue import SqsQueue
from integration.seeding_on_moto import seeding_on_moto
from unit.fanout.backfill_samples import position

OLD_JOURNALS = Path(__file__).parent / "journals"
"""Of runs that were interrupted under the previous release."""


@pytest.fixture
def deployment(tmp_path):
    with seeding_on_moto(tmp_path) as made:
        yield made


def test_every_customer_comes_once_as_a_snapshot_that_was_read_just_now(deployment, monkeypatch):
    monkeypatch.setattr(console, "LINES_SECONDS", 0.005)
    for number in range(23):
        deployment.put(f"c-{number}", "ACTIVE", note={"S": "private"})
    began_at = datetime.now(UTC)
    result = deployment.backfill("--page-size", "3", "--segments", "2")
    assert result.exit_code == 0, result.output
    assert json.loads(result.stdout)["sent"] == 23
    assert "backfill: 23 of 23 (" in result.stderr
    messages = deployment.messages()
    assert len(messages) == 23
    assert not any("private" in one["Body"] for one in messages)
    assert messages[0]["MessageAttributes"]["status"]["StringValue"] == "ACTIVE"
    document = json.loads(messages[0]["Body"])
    assert document["sequence"] == UNCOUNTED
    read_at = datetime.fromisoformat(document["time"])
    assert read_at.microsecond
    second = timedelta(seconds=1)  # AWS's clock is read in whole seconds
    assert began_at - second < read_at < datetime.now(UTC) + second


def test_without_execute_nothing_is_sent_until_the_planned_run_is_resumed(deployment):
    deployment.put("c-1", "ACTIVE")
    deployment.subscriber(since=datetime.now(UTC).isoformat())
    began = time.monotonic()
    result = deployment.run("backfill", "payments")
    plan = json.loads(result.stdout)
    assert (plan["executed"], plan["subject"]["subscriber"]) == (False, "payments")
    assert plan["risk"] is None
    took_seconds = time.monotonic() - began
    assert 898 - took_seconds < plan["wait_seconds"] < 902, "AWS's clock has whole seconds"
    run_id = json.loads(deployment.run("backfill", "payments", "--no-wait").stdout)["run_id"]
    deployment.run("runs", "resume", run_id)
    assert deployment.messages() == []
    begun = deployment.run("runs", "resume", run_id, "--execute")
    assert (begun.exit_code, len(deployment.messages())) == (0, 1), begun.output


def test_not_to_wait_tells_what_it_risks(deployment):
    plan = json.loads(deployment.run("backfill", "payments", "--no-wait").stdout)
    assert plan["wait_seconds"] == 0
    assert "can be missed" in plan["risk"]


def test_since_counts_where_it_is_later(deployment):
    later = datetime.now(UTC) + timedelta(days=5)
    deployment.subscriber(since=later.isoformat())
    assert json.loads(deployment.run("backfill", "payments").stdout)["wait_seconds"] > 4 * 86_400


def test_the_plan_tells_how_many_messages_may_wait(deployment):
    def planned(*arguments):
        return json.loads(deployment.run("backfill", "payments", *arguments).stdout)["options"][
            "depth_max"
        ]

    assert planned() == 10_000
    assert planned("--max-depth", "50") == 50
    assert planned("--max-depth", "0") is None


def test_it_pauses_while_too_many_messages_wait_and_goes_on_as_they_are_taken(
    deployment, monkeypatch
):
    for number in range(12):
        deployment.put(f"c-{number}", "ACTIVE")
    options = ("--max-depth", "4", "--page-size", "2", "--segments", "1", "--read-units", "0")
    depths, taken = [], []

    def consume(_stopping, _seconds):
        """What happens while the backfill waits."""
        depths.append(deployment.depth())
        taken.extend(deployment.messages())

    monkeypatch.setattr(Stopping, "wait", consume)
    monkeypatch.setattr(depth_bound, "LOOK_SECONDS", 0)
    result = deployment.backfill(*options)
    assert result.exit_code == 0, result.output
    assert "messages wait in the queue: pausing" in result.stderr
    assert json.loads(result.stdout)["sent"] == len(taken) + len(deployment.messages()) == 12
    assert 4 < max(depths) <= 6


def test_with_a_version_counter_a_snapshot_has_its_place(deployment):
    deployment.publisher(sequence_attribute="version", sequence_epoch=4)
    deployment.put("c-1", "ACTIVE", version={"N": "12"})
    deployment.backfill()
    event = deployment.events()["c-1"]
    assert (event.sequence, event.sequence_source) == (position(12, epoch=4), "version")


def test_what_cannot_be_read_is_told_and_the_rest_is_sent(deployment):
    deployment.put("c-1", "ACTIVE")
    deployment.put("c-2", "FROZEN")
    result = deployment.backfill()
    assert (result.exit_code, json.loads(result.stdout)["unreadable"]) == (1, {"UnknownStatus": 1})
    assert list(deployment.events()) == ["c-1"]
    report = deployment.run("runs", "show", "last")
    assert (report.exit_code, json.loads(report.stdout)["status"]) == (1, "finished")
    assert "finished: Items of Accounts that can't become" in report.stdout
    shown = deployment.run("backfill", "payments", "--no-wait", "--execute", as_json=False)
    assert "1 UnknownStatus; such as c…: UnknownStatus" in shown.stdout


def test_a_backfill_that_stopped_after_a_failure_says_how_to_resume_it(deployment, monkeypatch):
    deployment.put("c-1", "ACTIVE")

    def away(*_):
        raise Refused("The queue is away.")

    with monkeypatch.context() as patch:
        patch.setattr(SqsQueue, "send", away)
        stopped = deployment.backfill()
    assert "The queue is away." in str(stopped.exception)
    [command] = re.findall("fanout (runs resume .*)", stopped.stderr)
    assert deployment.run(*command.split()).exit_code == 0
    assert list(deployment.events()) == ["c-1"]


def test_only_followed_statuses_are_sent(deployment):
    policy = {"transition": [{"prefix": "SUSPENDED>"}, {"suffix": ">SUSPENDED"}]}
    deployment.subscribe(policy)
    deployment.subscriber(filter=policy)
    for number, status in enumerate(Status):
        deployment.put(f"c-{number}", status)
    document = json.loads(deployment.backfill().stdout)
    assert (document["sent"], document["not_followed"]) == (1, 4)
    assert [event.status for event in deployment.events().values()] == [Status.SUSPENDED]


def test_a_filter_that_no_item_matches_is_no_success(deployment):
    deployment.publisher(entity_filter="kind=CUSTMER")
    deployment.put("c-1", "ACTIVE", kind={"S": "CUSTOMER"})
    result = deployment.run("backfill", "payments", "--no-wait", "--execute", as_json=False)
    assert result.exit_code == 1
    assert "None of the 1 items of accounts" in result.stdout
    assert "ENTITY_FILTER (kind=CUSTMER)" in result.stdout
    assert deployment.messages() == []


def test_items_that_are_no_customers_are_passed_over(deployment):
    create_table(deployment.clients["dynamodb"], "single", key="customer_id", sort_key="kind")
    deployment.publisher(accounts_table="single", entity_filter="kind=profile")
    for kind, status in (("order-1", "OPEN"), ("profile", "CLOSED")):
        deployment.clients["dynamodb"].put_item(
            TableName="single",
            Item={"customer_id": {"S": "c-1"}, "kind": {"S": kind}, "status": {"S": status}},
        )
    result = deployment.backfill("--page-size", "1")
    assert result.exit_code == 0, result.output
    assert deployment.events()["c-1"].status is Status.CLOSED


def test_on_fifo_snapshots_go_to_their_customers_groups(tmp_path):
    with seeding_on_moto(tmp_path, fifo=True) as deployment:
        for number in range(12):
            deployment.put(f"c-{number}", "ACTIVE")
        deployment.backfill()
        messages = deployment.messages()
    assert len({one["Attributes"]["MessageGroupId"] for one in messages}) == 12


@pytest.mark.parametrize(
    ("change", "sentence"),
    [
        ({"versions": "1"}, "snapshots are version 2"),
        ({"filter": {"transition": ["ACTIVE>SUSPENDED"]}}, "follows no status"),
        ({"filter": {"detail": {"time": [{"prefix": "2026"}]}}}, "by detail.time too"),
        ({"filter": None}, "another filter"),
        ({"queue_arn": "arn:aws:sqs:eu-west-1:123456789012:other"}, "nothing delivers"),
        ({"since": "yesterday"}, "RFC 3339"),
    ],
    ids=["version", "no-status", "undecided", "filter", "queue", "since"],
)
def test_a_subscriber_that_cannot_be_seeded_is_refused(deployment, change, sentence):
    deployment.put("c-1", "ACTIVE")
    deployment.subscriber(**change)
    result = deployment.backfill()
    assert isinstance(result.exception, WrongUse)
    assert sentence in str(result.exception)
    assert deployment.messages() == []


def test_a_table_with_another_key_is_refused(deployment):
    create_table(deployment.clients["dynamodb"], "other", key="id")
    deployment.publisher(accounts_table="other")
    assert "expected 'customer_id'" in str(deployment.backfill().exception)


def test_a_run_is_not_resumed_for_another_filter(deployment):
    deployment.put("c-1", "ACTIVE")
    deployment.backfill()
    policy = {"transition": [{"suffix": ">CLOSED"}]}
    deployment.subscribe(policy)
    deployment.subscriber(filter=policy)
    result = deployment.run("runs", "resume", "last")
    assert "another queue, table or filter" in str(result.exception)


def test_a_run_of_another_command_or_subscriber_is_not_resumed_as_a_backfill(
    deployment, monkeypatch
):
    monkeypatch.setattr("fanout.accounts.reconcile.VERIFY_MIN_SECONDS", 0)
    deployment.put("c-1", "ACTIVE")
    deployment.run("reconcile", "payments", "--grace-seconds", "0", "--repair", "--execute")
    result = deployment.backfill("--resume", "reconcile")
    assert "No run 'reconcile'" in str(result.exception)
    run_id = json.loads(deployment.run("backfill", "payments").stdout)["run_id"]
    result = deployment.run("backfill", "fraud", "--resume", run_id)
    assert "is no backfill of fraud" in str(result.exception)
    assert "next release" in result.stderr


def test_the_old_name_of_the_limit_on_reads_works_with_a_notice(deployment):
    result = deployment.run("backfill", "payments", "--rate", "7")
    assert json.loads(result.stdout)["options"]["read_units"] == 7
    assert "`--rate` is `--read-units`" in result.stderr


def test_a_journal_of_the_previous_release_is_resumed(deployment, monkeypatch, tmp_path):
    monkeypatch.setattr("fanout.accounts.backfill.FILTER_DELAY_SECONDS", 0)
    shutil.copy(OLD_JOURNALS / "backfill.jsonl", tmp_path)
    for number in range(6):
        deployment.put(f"customer-{number}", "ACTIVE")
    result = deployment.run("runs", "resume", "last")
    document = json.loads(result.stdout)
    assert (result.exit_code, document["finished"]) == (0, True), result.output
    assert document["sent"] == 3 + len(deployment.messages()), "three were sent before"
