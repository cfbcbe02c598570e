"""What a run of the sentinel leaves behind: one log line, and its metrics (EMF)."""

from dataclasses import asdict

from aws_lambda_powertools import Logger
from aws_lambda_powertools.metrics import EphemeralMetrics

from customer_events import metrics
from sentinel.findings import Severity
from sentinel.rounds import Run


class RunReporter:
    """Writes the line and the metrics: names of resources and counts, and nothing of a customer."""

    def __init__(self, *, service: str, deployment: str, namespace: str) -> None:
        self._logger = Logger(service=service)
        deployed = {"deployment": deployment}
        self._own = EphemeralMetrics(
            service=service, namespace=namespace, default_dimensions=deployed
        )
        # Without a service: a subscriber's drift is the same number whoever has counted it.
        self._drift = EphemeralMetrics(service="", namespace=namespace, default_dimensions=deployed)

    def report(self, run: Run, *, request_id: str) -> None:
        """Report one run."""
        wrong = [each for each in run.findings if each.severity is Severity.WRONG]
        for metric, value in (
            (metrics.SENTINEL_RUNS, int(run.slice is not None)),
            (metrics.SENTINEL_FINDINGS, len(wrong)),
        ):
            self._own.add_metric(metric.name, metric.unit, value)
        self._own.flush_metrics()
        drift = metrics.DRIFTED_ROWS
        for subscriber, counts in run.drifted.items():
            self._drift.add_dimension(drift.dimensions[-1], subscriber)
            self._drift.add_metric(drift.name, drift.unit, sum(counts.values()))
            self._drift.flush_metrics()
        drifted = {name: dict(counts) for name, counts in run.drifted.items() if counts}
        log = self._logger.warning if wrong or drifted else self._logger.info
        log(
            "deployment checked",
            function_request_id=request_id,
            slice=run.slice and run.slice.number,
            slices=run.slice and run.slice.of,
            customers=run.customers,
            drifted=drifted,
            findings=[asdict(each) for each in run.findings],
        )
