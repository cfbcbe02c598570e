"""What a consumer is told by its environment, read once and checked before any work."""

import re
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from datetime import timedelta

from customer_events.metrics import NAMESPACE
from event_consumer.order_guard import CLOCK_TOLERANCE

RECEIVES_MAX = 240
"""Lasts for an outage of 12 hours; docs/guarantees.md has the sums."""
LOG_LEVELS = ("DEBUG", "INFO", "WARNING", "ERROR", "CRITICAL")
_WHOLE = re.compile(r"[0-9]{1,9}", re.ASCII)


class BadSettings(Exception):
    """Names every variable at fault and what was expected; fix the deployment."""


@dataclass(frozen=True, slots=True, kw_only=True)
class ConsumerSettings:
    """A consumer's settings.

    `consumer` is the subscriber's name; `writers_max` the writes under way at once (1 to 64);
    `parked_groups_table` is the table of notes where a customer's events wait behind a parked one
    (PARK_BY_CUSTOMER), else None; `clock_tolerance` see `order_guard.CLOCK_TOLERANCE`; `service`
    names the consumer in logs and metrics, which go to `metrics_namespace`; `deployment` is the
    prefix of the deployment's names, a dimension of each metric; `receives_max` is the queue's
    maxReceiveCount.
    """

    consumer: str
    deployment: str
    queue_url: str
    dlq_url: str
    table_name: str
    writers_max: int
    clock_tolerance: timedelta
    service: str
    metrics_namespace: str
    parked_groups_table: str | None = None
    receives_max: int = RECEIVES_MAX


def from_environment(environ: Mapping[str, str]) -> ConsumerSettings:
    """Read the settings.

    Raises:
        BadSettings: a variable is missing or wrong; all of them are named at once.
    """
    reader = _Reader(environ)
    consumer = reader.text("CONSUMER_NAME", "the subscriber's name, such as payments")
    tolerance_seconds = reader.whole(
        "CLOCK_TOLERANCE_SECONDS",
        default=int(CLOCK_TOLERANCE.total_seconds()),
        low=1,
        high=3600,
    )
    reader.one_of("POWERTOOLS_LOG_LEVEL", LOG_LEVELS)
    settings = ConsumerSettings(
        consumer=consumer,
        deployment=reader.text("DEPLOYMENT", "the prefix of the deployment's names"),
        queue_url=reader.url("QUEUE_URL", "the URL of the subscriber's queue"),
        dlq_url=reader.url("DLQ_URL", "the URL of the subscriber's DLQ", unlike="QUEUE_URL"),
        table_name=reader.text("TABLE_NAME", "the name of the subscriber's table"),
        writers_max=reader.whole("WRITERS_MAX", default=10, low=1, high=64),
        clock_tolerance=timedelta(seconds=tolerance_seconds),
        service=environ.get("POWERTOOLS_SERVICE_NAME") or f"{consumer}_consumer",
        metrics_namespace=environ.get("POWERTOOLS_METRICS_NAMESPACE") or NAMESPACE,
        parked_groups_table=reader.parked_groups_table(),
        receives_max=reader.whole("MAX_RECEIVE_COUNT", default=RECEIVES_MAX, low=5, high=1000),
    )
    reader.finish()
    return settings


# Private functions


class _Reader:
    """Collects what is wrong, so that one deployment shows all of it. Empty counts as not set."""

    def __init__(self, environ: Mapping[str, str]) -> None:
        self._environ = environ
        self._wrong: list[str] = []

    def text(self, name: str, expected: str) -> str:
        value = self._environ.get(name, "")
        if not value.strip():
            self._wrong.append(f"{name} is missing: expected {expected}")
        return value

    def url(self, name: str, expected: str, *, unlike: str = "") -> str:
        value = self.text(name, expected)
        if value and not value.startswith(("https://", "http://")):
            self._wrong.append(f"{name} is wrong: expected {expected}, from https://")
        elif value and value == self._environ.get(unlike):
            self._wrong.append(f"{name} is wrong: expected {expected}, another than {unlike}")
        return value

    def whole(self, name: str, *, default: int, low: int, high: int) -> int:
        value = self._environ.get(name, "") or str(default)
        if _WHOLE.fullmatch(value) and low <= int(value) <= high:
            return int(value)
        self._wrong.append(f"{name} is wrong: expected a whole number from {low} to {high}")
        return default

    def one_of(self, name: str, values: Sequence[str]) -> None:
        value = self._environ.get(name, "")
        if value and value.upper() not in values:
            self._wrong.append(f"{name} is wrong: expected one of {', '.join(values)}")

    def parked_groups_table(self) -> str | None:
        name = "PARK_BY_CUSTOMER"
        value = self._environ.get(name, "").lower()
        if value in {"", "false"}:
            return None
        if value != "true":
            self._wrong.append(f"{name} is wrong: expected true or false")
        elif not self._environ.get("QUEUE_URL", "").endswith(".fifo"):
            self._wrong.append(f"{name} is wrong: expected true only with a FIFO queue")
        return self.text(
            "PARKED_GROUPS_TABLE", f"the table of notes that {name} needs, keyed by message_group"
        )

    def finish(self) -> None:
        if self._wrong:
            raise BadSettings("; ".join(self._wrong))
