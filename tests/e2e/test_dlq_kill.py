"""A replay that is killed, anywhere, and gone on with: nothing is lost, nothing is unaccounted for.

Each test has queues of its own on the embedded AWS, and runs the command line as a process that
ends by SIGKILL.
"""

import json
import random
import signal
import subprocess
import sys
import uuid
from collections import Counter
from pathlib import Path
from types import SimpleNamespace

import pytest

from fanout.local.deployment import ACCESS_KEY_ID, SECRET_ACCESS_KEY

pytestmark = pytest.mark.slow

KILLED = Path(__file__).parent / "dlq_killed.py"
MESSAGES = 12
APPENDS = 11
"""header, selected, frozen, started; intent, done, ended, for two batches; finished."""
HOLD = ("--hold-seconds", "5", "--watch-seconds", "0")


@pytest.fixture
def dead(bare_emulator, tmp_path):
    """A subscriber with messages in its DLQ, and the command line for it."""
    prefix = f"kill-{uuid.uuid4().hex[:8]}"
    sqs, ssm = bare_emulator.client("sqs"), bare_emulator.client("ssm")
    urls = {
        name: sqs.create_queue(QueueName=f"{prefix}-{name}")["QueueUrl"] for name in ("q", "dlq")
    }
    arns = {
        name: sqs.get_queue_attributes(QueueUrl=url, AttributeNames=["QueueArn"])["Attributes"][
            "QueueArn"
        ]
        for name, url in urls.items()
    }
    subscriber = {
        "name": "payments",
        "queue_url": urls["q"],
        "queue_arn": arns["q"],
        "dlq_url": urls["dlq"],
        "dlq_arn": arns["dlq"],
        "versions": "2",
    }
    ssm.put_parameter(
        Name=f"/{prefix}/subscribers/payments", Type="String", Value=json.dumps(subscriber)
    )
    for number in range(MESSAGES):
        sqs.send_message(QueueUrl=urls["dlq"], MessageBody=f"m-{number}")
    target = bare_emulator.target
    environment = {
        "PATH": "/usr/bin:/bin",
        "HOME": str(tmp_path),
        "AWS_ACCESS_KEY_ID": ACCESS_KEY_ID,
        "AWS_SECRET_ACCESS_KEY": SECRET_ACCESS_KEY,
        "AWS_REGION": target.region,
        "AWS_ENDPOINT_URL": target.endpoint_url,
        "FANOUT_PREFIX": prefix,
    }
    runs = ("--runs-dir", str(tmp_path / "runs"))

    def run(*command):
        return subprocess.run(
            [sys.executable, *command, *runs],
            env=environment,
            capture_output=True,
            text=True,
            timeout=120,
            check=False,
        )

    def killed(point, number):
        return run(
            *(str(KILLED), point, str(number), "dlq", "replay", "payments", "--execute", *HOLD)
        )

    def fanout(*arguments):
        return run("-c", "from fanout.cli import main; main()", *arguments)

    def bodies(name):
        found = Counter()
        while messages := sqs.receive_message(
            QueueUrl=urls[name], MaxNumberOfMessages=10, VisibilityTimeout=600
        ).get("Messages", []):
            found.update(message["Body"] for message in messages)
        return found

    return SimpleNamespace(killed=killed, fanout=fanout, bodies=bodies, runs=tmp_path / "runs")


def expect_accounted_for(dead, killed):
    """Go on with the killed run; then each message was sent, and the report knows each of them."""
    assert killed.returncode == -signal.SIGKILL, killed.stderr
    if not any(path.stat().st_size for path in dead.runs.glob("*.jsonl")):
        again = dead.fanout("dlq", "replay", "payments", "--execute", *HOLD)
    else:
        again = dead.fanout("dlq", "resume", "last")
    assert again.returncode == 0, again.stdout + again.stderr
    report = json.loads(dead.fanout("dlq", "report", "last", "--json").stdout)
    sent = dead.bodies("q")
    assert set(sent) == {f"m-{number}" for number in range(MESSAGES)}, "a message was lost"
    assert not dead.bodies("dlq"), "a message is still dead"
    assert report["selected"] == MESSAGES
    assert report["fates"] == {"SENT": MESSAGES}
    twice = [body for body, count in sent.items() if count > 1]
    assert len(twice) <= report["perhaps_twice"], "sent twice, and nobody was told"


@pytest.mark.parametrize("number", range(1, APPENDS + 1))
def test_killed_before_a_line_of_the_journal_nothing_is_lost(dead, number):
    expect_accounted_for(dead, dead.killed("before", number))


@pytest.mark.parametrize("number", range(4, APPENDS))
def test_killed_after_a_line_of_the_journal_nothing_is_lost(dead, number):
    expect_accounted_for(dead, dead.killed("after", number))


@pytest.mark.parametrize("number", [2, 5, 7])
def test_killed_within_a_line_of_the_journal_nothing_is_lost(dead, number):
    expect_accounted_for(dead, dead.killed("torn", number))


@pytest.mark.parametrize("attempt", range(4))
def test_killed_at_a_random_point_nothing_is_lost(dead, attempt):
    seed = random.SystemRandom().randrange(10**6)
    print(f"attempt {attempt}: seed {seed}")  # noqa: T201 - to repeat a failure with
    expect_accounted_for(dead, dead.killed("random", seed))
