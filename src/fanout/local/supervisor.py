"""The process that owns a local deployment: MiniStack, its packages, its stack, and the poller.

`fanout.local.runtime` starts it as `python -m fanout.local.supervisor SETTINGS`, SETTINGS being
`Settings` as JSON. It reports on standard output, one JSON object a line: `step` while it works,
then `ready` with the deployment, or `failed` with a sentence. Afterwards it is silent; its log is
in the state folder.

Unless it is detached, its standard input is its lifeline: the end of it, which comes even when the
parent is killed, ends the deployment. So does SIGTERM, and the death of MiniStack.
"""

import json
import logging
import os
import signal
import subprocess
import sys
import threading
from contextlib import suppress
from dataclasses import asdict, dataclass, replace
from pathlib import Path
from typing import Any

from botocore.config import Config

from fanout.errors import CommandError, Refused, WrongUse
from fanout.local import emulator, stack
from fanout.local.deployment import describe, local_target
from fanout.local.state_folder import RecordedProcess, RecordedState, StateFolder
from fanout.streams.poller import StreamPoller

_WATCH_INTERVAL_SECONDS = 0.2
_CONNECT_TIMEOUT_SECONDS = 2
# Longer than the publisher's timeout of 60 seconds: an answer that comes late is still one.
_READ_TIMEOUT_SECONDS = 70
LOG = logging.getLogger("fanout.local")


@dataclass(frozen=True, slots=True, kw_only=True)
class Settings:
    """How a deployment is to run; see `fanout.local.runtime.running`."""

    state_dir: str
    port: int
    region: str
    prefix: str
    iam: bool
    detached: bool
    parameters: dict[str, str]


def main(argument: str) -> int:
    """Run a deployment until it is told to end; leaves nothing behind when it is.

    Where MiniStack or the poller ends by itself, the state and the logs stay, so that `status` can
    say what happened; `down` and the next `up` remove them.
    """
    settings = Settings(**json.loads(argument))
    folder = StateFolder(Path(settings.state_dir))
    state = RecordedState(supervisor=RecordedProcess.of(os.getpid()))
    if not folder.claim(state):
        _report(failed=f"Another `up` is at work in {folder.path}.")
        return WrongUse.exit_code
    logging.basicConfig(  # to standard error, which is the log in the state folder
        level=logging.INFO, format="%(asctime)s %(levelname)s %(name)s %(message)s"
    )
    stop = threading.Event()
    keep_files = False
    try:
        _end_when_told(stop, detached=settings.detached)
        _serve(settings, folder, state, stop)
        keep_files = True
    except CommandError as error:
        _report(failed=str(error))
        return error.exit_code
    except Exception as error:
        LOG.exception("The deployment failed")
        _report(failed=f"{error}\n{folder.log_tail()}")
    finally:
        stop.set()
        if not keep_files:
            folder.remove()
    return Refused.exit_code


# Private functions


def _end_when_told(stop: threading.Event, *, detached: bool) -> None:
    """Leave `main` by way of its cleaning up on SIGTERM, SIGINT or the end of the lifeline."""

    def end(_number: int, _frame: Any) -> None:
        if not stop.is_set():
            stop.set()
            raise SystemExit(0)

    signal.signal(signal.SIGTERM, end)
    signal.signal(signal.SIGINT, end)
    if not detached:
        threading.Thread(target=_await_end_of_input, daemon=True).start()


def _await_end_of_input() -> None:
    while os.read(sys.stdin.fileno(), 1024):
        pass
    os.kill(os.getpid(), signal.SIGTERM)


def _serve(
    settings: Settings, folder: StateFolder, state: RecordedState, stop: threading.Event
) -> None:
    """Start, build meanwhile, deploy, report, supervise; returns only where a part has ended."""
    with emulator.started(
        folder, port=settings.port, region=settings.region, iam=settings.iam
    ) as child:
        state = replace(state, emulator=RecordedProcess.of(child.pid))
        folder.write(state)
        _report(step="building the Lambda packages")
        template = stack.load_template()
        packages = stack.build_packages(template, folder)
        emulator.await_ready(child, port=settings.port, folder=folder)
        _report(step="deploying the template")
        endpoint_url = f"http://{emulator.HOST}:{settings.port}"
        target = local_target(endpoint_url, settings.region, settings.prefix)
        stack.deploy(target, packages=packages, parameters=settings.parameters, template=template)
        deployment = describe(target, state_dir=folder.path, emulator_pid=child.pid)
        state = replace(state, deployment=deployment)
        folder.write(state)
        _report(ready=asdict(deployment))
        _supervise(make_poller(target, deployment.publisher_mapping_id), folder, state, child, stop)


def _supervise(
    poller: StreamPoller,
    folder: StateFolder,
    state: RecordedState,
    child: subprocess.Popen[bytes],
    stop: threading.Event,
) -> None:
    """Run the stream poller beside MiniStack; returns only where one of the two has ended."""
    thread = threading.Thread(target=poller.run, args=[stop], name="stream-poller")
    thread.start()
    try:
        while child.poll() is None and thread.is_alive():
            thread.join(timeout=_WATCH_INTERVAL_SECONDS)
            now = replace(state, poller=poller.status())
            if now != state:
                state = now
                folder.write(state)
    finally:
        stop.set()
        thread.join(timeout=emulator.GRACE_SECONDS)
    ended = "MiniStack" if child.poll() is not None else "The stream poller"
    LOG.error("%s has ended by itself, and the deployment with it", ended)


def make_poller(target: Any, mapping_id: str) -> StreamPoller:
    """Its clients try once, as it tries again by itself and has to notice the end of MiniStack."""
    once = Config(
        connect_timeout=_CONNECT_TIMEOUT_SECONDS,
        read_timeout=_READ_TIMEOUT_SECONDS,
        retries={"total_max_attempts": 1},
        max_pool_connections=32,
    )
    streams, functions, s3 = (
        target.session.client(service, endpoint_url=target.endpoint_url, config=once)
        for service in ("dynamodbstreams", "lambda", "s3")
    )
    return StreamPoller(
        dynamodbstreams=streams, lambda_client=functions, s3=s3, mapping_id=mapping_id
    )


def _report(**message: Any) -> None:
    """Write to the parent, which may be gone."""
    with suppress(OSError):
        sys.stdout.write(json.dumps(message) + "\n")
        sys.stdout.flush()


if __name__ == "__main__":
    sys.exit(main(sys.argv[1]))
