"""A DLQ of a test's own on the embedded AWS, and `fanout`, which may be killed."""

import json
import subprocess
import sys
import uuid
from collections import Counter
from pathlib import Path
from types import SimpleNamespace

from e2e.fanout_command import run_here
from fanout.local.deployment import ACCESS_KEY_ID, SECRET_ACCESS_KEY

KILLED = Path(__file__).parent / "dlq_killed.py"


def dlq_rig(bare_emulator, tmp_path, messages):
    """A subscriber with these messages in its DLQ, and the command line for it."""
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
    for body in messages:
        sqs.send_message(QueueUrl=urls["dlq"], MessageBody=body)
    typed = command_line(bare_emulator, tmp_path, prefix)

    def bodies(name):
        found = Counter()
        while messages := sqs.receive_message(
            QueueUrl=urls[name], MaxNumberOfMessages=10, VisibilityTimeout=600
        ).get("Messages", []):
            found.update(message["Body"] for message in messages)
        return found

    return SimpleNamespace(
        killed=typed.killed, fanout=typed.fanout, bodies=bodies, runs=tmp_path / "runs"
    )


def command_line(bare_emulator, tmp_path, prefix):
    """`fanout` for a deployment on the emulator; `killed` is a process that ends at a point."""
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

    def killed(point, number, *arguments):
        return subprocess.run(
            [sys.executable, KILLED, point, str(number), *arguments, *runs],
            env=environment,
            capture_output=True,
            text=True,
            timeout=400,
            check=False,
        )

    def fanout(*arguments):
        return run_here(*arguments, *runs, environment=environment)

    def look(*arguments):
        """A command that makes no run."""
        return run_here(*arguments, environment=environment)

    return SimpleNamespace(killed=killed, fanout=fanout, look=look)
