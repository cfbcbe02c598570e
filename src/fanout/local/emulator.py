"""MiniStack as a child process: on the loopback only, with nothing of the person's environment."""

import importlib.util
import os
import socket
import subprocess
import sys
import time
from collections.abc import Iterator
from contextlib import contextmanager, suppress
from pathlib import Path

import urllib3

from fanout.errors import Refused, WrongUse
from fanout.local.deployment import ACCESS_KEY_ID, SECRET_ACCESS_KEY
from fanout.local.state_folder import RecordedProcess, StateFolder

HOST = "127.0.0.1"
GRACE_SECONDS = 3
_READY_TIMEOUT_SECONDS = 120
_POLL_INTERVAL_SECONDS = 0.02
_HTTP_OK = 200


def choose_port(wanted: int | None) -> int:
    """The wanted port if it can be opened on the loopback, or a free one.

    Raises: WrongUse: the wanted port is taken or not permitted.
    """
    with socket.socket(socket.AF_INET, socket.SOCK_STREAM) as probe:
        # As the server itself does: a port whose last connections are just closing is free.
        probe.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEADDR, 1)
        try:
            probe.bind((HOST, wanted or 0))
        except OSError as error:
            raise WrongUse(
                f"Port {wanted} can't be opened on {HOST} ({error.strerror}): choose another one "
                "above 1023 with --port, or leave it out for a free one."
            ) from None
        port: int = probe.getsockname()[1]
        return port


def require_installed() -> None:
    """Raises: WrongUse where a package of the `local` extra is not installed."""
    for module in ("ministack", "psutil", "samtranslator"):
        if importlib.util.find_spec(module) is None:
            raise WrongUse(
                f"The embedded AWS needs {module}, which is not installed in {sys.prefix}: "
                "run `make install`, or install this project with its `local` extra."
            )


@contextmanager
def started(
    folder: StateFolder, *, port: int, region: str, iam: bool = False
) -> Iterator[subprocess.Popen[bytes]]:
    """MiniStack in a process group of its own, until the block ends; see also `await_ready`."""
    temporary = folder.temporary
    settings = {
        "GATEWAY_PORT": str(port),
        "BIND_HOST": HOST,  # the default is every interface
        "MINISTACK_HOST": HOST,
        "MINISTACK_REGION": region,
        "AWS_ACCESS_KEY_ID": ACCESS_KEY_ID,
        "AWS_SECRET_ACCESS_KEY": SECRET_ACCESS_KEY,
        "AUTH": "true" if iam else "false",
        **dict.fromkeys(("IOT_MTLS_ENABLED", "SFTP_ENABLED", "PERSIST_STATE", "S3_PERSIST"), "0"),
        "S3_DATA_DIR": str(temporary / "s3"),
        "STATE_DIR": str(temporary / "state"),
        # On the way out MiniStack removes every container that carries its label: not here.
        "DOCKER_HOST": f"unix://{temporary}/no-docker.sock",
        "LOG_LEVEL": "WARNING",
    }
    with folder.emulator_log.open("wb") as log:
        process = subprocess.Popen(
            [sys.executable, "-m", "fanout.local.ministack_main"],
            env=clean_environment(temporary) | settings,
            cwd=temporary,
            stdin=subprocess.DEVNULL,
            stdout=log,
            stderr=subprocess.STDOUT,
            start_new_session=True,
        )
    try:
        yield process
    finally:
        with suppress(ProcessLookupError):
            RecordedProcess.of(process.pid).end(grace_seconds=GRACE_SECONDS)
        process.wait()


def await_ready(process: subprocess.Popen[bytes], *, port: int, folder: StateFolder) -> None:
    """Wait until MiniStack serves requests.

    Raises: Refused: it ended, or does not answer in time; shows the end of its log.
    """
    deadline = time.monotonic() + _READY_TIMEOUT_SECONDS
    while not _answers(port):
        if process.poll() is not None or time.monotonic() > deadline:
            raise Refused(
                f"MiniStack ended while it started, or did not answer for {_READY_TIMEOUT_SECONDS} "
                f"seconds. Its log ends:\n{folder.log_tail()}"
            )
        time.sleep(_POLL_INTERVAL_SECONDS)


def clean_environment(temporary: Path) -> dict[str, str]:
    """What a process of the deployment may know of this machine.

    The emulator hands its whole environment on to the Lambda processes: the person's profile,
    credentials, proxies and Python settings must not be in it.
    """
    kept = {name: os.environ[name] for name in ("PATH", "LANG", "LC_ALL") if name in os.environ}
    return kept | {"HOME": str(temporary), "TMPDIR": str(temporary), "PYTHONNOUSERSITE": "1"}


# Private functions


def _answers(port: int) -> bool:
    url = f"http://{HOST}:{port}/_ministack/ready"
    try:
        return urllib3.request("GET", url, retries=False, timeout=2).status == _HTTP_OK
    except urllib3.exceptions.HTTPError:
        return False
