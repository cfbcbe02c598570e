"""`smoke_aws.py smoke --local`: every drill on its own deployment, and nothing left behind."""

import json
import os
import subprocess
import sys
from pathlib import Path

import pytest

pytestmark = [pytest.mark.slow, pytest.mark.exhaustive]
SCRIPT = Path(__file__).parents[2] / "scripts" / "smoke_aws.py"


def test_the_smoke_test_runs_here_and_says_what_it_could_not_ask(tmp_path):
    done = subprocess.run(
        [sys.executable, SCRIPT, "smoke", "--local", "--json"],
        env={
            "PATH": os.environ["PATH"],
            "HOME": str(tmp_path),
            "TMPDIR": str(tmp_path),
            "NO_PROXY": "127.0.0.1",
        },
        capture_output=True,
        text=True,
        check=False,
        timeout=400,
    )
    assert done.returncode == 0, done.stdout + done.stderr
    report = json.loads(done.stdout)
    assert report["where"] == "the embedded AWS"
    assert report["prefix"].startswith("smoke-")
    assert {one["drill"]: one["good"] for one in report["drills"]} == dict.fromkeys(
        ["change to row", "poison", "replay", "recover", "filter", "throttle"], True
    )
    assert any(one["answer"] for one in report["questions"])
    assert all(one["remark"] for one in report["questions"])
    assert not [one.name for one in tmp_path.iterdir() if one.name.startswith("fanout-smoke")]
