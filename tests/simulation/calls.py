"""Every outside call of the code under test passes here, and meets its fault here."""

from collections import Counter
from collections.abc import Callable, Sequence
from concurrent.futures import Executor
from dataclasses import dataclass, field
from functools import wraps
from random import Random
from typing import Any

from botocore.exceptions import ClientError, ReadTimeoutError

from simulation.clock import VirtualClock
from simulation.schedule import CallFault, Step

_ERRORS = {
    "refused": ("InvalidParameterException", 400),
    "throttle": ("ThrottlingException", 400),
    "error": ("InternalErrorException", 500),
    "unavailable": ("ServiceUnavailable", 503),
}
_CODES_OF = {
    "Invoke": {"throttle": "TooManyRequestsException", "error": "ServiceException"},
}
"""Where a service has codes of its own for them."""
_SLOW_SECONDS = 3.0
_OF_AN_ENTRY = frozenset({"entry_fails", "entry_refused", "missing", "missing_done"})
_DEADLY = {"crash_before", "crash_after"}


def in_short(met: Sequence[str]) -> str:
    """The faults that were met, for the log: each once, and how often."""
    faults = [
        f"{fault}, {count} times" if count > 1 else fault for fault, count in Counter(met).items()
    ]
    return f" ({'; '.join(faults)})" if faults else ""


class Crash(BaseException):
    """The worker dies here. No `except Exception` of the code under test can hold it."""


class EntryRefused(Exception):
    """A service refuses one entry of a batch call."""

    def __init__(self, code: str) -> None:
        super().__init__(code)
        self.code = code


@dataclass(slots=True, kw_only=True)
class Invocation:
    """One run of a function or a command: the faults that its calls meet, and when it ends.

    `is_dead`: its process has died; nothing that is still cleaned up on the way out has an effect.
    """

    ends_at: float
    random: Random
    faults: Sequence[CallFault] = ()
    during: Sequence[tuple[int, Step]] = ()
    calls: int = 0
    is_dead: bool = False
    is_doomed: bool = False
    met: list[str] = field(default_factory=list)
    """The faults that came true, outages and time that ran out among them."""
    spent: set[int] = field(default_factory=set)

    def fault_at(self, position: int, *, is_batch: bool) -> str:
        """What the n-th call meets; a fault of one entry waits for the next call that has some."""
        for index, one in enumerate(self.faults):
            is_of_entry = one.kind in _OF_AN_ENTRY
            meets = one.call <= position and is_batch if is_of_entry else one.call == position
            if meets and index not in self.spent:
                self.spent.add(index)
                return one.kind
        return ""


class Calls:
    """The way out of the code under test; without an invocation a call meets no fault."""

    def __init__(self, clock: VirtualClock) -> None:
        self._clock = clock
        self._stack: list[Invocation] = []
        self.outages: dict[str, float] = {}
        self.refusals: dict[str, tuple[str, int]] = {}
        """By service: the error code and the status with which it refuses every call."""
        self.run_step: Callable[[Step], None] = lambda _: None

    @property
    def current(self) -> Invocation:
        return self._stack[-1]

    @property
    def depth(self) -> int:
        """How many invocations are under way."""
        return len(self._stack)

    def enter(self, invocation: Invocation) -> None:
        self._stack.append(invocation)

    def leave(self) -> None:
        self._stack.pop()

    def one(self, service: str, operation: str, perform: Callable[[], Any]) -> Any:
        """A call with one effect."""
        fault = self._begin(service, operation)
        answer = perform()
        self._end(fault)
        return answer

    def batch(
        self,
        service: str,
        operation: str,
        entries: Sequence[dict[str, Any]],
        perform: Callable[[dict[str, Any]], dict[str, Any]],
    ) -> dict[str, Any]:
        """A call with an effect for each entry; `perform` may refuse one by `EntryRefused`."""
        fault = self._begin(service, operation, is_batch=True)
        spared = self.current.random.randrange(len(entries)) if fault in _OF_AN_ENTRY else -1
        answer: dict[str, Any] = {"Successful": [], "Failed": []}
        for index, entry in enumerate(entries):
            if index == spared and fault != "missing_done":
                if fault != "missing":
                    code = "InvalidParameter" if fault == "entry_refused" else "InternalError"
                    answer["Failed"].append(_failed(entry, code))
                continue
            try:
                done = perform(entry)
            except EntryRefused as refusal:
                if self._stack:
                    self.current.met.append(f"{operation}: an entry is refused")
                answer["Failed"].append(_failed(entry, refusal.code))
                continue
            if index != spared:
                answer["Successful"].append({"Id": entry["Id"], **done})
        self._end(fault)
        return answer

    def written(self) -> None:
        """A line is about to come onto the disk: a process may die before it, or after it."""
        if not self._stack:
            return
        invocation = self._stack[-1]
        position = invocation.calls
        invocation.calls += 1
        self._die_if_dead(invocation)
        kind = next((one.kind for one in invocation.faults if one.call == position), "")
        if kind in _DEADLY:
            invocation.met.append(f"journal: {kind}")
            invocation.is_doomed = True
            if kind == "crash_before":
                self._die(invocation)

    # Private functions

    def _begin(self, service: str, operation: str, *, is_batch: bool = False) -> str:
        """The fault that this call meets after its effect; those before it are raised."""
        if not self._stack:
            return ""
        invocation = self._stack[-1]
        position = invocation.calls
        invocation.calls += 1
        self._die_if_dead(invocation)
        self._meanwhile(invocation, position)
        if self._clock.seconds >= invocation.ends_at:
            invocation.met.append("out of time")
            self._die(invocation)
        if self.outages.get(service, 0.0) > self._clock.seconds:
            invocation.met.append(f"{service} is down")
            raise _error("unavailable", operation)
        if service in self.refusals:
            code, status = self.refusals[service]
            invocation.met.append(f"{service} answers {code}")
            raise _client_error(code, status, operation)
        kind = invocation.fault_at(position, is_batch=is_batch)
        if not kind:
            return ""
        invocation.met.append(f"{operation}: {kind}")
        if kind == "crash_before":
            self._die(invocation)
        if kind in _ERRORS:
            raise _error(kind, operation)
        if kind == "slow":
            self._clock.seconds += _SLOW_SECONDS
        if kind == "timeout":
            raise ReadTimeoutError(endpoint_url=service)
        return kind

    def _meanwhile(self, invocation: Invocation, position: int) -> None:
        """What other workers do while this call is under way."""
        began = self._clock.seconds
        for call, step in invocation.during:
            if call == position:
                self.run_step(step)
        if self._clock.seconds > began:
            invocation.met.append("slow")

    def _end(self, fault: str) -> None:
        if fault == "lost":
            raise ReadTimeoutError(endpoint_url="")
        if fault == "crash_after":
            self._die(self._stack[-1])

    @staticmethod
    def _die(invocation: Invocation) -> None:
        invocation.is_dead = True
        raise Crash

    def _die_if_dead(self, invocation: Invocation) -> None:
        if invocation.is_dead or invocation.is_doomed:
            self._die(invocation)


def outside_call(method: Callable[..., Any]) -> Callable[..., Any]:
    """A client's method that is one call of a service, and may meet a fault.

    Its class has `_calls` and `_service`; the operation is the method's name.
    """
    operation = method.__name__.title().replace("_", "")

    @wraps(method)
    def called(client: Any, **request: Any) -> Any:
        return client._calls.one(client._service, operation, lambda: method(client, **request))

    return called


class ShuffledExecutor(Executor):
    """Runs at once what a pool would overlap, in an order that the invocation's dice decide."""

    def __init__(self, calls: Calls) -> None:
        self._calls = calls

    def map(self, fn: Callable[..., Any], *iterables: Any, **_: Any) -> Any:
        tasks = list(zip(*iterables, strict=False))
        order = list(range(len(tasks)))
        self._calls.current.random.shuffle(order)
        results: list[Any] = [None] * len(tasks)
        for position in order:
            results[position] = fn(*tasks[position])
        return iter(results)


# Private functions


def _failed(entry: dict[str, Any], code: str) -> dict[str, Any]:
    return {"Id": entry["Id"], "Code": code, "SenderFault": False}


def _error(kind: str, operation: str) -> ClientError:
    code, status = _ERRORS[kind]
    return _client_error(_CODES_OF.get(operation, {}).get(kind, code), status, operation)


def _client_error(code: str, status: int, operation: str) -> ClientError:
    return ClientError(
        {"Error": {"Code": code}, "ResponseMetadata": {"HTTPStatusCode": status}}, operation
    )
