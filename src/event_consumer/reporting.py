"""What a batch leaves behind: one log line and one metrics blob (EMF), ids and counts only.

The line is a warning where `deprecated` names versions: each deprecated one that the batch still
held, with its sunset.
"""

from collections import Counter
from collections.abc import Sequence
from datetime import datetime, timedelta
from typing import Any

from aws_lambda_powertools import Logger
from aws_lambda_powertools.metrics import EphemeralMetrics

from customer_events import metrics
from customer_events.metrics import Metric
from customer_events.registry import Registry
from event_consumer.outcomes import WELL, Cause, Delivery, Outcome

COUNTS = {
    Outcome.APPLIED: metrics.EVENTS_APPLIED,
    Outcome.DUPLICATE: metrics.EVENTS_DUPLICATE,
    Outcome.STALE: metrics.EVENTS_STALE,
    Outcome.PARKED: metrics.MESSAGES_PARKED,
    Outcome.RETRY: metrics.MESSAGES_RETRIED,
}
PROBLEMS_LOGGED_MAX = 100
SUNSET_NEAR = timedelta(days=30)


class BatchReporter:
    """Writes the line and the blob; `service` and `deployment` are dimensions of each metric."""

    def __init__(
        self, *, service: str, deployment: str, namespace: str, registry: Registry
    ) -> None:
        self._logger = Logger(service=service)
        self._blob = EphemeralMetrics(
            service=service, namespace=namespace, default_dimensions={"deployment": deployment}
        )
        self._registry = registry

    def report(self, deliveries: Sequence[Delivery], *, request_id: str, now: datetime) -> None:
        """Report one batch."""
        counts = Counter(delivery.handled.outcome for delivery in deliveries)
        deprecated = self._deprecated_versions(deliveries, now)
        values = {metric: counts[outcome] for outcome, metric in COUNTS.items()}
        values[metrics.DEPRECATED_EVENTS] = sum(version["events"] for version in deprecated)
        values[metrics.SUNSET_VERSION_EVENTS] = sum(
            version["events"] for version in deprecated if version["sunset_near"]
        )
        self._count(values, deliveries, now)
        problems = [_problem(end) for end in deliveries if end.handled.outcome not in WELL]
        log = self._logger.warning if deprecated else self._logger.info
        log(
            "batch consumed",
            function_request_id=request_id,
            messages=len(deliveries),
            outcomes={outcome.value: counts[outcome] for outcome in Outcome if counts[outcome]},
            problems=problems[:PROBLEMS_LOGGED_MAX],
            problems_left_out=max(0, len(problems) - PROBLEMS_LOGGED_MAX),
            traces=_traces(deliveries),
            deprecated=deprecated,
        )

    # Private functions

    def _count(
        self, values: dict[Metric, int], deliveries: Sequence[Delivery], now: datetime
    ) -> None:
        causes = [delivery.handled.cause for delivery in deliveries]
        values[metrics.UNEXPECTED_EXCEPTIONS] = causes.count(Cause.UNEXPECTED)
        values[metrics.DEPENDENCY_FAULTS] = causes.count(Cause.DEPENDENCY_FAULT)
        lag = _worst_lag_milliseconds(deliveries, now)
        if lag is not None:
            values[metrics.END_TO_END_LAG] = lag
        for metric, value in values.items():
            self._blob.add_metric(metric.name, metric.unit, value)
        self._blob.flush_metrics()
        by_code = metrics.DEPENDENCY_FAULTS_BY_CODE
        faults = Counter(
            delivery.handled.error_type
            for delivery in deliveries
            if delivery.handled.cause is Cause.DEPENDENCY_FAULT
        )
        for code, count in faults.items():
            self._blob.add_dimension(by_code.dimensions[-1], code)
            self._blob.add_metric(by_code.name, by_code.unit, count)
            self._blob.flush_metrics()

    def _deprecated_versions(
        self, deliveries: Sequence[Delivery], now: datetime
    ) -> list[dict[str, Any]]:
        """What the registry says of each deprecated version in the batch, and its events."""
        majors = Counter(end.event.schema_version for end in deliveries if end.event)
        return [
            {
                "schema_version": major,
                "events": majors[major],
                "current_version": self._registry.current,
                "sunset": version.sunset and version.sunset.isoformat(),
                "sunset_near": version.sunset is not None
                and now.date() > version.sunset - SUNSET_NEAR,
                "sunset_passed": version.sunset is not None and now.date() > version.sunset,
            }
            for major in sorted(majors)
            if (version := self._registry.deprecated(major)) is not None
        ]


# Private functions


def _worst_lag_milliseconds(deliveries: Sequence[Delivery], now: datetime) -> int | None:
    changes = [
        delivery.event.occurred_at
        for delivery in deliveries
        if delivery.event and delivery.handled.outcome is Outcome.APPLIED
    ]
    return max(0, int((now - min(changes)).total_seconds() * 1000)) if changes else None


def _problem(delivery: Delivery) -> dict[str, Any]:
    """Ids, codes and field names; nothing that a message's sender has written freely."""
    message, handled = delivery.message, delivery.handled
    return {
        "message_id": message.message_id,
        "event_id": str(delivery.event.event_id) if delivery.event else None,
        "outcome": handled.outcome.value,
        "reason": handled.reason.code if handled.reason else handled.error_type,
        "field": handled.reason.field if handled.reason else "",
        "cause": handled.cause.name if handled.cause else "",
        "frames": list(handled.frames),
        "receive_count": message.receive_count,
    }


def _traces(deliveries: Sequence[Delivery]) -> list[str]:
    """The W3C trace contexts of the changes that the batch carried, each once."""
    traces = dict.fromkeys(end.event.traceparent for end in deliveries if end.event)
    return [trace for trace in traces if trace][:PROBLEMS_LOGGED_MAX]
