"""A consumer's settings, read from its environment once, and checked before any work."""

from collections.abc import Mapping
from dataclasses import dataclass
from datetime import timedelta

from customer_events.metrics import NAMESPACE
from customer_events.settings import SettingsReader
from event_consumer.order_guard import CLOCK_TOLERANCE

RECEIVES_MAX = 240
"""Lasts for an outage of 12 hours; docs/guarantees.md has the sums."""
LOG_LEVELS = ("DEBUG", "INFO", "WARNING", "ERROR", "CRITICAL")


@dataclass(frozen=True, slots=True, kw_only=True)
class ConsumerSettings:
    """A consumer's settings.

    `consumer` is the subscriber's name; `writers_max` the writes under way at once (1 to 64);
    `write_in_batches` lets several customers share a call (`guarded_batches`);
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
    write_in_batches: bool = True
    receives_max: int = RECEIVES_MAX


def from_environment(environ: Mapping[str, str]) -> ConsumerSettings:
    """Read the settings.

    Raises:
        BadSettings: a variable is missing or wrong; all of them are named at once.
    """
    reader = SettingsReader(environ)
    consumer = reader.text("CONSUMER_NAME", "the subscriber's name, such as payments")
    tolerance_seconds = reader.whole(
        "CLOCK_TOLERANCE_SECONDS",
        default=int(CLOCK_TOLERANCE.total_seconds()),
        low=1,
        high=3600,
    )
    levels = {level: level for level in LOG_LEVELS}
    expected = f"one of {', '.join(LOG_LEVELS)}"
    reader.optional("POWERTOOLS_LOG_LEVEL", lambda text: levels.get(text.upper()), expected, "INFO")
    queue_url = reader.required("QUEUE_URL", _url, "the https:// URL of the subscriber's queue")
    dlq_url = reader.required("DLQ_URL", _url, "the https:// URL of the subscriber's DLQ")
    reader.expect(dlq_url is None or dlq_url != queue_url, "DLQ_URL", "another than QUEUE_URL")
    settings = ConsumerSettings(
        consumer=consumer,
        deployment=reader.text("DEPLOYMENT", "the prefix of the deployment's names"),
        queue_url=queue_url,
        dlq_url=dlq_url,
        table_name=reader.text("TABLE_NAME", "the name of the subscriber's table"),
        writers_max=reader.whole("WRITERS_MAX", default=10, low=1, high=64),
        clock_tolerance=timedelta(seconds=tolerance_seconds),
        service=reader.get("POWERTOOLS_SERVICE_NAME") or f"{consumer}_consumer",
        metrics_namespace=reader.get("POWERTOOLS_METRICS_NAMESPACE") or NAMESPACE,
        parked_groups_table=_parked_groups_table(reader, queue_url or ""),
        write_in_batches=_truth(reader, "WRITE_IN_BATCHES", default=True),
        receives_max=reader.whole("MAX_RECEIVE_COUNT", default=RECEIVES_MAX, low=5, high=1000),
    )
    reader.finish()
    return settings


# Private functions


def _url(text: str) -> str | None:
    return text if text.startswith(("https://", "http://")) else None


def _truth(reader: SettingsReader, name: str, *, default: bool) -> bool:
    words = {"true": True, "false": False}
    expected = "true or false"
    truth: bool = reader.optional(name, lambda text: words.get(text.lower()), expected, default)
    return truth


def _parked_groups_table(reader: SettingsReader, queue_url: str) -> str | None:
    name = "PARK_BY_CUSTOMER"
    if not _truth(reader, name, default=False):
        return None
    reader.expect(queue_url.endswith(".fifo"), name, "true only with a FIFO queue")
    table_name: str | None = reader.text(
        "PARKED_GROUPS_TABLE", f"the table of notes that {name} needs, keyed by message_group"
    )
    return table_name
