"""What a consumer is told by its environment, read once and checked before any work."""

from collections.abc import Mapping
from dataclasses import dataclass
from datetime import timedelta

from event_consumer.order_guard import CLOCK_TOLERANCE


class BadSettings(Exception):
    """Names every variable at fault and what was expected; the deployment must be mended."""


@dataclass(frozen=True, slots=True, kw_only=True)
class ConsumerSettings:
    """A consumer's settings.

    `consumer` is the subscriber's name; `writers_max` the writes under way at once (1 to 64);
    `clock_tolerance` see `order_guard.CLOCK_TOLERANCE`.
    """

    consumer: str
    queue_url: str
    dlq_url: str
    table_name: str
    writers_max: int
    clock_tolerance: timedelta


def from_environment(environ: Mapping[str, str]) -> ConsumerSettings:
    """Read the settings.

    Raises:
        BadSettings: a variable is missing or wrong; all of them are named at once.
    """
    reader = _Reader(environ)
    settings = ConsumerSettings(
        consumer=reader.text("CONSUMER_NAME", "the subscriber's name, such as payments"),
        queue_url=reader.url("QUEUE_URL", "the URL of the subscriber's queue"),
        dlq_url=reader.url("DLQ_URL", "the URL of the subscriber's DLQ"),
        table_name=reader.text("TABLE_NAME", "the name of the subscriber's table"),
        writers_max=reader.whole("WRITERS_MAX", default=10, low=1, high=64),
        clock_tolerance=timedelta(
            seconds=reader.whole(
                "CLOCK_TOLERANCE_SECONDS",
                default=int(CLOCK_TOLERANCE.total_seconds()),
                low=1,
                high=3600,
            )
        ),
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
        if not value:
            self._wrong.append(f"{name} is missing: expected {expected}")
        return value

    def url(self, name: str, expected: str) -> str:
        value = self.text(name, expected)
        if value and not value.startswith(("https://", "http://")):
            self._wrong.append(f"{name} is wrong: expected {expected}, from https://")
        return value

    def whole(self, name: str, *, default: int, low: int, high: int) -> int:
        value = self._environ.get(name, "") or str(default)
        if value.isascii() and value.isdigit() and low <= int(value) <= high:
            return int(value)
        self._wrong.append(f"{name} is wrong: expected a whole number from {low} to {high}")
        return default

    def finish(self) -> None:
        if self._wrong:
            raise BadSettings("; ".join(self._wrong))
