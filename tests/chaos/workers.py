"""The emulator's own processes: find the worker that makes a call, kill it, pause the emulator.

Only a child of the recorded emulator is ever killed, and only the emulator itself is paused; both
are looked up anew each time, as a process id alone is no identity.
"""

import os
import random
import signal
import threading
from collections.abc import Iterator
from contextlib import contextmanager, suppress

import psutil

from fanout.local.state_folder import RecordedProcess

_PAUSE_SECONDS = (0.3, 5.0)


def is_possible_here() -> bool:
    """Whether this was tried on this system."""
    return psutil.LINUX


def kill_caller(emulator: RecordedProcess, *, caller_port: int, proxy_port: int) -> bool:
    """Kill the emulator's worker at the other end of a connection; False where it is no such."""
    if not emulator.is_running():
        return False
    for child in psutil.Process(emulator.pid).children():
        with suppress(psutil.NoSuchProcess, psutil.AccessDenied):
            if any(
                one.raddr and (one.laddr.port, one.raddr.port) == (caller_port, proxy_port)
                for one in child.net_connections("tcp")
            ):
                child.kill()
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
