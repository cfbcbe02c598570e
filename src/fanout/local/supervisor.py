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
import time
from contextlib import suppress
from dataclasses import asdict, dataclass, replace
from pathlib import Path
from typing import Any

from botocore.config import Config
from botocore.exceptions import BotoCoreError, ClientError

from fanout.errors import CommandError, Refused, WrongUse
from fanout.local import emulator, stack
from fanout.local.deployment import describe, local_target
from fanout.local.state_folder import RecordedProcess, RecordedState, StateFolder
from fanout.streams.poller import PollerStatus, StreamPoller, merged

_WATCH_INTERVAL_SECONDS = 0.2
_LOOK_INTERVAL_SECONDS = 1
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
    bare: bool
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
        _serve(settings, folder, state)
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


def _serve(settings: Settings, folder: StateFolder, state: RecordedState) -> None:
    """Start, build meanwhile, deploy, report, supervise; returns only where a part has ended."""
    with emulator.started(
        folder, port=settings.port, region=settings.region, iam=settings.iam
    ) as child:
        state = replace(state, emulator=RecordedProcess.of(child.pid))
        folder.write(state)
        endpoint_url = f"http://{emulator.HOST}:{settings.port}"
        target = local_target(endpoint_url, settings.region, settings.prefix)
        if settings.bare:
            emulator.await_ready(child, port=settings.port, folder=folder)
        else:
            _report(step="building the Lambda packages")
            template, parameters = stack.load_template(), settings.parameters
            packages = stack.build_packages(template, folder, parameters)
            emulator.await_ready(child, port=settings.port, folder=folder)
            _report(step="deploying the template")
            stack.deploy(target, packages=packages, parameters=parameters, template=template)
        deployment = describe(
            target, state_dir=folder.path, emulator_pid=child.pid, bare=settings.bare
        )
        state = replace(state, deployment=deployment)
        folder.write(state)
        _report(ready=asdict(deployment))
        _supervise(StreamPollers(target), folder, state, child)


def _supervise(
    pollers: "StreamPollers",
    folder: StateFolder,
    state: RecordedState,
    child: subprocess.Popen[bytes],
) -> None:
    """Keep the stream pollers at work beside MiniStack; returns only where either has ended."""
    look_at = 0.0
    try:
        while child.poll() is None and pollers.are_alive():
            if time.monotonic() > look_at:
                pollers.follow_all()
                look_at = time.monotonic() + _LOOK_INTERVAL_SECONDS
            time.sleep(_WATCH_INTERVAL_SECONDS)
            now = replace(state, poller=pollers.status())
            if now != state:
                state = now
                folder.write(state)
    finally:
        pollers.end()
    ended = "MiniStack" if child.poll() is not None else "The stream poller"
    LOG.error("%s has ended by itself, and the deployment with it", ended)


class StreamPollers:
    """A poller, in a thread of its own, for each followed stream mapping."""

    def __init__(self, target: Any) -> None:
        self._target = target
        self._pollers: dict[str, tuple[StreamPoller, threading.Thread, threading.Event]] = {}

    def follow_all(self) -> None:
        """Follow every mapping of a table's stream that is deployed now, whoever deployed it."""
        try:
            pages = self._target.client("lambda").get_paginator("list_event_source_mappings")
            mappings = [each for page in pages.paginate() for each in page["EventSourceMappings"]]
            ids = {it["UUID"] for it in mappings if ":dynamodb:" in it["EventSourceArn"]}
            for mapping_id in self._pollers.keys() - ids:
                self._pollers.pop(mapping_id)[2].set()
            for mapping_id in ids - self._pollers.keys():
                poller, stop = make_poller(self._target, mapping_id), threading.Event()
                thread = threading.Thread(target=poller.run, args=[stop], name="stream-poller")
                self._pollers[mapping_id] = (poller, thread, stop)
                thread.start()
        except (BotoCoreError, ClientError, CommandError) as error:
            LOG.warning("Stream mappings can't be followed, and are looked at again: %s", error)

    def are_alive(self) -> bool:
        """Whether no poller has ended by itself."""
        return all(thread.is_alive() for _, thread, _ in self._pollers.values())

    def status(self) -> PollerStatus:
        """What all of them have done, as if they were one."""
        return merged([poller.status() for poller, _, _ in self._pollers.values()])

    def end(self) -> None:
        """End them, and wait for what is under way, but not for long."""
        for _, _, stop in self._pollers.values():
            stop.set()
        for _, thread, _ in self._pollers.values():
            thread.join(timeout=emulator.GRACE_SECONDS)


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
