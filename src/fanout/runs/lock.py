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
from collections.abc import Callable
from contextlib import suppress
from dataclasses import dataclass
from datetime import timedelta
from typing import Self

from botocore.exceptions import BotoCoreError, ClientError

from customer_events.instants import from_wire, to_wire
from fanout.aws import AwsTarget
from fanout.errors import Refused
from fanout.runs.journal import Clock, clock
from fanout.runs.store import Operator

LOCK_SECONDS = 120
"""How long a lock holds after its last extension: what a crash costs the next operator."""
EXTEND_SECONDS = 20
GRACE_SECONDS = 10
"""Clocks of two machines differ; an expired lock is believed a little longer."""
_DIGITS = 6


@dataclass(frozen=True, slots=True, kw_only=True)
class Holder:
    """Who holds a lock, or held it, for what, and until when: a parameter's value.

    `until` is an instant as on the wire.
    """

    generation: int
    who: str
    host: str
    pid: int
    run_id: str
    until: str
    token: str


class Lock:
    """What one run holds for the length of a `with` block; `keep` it while working.

    Args:
        name: what it protects.
        report: called with a sentence where an expired lock is taken over.
    """

    def __init__(
        self,
        target: AwsTarget,
        name: str,
        *,
        operator: Operator,
        run_id: str,
        report: Callable[[str], None],
        clock: Clock = clock,
        monotonic: Callable[[], float] = time.monotonic,
    ) -> None:
        self._ssm = target.client("ssm")
        self._name = name
        self._path = f"/{target.prefix}/locks/{name}"
        self._operator = operator
        self._run_id = run_id
        self._report = report
        self._clock = clock
        self._monotonic = monotonic
        self._token = secrets.token_hex(8)
        self._generation = 1
        self._extended_at = monotonic()

    def __enter__(self) -> Self:
        """Take it. Raises: Refused: somebody else holds it; names them."""
        last = self._newest()
        if last is not None:
            if self._is_held(last):
                raise self._refusal(last)
            self._generation = last.generation + 1
        try:
            self._put(overwrite=False)
        except ClientError as error:
            if error.response.get("Error", {}).get("Code") != "ParameterAlreadyExists":
                raise
            raise self._refusal(self._newest()) from None
        if last is not None:
            self._delete(last.generation)
            self._report(
                f"The lock of {last.who} was taken over: their run {last.run_id} ended without "
                "letting go of it."
            )
        self._check()
        return self

    def __exit__(self, *_: object) -> None:
        """Let the next one have it at once; where that fails it expires."""
        self._delete(self._generation)

    def keep(self) -> None:
        """Extend it if it is time to; call this before each batch.

        Raises:
            Refused: it was taken over meanwhile; nothing more may be moved.
        """
        if self._monotonic() - self._extended_at < EXTEND_SECONDS:
            return
        self._check()
        self._put(overwrite=True)
        self._extended_at = self._monotonic()
        self._check()

    # Private functions

    def _newest(self) -> Holder | None:
        """The highest generation; None where nobody holds or held it."""
        pages = self._ssm.get_paginator("get_parameters_by_path")
        holders = [
            Holder(
                generation=int(parameter["Name"].rpartition("/")[2]),
                **json.loads(parameter["Value"]),
            )
            for page in pages.paginate(Path=self._path, Recursive=True)
            for parameter in page["Parameters"]
        ]
        return max(holders, key=lambda holder: holder.generation, default=None)

    def _is_held(self, holder: Holder) -> bool:
        """Whether its time is not up, and its process is not known to be dead."""
        if from_wire(holder.until) + timedelta(seconds=GRACE_SECONDS) <= self._clock():
            return False
        return holder.host != self._operator.host or _is_alive(holder.pid)

    def _check(self) -> None:
        """Raises: Refused where somebody else holds a higher generation."""
        holder = self._newest()
        if holder is None or holder.token == self._token:
            return
        if holder.generation >= self._generation:
            raise self._refusal(holder)

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
            Name=self._parameter(self._generation),
            Description="Held by an operator's run, which is changing what the name says.",
            Type="String",
            Value=json.dumps(value),
            Overwrite=overwrite,
        )

    def _delete(self, generation: int) -> None:
        with suppress(BotoCoreError, ClientError):
            self._ssm.delete_parameter(Name=self._parameter(generation))

    def _parameter(self, generation: int) -> str:
        return f"{self._path}/{generation:0{_DIGITS}}"

    def _refusal(self, holder: Holder | None) -> Refused:
        if holder is None:
            return Refused(f"Somebody else just took the lock {self._name}: try again in a moment.")
        return Refused(
            f"{holder.who} is at work on {self._name} (run {holder.run_id}): wait for them. "
            f"If their command was killed, the lock expires at {holder.until}."
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
