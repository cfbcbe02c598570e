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
    """Resident bytes of a process when it had done so much, and the most that ever were."""

    done: int
    resident_bytes: int
    peak_bytes: int


@dataclass(frozen=True, slots=True, kw_only=True)
class Memory:
    """What a command took on its way.

    The kernel's own account of a child that has ended would not do: it goes back to before the
    child became this command, when it was a copy of its parent.
    """

    samples: tuple[Sample, ...]

    @property
    def peak_bytes(self) -> int:
        """The most that was ever resident, up to a moment before its end."""
        return max(one.peak_bytes for one in self.samples)

    @property
    def growth(self) -> float:
        """The most of the second half of its work over the most of the first half.

        1.0 where it takes no more for the later customers than for the earlier ones.
        """
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
        """Wait for the process to end; what it took."""
        self.process.wait()
        self._ended.set()
        self._thread.join()
        return Memory(samples=tuple(self._samples))

    # Private functions

    def _look(self) -> None:
        while not self._ended.wait(_LOOK_SECONDS):
            try:
                found = _bytes(self.process.pid)
            except (OSError, ValueError):
                return
            if found:
                resident, peak = found["VmRSS"], found["VmHWM"]
                self._samples.append(
                    Sample(done=self._done(), resident_bytes=resident, peak_bytes=peak)
                )


def is_possible_here() -> bool:
    """Whether the kernel tells of processes under /proc."""
    return Path("/proc/self/status").exists()


# Private functions


def _bytes(pid: int) -> dict[str, int]:
    """The memory of a process by the kernel's names; empty once it has ended."""
    lines = Path(f"/proc/{pid}/status").read_text(encoding="utf-8").splitlines()
    fields = (line.partition(":") for line in lines if line.startswith(("VmRSS:", "VmHWM:")))
    return {name: int(value.split()[0]) * _KIB for name, _, value in fields}
