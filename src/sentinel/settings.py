"""The sentinel's settings, read from the environment once."""

from collections.abc import Mapping
from dataclasses import dataclass

from customer_events.metrics import NAMESPACE
from customer_events.settings import SettingsReader


@dataclass(frozen=True, slots=True, kw_only=True)
class Settings:
    """How often each customer is compared, and how fast a table is read.

    Attributes:
        compare_hours: a round over all customers takes so long. Up to 12, each customer is
            compared within 24 hours even where the run that was to do it is missed.
        read_units: read capacity units a second, of all tables together.
    """

    deployment: str
    compare_hours: int
    read_units: int
    service: str
    metrics_namespace: str


def from_environment(environment: Mapping[str, str]) -> Settings:
    """Read the settings.

    Raises:
        BadSettings: names every variable that is missing or wrong.
    """
    reader = SettingsReader(environment)
    settings = Settings(
        deployment=reader.text("DEPLOYMENT", "the prefix of the deployment's names"),
        compare_hours=reader.whole("COMPARE_HOURS", default=12, low=1, high=24),
        read_units=reader.whole("READ_UNITS", default=100, low=1, high=10_000),
        service=reader.get("POWERTOOLS_SERVICE_NAME") or "sentinel",
        metrics_namespace=reader.get("POWERTOOLS_METRICS_NAMESPACE") or NAMESPACE,
    )
    reader.finish()
    return settings
