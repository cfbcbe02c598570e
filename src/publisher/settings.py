"""The publisher's settings, read from the environment once.

Every bad or missing variable is named at once, with what was expected, before any work. A variable
that is set to "" counts as not set. The README lists them.
"""

import re
from collections.abc import Callable, Mapping
from dataclasses import dataclass
from typing import Any, TypeVar

from customer_events.event import MAJORS, NEWEST_MAJOR, Status
from customer_events.metrics import NAMESPACE
from customer_events.sequence import EPOCH_MAX
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
_WHOLE = re.compile(r"[0-9]{1,9}", re.ASCII)
_Value = TypeVar("_Value")


class SettingsError(Exception):
    """Which variables are wrong, and what was expected; one line for each."""

    def __init__(self, problems: list[str]) -> None:
        self.problems = tuple(problems)
        super().__init__("\n".join(problems))


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
        SettingsError: names every variable that is missing or wrong.
    """
    reader = _Reader(environment)
    bus_arn = reader.required(
        "BUS_ARN", _bus_arn, "the ARN of an SNS topic or of an EventBridge bus"
    )
    found = _both(reader, environment)
    if bus_arn is not None:
        _check_transport(reader, bus_arn, found["producer"])
    if bus_arn is None or reader.problems:
        raise SettingsError(reader.problems)
    bus_region = bus_arn.split(":")[3]
    found["region"] = found["region"] or bus_region
    return Settings(bus_arn=bus_arn, bus_region=bus_region, **found)


def for_pipe(environment: Mapping[str, str]) -> PipeSettings:
    """Read the settings of a pipe's enrichment.

    Raises:
        SettingsError: names every variable that is missing or wrong.
    """
    reader = _Reader(environment)
    settings = PipeSettings(**_both(reader, environment))
    batch_size_max = settings.batch_size_max
    reader.optional(
        "PIPE_BATCH_SIZE",
        _between(1, batch_size_max),
        f"a whole number from 1 to {batch_size_max}, since each record becomes an event in each of "
        f"PUBLISH_VERSIONS, and a pipe sends none of more than {PIPES.entries_per_call_max} events",
        batch_size_max,
    )
    if reader.problems:
        raise SettingsError(reader.problems)
    return settings


def entity_filter(text: str) -> tuple[str, str] | None:
    """Read ENTITY_FILTER; None where it is not as `ENTITY_FILTER_EXPECTED`."""
    attribute, _, value = text.partition("=")
    return (attribute, value) if attribute and value else None


def status_map(text: str) -> Mapping[str, Status] | None:
    """Read TABLE_STATUS_MAP; None where it is not as `STATUS_MAP_EXPECTED`."""
    pairs = [pair.rpartition("=") for pair in text.split(",")]
    found = {value.strip(): target.strip() for value, _, target in pairs}
    if len(found) < len(pairs) or "" in found or not set(found.values()) <= set(TARGETS):
        return None
    return {value: Status(target) for value, target in found.items()}


# Private functions


class _Reader:
    """Reads variables and collects what is wrong with them; values are never echoed."""

    def __init__(self, environment: Mapping[str, str]) -> None:
        self._environment = environment
        self.problems: list[str] = []

    def required(
        self, name: str, parse: Callable[[str], _Value | None], expected: str
    ) -> _Value | None:
        if not self._environment.get(name):
            self.problems.append(f"{name}: is not set; expected {expected}")
            return None
        return self._parsed(name, parse, expected)

    def optional(
        self, name: str, parse: Callable[[str], _Value | None], expected: str, default: _Value
    ) -> _Value:
        if not self._environment.get(name):
            return default
        value = self._parsed(name, parse, expected)
        return default if value is None else value

    def attribute(self, name: str) -> str | None:
        return self._environment.get(name) or None

    def _parsed(
        self, name: str, parse: Callable[[str], _Value | None], expected: str
    ) -> _Value | None:
        value = parse(self._environment[name])
        if value is None:
            self.problems.append(f"{name}: expected {expected}")
        return value


def _both(reader: _Reader, environment: Mapping[str, str]) -> dict[str, Any]:
    """What the function needs in either place; to be used only where no problems were found."""
    return {
        "deployment": reader.required(
            "DEPLOYMENT", lambda text: text.strip() or None, "the prefix of the deployment's names"
        ),
        "failure_bucket": reader.required("FAILURE_BUCKET", _bucket, "the name of an S3 bucket"),
        "region": environment.get("AWS_REGION") or environment.get("AWS_DEFAULT_REGION") or None,
        "service": environment.get("POWERTOOLS_SERVICE_NAME") or "publisher",
        "metrics_namespace": environment.get("POWERTOOLS_METRICS_NAMESPACE") or NAMESPACE,
        "message_size_max_bytes": reader.optional(
            "MESSAGE_SIZE_MAX_BYTES",
            _between(MESSAGE_SIZE_MIN_BYTES, MESSAGE_SIZE_LIMIT_BYTES),
            f"a whole number from {MESSAGE_SIZE_MIN_BYTES} to {MESSAGE_SIZE_LIMIT_BYTES}",
            MESSAGE_SIZE_DEFAULT_BYTES,
        ),
        "producer": _producer(reader),
        "rules": _rules(reader),
    }


def _check_transport(reader: _Reader, bus_arn: str, producer: Producer) -> None:
    transport = of_bus(bus_arn)
    if transport.versions_max == 1 and len(producer.versions) > 1:
        reader.problems.append(
            "PUBLISH_VERSIONS: expected exactly one version, since a FIFO topic's subscriptions "
            "can't filter by version without losing messages"
        )
    if transport is EVENTBRIDGE and producer.source.startswith("aws."):
        reader.problems.append(
            "EVENT_SOURCE: expected a URI that does not start with aws., as EventBridge keeps "
            "those sources to AWS"
        )


def _producer(reader: _Reader) -> Producer:
    newest: tuple[int, ...] = (NEWEST_MAJOR,)
    return Producer(
        source=reader.optional("EVENT_SOURCE", _uri, "a URI", "urn:novapay:accounts"),
        epoch=reader.optional(
            "SEQUENCE_EPOCH", _between(1, EPOCH_MAX), f"a whole number from 1 to {EPOCH_MAX}", 1
        ),
        versions=reader.optional(
            "PUBLISH_VERSIONS", _versions, f"some of {MAJORS}, such as 1,2", newest
        ),
    )


def _rules(reader: _Reader) -> TableRules:
    return TableRules(
        customer_id_attribute=reader.attribute("CUSTOMER_ID_ATTRIBUTE") or "customer_id",
        status_attribute=reader.attribute("STATUS_ATTRIBUTE") or "status",
        reason_attribute=reader.attribute("REASON_ATTRIBUTE"),
        changed_at_attribute=reader.attribute("CHANGED_AT_ATTRIBUTE"),
        traceparent_attribute=reader.attribute("TRACEPARENT_ATTRIBUTE"),
        sequence_attribute=reader.attribute("SEQUENCE_ATTRIBUTE"),
        entity_filter=reader.optional("ENTITY_FILTER", entity_filter, ENTITY_FILTER_EXPECTED, None),
        status_map=reader.optional("TABLE_STATUS_MAP", status_map, STATUS_MAP_EXPECTED, {}),
    )


def _bus_arn(text: str) -> str | None:
    return text if _BUS_ARN.fullmatch(text) else None


def _bucket(text: str) -> str | None:
    return text if _BUCKET.fullmatch(text) else None


def _uri(text: str) -> str | None:
    return text if _URI.fullmatch(text) else None


def _versions(text: str) -> tuple[int, ...] | None:
    parts = [part.strip() for part in text.split(",")]
    known = {str(major): major for major in MAJORS}
    return tuple(sorted({known[part] for part in parts})) if set(parts) <= set(known) else None


def _between(low: int, high: int) -> Callable[[str], int | None]:
    def parse(text: str) -> int | None:
        return int(text) if _WHOLE.fullmatch(text) and low <= int(text) <= high else None

    return parse
