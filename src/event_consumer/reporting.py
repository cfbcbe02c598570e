"""What a consumer tells about a batch: one log line and one metrics blob, ids and counts only.

A warning precedes it where the batch holds events of a deprecated version: one for each version.

Metrics, all with the dimension `service`; alarms and dashboards rely on the names.
"""

from collections import Counter
from collections.abc import Sequence
from datetime import datetime
from typing import Any, Protocol

from aws_lambda_powertools import Logger
from aws_lambda_powertools.metrics import EphemeralMetrics, MetricUnit

from customer_events.registry import Registry
from event_consumer.consume_batch import Delivery
from event_consumer.outcomes import Outcome

COUNTS = {
    Outcome.APPLIED: "EventsApplied",  # the row changed
    Outcome.DUPLICATE: "EventsDuplicate",  # the row already held this very event
    Outcome.STALE: "EventsStale",  # the row already held something newer
    Outcome.PARKED: "MessagesParked",  # moved to the DLQ with a reason: alarmed
    Outcome.RETRY: "MessagesRetried",  # will come back
}
DEPRECATED = "DeprecatedVersionEvents"  # came in a major version that the registry deprecates
LAG = "EndToEndLagMilliseconds"  # from the change to its row: the worst of the batch
PROBLEMS_LOGGED_MAX = 100


class Report(Protocol):
    """Where the account of a batch goes."""

    def batch(self, deliveries: Sequence[Delivery], *, request_id: str, now: datetime) -> None:
        """Tell about one batch."""
        ...


class PowertoolsReport:
    """Log and metrics by Powertools: JSON lines and CloudWatch's embedded metric format."""

    def __init__(self, logger: Logger, metrics: EphemeralMetrics, registry: Registry) -> None:
        self._logger = logger
        self._metrics = metrics
        self._registry = registry

    def batch(self, deliveries: Sequence[Delivery], *, request_id: str, now: datetime) -> None:
        """See `Report.batch`."""
        counts = Counter(one.handled.outcome for one in deliveries)
        for outcome, name in COUNTS.items():
            self._metrics.add_metric(name=name, unit=MetricUnit.Count, value=counts[outcome])
        deprecated = self._warn_of_deprecated_versions(deliveries, now)
        self._metrics.add_metric(name=DEPRECATED, unit=MetricUnit.Count, value=deprecated)
        lag = _worst_lag_ms(deliveries, now)
        if lag is not None:
            self._metrics.add_metric(name=LAG, unit=MetricUnit.Milliseconds, value=lag)
        self._metrics.flush_metrics()
        problems = [_problem(one) for one in deliveries if _is_problem(one)]
        self._logger.info(
            "batch consumed",
            function_request_id=request_id,
            messages=len(deliveries),
            outcomes={outcome.value: counts[outcome] for outcome in Outcome if counts[outcome]},
            problems=problems[:PROBLEMS_LOGGED_MAX],
            problems_left_out=max(0, len(problems) - PROBLEMS_LOGGED_MAX),
            traces=_traces(deliveries),
        )

    def _warn_of_deprecated_versions(self, deliveries: Sequence[Delivery], now: datetime) -> int:
        """One warning for each deprecated version in the batch; answers how many events it was."""
        majors = Counter(one.event.schema_version for one in deliveries if one.event)
        total = 0
        for major, events in sorted(majors.items()):
            version = self._registry.deprecated(major)
            if version is None:
                continue
            total += events
            self._logger.warning(
                "deprecated version consumed",
                event_name=self._registry.event,
                schema_version=major,
                current_version=self._registry.current,
                sunset=version.sunset and version.sunset.isoformat(),
                sunset_passed=version.sunset is not None and now.date() > version.sunset,
                events=events,
            )
        return total


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
        "receive_count": one.message.receive_count,
    }


def _traces(deliveries: Sequence[Delivery]) -> list[str]:
    """The W3C trace contexts of the changes that the batch carried, each once."""
    found = dict.fromkeys(one.event.traceparent for one in deliveries if one.event)
    return [trace for trace in found if trace][:PROBLEMS_LOGGED_MAX]
