"""Stop between two batches, not within one: Ctrl-C and a polite kill finish what is under way."""

import signal
import threading
from types import FrameType, TracebackType
from typing import Any, Self

_SIGNALS = (signal.SIGINT, signal.SIGTERM, signal.SIGHUP)


class Stopping:
    """Whether to stop; use it in a `with` block around the work.

    The first signal asks to stop. A second Ctrl-C breaks off at once, as Python does by itself;
    the journal stands that as well as a kill.
    """

    def __init__(self) -> None:
        self._asked = threading.Event()
        self._before: dict[signal.Signals, Any] = {}

    def __enter__(self) -> Self:
        """Take over the signals, where this is the main thread (signals go nowhere else)."""
        if threading.current_thread() is threading.main_thread():
            self._before = {one: signal.signal(one, self._ask) for one in _SIGNALS}
        return self

    def __exit__(
        self,
        kind: type[BaseException] | None,
        error: BaseException | None,
        trace: TracebackType | None,
    ) -> None:
        """Give the signals back."""
        for one, handler in self._before.items():
            signal.signal(one, handler)

    def asked(self) -> bool:
        """Whether somebody wants it to stop."""
        return self._asked.is_set()

    def ask(self) -> None:
        """Stop at the next good moment."""
        self._asked.set()

    def wait(self, seconds: float) -> None:
        """Sleep that long, or until asked to stop."""
        self._asked.wait(max(0.0, seconds))

    # Private functions

    def _ask(self, number: int, _frame: FrameType | None) -> None:
        if self._asked.is_set() and number == signal.SIGINT:
            raise KeyboardInterrupt
        self._asked.set()
