"""Put the sentinel together, from the environment."""

import os
import time
from collections.abc import Callable
from dataclasses import dataclass, field
from datetime import UTC, datetime
from typing import Any

from botocore.session import Session

from cold_start.clients import create_client
from customer_events.deadline import Reserves
from customer_events.instants import from_wire
from customer_events.metrics import NAMESPACE
from customer_events.settings import SettingsReader
from sentinel.reporting import RunReporter
from sentinel.rounds import GRACE_SECONDS, Sentinel

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


def build(*, grace_seconds: float = GRACE_SECONDS) -> Callable[[dict[str, Any], Any], None]:
    """What Lambda calls, with EventBridge's scheduled event; `src/sentinel/README.md` has settings.

    It does one run. What fails is raised, so that Lambda tries the same slice again.

    Raises: customer_events.settings.BadSettings: names every variable that is missing or wrong.
    """
    reader = SettingsReader(os.environ)
    deployment = reader.text("DEPLOYMENT", "the prefix of the deployment's names")
    compare_hours = reader.whole("COMPARE_HOURS", default=12, low=1, high=24)
    read_units = reader.whole("READ_UNITS", default=100, low=1, high=10_000)
    service = reader.get("POWERTOOLS_SERVICE_NAME") or "sentinel"
    namespace = reader.get("POWERTOOLS_METRICS_NAMESPACE") or NAMESPACE
    reader.finish()
    reporter = RunReporter(service=service, deployment=deployment, namespace=namespace)
    sentinel = Sentinel(
        target=LambdaTarget(prefix=deployment),
        compare_hours=compare_hours,
        read_units=read_units,
        sleep=time.sleep,
        grace_seconds=grace_seconds,
    )

    def handle(event: dict[str, Any], context: Any) -> None:
        scheduled = from_wire(event["time"]) if "time" in event else datetime.now(UTC)
        run = sentinel.run(scheduled, RESERVES.deadlines(context, time))
        reporter.report(run, request_id=getattr(context, "aws_request_id", ""))

    return handle
