"""`fanout demo` as a person runs it, and the library behind it."""

import json
import os
import signal
import subprocess
import sys
from pathlib import Path

import pytest

from e2e.started_process import started
from fanout.demo.changes import check
from fanout.demo.run import run
from fanout.demo.witnesses import Watch
from fanout.local.runtime import look, running, stop

pytestmark = pytest.mark.slow

CUSTOMERS = "".join(
    f'{{"customer_id": "c-{number}", "status": "ACTIVE", "op": "put"}}\n' for number in range(5)
)
CHANGES = """\
{"customer_id": "c-0", "status": "SUSPENDED", "reason": "CHARGEBACK"}
{"customer_id": "c-0", "status": "ACTIVE"}
{"customer_id": "c-0", "status": "CLOSED"}
{"customer_id": "c-1", "op": "touch"}
{"customer_id": "c-1", "status": "ACTIVE"}
{"customer_id": "c-2", "op": "delete"}
{"customer_id": "c-2", "status": "PENDING", "op": "put"}
{"customer_id": "c-3", "op": "delete"}
{"customer_id": "c-new", "status": "PENDING"}
{"customer_id": "c-never", "op": "delete"}
"""
TRANSITIONS = 5 + 3 + 2 + 1 + 1


@pytest.fixture
def files(tmp_path):
    (tmp_path / "customers.jsonl").write_text(CUSTOMERS)
    (tmp_path / "changes.jsonl").write_text(CHANGES)
    return ["--customers", "customers.jsonl", "--changes", "changes.jsonl"]


def command(*arguments):
    return [sys.executable, "-c", "from fanout.cli import main; main()", "demo", *arguments]


def clean_environment(tmp_path, **extra):
    kept = {name: value for name, value in os.environ.items() if name != "PUBLISH_VERSIONS"}
    return kept | {"TMPDIR": str(tmp_path)} | extra


def demo(tmp_path, *arguments, **environment):
    return subprocess.run(
        command(*arguments),
        cwd=tmp_path,
        env=clean_environment(tmp_path, **environment),
        capture_output=True,
        text=True,
        timeout=400,
        check=False,
    )


def test_a_broken_line_is_named_and_nothing_is_started(tmp_path):
    (tmp_path / "broken.csv").write_text("customer_id,status\nc-1,ACTIVE\nc-2,ACTIV\n")
    ended = demo(tmp_path, "--changes", "broken.csv", "--report", "report.json")
    assert ended.returncode == 2
    assert "broken.csv, line 3: status: expected 'PENDING', 'ACTIVE'" in ended.stderr
    assert "Traceback" not in ended.stderr
    assert "starting" not in ended.stderr
    assert not (tmp_path / "report.json").exists()


def test_interrupted_it_leaves_no_process_and_no_file(tmp_path, files):
    with started(
        command("--changes", "changes.jsonl", "--rate", "0.5"),
        cwd=tmp_path,
        env=clean_environment(tmp_path),
        stdout=subprocess.DEVNULL,
        stderr=subprocess.PIPE,
    ) as process:
        for line in process.stderr:
            if "playing" in line:
                break
        recorded = look(next(Path(tmp_path).glob("fanout-demo-*")) / "state")
        process.send_signal(signal.SIGINT)
        rest = process.stderr.read()
        assert process.wait(timeout=120) == 130, rest
    assert recorded.deployment is not None
    assert not any(one.is_running() for one in recorded.processes())
    assert not list(tmp_path.glob("fanout-demo-*"))
    assert "Traceback" not in rest


def test_a_small_file_ends_with_nothing_lost_and_kept_it_tells_what_to_try(tmp_path, files):
    state, report = tmp_path / "state", tmp_path / "report.json"
    keep = ("--keep", "--state", str(state), "--report", str(report))
    try:
        ended = demo(tmp_path, *files, *keep, PUBLISH_VERSIONS="1,2")
        assert ended.returncode == 0, ended.stderr
        found = json.loads(report.read_text())
        assert (found["good"], found["versions"]) == (True, [1, 2])
        assert (found["customers_imported"], found["changes_played"]) == (5, 10)
        assert found["status_changes"] == TRANSITIONS
        assert found["events_published"] == 2 * TRANSITIONS
        assert found["applied"] + found["superseded"] == TRANSITIONS
        assert (found["parked"], found["lost"], found["rows_differing"]) == (0, 0, 0)
        assert found["rows_compared"] == 6
        assert found["consumer_deliveries"]["applied"] == found["applied"]
        assert found["consumer_deliveries"]["parked"] == 2
        assert found["latency"]["p50_milliseconds"] > 0
        for said in ("Nothing was lost", "NotJson", "UnsupportedVersion"):
            assert said in ended.stdout
        assert "playing 10 changes" in ended.stderr
        assert "\x1b" not in ended.stdout + ended.stderr
        assert f"local down --state {state}" in ended.stdout
        deployment = look(state).deployment
        assert f"aws sqs receive-message --queue-url {deployment.dlq_url}" in ended.stdout
        assert "export AWS_ENDPOINT_URL=" in ended.stdout
        row = deployment.client("dynamodb").get_item(
            TableName=deployment.payments_table, Key={"customer_id": {"S": "c-0"}}
        )["Item"]
        assert row["status"]["S"] == "CLOSED"
    finally:
        stop(state)
    assert not state.exists()


def test_a_change_that_no_subscriber_gets_is_lost_and_named(tmp_path, files, monkeypatch):
    monkeypatch.setattr("fanout.demo.run.STALL_SECONDS", 5)
    monkeypatch.setattr("fanout.demo.run._LOGS_WAIT_SECONDS", 1)
    watch_made = Watch.__init__

    def cut_off(self, deployment, **settings):
        watch_made(self, deployment, **settings)
        sns = deployment.client("sns")
        for one in sns.list_subscriptions_by_topic(TopicArn=deployment.topic_arn)["Subscriptions"]:
            if one["Endpoint"].endswith("payments"):
                sns.unsubscribe(SubscriptionArn=one["SubscriptionArn"])

    monkeypatch.setattr(Watch, "__init__", cut_off)
    changes = check(tmp_path / "changes.jsonl")
    with running(tmp_path / "state") as fresh:
        silent = {"step": lambda _what: None, "show": lambda _counts: None}
        finding = run(fresh, changes, customers=None, rate=None, **silent)
    assert not (tmp_path / "state").exists()
    assert not finding["good"]
    assert finding["lost"] == finding["events_published"] == finding["status_changes"] > 0
    assert all("neither applied" in change for change in finding["lost_changes"])
