"""What a local deployment leaves on the disk: its processes, its description and its logs."""

import json
import os
import shutil
import signal
import time
from contextlib import suppress
from dataclasses import asdict, dataclass, field
from pathlib import Path
from typing import Self

from pydantic import TypeAdapter

from fanout.errors import WrongUse
from fanout.local.deployment import LocalDeployment
from fanout.streams.poller import PollerStatus

_LOG_TAIL_LINES = 15
_POLL_INTERVAL_SECONDS = 0.02


@dataclass(frozen=True, slots=True, kw_only=True)
class RecordedProcess:
    """A process by its id and its start, in seconds since boot, which no change of the clock moves.

    The id alone is no identity: after a crash or a reboot another process may have it. It leads a
    process group of its own, so that ending the group ends its children too.
    """

    pid: int
    started: float

    @classmethod
    def of(cls, pid: int) -> Self:
        """Record a process that runs now.

        Raises: ProcessLookupError: it does not.
        """
        started = _started(pid)
        if started is None:
            raise ProcessLookupError(pid)
        return cls(pid=pid, started=started)

    def is_running(self) -> bool:
        """Whether this very process, not another with its id, still runs."""
        return _started(self.pid) == self.started

    def end(self, *, grace_seconds: float) -> None:
        """Ask it and its group to end, and kill them after `grace_seconds`.

        Members of the group that outlive their leader are ended as well.
        """
        if not self.is_running():
            return
        for number in (signal.SIGTERM, signal.SIGKILL):
            with suppress(ProcessLookupError, PermissionError):
                os.killpg(self.pid, number)
            self.wait(timeout_seconds=grace_seconds)

    def wait(self, *, timeout_seconds: float) -> bool:
        """Wait until it has ended; False where it still runs after that time."""
        deadline = time.monotonic() + timeout_seconds
        while self.is_running():
            if time.monotonic() > deadline:
                return False
            time.sleep(_POLL_INTERVAL_SECONDS)
        return True


def _started(pid: int) -> float | None:
    """When the process started; None where there is none, or only its unread exit status."""
    import psutil

    try:
        process = psutil.Process(pid)
        if process.status() in {psutil.STATUS_ZOMBIE, psutil.STATUS_DEAD}:
            return None
        started: float = round(process.create_time() - psutil.boot_time(), 2)
    except psutil.NoSuchProcess:
        return None
    return started


@dataclass(frozen=True, slots=True, kw_only=True)
class RecordedState:
    """What a deployment wrote down: its processes, and its description once it is ready."""

    supervisor: RecordedProcess
    emulator: RecordedProcess | None = None
    deployment: LocalDeployment | None = None
    poller: PollerStatus = field(default_factory=PollerStatus)

    def is_running(self) -> bool:
        """Whether the supervisor lives; it ends when the emulator or the poller does."""
        return self.supervisor.is_running()

    def processes(self) -> list[RecordedProcess]:
        """The supervisor first, since it ends the others when it is asked to."""
        return [self.supervisor, *([self.emulator] if self.emulator else [])]


class StateFolder:
    """The files of a local deployment, in a folder of their own under `path`.

    Nothing else under that path is ever touched, so that a mistyped `--state` destroys nothing.
    """

    def __init__(self, path: Path) -> None:
        self.path = path.resolve()
        self.files = self.path / "fanout-local"
        self.emulator_log = self.files / "ministack.log"
        self.supervisor_log = self.files / "supervisor.log"
        self.packages = self.files / "packages"
        self.temporary = self.files / "tmp"
        """The temporary folder, and the home, of the emulator and its Lambda processes."""
        self._state = self.files / "state.json"

    def prepare(self) -> None:
        """Raises: WrongUse where the folder can't be made."""
        try:
            self.temporary.mkdir(parents=True, exist_ok=True)
        except OSError as error:
            raise WrongUse(
                f"The state folder {self.path} can't be written ({error.strerror}): "
                "name one that can with --state."
            ) from None

    def claim(self, state: RecordedState) -> bool:
        """Write the first state; False where another supervisor was quicker."""
        try:
            with self._state.open("x", encoding="utf-8") as file:
                json.dump(asdict(state), file)
        except FileExistsError:
            return False
        return True

    def write(self, state: RecordedState) -> None:
        """Replace the state in one step, so that a reader never sees half of it."""
        draft = self._state.with_suffix(".new")
        draft.write_text(json.dumps(asdict(state), indent=2) + "\n", encoding="utf-8")
        draft.replace(self._state)

    def read(self) -> RecordedState | None:
        """The recorded state; None where there is none, or a crash left an unreadable one."""
        try:
            return TypeAdapter(RecordedState).validate_json(self._state.read_bytes())
        except (OSError, ValueError):
            return None

    def remove(self) -> None:
        """Remove everything of ours, and the path itself where nothing else is in it."""
        shutil.rmtree(self.files, ignore_errors=True)
        with suppress(OSError):
            self.path.rmdir()

    def log_tail(self) -> str:
        """The last lines of both logs, for a person who has to find out what went wrong."""
        lines = []
        for log in (self.supervisor_log, self.emulator_log):
            with suppress(OSError):
                text = log.read_text(encoding="utf-8", errors="replace")
                lines += text.splitlines()[-_LOG_TAIL_LINES:]
        return "\n".join(lines)
