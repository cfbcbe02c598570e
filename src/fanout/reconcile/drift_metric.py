"""The metric that an alarm watches: how many rows of a subscriber have drifted."""

from typing import Any

NAMESPACE = "CustomerStatusFanout"
METRIC = "DriftedRows"
DIMENSION = "subscriber"


def put_drifted_rows(cloudwatch: Any, subscriber: str, count: int) -> None:
    """Write one data point; 0 says that a reconcile ran and found nothing."""
    cloudwatch.put_metric_data(
        Namespace=NAMESPACE,
        MetricData=[
            {
                "MetricName": METRIC,
                "Dimensions": [{"Name": DIMENSION, "Value": subscriber}],
                "Value": count,
                "Unit": "Count",
            }
        ],
    )
