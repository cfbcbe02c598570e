"""The publisher's settings, read from the environment once; the README lists them."""

import re
from collections.abc import Callable, Mapping
from dataclasses import dataclass
from typing import Any

from customer_events.event import MAJORS, NEWEST_MAJOR, Status
from customer_events.metrics import NAMESPACE
from customer_events.sequence import EPOCH_MAX
from customer_events.settings import SettingsReader
from publisher.events import Producer
from publisher.transitions import TableRules
from publisher.transports import EVENTBRIDGE, PIPES, of_bus

MESSAGE_SIZE_MIN_BYTES = 1_024
MESSAGE_SIZE_DEFAULT_BYTES = 262_144
MESSAGE_SIZE_LIMIT_BYTES = 1_048_576
TARGETS = tuple(status for status in Status if status is not Status.REMOVED)
"""Statuses that TABLE_STATUS_MAP may translate to: who is removed has no item."""
STATUS_MAP_EXPECTED = (
    "value=STATUS for each of the table's own status values, such as "
    f"active=ACTIVE,frozen=SUSPENDED; each value once, STATUS one of {', '.join(TARGETS)}"
)
ENTITY_FILTER_EXPECTED = "attribute=value"
_BUS_ARN = re.compile(
    r"arn:[a-z-]+:(sns:[a-z0-9-]+:[0-9]{12}:|events:[a-z0-9-]+:[0-9]{12}:event-bus/)"
    r"[A-Za-z0-9._/-]+",
    re.ASCII,
)
_URI = re.compile(r"[A-Za-z][A-Za-z0-9+.-]*:[!-~]+", re.ASCII)
_BUCKET = re.compile(r"[a-z0-9][a-z0-9.-]{1,61}[a-z0-9]", re.ASCII)


@dataclass(frozen=True, slots=True, kw_only=True)
class PipeSettings:
    """All that differs between deployments as a pipe's enrichment, which needs to know no bus."""

    deployment: str
    failure_bucket: str
    region: str | None
    service: str
    metrics_namespace: str
    message_size_max_bytes: int
    producer: Producer
    rules: TableRules

    @property
    def batch_size_max(self) -> int:
        """The largest source batch of a pipe whose events all fit into one call of its target."""
        return PIPES.entries_per_call_max // len(self.producer.versions)


@dataclass(frozen=True, slots=True, kw_only=True)
class Settings(PipeSettings):
    """All that differs between deployments as the function of a stream mapping."""

    bus_arn: str
    bus_region: str


def from_environment(environment: Mapping[str, str]) -> Settings:
    """Read the settings of the function of a stream mapping.

    Raises:
        BadSettings: names every variable that is missing or wrong.
    """
    reader = SettingsReader(environment)
    bus_arn = reader.required(
        "BUS_ARN", _matching(_BUS_ARN), "the ARN of an SNS topic or of an EventBridge bus"
    )
    shared = _shared(reader)
    if bus_arn is not None:
        _check_transport(reader, bus_arn, shared["producer"])
    reader.finish()
    bus_region = bus_arn.split(":")[3]
    shared["region"] = shared["region"] or bus_region
    return Settings(bus_arn=bus_arn, bus_region=bus_region, **shared)


def for_pipe(environment: Mapping[str, str]) -> PipeSettings:
    """Read the settings of a pipe's enrichment.

    Raises:
        BadSettings: names every variable that is missing or wrong.
    """
    reader = SettingsReader(environment)
    settings = PipeSettings(**_shared(reader))
    reader.whole(
        "PIPE_BATCH_SIZE",
        default=settings.batch_size_max,
        low=1,
        high=settings.batch_size_max,
        because=", since each record becomes an event in each of PUBLISH_VERSIONS, and a pipe "
        f"sends none of more than {PIPES.entries_per_call_max} events",
    )
    reader.finish()
    return settings


def entity_filter(text: str) -> tuple[str, str] | None:
    """Read ENTITY_FILTER; None where it is not as `ENTITY_FILTER_EXPECTED`."""
    attribute, _, value = text.partition("=")
    return (attribute, value) if attribute and value else None


def status_map(text: str) -> Mapping[str, Status] | None:
    """Read TABLE_STATUS_MAP; None where it is not as `STATUS_MAP_EXPECTED`."""
    pairs = [pair.rpartition("=") for pair in text.split(",")]
    targets = {value.strip(): target.strip() for value, _, target in pairs}
    if len(targets) < len(pairs) or "" in targets or not set(targets.values()) <= set(TARGETS):
        return None
    return {value: Status(target) for value, target in targets.items()}


def table_rules(reader: SettingsReader) -> TableRules:
    """Where the table keeps what an event needs; also of a deployment that a tool has found."""
    return TableRules(
        customer_id_attribute=reader.get("CUSTOMER_ID_ATTRIBUTE") or "customer_id",
        status_attribute=reader.get("STATUS_ATTRIBUTE") or "status",
        reason_attribute=reader.get("REASON_ATTRIBUTE"),
        changed_at_attribute=reader.get("CHANGED_AT_ATTRIBUTE"),
        traceparent_attribute=reader.get("TRACEPARENT_ATTRIBUTE"),
        sequence_attribute=reader.get("SEQUENCE_ATTRIBUTE"),
        entity_filter=reader.optional("ENTITY_FILTER", entity_filter, ENTITY_FILTER_EXPECTED, None),
        status_map=reader.optional("TABLE_STATUS_MAP", status_map, STATUS_MAP_EXPECTED, {}),
    )


# Private functions


def _shared(reader: SettingsReader) -> dict[str, Any]:
    """What the function needs in either place; to be used only where no problems were found."""
    newest: tuple[int, ...] = (NEWEST_MAJOR,)
    return {
        "deployment": reader.text("DEPLOYMENT", "the prefix of the deployment's names"),
        "failure_bucket": reader.required(
            "FAILURE_BUCKET", _matching(_BUCKET), "the name of an S3 bucket"
        ),
        "region": reader.get("AWS_REGION") or reader.get("AWS_DEFAULT_REGION"),
        "service": reader.get("POWERTOOLS_SERVICE_NAME") or "publisher",
        "metrics_namespace": reader.get("POWERTOOLS_METRICS_NAMESPACE") or NAMESPACE,
        "message_size_max_bytes": reader.whole(
            "MESSAGE_SIZE_MAX_BYTES",
            default=MESSAGE_SIZE_DEFAULT_BYTES,
            low=MESSAGE_SIZE_MIN_BYTES,
            high=MESSAGE_SIZE_LIMIT_BYTES,
        ),
        "producer": Producer(
            source=reader.optional(
                "EVENT_SOURCE", _matching(_URI), "a URI", "urn:novapay:accounts"
            ),
            epoch=reader.whole("SEQUENCE_EPOCH", default=1, low=1, high=EPOCH_MAX),
            versions=reader.optional(
                "PUBLISH_VERSIONS", _versions, f"some of {MAJORS}, such as 1,2", newest
            ),
        ),
        "rules": table_rules(reader),
    }


def _check_transport(reader: SettingsReader, bus_arn: str, producer: Producer) -> None:
    transport = of_bus(bus_arn)
    reader.expect(
        transport.versions_max is None or len(producer.versions) <= transport.versions_max,
        "PUBLISH_VERSIONS",
        "exactly one version, since a FIFO topic's subscriptions can't filter by version without "
        "losing messages",
    )
    reader.expect(
        transport is not EVENTBRIDGE or not producer.source.startswith("aws."),
        "EVENT_SOURCE",
        "a URI that does not start with aws., as EventBridge keeps those sources to AWS",
    )


def _matching(pattern: re.Pattern[str]) -> Callable[[str], str | None]:
    return lambda text: text if pattern.fullmatch(text) else None


def _versions(text: str) -> tuple[int, ...] | None:
    parts = [part.strip() for part in text.split(",")]
    known = {str(major): major for major in MAJORS}
    return tuple(sorted({known[part] for part in parts})) if set(parts) <= set(known) else None
