"""Start, find and stop the embedded AWS, from tests, from `fanout demo` and from the commands."""

import json
import os
import subprocess
import sys
import threading
from collections.abc import Callable, Iterator, Mapping
from contextlib import contextmanager, suppress
from dataclasses import asdict
from pathlib import Path
from typing import Any, TypedDict, Unpack

from fanout.errors import ExitCode, Refused, WrongUse
from fanout.local import emulator
from fanout.local.deployment import LocalDeployment
from fanout.local.state_folder import RecordedState, StateFolder
from fanout.local.supervisor import GRACE_SECONDS, SupervisorSettings

DEFAULT_STATE_DIR = Path(".fanout")
DEFAULT_REGION = "us-east-1"
_START_TIMEOUT_SECONDS = 600
# The supervisor ends the poller and then MiniStack, each with its own grace.
_STOP_TIMEOUT_SECONDS = 3 * GRACE_SECONDS
_WAIT_SECONDS = 3600
_DETACHED: list[subprocess.Popen[str]] = []


class Options(TypedDict, total=False):
    """How a deployment is to run; each may be left out.

    Attributes:
        port: A loopback port; a free one if left out.
        parameters: Overrides of the template's parameters, by name, such as PublishVersions.
        prefix: What the SSM parameters, the stack and the bucket of packages are named by.
        region: What the embedded AWS takes for its region.
        iam: Whether the embedded AWS checks permissions, as AWS does.
        progress: Called with each step, while it starts.
    """

    port: int | None
    parameters: Mapping[str, str]
    prefix: str
    region: str
    iam: bool
    progress: Callable[[str], None]


@contextmanager
def running(state_dir: Path, **options: Unpack[Options]) -> Iterator[LocalDeployment]:
    """Run a deployment for the length of a `with` block; leave no process and no file behind.

    Args:
        state_dir: Where state, logs and temporary files go; made if missing, removed at the end.
        options: See `Options`.

    Raises:
        WrongUse: the port is taken, the folder can't be written or holds other things, or a
            deployment already runs on it.
        Refused: the embedded AWS, or the deployment of the template, failed; says why.
    """
    # The supervisor's standard input is its lifeline: it ends with this process, however that does.
    process = _spawn(state_dir, options, detached=False)
    try:
        yield _await_ready(process, state_dir, options)
    finally:
        stop(state_dir)
        _let_go(process)


def start(state_dir: Path, **options: Unpack[Options]) -> LocalDeployment:
    """Start a deployment that outlives this process, and wait until it is ready; `stop` ends it.

    Arguments and errors are those of `running`.
    """
    process = _spawn(state_dir, options, detached=True)
    try:
        return _await_ready(process, state_dir, options)
    except BaseException:
        stop(state_dir)
        raise
    finally:
        _let_go(process)


def stop(state_dir: Path) -> bool:
    """End whatever is recorded in the folder, and remove its files; False where nothing ran."""
    folder = StateFolder(state_dir.resolve())
    state = folder.read()
    was_running = state is not None and state.is_running()
    for process in state.processes() if state else []:
        process.end(grace_seconds=_STOP_TIMEOUT_SECONDS)
    folder.remove()
    return was_running


def look(state_dir: Path) -> RecordedState | None:
    """What is recorded in the folder, running or not; None where there is nothing."""
    return StateFolder(state_dir.resolve()).read()


def await_end(state_dir: Path) -> None:
    """Wait until the deployment has ended, by `down` or by a fault."""
    state = look(state_dir)
    while state is not None and not state.supervisor.wait(timeout_seconds=_WAIT_SECONDS):
        pass


def absence(state_dir: Path) -> str:
    """Say that nothing runs, and why, where a crash has left its logs."""
    folder = StateFolder(state_dir.resolve())
    state = folder.read()
    if state is None:
        return f"Nothing runs on {folder.path}: `fanout local up` starts it."
    if state.is_running():
        return f"A deployment is just starting on {folder.path}: ask again in a few seconds."
    return (
        f"The deployment on {folder.path} has ended by itself; `fanout local up` starts a new one. "
        f"Its log ends:\n{folder.log_tail()}"
    )


# Private functions


def _spawn(state_dir: Path, options: Options, *, detached: bool) -> subprocess.Popen[str]:
    """Refuse what can't work before anything is started, clean up after a crash, and start."""
    emulator.require_installed()
    folder = StateFolder(state_dir.resolve())
    state = folder.read()
    if state is not None and state.is_running():
        raise WrongUse(f"A deployment already runs on {folder.path}: `fanout local down` ends it.")
    stop(state_dir)
    port = emulator.choose_port(options.get("port"))
    folder.prepare()
    settings = SupervisorSettings(
        state_dir=str(folder.path),
        port=port,
        region=options.get("region", DEFAULT_REGION),
        prefix=options.get("prefix", "fanout"),
        iam=options.get("iam", False),
        detached=detached,
        parameters=dict(options.get("parameters", {})),
    )
    # The person's environment, as building may need their package index; but nothing of AWS.
    kept = {name: value for name, value in os.environ.items() if not name.startswith("AWS_")}
    with folder.supervisor_log.open("w", encoding="utf-8") as log:
        return subprocess.Popen(  # noqa: S603 - this interpreter, and a module of this project
            [sys.executable, "-m", "fanout.local.supervisor", json.dumps(asdict(settings))],
            env=kept | {"TMPDIR": str(folder.temporary)},
            cwd=folder.path,
            stdin=subprocess.DEVNULL if detached else subprocess.PIPE,
            stdout=subprocess.PIPE,
            stderr=log,
            text=True,
            start_new_session=True,
        )


def _await_ready(
    process: subprocess.Popen[str], state_dir: Path, options: Options
) -> LocalDeployment:
    """Read the supervisor's reports until it is ready.

    Raises:
        CommandError: what the supervisor reports, with its exit code.
    """
    assert process.stdout is not None
    deadline = threading.Timer(_START_TIMEOUT_SECONDS, process.terminate)
    deadline.daemon = True
    deadline.start()
    try:
        for line in process.stdout:
            message: dict[str, Any] = json.loads(line)
            if "ready" in message:
                return LocalDeployment(**message["ready"])
            if "failed" in message:
                wrong_use = message["exit_code"] == ExitCode.WRONG_USE
                raise (WrongUse if wrong_use else Refused)(message["failed"])
            if "progress" in options:
                options["progress"](message["step"])
    finally:
        deadline.cancel()
    raise Refused(
        f"The deployment ended before it was ready (at most {_START_TIMEOUT_SECONDS} seconds). "
        f"Its log ends:\n{StateFolder(state_dir.resolve()).log_tail()}"
    )


def _let_go(process: subprocess.Popen[str]) -> None:
    """Close what this process holds of the supervisor, and reap it where it has ended."""
    for stream in (process.stdin, process.stdout):
        if stream is not None:
            with suppress(BrokenPipeError):
                stream.close()
    with suppress(subprocess.TimeoutExpired):
        # Its first thread can end, which is what `stop` sees, a moment before the others do.
        process.wait(timeout=_STOP_TIMEOUT_SECONDS if process.stdin is not None else 0)
    if process.returncode is None:
        # It runs on without us, on purpose; the reference keeps Python from warning about that.
        _DETACHED.append(process)
