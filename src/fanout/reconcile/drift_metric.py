"""The metric that an alarm watches: how many rows of a subscriber have drifted."""

from typing import Any

from customer_events.metrics import DRIFTED_ROWS, NAMESPACE


def put_drifted_rows(cloudwatch: Any, count: int, *, deployment: str, subscriber: str) -> None:
    """Write one data point; 0 says that a reconcile ran and found nothing."""
    cloudwatch.put_metric_data(
        Namespace=NAMESPACE,
        MetricData=[
            {
                "MetricName": DRIFTED_ROWS.name,
                "Dimensions": [
                    {"Name": "deployment", "Value": deployment},
                    {"Name": "subscriber", "Value": subscriber},
                ],
                "Value": count,
                "Unit": DRIFTED_ROWS.unit,
            }
        ],
    )
