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
from dataclasses import dataclass, field
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
GRACE_SECONDS = 10  # clocks of two machines differ; an expired lock is believed a little longer


@dataclass(frozen=True, slots=True, kw_only=True)
class Holder:
    """Who holds a lock, or held it, for what, and until when (as on the wire)."""

    generation: int
    who: str
    host: str
    pid: int
    run_id: str
    until: str
    token: str


@dataclass(kw_only=True)
class Lock:
    """What one run holds for a `with` block; `report` is called where one is taken over."""

    target: AwsTarget
    name: str
    operator: Operator
    run_id: str
    report: Callable[[str], None]
    clock: Clock = clock
    monotonic: Callable[[], float] = time.monotonic
    _token: str = field(default_factory=lambda: secrets.token_hex(8))
    _generation: int = 1

    def __post_init__(self) -> None:
        self._ssm = self.target.client("ssm")
        self._path = f"/{self.target.prefix}/locks/{self.name}"
        self._extended_at = self.monotonic()

    def __enter__(self) -> Self:
        """Take it. Raises: Refused: somebody else holds it; names them."""
        last = self._newest()
        if last is not None:
            # On the holder's own machine the process of a lock may be known to be dead.
            ends_at = from_wire(last.until) + timedelta(seconds=GRACE_SECONDS)
            if ends_at > self.clock() and (last.host != self.operator.host or _is_alive(last.pid)):
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
            self.report(
                f"The lock of {last.who} was taken over: their run {last.run_id} ended without "
                "letting go of it."
            )
        self._check()
        return self

    def __exit__(self, *_: object) -> None:
        """Let the next one have it at once; where that fails it expires."""
        self._delete(self._generation)

    def keep(self) -> None:
        """Extend it if it is time to, before each batch. Raises: Refused: it was taken over."""
        if self.monotonic() - self._extended_at < EXTEND_SECONDS:
            return
        self._check()
        self._put(overwrite=True)
        self._extended_at = self.monotonic()
        self._check()

    # Private functions

    def _newest(self) -> Holder | None:
        """The highest generation; None where nobody holds or held it."""
        pages = self._ssm.get_paginator("get_parameters_by_path")
        holders = {
            int(parameter["Name"].rpartition("/")[2]): json.loads(parameter["Value"])
            for page in pages.paginate(Path=self._path, Recursive=True)
            for parameter in page["Parameters"]
        }
        return Holder(generation=max(holders), **holders[max(holders)]) if holders else None

    def _check(self) -> None:
        """Raises: Refused where somebody else holds a higher generation."""
        holder = self._newest()
        if holder and holder.token != self._token and holder.generation >= self._generation:
            raise self._refusal(holder)

    def _put(self, *, overwrite: bool) -> None:
        value = {
            "who": str(self.operator),
            "host": self.operator.host,
            "pid": self.operator.pid,
            "run_id": self.run_id,
            "until": to_wire(self.clock() + timedelta(seconds=LOCK_SECONDS)),
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
        return f"{self._path}/{generation:06}"

    def _refusal(self, holder: Holder | None) -> Refused:
        if holder is None:
            return Refused(f"Somebody else just took the lock {self.name}: try again in a moment.")
        return Refused(
            f"{holder.who} is at work on {self.name} (run {holder.run_id}): wait for them. "
            f"If their command was killed, the lock expires at {holder.until}."
        )


def _is_alive(pid: int) -> bool:
    """Whether a process of this machine runs; one of somebody else's counts."""
    try:
        os.kill(pid, 0)
    except OSError as error:
        return isinstance(error, PermissionError)
    return True
