"""The emulator's own processes: find the worker that makes a call, kill it, pause the emulator.

Only a child of the recorded emulator is ever killed, and only the emulator itself is paused; both
are looked up anew each time, as a process id alone is no identity. Linux, by way of /proc.
"""

import os
import random
import signal
import threading
from collections.abc import Iterator
from contextlib import contextmanager, suppress
from pathlib import Path

from fanout.local.processes import RecordedProcess

_PROC = Path("/proc")
_PAUSE_SECONDS = (0.3, 5.0)


def is_possible_here() -> bool:
    """Whether this system tells which process holds a connection."""
    return (_PROC / "net" / "tcp").is_file()


def kill_caller(emulator: RecordedProcess, *, caller_port: int, proxy_port: int) -> bool:
    """Kill the emulator's worker at the other end of a connection; False where it is no such."""
    inode = _socket_inode(local_port=caller_port, remote_port=proxy_port)
    if inode is None or not emulator.is_running():
        return False
    for pid in _children(emulator.pid):
        if _holds(pid, f"socket:[{inode}]") and pid in _children(emulator.pid):
            with suppress(ProcessLookupError):
                os.kill(pid, signal.SIGKILL)
                return True
    return False


class Pauses:
    """Stops the emulator for seconds at a time, and always lets it go on."""

    def __init__(self, emulator: RecordedProcess, *, seed: int, every_seconds: float) -> None:
        self._emulator = emulator
        self._chance = random.Random(f"pauses {seed}")
        self._every_seconds = every_seconds
        self._end = threading.Event()
        self.count = 0
        self.seconds = 0.0

    @contextmanager
    def coming(self) -> Iterator[None]:
        """Pause it now and then, until the block ends."""
        thread = threading.Thread(target=self._run, name="pauses")
        thread.start()
        try:
            yield
        finally:
            self._end.set()
            thread.join()

    # Private functions

    def _run(self) -> None:
        while not self._end.wait(self._chance.uniform(0.5, 1.5) * self._every_seconds):
            if not self._emulator.is_running():
                return
            seconds = self._chance.uniform(*_PAUSE_SECONDS)
            os.kill(self._emulator.pid, signal.SIGSTOP)
            try:
                self._end.wait(seconds)
            finally:
                os.kill(self._emulator.pid, signal.SIGCONT)
            self.count += 1
            self.seconds += seconds


# Private functions


def _socket_inode(*, local_port: int, remote_port: int) -> str | None:
    """From proc_net_tcp: fields 2 and 3 are ADDRESS:PORT in hexadecimal, field 10 the inode."""
    lines = (_PROC / "net" / "tcp").read_text(encoding="ascii").splitlines()[1:]
    for fields in map(str.split, lines):
        local, remote = (int(fields[index].partition(":")[2], 16) for index in (1, 2))
        if (local, remote) == (local_port, remote_port):
            return fields[9]
    return None


def _children(parent: int) -> set[int]:
    return {
        int(folder.name)
        for folder in _PROC.iterdir()
        if folder.name.isdigit() and _parent(folder) == parent
    }


def _parent(folder: Path) -> int | None:
    try:
        stat = (folder / "stat").read_text(encoding="utf-8", errors="replace")
    except OSError:
        return None
    return int(stat.rpartition(")")[2].split()[1])


def _holds(pid: int, link: str) -> bool:
    with suppress(OSError):
        for descriptor in (_PROC / str(pid) / "fd").iterdir():
            with suppress(OSError):
                if str(descriptor.readlink()) == link:
                    return True
    return False
