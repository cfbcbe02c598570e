"""The threads that carry out what a mapping says: invocations and on-failure deliveries."""

import queue
import threading
import time
from collections.abc import Iterator
from dataclasses import dataclass
from typing import Any

from fanout.local.stream_failures import OnFailureDestination
from fanout.local.stream_invocation import error_name, invoke
from fanout.local.stream_mapping import Action, InvocationResult, Invoke, MappingSettings


@dataclass(frozen=True, slots=True, kw_only=True)
class Report:
    """What came of an action: the result of an invocation, or the error of a delivery (or None)."""

    shard_id: str
    action: Action
    result: InvocationResult | None = None
    error: str | None = None


class Workers:
    """One daemon thread for each action under way, so as many as there are lanes at most.

    Daemons, so that a function that hangs can't keep the process from ending.
    """

    def __init__(
        self, settings: MappingSettings, *, lambda_client: Any, destination: OnFailureDestination
    ) -> None:
        self._settings = settings
        self._lambda = lambda_client
        self._destination = destination
        self._reports: queue.SimpleQueue[Report] = queue.SimpleQueue()
        self._under_way = 0

    @property
    def are_busy(self) -> bool:
        """Whether a report is still to come."""
        return self._under_way > 0

    def start(self, shard_id: str, action: Action) -> None:
        """Carry the action out in a thread of its own; its report comes out of `reports`."""
        self._under_way += 1
        threading.Thread(
            target=self._carry_out, args=[shard_id, action], name="stream-worker", daemon=True
        ).start()

    def reports(self, *, wait_seconds: float) -> Iterator[Report]:
        """What has come in: waits for the first report only, and for no longer than told."""
        try:
            report = self._reports.get(timeout=max(wait_seconds, 0.001))
            while True:
                self._under_way -= 1
                yield report
                report = self._reports.get_nowait()
        except queue.Empty:
            return

    # Private functions

    def _carry_out(self, shard_id: str, action: Action) -> None:
        if isinstance(action, Invoke):
            result = invoke(self._lambda, self._settings, action.batch)
            self._reports.put(Report(shard_id=shard_id, action=action, result=result))
            return
        error = None
        try:
            self._destination.deliver(action, shard_id=shard_id, now=time.time())
        except Exception as failure:  # noqa: BLE001 - whatever it was, the lane must hear of it
            error = error_name(failure)
        self._reports.put(Report(shard_id=shard_id, action=action, error=error))
