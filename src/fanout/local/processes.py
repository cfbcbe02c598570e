"""Processes recorded on disk: is it still the same one, and end it with everything it started.

A process id alone is no identity: after a crash or a reboot another process may have it. The time
at which the process started, as the system counts it, makes it one.
"""

import os
import signal
import subprocess
import time
from contextlib import suppress
from dataclasses import dataclass
from pathlib import Path
from typing import Self

_POLL_INTERVAL_SECONDS = 0.02
_PROC = Path("/proc")


@dataclass(frozen=True, slots=True, kw_only=True)
class RecordedProcess:
    """A process by its id and its start (clock ticks since boot, or a date where `ps` tells it).

    It leads a process group of its own, so that ending the group ends its children too.
    """

    pid: int
    started: str

    @classmethod
    def of(cls, pid: int) -> Self:
        """Record a process that runs now.

        Raises:
            ProcessLookupError: it does not.
        """
        started = _started(pid)
        if started is None:
            raise ProcessLookupError(pid)
        return cls(pid=pid, started=started)

    def is_running(self) -> bool:
        """Whether this very process, not another with its id, still runs."""
        return _started(self.pid) == self.started

    def end(self, *, grace_seconds: float) -> None:
        """End it and its group: asked first, and made to after `grace_seconds`.

        Members of the group that outlive their leader are ended as well.
        """
        if not self.is_running():
            return
        _signal_group(self.pid, signal.SIGTERM)
        self.wait(timeout_seconds=grace_seconds)
        _signal_group(self.pid, signal.SIGKILL)
        self.wait(timeout_seconds=grace_seconds)

    def wait(self, *, timeout_seconds: float) -> bool:
        """Wait until it has ended; False where it still runs after that time."""
        deadline = time.monotonic() + timeout_seconds
        while self.is_running():
            if time.monotonic() > deadline:
                return False
            time.sleep(_POLL_INTERVAL_SECONDS)
        return True


# Private functions


def _started(pid: int) -> str | None:
    """When the process started; None where there is none, or only its unread exit status."""
    if not _PROC.is_dir():
        return _started_by_ps(pid)
    try:
        stat = (_PROC / str(pid) / "stat").read_text(encoding="utf-8", errors="replace")
    except OSError:
        return None
    # The name in parentheses may hold anything, so fields count from the last parenthesis on:
    # proc(5) numbers the state 3 and the start time 22.
    fields = stat.rpartition(")")[2].split()
    state, started = fields[0], fields[19]
    return None if state in {"Z", "X"} else started


def _started_by_ps(pid: int) -> str | None:
    command = ["ps", "-o", "stat=,lstart=", "-p", str(pid)]
    answer = subprocess.run(command, capture_output=True, text=True, check=False)  # noqa: S603
    state, _, started = answer.stdout.strip().partition(" ")
    return None if not started or state.startswith("Z") else started.strip()


def _signal_group(pid: int, number: signal.Signals) -> None:
    with suppress(ProcessLookupError, PermissionError):
        os.killpg(pid, number)
