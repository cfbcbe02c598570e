"""After the chaos: wait until nothing moves, and bring what died back with the operator's tools."""

import time
from collections.abc import Callable
from pathlib import Path
from typing import Any

from e2e.fanout_command import Fanout
from fanout.demo.audit import Account
from fanout.demo.witnesses import Watch
from fanout.local.deployment import LocalDeployment
from fanout.sqs.queue import read_depth

# Well above a function's timeout, a message's visibility and the consumer's longest delays.
STALL_SECONDS = 150
_QUIET_SECONDS = 4
_COMMAND_TIMEOUT_SECONDS = 900
_POLL_SECONDS = 0.3
_WAITING = ("parked/", "aws/lambda/")
RECOVER = ("failures", "recover", "--execute")
REPLAY = ("dlq", "replay", "payments", "--failure-rate-max", "1", "--execute")


class Settling:
    """Watches a deployment until every change has ended, and restores what it finds dead."""

    def __init__(self, deployment: LocalDeployment, watch: Watch, folder: Path) -> None:
        self._deployment = deployment
        self._watch = watch
        self._fanout = Fanout(deployment=deployment, state=folder, is_process=True)
        self._replayed = self._recovered = 0
        self._failed: list[str] = []

    def settle(self, show: Callable[[], None]) -> Account:
        """Until each change has ended and nothing waits, or until nothing has moved for long."""
        moved_at, seen = time.monotonic(), self._state()
        while True:
            self._watch.look()
            show()
            began = time.monotonic()
            state = self._state()
            if state != seen:
                moved_at, seen = time.monotonic(), state
            quiet_seconds = time.monotonic() - moved_at
            if quiet_seconds > _QUIET_SECONDS and self._restore():
                moved_at = time.monotonic()
            account = self._watch.ledger.close()
            if not account.lost and not self._waits():
                return account
            if quiet_seconds > STALL_SECONDS:
                return account
            # A long ledger takes a while to close: never spend most of the time on that.
            time.sleep(max(_POLL_SECONDS, 2 * (time.monotonic() - began)))

    def restored(self) -> dict[str, int]:
        """What was dead or parked after the chaos and was brought back."""
        return {
            "messages replayed from the DLQ": self._replayed,
            "objects recovered from the failure store": self._recovered,
        }

    def left(self) -> list[str]:
        """What could not be brought back, and what is dead or waits now."""
        counts = {
            "objects in the failure store": len(self._objects()),
            "messages in the queue": self._queued(),
            "messages in the DLQ": self._dead(),
        }
        return [*self._failed, *(f"{count} {what}" for what, count in counts.items() if count)]

    # Private functions

    def _state(self) -> Any:
        return self._watch.counts(), self._queued(), self._dead(), len(self._objects())

    def _waits(self) -> bool:
        return bool(self._queued() or self._dead() or self._objects())

    def _restore(self) -> bool:
        """Whether there was something to bring back."""
        objects, dead = len(self._objects()), self._dead()
        if objects and self._run(*RECOVER):
            self._recovered += objects
        if dead and self._run(*REPLAY):
            self._replayed += dead
        return bool(objects or dead)

    def _run(self, *command: str) -> bool:
        try:
            self._fanout(*command, timeout=_COMMAND_TIMEOUT_SECONDS)
        except AssertionError as error:
            self._failed.append(f"fanout {' '.join(command)} failed: {error}")
            return False
        return True

    def _queued(self) -> int:
        return self._depth(self._deployment.queue_url)

    def _dead(self) -> int:
        return self._depth(self._deployment.dlq_url)

    def _depth(self, url: str) -> int:
        depth = read_depth(self._deployment.client("sqs"), url)
        return depth.waiting + depth.in_flight + depth.delayed

    def _objects(self) -> list[str]:
        pages = self._deployment.client("s3").get_paginator("list_objects_v2")
        return [
            one["Key"]
            for page in pages.paginate(Bucket=self._deployment.failure_bucket)
            for one in page.get("Contents", [])
            if one["Key"].startswith(_WAITING)
        ]
