"""`fanout local`: the whole system on this machine, driven as a person or a script drives it."""

import json
import os
import shlex
import signal
import subprocess
import sys
from pathlib import Path

import boto3
import pytest

from e2e.started_process import started
from fanout.errors import ExitCode
from fanout.local.runtime import look, stop
from fanout.local.state_folder import RecordedProcess
from waiting import eventually

pytestmark = pytest.mark.slow

FANOUT = Path(sys.executable).with_name("fanout")
TIMEOUT_SECONDS = 400


def fanout(*arguments, cwd=None):
    return subprocess.run(
        [FANOUT, *map(str, arguments)],
        capture_output=True,
        text=True,
        timeout=TIMEOUT_SECONDS,
        check=False,
        cwd=cwd,
    )


def one_sentence(answer):
    assert answer.stdout == ""
    assert "Traceback" not in answer.stderr
    lines = answer.stderr.strip().splitlines()
    assert len(lines) == 1, answer.stderr
    return lines[0]


@pytest.fixture
def state(tmp_path):
    folder = tmp_path / "state"
    yield folder
    stop(folder)


def rows(client, table):
    pages = client.get_paginator("scan").paginate(TableName=table, ConsistentRead=True)
    return {
        item["customer_id"]["S"]: item["status"]["S"] for page in pages for item in page["Items"]
    }


def is_gone(pid):
    """Ended, be it that nobody has read its exit status yet."""
    try:
        RecordedProcess.of(pid)
    except ProcessLookupError:
        return True
    return False


def test_up_makes_the_payments_table_follow_the_accounts_table_and_down_leaves_nothing(state):
    started = fanout("local", "up", "--json", "--detach", "--state", state)
    assert started.returncode == ExitCode.DONE, started.stderr
    assert "deploying the template …" in started.stderr
    up = json.loads(started.stdout)
    session = boto3.Session("test", "test", region_name=up["region"])
    dynamodb = session.client("dynamodb", endpoint_url=up["endpoint_url"])
    accounts = up["accounts_table"]

    wanted = {}
    for number in range(20):
        customer, status = f"c-{number}", ("ACTIVE", "PENDING")[number % 2]
        item = {"customer_id": {"S": customer}, "status": {"S": status}}
        dynamodb.put_item(TableName=accounts, Item=item)
        wanted[customer] = status
    for number in range(0, 20, 4):
        customer = f"c-{number}"
        dynamodb.update_item(
            TableName=accounts,
            Key={"customer_id": {"S": customer}},
            UpdateExpression="SET #status = :status",
            ExpressionAttributeNames={"#status": "status"},
            ExpressionAttributeValues={":status": {"S": "SUSPENDED"}},
        )
        wanted[customer] = "SUSPENDED"
    for number in (1, 5):
        customer = f"c-{number}"
        dynamodb.delete_item(TableName=accounts, Key={"customer_id": {"S": customer}})
        wanted[customer] = "REMOVED"
    eventually(lambda: rows(dynamodb, up["payments_table"]) == wanted, "the tables agree")

    again = fanout("local", "up", "--json", "--state", state)
    assert (again.returncode, json.loads(again.stdout)) == (ExitCode.DONE, up)
    assert "already runs" in again.stderr
    asked = fanout("local", "status", "--json", "--state", state)
    status = json.loads(asked.stdout)
    assert asked.returncode == ExitCode.DONE
    assert status["queue"] == {"waiting": 0, "in_flight": 0, "delayed": 0}
    assert status["poller"]["records_read"] == 27

    ended = fanout("local", "down", "--state", state)
    assert ended.returncode == ExitCode.DONE
    assert is_gone(up["supervisor_pid"])
    assert is_gone(up["emulator_pid"])
    assert processes_that_mention(state) == []
    assert not state.exists()
    assert fanout("local", "status", "--state", state).returncode == ExitCode.FOUND


def test_a_parameter_of_a_template_that_is_not_deployed_is_refused_before_anything_starts(state):
    answer = fanout("local", "up", "--bare", "--parameter", "LogLevel=INFO", "--state", state)
    assert answer.returncode == ExitCode.WRONG_USE
    assert "fanout local deploy" in one_sentence(answer)


def test_a_prefix_as_a_parameter_of_the_template_is_refused_before_anything_starts(state):
    answer = fanout("local", "up", "--detach", "--state", state, "--parameter", "Prefix=other")
    assert answer.returncode == ExitCode.WRONG_USE
    assert "--prefix other" in one_sentence(answer)
    assert not state.exists()


def test_ctrl_c_ends_the_foreground_run_with_success_and_leaves_nothing(state):
    up = [FANOUT, "local", "up", "--bare", "--json", "--state", state]
    with started(up, stdout=subprocess.PIPE) as process:
        eventually(lambda: (found := look(state)) and found.deployment, "it is up")
        document = ""
        while not document.endswith("}\n"):
            document += process.stdout.readline()
        process.send_signal(signal.SIGINT)
        assert process.wait(timeout=TIMEOUT_SECONDS) == ExitCode.DONE
    assert is_gone(json.loads(document)["emulator_pid"])
    assert not state.exists()


def test_a_killed_parent_takes_everything_with_it(state):
    up = [FANOUT, "local", "up", "--bare", "--state", state]
    with started(up, stdout=subprocess.DEVNULL) as process:
        found = eventually(lambda: (seen := look(state)) and seen.deployment and seen, "it is up")
        process.kill()
    for recorded in found.processes():
        assert recorded.wait(timeout_seconds=TIMEOUT_SECONDS)
    eventually(lambda: not state.exists(), "the state folder is gone")


def test_what_a_killed_supervisor_left_is_reported_and_the_next_up_cleans_it_up(state, monkeypatch):
    """The next one reads other attributes; its printed example works without one's AWS profile."""
    first = json.loads(
        fanout("local", "up", "--bare", "--json", "--detach", "--state", state).stdout
    )
    os.kill(first["supervisor_pid"], signal.SIGKILL)
    look(state).supervisor.wait(timeout_seconds=TIMEOUT_SECONDS)
    asked = fanout("local", "status", "--state", state)
    assert asked.returncode == ExitCode.FOUND
    assert "has ended by itself" in asked.stderr

    monkeypatch.setenv("AWS_PROFILE", "nope")
    pairs = ("CustomerIdAttribute=id", "StatusAttribute=state", "SequenceAttribute=version")
    named = [f"--parameter={pair}" for pair in (*pairs, "EntityFilter=type=customer")]
    second = fanout("local", "up", "--detach", "--state", state, *named)
    assert second.returncode == ExitCode.DONE, second.stderr
    assert is_gone(first["emulator_pid"])
    deployment = look(state).deployment
    assert deployment.emulator_pid != first["emulator_pid"]

    put, get = (shlex.split(line)[3:] for line in second.stdout.splitlines() if " aws dyn" in line)
    dynamodb = deployment.client("dynamodb")
    dynamodb.put_item(TableName=put[1], Item=json.loads(put[3]))
    row = {"TableName": get[1], "Key": json.loads(get[3])}
    eventually(lambda: dynamodb.get_item(**row).get("Item"), "the row is written")
    assert fanout("local", "status", "--state", state).returncode == ExitCode.DONE


def test_a_value_that_the_template_refuses_is_explained_and_nothing_stays(state):
    answer = fanout(
        "local", "up", "--detach", "--state", state, "--parameter", "PublishVersions=seven"
    )
    assert answer.returncode == ExitCode.REFUSED
    assert "PublishVersions" in answer.stderr
    assert "Traceback" not in answer.stderr
    assert not state.exists()


def processes_that_mention(path):
    listed = subprocess.run(["ps", "-eo", "args="], capture_output=True, text=True, check=True)
    return [line for line in listed.stdout.splitlines() if str(path) in line]
