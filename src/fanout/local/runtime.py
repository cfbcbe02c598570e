"""Start, find and stop the embedded AWS, from tests, from `fanout demo` and from the commands."""

import json
import os
import subprocess
import sys
import threading
from collections.abc import Callable, Iterator, Mapping
from contextlib import contextmanager
from dataclasses import asdict
from pathlib import Path
from typing import Any

from fanout.errors import ExitCode, Refused, WrongUse
from fanout.local import emulator
from fanout.local.deployment import LocalDeployment
from fanout.local.state_folder import RecordedState, StateFolder
from fanout.local.supervisor import Settings

DEFAULT_STATE_DIR = Path(".fanout")
DEFAULT_REGION = "us-east-1"
_START_TIMEOUT_SECONDS = 600
# The supervisor ends the poller and then MiniStack, each with its own grace.
_STOP_TIMEOUT_SECONDS = 3 * emulator.GRACE_SECONDS
_KEPT: list[subprocess.Popen[str]] = []
"""What runs on without us, on purpose; the reference keeps Python from warning about that."""


@contextmanager
def running(
    state_dir: Path,
    *,
    keep: bool = False,
    port: int | None = None,
    parameters: Mapping[str, str] | None = None,
    prefix: str = "fanout",
    region: str = DEFAULT_REGION,
    iam: bool = False,
    bare: bool = False,
    progress: Callable[[str], None] = lambda _step: None,
) -> Iterator[LocalDeployment]:
    """Run a deployment for the length of a `with` block; leave no process and no file behind.

    `state_dir` holds state, logs and temporary files: made if missing, removed at the end. With
    `keep` it runs on where the block ends well, and beyond this process, until `stop`. `parameters`
    override the template's; `prefix` names SSM parameters, stack and the bucket of packages.
    With `iam` it checks permissions, as AWS does; with `bare` it deploys nothing. `progress` is
    called with each step, while it starts.

    Raises:
        WrongUse: the port is taken, the folder can't be written or holds other things, or a
            deployment already runs on it.
        Refused: the embedded AWS, or the deployment of the template, failed; says why.
    """
    folder = StateFolder(state_dir)
    emulator.require_installed()
    state = folder.read()
    if state is not None and state.is_running():
        raise WrongUse(f"A deployment already runs on {folder.path}: `fanout local down` ends it.")
    stop(folder.path)  # cleans up after a crash
    settings = Settings(
        state_dir=str(folder.path),
        port=emulator.choose_port(port),
        region=region,
        prefix=prefix,
        iam=iam,
        bare=bare,
        detached=keep,
        parameters=dict(parameters or {}),
    )
    process = _spawn(folder, settings)
    is_kept = False
    try:
        yield _await_ready(process, folder, progress)
        is_kept = keep
    finally:
        if is_kept:
            _KEPT.append(process)
        else:
            recorded = folder.read()
            if recorded is None or recorded.supervisor.pid == process.pid:  # else another's
                stop(state_dir)
            if process.stdin is not None:
                process.stdin.close()
            process.wait()


def stop(state_dir: Path) -> bool:
    """End whatever is recorded in the folder, and remove its files; False where nothing ran."""
    folder = StateFolder(state_dir)
    state = folder.read()
    was_running = state is not None and state.is_running()
    for process in state.processes() if state else []:
        process.end(grace_seconds=_STOP_TIMEOUT_SECONDS)
    folder.remove()
    return was_running


def look(state_dir: Path) -> RecordedState | None:
    """What is recorded in the folder, running or not; None where there is nothing."""
    return StateFolder(state_dir).read()


# Private functions


def _spawn(folder: StateFolder, settings: Settings) -> subprocess.Popen[str]:
    """Start the supervisor; its standard input ends with this process, however that ends."""
    folder.prepare()
    # The person's environment, as building may need their package index; but nothing of AWS.
    kept = {name: value for name, value in os.environ.items() if not name.startswith("AWS_")}
    with folder.supervisor_log.open("w", encoding="utf-8") as log:
        return subprocess.Popen(  # noqa: S603 - this interpreter, and a module of this project
            [sys.executable, "-m", "fanout.local.supervisor", json.dumps(asdict(settings))],
            env=kept | {"TMPDIR": str(folder.temporary)},
            cwd=folder.files,
            stdin=subprocess.DEVNULL if settings.detached else subprocess.PIPE,
            stdout=subprocess.PIPE,
            stderr=log,
            text=True,
            start_new_session=True,
        )


def _await_ready(
    process: subprocess.Popen[str], folder: StateFolder, progress: Callable[[str], None]
) -> LocalDeployment:
    """Read the supervisor's reports until it is ready.

    Raises: WrongUse, Refused: what the supervisor reports.
    """
    assert process.stdout is not None
    deadline = threading.Timer(_START_TIMEOUT_SECONDS, process.terminate)
    deadline.daemon = True
    deadline.start()
    try:
        with process.stdout as reports:
            for line in reports:
                message: dict[str, Any] = json.loads(line)
                if "ready" in message:
                    return LocalDeployment(**message["ready"])
                if "failed" in message:
                    is_wrong_use = process.wait() == ExitCode.WRONG_USE
                    raise (WrongUse if is_wrong_use else Refused)(message["failed"])
                progress(message["step"])
    finally:
        deadline.cancel()
    raise Refused(
        f"The deployment ended before it was ready (at most {_START_TIMEOUT_SECONDS} seconds). "
        f"Its log ends:\n{folder.log_tail()}"
    )
