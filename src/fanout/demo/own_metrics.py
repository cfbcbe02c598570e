"""What the functions say of themselves: the sums of the metrics in their logs (EMF). Pure.

https://docs.aws.amazon.com/AmazonCloudWatch/latest/monitoring/CloudWatch_Embedded_Metric_Format_Specification.html
"""

import json
from collections import Counter
from collections.abc import Iterable
from typing import Any


def sums(lines: Iterable[str]) -> Counter[str]:
    """Add up each metric over all blobs in a function's output; other lines are passed over."""
    totals: Counter[str] = Counter()
    for line in lines:
        blob = _blob(line)
        for name in _names(blob):
            value = blob.get(name, 0)
            totals[name] += int(sum(value) if isinstance(value, list) else value)
    return totals


# Private functions


def _blob(line: str) -> dict[str, Any]:
    if '"_aws"' not in line:
        return {}
    try:
        found = json.loads(line)
    except ValueError:
        return {}
    return found if isinstance(found, dict) else {}


def _names(blob: dict[str, Any]) -> set[str]:
    directives = blob.get("_aws", {}).get("CloudWatchMetrics", [])
    return {metric["Name"] for directive in directives for metric in directive["Metrics"]}
