"""Put the sentinel together, from the environment."""

import os
import time
from dataclasses import dataclass, field
from datetime import UTC, datetime
from typing import Any

from botocore.session import Session

from cold_start.clients import create_client
from customer_events.deadline import Reserves
from customer_events.instants import from_wire
from sentinel.reporting import RunReporter
from sentinel.rounds import GRACE_SECONDS, Sentinel
from sentinel.settings import from_environment

RESERVES = Reserves(
    work_seconds=500,  # to read differences again twice, and a little
    work_share_max=0.5,
    parking_seconds=15,
    parking_share_max=0.1,
)


@dataclass(slots=True, kw_only=True)
class LambdaTarget:
    """The deployment that the function belongs to."""

    prefix: str
    _session: Any = field(default_factory=Session)
    _clients: dict[str, Any] = field(default_factory=dict)

    def client(self, service: str) -> Any:
        """The botocore client of a service, made once."""
        if service not in self._clients:
            self._clients[service] = create_client(
                self._session,
                service,
                component="sentinel",
                attempts_max=5,
                connections_max=10,
                connect_timeout_seconds=5,
                read_timeout_seconds=20,
                parameter_validation=True,
            )
        return self._clients[service]


@dataclass(frozen=True, slots=True, kw_only=True)
class Handler:
    """What Lambda calls, with EventBridge's scheduled event."""

    sentinel: Sentinel
    reporter: RunReporter

    def __call__(self, event: dict[str, Any], context: Any) -> None:
        """One run; what fails is raised, so that Lambda tries the same slice again."""
        scheduled = from_wire(event["time"]) if "time" in event else datetime.now(UTC)
        run = self.sentinel.run(scheduled, RESERVES.deadlines(context, time))
        self.reporter.report(run, request_id=getattr(context, "aws_request_id", ""))


def build(*, grace_seconds: float = GRACE_SECONDS) -> Handler:
    """The handler of the schedule.

    Raises: customer_events.settings.BadSettings: names every variable that is missing or wrong.
    """
    settings = from_environment(os.environ)
    sentinel = Sentinel(
        target=LambdaTarget(prefix=settings.deployment),
        compare_hours=settings.compare_hours,
        read_units=settings.read_units,
        sleep=time.sleep,
        grace_seconds=grace_seconds,
    )
    reporter = RunReporter(
        service=settings.service,
        deployment=settings.deployment,
        namespace=settings.metrics_namespace,
    )
    return Handler(sentinel=sentinel, reporter=reporter)
