"""Keep two operators from working on the same thing at once.

A lock is an SSM parameter `/<prefix>/locks/<name>/<generation>` that says who holds it and until
when; its name says what it protects, such as `dlq/payments`. SSM makes a parameter only if there
is none (`Overwrite=False`), and that is the only thing this rests on: a lock that has expired is
taken over by making the *next* generation, which one of any number of operators can do. The holder
extends its own generation, and stops as soon as there is a higher one. On the holder's own machine
a lock whose process is dead need not be waited for.
"""

import json
import os
import secrets
import time
from collections.abc import Callable, Iterator
from contextlib import contextmanager, suppress
from dataclasses import dataclass
from datetime import datetime, timedelta
from typing import Any

from botocore.exceptions import BotoCoreError, ClientError

from customer_events.instants import from_wire, to_wire
from fanout.errors import Refused
from fanout.runs.store import Clock, Operator, clock

LOCK_SECONDS = 120
"""How long a lock holds after its last extension: what a crash costs the next operator."""
EXTEND_SECONDS = 20
GRACE_SECONDS = 10
"""Clocks of two machines differ; an expired lock is believed a little longer."""
_DIGITS = 6


@dataclass(frozen=True, slots=True, kw_only=True)
class Holder:
    """Who holds a lock, or held it, for what, and until when."""

    generation: int
    who: str
    host: str
    pid: int
    run_id: str
    until: datetime
    token: str


class Locks:
    """The locks of one deployment.

    Args:
        ssm: a boto3 client.
        prefix: the deployment's.
    """

    def __init__(
        self,
        ssm: Any,
        prefix: str,
        *,
        clock: Clock = clock,
        monotonic: Callable[[], float] = time.monotonic,
    ) -> None:
        self._ssm = ssm
        self._prefix = prefix
        self._clock = clock
        self._monotonic = monotonic

    @contextmanager
    def hold(
        self, name: str, *, operator: Operator, run_id: str, report: Callable[[str], None]
    ) -> Iterator["Lock"]:
        """Hold the lock of this name for the length of a `with` block.

        Where an expired lock is taken over, `report` is called with a sentence about it.

        Raises:
            Refused: somebody else holds it; names them.
        """
        lock = self._take(name, operator=operator, run_id=run_id, report=report)
        try:
            yield lock
        finally:
            lock.release()

    # Private functions

    def _take(
        self, name: str, *, operator: Operator, run_id: str, report: Callable[[str], None]
    ) -> "Lock":
        path = f"/{self._prefix}/locks/{name}"
        last = newest(self._ssm, path)
        if last is not None and self._is_held(last, operator):
            raise _refusal(name, last)
        lock = Lock(
            self._ssm,
            path,
            generation=last.generation + 1 if last else 1,
            operator=operator,
            run_id=run_id,
            clock=self._clock,
            monotonic=self._monotonic,
        )
        if not lock.make():
            other = newest(self._ssm, path)
            raise _refusal(name, other)
        if last is not None:
            with suppress(BotoCoreError, ClientError):
                self._ssm.delete_parameter(Name=_name(path, last.generation))
            report(
                f"The lock of {last.who} was taken over: their run {last.run_id} ended without "
                "letting go of it."
            )
        lock.check()
        return lock

    def _is_held(self, holder: Holder, operator: Operator) -> bool:
        """Whether its time is not up, and its process is not known to be dead."""
        if holder.until + timedelta(seconds=GRACE_SECONDS) <= self._clock():
            return False
        return holder.host != operator.host or _is_alive(holder.pid)


class Lock:
    """A lock that is held; `keep` it while working."""

    def __init__(
        self,
        ssm: Any,
        path: str,
        *,
        generation: int,
        operator: Operator,
        run_id: str,
        clock: Clock,
        monotonic: Callable[[], float],
    ) -> None:
        self._ssm = ssm
        self._path = path
        self._generation = generation
        self._operator = operator
        self._run_id = run_id
        self._clock = clock
        self._monotonic = monotonic
        self._token = secrets.token_hex(8)
        self._extended_at = monotonic()

    def make(self) -> bool:
        """Make this generation; False where somebody else just did."""
        try:
            self._put(overwrite=False)
        except ClientError as error:
            if error.response.get("Error", {}).get("Code") != "ParameterAlreadyExists":
                raise
            return False
        return True

    def keep(self) -> None:
        """Extend it if it is time to; call this before each batch.

        Raises:
            Refused: it was taken over meanwhile; nothing more may be moved.
        """
        if self._monotonic() - self._extended_at < EXTEND_SECONDS:
            return
        self.check()
        self._put(overwrite=True)
        self._extended_at = self._monotonic()
        self.check()

    def check(self) -> None:
        """Raises: Refused where somebody else holds a higher generation."""
        holder = newest(self._ssm, self._path)
        if holder is None or holder.token == self._token:
            return
        if holder.generation >= self._generation:
            raise _refusal(self._path.rpartition("/locks/")[2], holder)

    def release(self) -> None:
        """Let the next one have it at once; where that fails it expires."""
        with suppress(BotoCoreError, ClientError):
            self._ssm.delete_parameter(Name=_name(self._path, self._generation))

    # Private functions

    def _put(self, *, overwrite: bool) -> None:
        until = self._clock() + timedelta(seconds=LOCK_SECONDS)
        value = {
            "who": str(self._operator),
            "host": self._operator.host,
            "pid": self._operator.pid,
            "run_id": self._run_id,
            "until": to_wire(until),
            "token": self._token,
        }
        self._ssm.put_parameter(
            Name=_name(self._path, self._generation),
            Description="Held by an operator's run, which is changing what the name says.",
            Type="String",
            Value=json.dumps(value),
            Overwrite=overwrite,
        )


def newest(ssm: Any, path: str) -> Holder | None:
    """The highest generation of a lock; None where nobody holds or held it."""
    found = []
    for page in ssm.get_paginator("get_parameters_by_path").paginate(Path=path, Recursive=True):
        for parameter in page["Parameters"]:
            value = json.loads(parameter["Value"])
            found.append(
                Holder(
                    generation=int(parameter["Name"].rpartition("/")[2]),
                    who=value["who"],
                    host=value["host"],
                    pid=int(value["pid"]),
                    run_id=value["run_id"],
                    until=from_wire(value["until"]),
                    token=value["token"],
                )
            )
    return max(found, key=lambda one: one.generation, default=None)


# Private functions


def _refusal(name: str, holder: Holder | None) -> Refused:
    if holder is None:
        return Refused(f"Somebody else just took the lock {name}: try again in a moment.")
    return Refused(
        f"{holder.who} is at work on {name} (run {holder.run_id}): wait for them. "
        f"If their command was killed, the lock expires at {to_wire(holder.until)}."
    )


def _is_alive(pid: int) -> bool:
    """Whether a process of this machine runs; one of somebody else's counts."""
    try:
        os.kill(pid, 0)
    except ProcessLookupError:
        return False
    except PermissionError:
        return True
    return True


def _name(path: str, generation: int) -> str:
    return f"{path}/{generation:0{_DIGITS}}"
