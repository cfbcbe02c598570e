"""The embedded AWS for end-to-end tests: the deployed template, and a bare emulator.

Both are started once for each pytest worker. A test uses customers and names of its own, so that
tests can share a deployment in any order; a module whose tests look at every customer of Accounts
takes `untouched_deployment`, where no other module's poison lies.
"""

import time
from collections.abc import Callable
from contextlib import contextmanager
from types import SimpleNamespace

import pytest

from fanout.local import emulator
from fanout.local.deployment import local_target
from fanout.local.processes import RecordedProcess
from fanout.local.runtime import running
from fanout.local.state_folder import StateFolder

DEADLINE_SECONDS = 120
REGION = "us-east-1"


@pytest.fixture(scope="session")
def deployment(tmp_path_factory):
    """The whole system, as `fanout local up` runs it."""
    with running(tmp_path_factory.mktemp("deployment") / "state") as up:
        yield up


@pytest.fixture(scope="module")
def untouched_deployment(tmp_path_factory):
    """The whole system, for the tests of one module only."""
    with running(tmp_path_factory.mktemp("untouched") / "state") as up:
        yield up


@pytest.fixture(scope="session")
def bare_emulator(tmp_path_factory):
    """MiniStack as we start it, with nothing deployed: an endpoint and clients."""
    with emulator_in(tmp_path_factory.mktemp("emulator"), iam=False) as started:
        yield started


@pytest.fixture
def strict_emulator(tmp_path):
    """The same, checking permissions."""
    with emulator_in(tmp_path / "strict", iam=True) as started:
        yield started


@contextmanager
def emulator_in(path, *, iam):
    folder = StateFolder(path)
    folder.prepare()
    port = emulator.choose_port(None)
    process = emulator.start(folder, port=port, region=REGION, iam=iam)
    recorded = RecordedProcess.of(process.pid)
    try:
        emulator.await_ready(process, port=port, folder=folder)
        target = local_target(f"http://{emulator.HOST}:{port}", REGION, "bare")
        yield SimpleNamespace(target=target, client=target.client)
    finally:
        recorded.end(grace_seconds=3)
        process.wait()
        folder.remove()


@pytest.fixture
def eventually() -> Callable:
    """Await a condition: returns its first true value, or fails with what was waited for."""

    def wait(condition, what, *, deadline_seconds=DEADLINE_SECONDS):
        deadline = time.monotonic() + deadline_seconds
        while not (found := condition()):
            if time.monotonic() > deadline:
                pytest.fail(f"not within {deadline_seconds} seconds: {what}")
            time.sleep(0.05)
        return found

    return wait
