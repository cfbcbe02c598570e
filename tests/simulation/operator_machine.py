"""The machine that an operator's command runs on: its time, its threads, its chance, its disk.

A command asks its own machine for these, and not AWS. While one is at work they are the world's;
what it does in threads is done one after the other.
"""

import tempfile
from collections.abc import Callable, Iterator, Mapping
from concurrent.futures import Executor, Future
from contextlib import contextmanager
from datetime import datetime
from pathlib import Path
from typing import Any, Self

from fanout import console, overlap
from fanout.accounts import backfill, reconcile, snapshots
from fanout.dlq import replay as replay_session
from fanout.failures import recover as recovering
from fanout.runs import function, lock, operation, store
from fanout.runs import pace as depth_bound
from fanout.runs.store import Operator, Run
from fanout.sqs import scan as sweep
from sentinel import table as accounts_table
from simulation.clock import VirtualClock

_LEAP = 20.0
"""How much longer a pause is here than it was meant: one look in ten seconds is enough."""
_LEAP_BELOW_SECONDS = 5.0
_MEMORY = Path("/dev/shm")


class InTurn(Executor):
    """Runs at once what threads would overlap."""

    def __init__(self, *_: Any, **__: Any) -> None:
        return

    def submit(self, fn: Callable[..., Any], /, *args: Any, **kwargs: Any) -> Future[Any]:
        future: Future[Any] = Future()
        try:
            future.set_result(fn(*args, **kwargs))
        except BaseException as error:  # noqa: BLE001 - a thread hands over whatever ended it
            future.set_exception(error)
        return future

    def map(self, fn: Callable[..., Any], *iterables: Any, **_: Any) -> Iterator[Any]:
        return map(fn, *iterables)


class Stop:
    """In the place of `Stopping`: nobody asks to stop, and to wait is to let others work."""

    def __init__(self, machine: "OperatorMachine") -> None:
        self._machine = machine
        self._asked = False

    def __enter__(self) -> Self:
        return self

    def __exit__(self, *_: object) -> None:
        return

    def asked(self) -> bool:
        return self._asked

    def ask(self) -> None:
        self._asked = True

    def wait(self, seconds: float) -> None:
        self._machine.sleep(seconds)


class OperatorMachine:
    """`idle` is called where a command waits; `writes` before each line of a journal."""

    def __init__(
        self, clock: VirtualClock, *, idle: Callable[[], None], writes: Callable[[], None]
    ) -> None:
        self._clock = clock
        self._idle = idle
        self._writes = writes
        self._tokens = 0
        self._careful = 0
        self._at_work = 0
        self._home: tempfile.TemporaryDirectory[str] | None = None
        self.operator = Operator(user="jo", host="laptop-0", pid=0, identity="arn", account="1")
        self.alive: set[int] = set()

    # What a machine has

    def monotonic(self) -> float:
        return self._clock.seconds

    def sleep(self, seconds: float) -> None:
        leap = _LEAP if seconds < _LEAP_BELOW_SECONDS else 1.0
        self._clock.seconds += seconds * leap
        self._idle()

    def now(self) -> datetime:
        return self._clock.now()

    def token_hex(self, _: int) -> str:
        self._tokens += 1
        return f"{self._tokens:08x}"

    def is_alive(self, pid: int) -> bool:
        return pid in self.alive

    # Journals

    @property
    def store(self) -> "Journals":
        return Journals(self.folder / "runs", self)

    @property
    def folder(self) -> Path:
        if self._home is None:
            base = str(_MEMORY) if _MEMORY.is_dir() else None
            self._home = tempfile.TemporaryDirectory(prefix="simulation-", dir=base)
        return Path(self._home.name)

    def close(self) -> None:
        if self._home is not None:
            self._home.cleanup()

    @contextmanager
    def carefully(self) -> Iterator[None]:
        """No death while a file is opened: it would only leave the file open here."""
        self._careful += 1
        try:
            yield
        finally:
            self._careful -= 1

    def line_at(self) -> datetime:
        if not self._careful:
            self._writes()
        return self._clock.now()

    # At work

    @contextmanager
    def at_work(self, changed: Mapping[tuple[Any, str], Any]) -> Iterator[None]:
        """Lend the machine to a command; `changed` replaces parts of the command itself."""
        if self._at_work:
            yield
            return
        self._at_work += 1
        parts = {**self._parts(), **changed}
        replaced = [(owner, name, getattr(owner, name)) for owner, name in parts]
        defaults = [(one, dict(one.__kwdefaults__)) for one in _DEFAULTS]
        was_quiet, console.ERR.quiet = console.ERR.quiet, True
        for (owner, name), part in parts.items():
            setattr(owner, name, part)
        own = {"monotonic": self.monotonic, "sleep": self.sleep, "clock": self.now}
        for one, known in defaults:
            one.__kwdefaults__.update({name: own[name] for name in known if name in own})
        try:
            yield
        finally:
            for owner, name, part in replaced:
                setattr(owner, name, part)
            for one, known in defaults:
                one.__kwdefaults__.update(known)
            console.ERR.quiet = was_quiet
            self._at_work -= 1

    # Private functions

    def _parts(self) -> dict[tuple[Any, str], Any]:
        return {
            (accounts_table, "time"): self,
            (snapshots, "time"): self,
            (reconcile, "time"): self,
            (replay_session, "time"): self,
            (function, "time"): self,
            (lock, "secrets"): self,
            (store, "secrets"): self,
            (lock, "_is_alive"): self.is_alive,
            (operation, "Stopping"): lambda: Stop(self),
            (backfill, "ThreadPoolExecutor"): InTurn,
            (overlap, "_pool"): InTurn,
            (recovering, "patient_client"): lambda target: target.client("lambda"),
            (replay_session, "patient_client"): lambda target: target.client("lambda"),
            (tempfile, "tempdir"): str(self.folder),
        }


_DEFAULTS: tuple[Any, ...] = (
    sweep.Sweep.__init__,
    lock.Lock.__init__,
    depth_bound.DepthBound.__init__,
)
"""Functions whose keyword defaults are the machine's."""


class Journals(store.RunStore):
    """The production store; a process may die before and after each line that it writes."""

    def __init__(self, folder: Path, machine: OperatorMachine) -> None:
        super().__init__(folder, clock=machine.line_at)
        self._machine = machine

    def create(self, *arguments: Any, **options: Any) -> Run:
        with self._machine.carefully():
            return super().create(*arguments, **options)

    def open(self, *arguments: Any, **options: Any) -> Run:
        with self._machine.carefully():
            return super().open(*arguments, **options)
