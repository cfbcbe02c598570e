"""How much memory a process takes, and how that goes with what it has done. Linux only."""

import os
import subprocess
import threading
from collections.abc import Callable
from dataclasses import dataclass
from pathlib import Path

_LOOK_SECONDS = 0.25
_KIB = 1024


@dataclass(frozen=True, slots=True, kw_only=True)
class Sample:
    """Resident bytes of a process when it had done so much."""

    done: int
    resident_bytes: int


@dataclass(frozen=True, slots=True, kw_only=True)
class Memory:
    """What a command took: the most that was ever resident, and on the way.

    `growth` is the most of the second half of its work over the most of the first half.
    """

    peak_bytes: int
    samples: tuple[Sample, ...]

    @property
    def growth(self) -> float:
        """1.0 where it takes no more for the later customers than for the earlier ones."""
        working = [one for one in self.samples if one.done]
        middle = (working[0].done + working[-1].done) / 2
        first = max(one.resident_bytes for one in working if one.done <= middle)
        return max(one.resident_bytes for one in working if one.done >= middle) / first


class MemoryWatch:
    """Looks at a process until it ends.

    Args:
        process: a child of this one.
        done: how much it has done by now.
    """

    def __init__(self, process: subprocess.Popen[bytes], done: Callable[[], int]) -> None:
        self.process = process
        self._done = done
        self._ended = threading.Event()
        self._samples: list[Sample] = []
        self._thread = threading.Thread(target=self._look, name="memory")
        self._thread.start()

    def has_ended(self) -> bool:
        """Whether the process has ended; it stays there to be asked what it took."""
        flags = os.WEXITED | os.WNOHANG | os.WNOWAIT
        return os.waitid(os.P_PID, self.process.pid, flags) is not None

    def ended(self) -> Memory:
        """Wait for the process to end; what it took, the peak as the kernel counted it."""
        _, status, usage = os.wait4(self.process.pid, 0)
        self.process.returncode = os.waitstatus_to_exitcode(status)
        self._ended.set()
        self._thread.join()
        return Memory(peak_bytes=usage.ru_maxrss * _KIB, samples=tuple(self._samples))

    # Private functions

    def _look(self) -> None:
        while not self._ended.wait(_LOOK_SECONDS):
            try:
                resident = _resident_bytes(self.process.pid)
            except (OSError, ValueError):
                return
            if resident:
                self._samples.append(Sample(done=self._done(), resident_bytes=resident))


def is_possible_here() -> bool:
    """Whether the kernel tells of processes under /proc."""
    return Path("/proc/self/status").exists()


# Private functions


def _resident_bytes(pid: int) -> int:
    """0 for a process that has ended and was not waited for yet."""
    for line in Path(f"/proc/{pid}/status").read_text(encoding="utf-8").splitlines():
        if line.startswith("VmRSS:"):
            return int(line.split()[1]) * _KIB
    return 0
