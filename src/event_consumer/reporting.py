"""What a consumer tells about a batch: one log line and one metrics blob, ids and counts only.

The line is a warning where `deprecated` names versions: each deprecated one that the batch
still held, with its sunset.

The metrics are in `customer_events.metrics`.
"""

from collections import Counter
from collections.abc import Sequence
from datetime import datetime
from typing import Any, Protocol

from aws_lambda_powertools import Logger
from aws_lambda_powertools.metrics import EphemeralMetrics

from customer_events import metrics
from customer_events.registry import Registry
from event_consumer.consume_batch import Delivery
from event_consumer.outcomes import Cause, Outcome

COUNTS = {
    Outcome.APPLIED: metrics.EVENTS_APPLIED,
    Outcome.DUPLICATE: metrics.EVENTS_DUPLICATE,
    Outcome.STALE: metrics.EVENTS_STALE,
    Outcome.PARKED: metrics.MESSAGES_PARKED,
    Outcome.RETRY: metrics.MESSAGES_RETRIED,
}
PROBLEMS_LOGGED_MAX = 100


class Report(Protocol):
    """Where the account of a batch goes."""

    def batch(self, deliveries: Sequence[Delivery], *, request_id: str, now: datetime) -> None:
        """Tell about one batch."""
        ...


class PowertoolsReport:
    """Log and metrics by Powertools: JSON lines and CloudWatch's embedded metric format."""

    def __init__(self, logger: Logger, blob: EphemeralMetrics, registry: Registry) -> None:
        self._logger = logger
        self._blob = blob
        self._registry = registry

    def batch(self, deliveries: Sequence[Delivery], *, request_id: str, now: datetime) -> None:
        """See `Report.batch`."""
        counts = Counter(one.handled.outcome for one in deliveries)
        values = {metric: counts[outcome] for outcome, metric in COUNTS.items()}
        deprecated = self._deprecated_versions(deliveries, now)
        faults = Counter(
            one.handled.error_type
            for one in deliveries
            if one.handled.cause is Cause.DEPENDENCY_FAULT
        )
        values[metrics.DEPENDENCY_FAULTS] = faults.total()
        values[metrics.UNEXPECTED_EXCEPTIONS] = sum(
            one.handled.cause is Cause.UNEXPECTED for one in deliveries
        )
        values[metrics.DEPRECATED_EVENTS] = sum(one["events"] for one in deprecated)
        lag = _worst_lag_ms(deliveries, now)
        if lag is not None:
            values[metrics.END_TO_END_LAG] = lag
        for metric, value in values.items():
            self._blob.add_metric(metric.name, metric.unit, value)
        self._blob.flush_metrics()
        for code, count in faults.items():
            by_code = metrics.DEPENDENCY_FAULTS_BY_CODE
            self._blob.add_dimension(by_code.dimensions[-1], code)
            self._blob.add_metric(by_code.name, by_code.unit, count)
            self._blob.flush_metrics()
        problems = [_problem(one) for one in deliveries if _is_problem(one)]
        tell = self._logger.warning if deprecated else self._logger.info
        tell(
            "batch consumed",
            function_request_id=request_id,
            messages=len(deliveries),
            outcomes={outcome.value: counts[outcome] for outcome in Outcome if counts[outcome]},
            problems=problems[:PROBLEMS_LOGGED_MAX],
            problems_left_out=max(0, len(problems) - PROBLEMS_LOGGED_MAX),
            traces=_traces(deliveries),
            deprecated=deprecated,
        )

    def _deprecated_versions(
        self, deliveries: Sequence[Delivery], now: datetime
    ) -> list[dict[str, Any]]:
        """What the registry says of each deprecated version in the batch, and its events."""
        majors = Counter(one.event.schema_version for one in deliveries if one.event)
        return [
            {
                "schema_version": major,
                "events": majors[major],
                "current_version": self._registry.current,
                "sunset": version.sunset and version.sunset.isoformat(),
                "sunset_passed": version.sunset is not None and now.date() > version.sunset,
            }
            for major in sorted(majors)
            if (version := self._registry.deprecated(major)) is not None
        ]


# Private functions


def _worst_lag_ms(deliveries: Sequence[Delivery], now: datetime) -> int | None:
    changes = [
        one.event.occurred_at
        for one in deliveries
        if one.event and one.handled.outcome is Outcome.APPLIED
    ]
    return max(0, int((now - min(changes)).total_seconds() * 1000)) if changes else None


def _is_problem(one: Delivery) -> bool:
    return one.handled.outcome in {Outcome.PARKED, Outcome.RETRY}


def _problem(one: Delivery) -> dict[str, Any]:
    """Ids, codes and field names; nothing that a message's sender has written freely."""
    reason = one.handled.reason
    return {
        "message_id": one.message.message_id,
        "event_id": str(one.event.event_id) if one.event else None,
        "outcome": one.handled.outcome.value,
        "reason": reason.code if reason else one.handled.error_type,
        "field": reason.field if reason else "",
        "cause": one.handled.cause.name if one.handled.cause else "",
        "frames": list(one.handled.frames),
        "receive_count": one.message.receive_count,
    }


def _traces(deliveries: Sequence[Delivery]) -> list[str]:
    """The W3C trace contexts of the changes that the batch carried, each once."""
    found = dict.fromkeys(one.event.traceparent for one in deliveries if one.event)
    return [trace for trace in found if trace][:PROBLEMS_LOGGED_MAX]
