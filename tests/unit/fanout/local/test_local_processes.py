import os
import subprocess
import sys
from dataclasses import replace

import pytest

from fanout.errors import WrongUse
from fanout.local import emulator, runtime
from fanout.local.state_folder import RecordedProcess, RecordedState, StateFolder

pytestmark = pytest.mark.slow

SLEEPER = "import time; print('up', flush=True); time.sleep(600)"
DEAF = "import signal; signal.signal(signal.SIGTERM, signal.SIG_IGN);" + SLEEPER
WITH_CHILD = (
    "import subprocess, sys, time;"
    f"child = subprocess.Popen([sys.executable, '-c', {DEAF!r}]);"
    "time.sleep(600)"
)


@pytest.fixture
def start():
    started = []

    def start(code):
        process = subprocess.Popen(
            [sys.executable, "-c", code], stdout=subprocess.PIPE, text=True, start_new_session=True
        )
        started.append(process)
        assert process.stdout.readline() == "up\n"
        return process

    yield start
    for process in started:
        process.kill()
        process.wait()
        process.stdout.close()


def test_a_running_process_is_known_by_its_id_and_its_start(start):
    recorded = RecordedProcess.of(start(SLEEPER).pid)
    assert recorded.is_running()
    assert not replace(recorded, started=recorded.started + 0.01).is_running()


def test_a_process_that_has_ended_is_gone_even_before_anyone_reads_its_status(start):
    process = start(SLEEPER)
    recorded = RecordedProcess.of(process.pid)
    process.kill()
    assert recorded.wait(timeout_seconds=60)
    with pytest.raises(ProcessLookupError):
        RecordedProcess.of(process.pid)


def test_ending_asks_first_and_then_insists(start):
    recorded = RecordedProcess.of(start(DEAF).pid)
    recorded.end(grace_seconds=0.2)
    assert recorded.wait(timeout_seconds=60)


def test_ending_takes_the_children_along(start):
    process = start(WITH_CHILD)
    RecordedProcess.of(process.pid).end(grace_seconds=60)
    process.wait()
    # Its output closes once the last member of the group is gone.
    assert process.stdout.read() == ""


def test_another_process_with_a_recorded_id_is_left_alone(start):
    process = start(SLEEPER)
    stale = replace(RecordedProcess.of(process.pid), started=0.0)
    stale.end(grace_seconds=0.1)
    assert process.poll() is None


def test_a_deployment_that_came_first_outlives_the_second_one(start, tmp_path, monkeypatch):
    first, folder = start(SLEEPER), StateFolder(tmp_path / "state")

    def claimed_meanwhile(_port):
        folder.prepare()
        folder.claim(RecordedState(supervisor=RecordedProcess.of(first.pid)))
        return 1

    monkeypatch.setattr(emulator, "choose_port", claimed_meanwhile)
    with (
        pytest.raises(WrongUse, match="Another `up` is at work"),
        runtime.running(tmp_path / "state"),
    ):
        pass
    assert first.poll() is None
    assert runtime.look(tmp_path / "state").is_running()


def test_waiting_for_a_process_that_goes_on_is_bounded():
    assert not RecordedProcess.of(os.getpid()).wait(timeout_seconds=0)
