"""After the chaos: wait until nothing moves, and bring what died back with the operator's tools."""

import time
from collections.abc import Callable
from pathlib import Path
from typing import Any

from chaos.report import Restored
from e2e.fanout_command import Fanout
from fanout.demo.audit import Account
from fanout.demo.witnesses import Watch
from fanout.local.deployment import LocalDeployment

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
        self._fanout = Fanout(deployment=deployment, state=folder)
        self._replayed = self._recovered = 0
        self._left: list[str] = []

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

    def restored(self) -> Restored:
        """What was brought back, and what is dead or waits now."""
        left = [f"{len(keys)} objects in the failure store" for keys in [self._objects()] if keys]
        left += [
            f"{count} messages in {name}"
            for name, count in (("the queue", self._queued()), ("the DLQ", self._dead()))
            if count
        ]
        return Restored(
            messages_replayed=self._replayed,
            objects_recovered=self._recovered,
            left=(*self._left, *left),
        )

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
            self._left.append(f"fanout {' '.join(command)} failed: {error}")
            return False
        return True

    def _queued(self) -> int:
        return self._depth(self._deployment.queue_url)

    def _dead(self) -> int:
        return self._depth(self._deployment.dlq_url)

    def _depth(self, url: str) -> int:
        names = [f"ApproximateNumberOfMessages{which}" for which in ("", "NotVisible", "Delayed")]
        answer = self._deployment.client("sqs").get_queue_attributes(
            QueueUrl=url, AttributeNames=names
        )
        return sum(int(count) for count in answer["Attributes"].values())

    def _objects(self) -> list[str]:
        pages = self._deployment.client("s3").get_paginator("list_objects_v2")
        return [
            one["Key"]
            for page in pages.paginate(Bucket=self._deployment.failure_bucket)
            for one in page.get("Contents", [])
            if one["Key"].startswith(_WAITING)
        ]
