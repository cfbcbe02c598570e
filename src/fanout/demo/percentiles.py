"""Percentiles of a measured series. Pure."""

import math
from collections.abc import Sequence
from dataclasses import asdict, dataclass


@dataclass(frozen=True, slots=True, kw_only=True)
class Latency:
    """Milliseconds from a write to its row: median, tail and worst of `measured` changes."""

    measured: int
    p50_milliseconds: float
    p95_milliseconds: float
    p99_milliseconds: float
    max_milliseconds: float

    def to_document(self) -> dict[str, float]:
        """One JSON object with every field."""
        return asdict(self)


def latency(seconds: Sequence[float]) -> Latency | None:
    """Sum a series up; None where nothing was measured."""
    if not seconds:
        return None
    ordered = sorted(seconds)
    p50, p95, p99 = (round(percentile(ordered, share) * 1000, 1) for share in (50, 95, 99))
    return Latency(
        measured=len(ordered),
        p50_milliseconds=p50,
        p95_milliseconds=p95,
        p99_milliseconds=p99,
        max_milliseconds=round(ordered[-1] * 1000, 1),
    )


def percentile(ordered: Sequence[float], share: float) -> float:
    """The nearest-rank percentile: a value that was measured, never one in between.

    Args:
        ordered: the series, ascending and not empty.
        share: above 0, up to 100.
    """
    return ordered[math.ceil(share / 100 * len(ordered)) - 1]
