"""How much memory a process takes, and how that goes with what it has done."""

import os
import subprocess
import threading
from collections.abc import Callable
from dataclasses import dataclass

import psutil

_LOOK_SECONDS = 0.25


@dataclass(frozen=True, slots=True, kw_only=True)
class Sample:
    """Resident bytes of a process when it had done so much."""

    done: int
    resident_bytes: int


@dataclass(frozen=True, slots=True, kw_only=True)
class Memory:
    """What a command took on its way."""

    samples: tuple[Sample, ...]

    @property
    def peak_bytes(self) -> int:
        """The most that was seen."""
        return max(one.resident_bytes for one in self.samples)

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
                resident_bytes = psutil.Process(self.process.pid).memory_info().rss
            except psutil.NoSuchProcess:
                return
            if resident_bytes:  # 0 once it has ended and waits to be asked how
                self._samples.append(Sample(done=self._done(), resident_bytes=resident_bytes))
