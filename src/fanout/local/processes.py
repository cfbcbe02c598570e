"""Processes recorded on disk: is it still the same one, and end it with everything it started.

A process id alone is no identity: after a crash or a reboot another process may have it. The id
and the time at which the process started are.
"""

import os
import signal
import time
from contextlib import suppress
from dataclasses import dataclass
from typing import Self

_POLL_INTERVAL_SECONDS = 0.02


@dataclass(frozen=True, slots=True, kw_only=True)
class RecordedProcess:
    """A process by its id and its start, in seconds since boot, which no change of the clock moves.

    It leads a process group of its own, so that ending the group ends its children too.
    """

    pid: int
    started: float

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


# Private functions


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
