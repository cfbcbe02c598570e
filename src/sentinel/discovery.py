"""Find a deployment's resources through the SSM parameters that Terraform and SAM both write.

`/<prefix>/bus`, `/<prefix>/publisher` and `/<prefix>/subscribers/<name>` each hold one JSON object;
`docs/reference/discovery.md` lists their fields.
"""

import json
import re
from collections.abc import Iterable, Sequence
from dataclasses import asdict, dataclass, fields
from datetime import datetime
from typing import Any, Protocol
from urllib.parse import urlsplit

from customer_events.instants import from_wire, to_wire
from customer_events.settings import SettingsReader
from publisher import settings
from publisher.transitions import TableRules
from sentinel.errors import WrongUse

_MAPPING_ID = re.compile(r"[0-9a-f]{8}(-[0-9a-f]{4}){3}-[0-9a-f]{12}")
_LOOPBACK = {"127.0.0.1", "localhost", "::1"}
_INSTANTS = ("since", "until", "loses_at")  # of a pause


class Target(Protocol):
    """A deployment in an account: the prefix of its names, and boto3 or botocore clients."""

    prefix: str

    def client(self, service: str) -> Any:
        """The client of a service."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Bus:
    """Where events are published. `transport` is `sns`, `sns-fifo` or `eventbridge`."""

    transport: str
    arn: str

    @property
    def name(self) -> str:
        """What EventBridge calls it; an emulator may not take the ARN in its place."""
        return self.arn.rpartition("/")[2]


@dataclass(frozen=True, slots=True, kw_only=True)
class Publisher:
    """The publisher of a deployment and what it reads from.

    `entity_filter` and `table_status_map` are as the publisher's settings; None, like every
    attribute that is None: not configured.
    """

    function_name: str
    mapping_id: str
    accounts_table: str
    stream_arn: str
    failure_bucket: str
    source: str
    customer_id_attribute: str
    status_attribute: str
    sequence_attribute: str | None
    sequence_epoch: int
    publish_versions: tuple[int, ...]
    reason_attribute: str | None = None
    changed_at_attribute: str | None = None
    entity_filter: str | None = None
    table_status_map: str | None = None


@dataclass(frozen=True, slots=True, kw_only=True)
class Subscriber:
    """A subscriber's queue, DLQ and, where it has them, function and table.

    `filter` is the rendered filter policy (None: every event); `since` is an RFC 3339 instant;
    `parked_groups_table` holds the notes of what is parked, where a customer's events wait behind a
    parked one, else None; `stack` is the CloudFormation stack's name, None where Terraform made it;
    `mapping_id` is the consumer's event source mapping.
    """

    name: str
    queue_url: str
    queue_arn: str
    dlq_url: str
    dlq_arn: str
    function_name: str | None
    table: str | None
    filter: dict[str, Any] | None
    versions: tuple[int, ...]
    since: str | None
    parked_groups_table: str | None = None
    mapping_id: str | None = None
    stack: str | None = None


def find_bus(target: Target) -> Bus:
    """Raises: WrongUse where no deployment has this prefix."""
    document = _parameter(target, "bus")
    return Bus(transport=document["transport"], arn=document["arn"])


def find_publisher(target: Target) -> Publisher:
    """Raises: WrongUse where no deployment has this prefix."""
    document = _parameter(target, "publisher")
    epoch, versions = document["sequence_epoch"], document["publish_versions"]
    numbers = {"sequence_epoch": int(epoch), "publish_versions": _versions(versions)}
    return Publisher(**_texts(Publisher, document) | numbers)


def find_subscriber(target: Target, name: str) -> Subscriber:
    """Raises: WrongUse where the deployment has no such subscriber; names those that it has."""
    subscribers = {each.name: each for each in list_subscribers(target)}
    if name not in subscribers:
        known = ", ".join(sorted(subscribers)) or "none"
        raise WrongUse(
            f"No subscriber {name!r} under /{target.prefix}/subscribers; known: {known}."
        )
    return subscribers[name]


def list_subscribers(target: Target) -> list[Subscriber]:
    """Every subscriber, by name. Raises: WrongUse where no deployment has this prefix."""
    documents = _parameters(target, "subscribers").values()
    if not documents:
        find_bus(target)
    found = [
        Subscriber(**_texts(Subscriber, each) | {"versions": _versions(each.get("versions", "2"))})
        for each in documents
    ]
    return sorted(found, key=lambda each: each.name)


SHARED_GROUPS = ("publisher", "pipe", "topic", "bus", "sentinel")
"""What an alarm's name goes on with behind the prefix, unless it is a subscriber's."""


def list_alarms(
    target: Target, groups: Sequence[str], *, others: Iterable[str] = (), **which: Any
) -> list[dict[str, Any]]:
    """The deployment's alarms of these groups, composite ones too if not said otherwise.

    `others` are the names of subscribers that are not asked for: see `is_ours`.
    """
    pages = target.client("cloudwatch").get_paginator("describe_alarms")
    kinds = {"AlarmTypes": ["MetricAlarm", "CompositeAlarm"]}
    answers = pages.paginate(AlarmNamePrefix=f"{target.prefix}-", **kinds | which)
    return [
        alarm
        for page in answers
        for alarm in (*page.get("MetricAlarms", []), *page.get("CompositeAlarms", []))
        if is_ours(alarm["AlarmName"], target.prefix, groups, others)
    ]


def is_ours(alarm: str, prefix: str, groups: Iterable[str], others: Iterable[str] = ()) -> bool:
    """Whether an alarm is of one of these groups: another's prefix or name may begin like ours."""
    wanted = set(groups)
    named = (each for each in wanted.union(others) if f"{alarm}-".startswith(f"{prefix}-{each}-"))
    return max(named, key=len, default=None) in wanted


@dataclass(frozen=True, slots=True, kw_only=True)
class Pause:
    """A subscriber's mark; `loses_at` is when retention starts to delete what waits."""

    since: datetime
    until: datetime
    loses_at: datetime
    because: str

    def to_document(self) -> dict[str, str]:
        """As the SSM parameter has it."""
        instants = {name: to_wire(getattr(self, name)) for name in _INSTANTS}
        return {**instants, "because": self.because}


def paused(target: Target) -> dict[str, Pause]:
    """Every subscriber that is marked as paused."""
    return {
        name: Pause(because=mark["because"], **{each: from_wire(mark[each]) for each in _INSTANTS})
        for name, mark in _parameters(target, "paused").items()
    }


def deliveries(target: Target, bus: Bus, queue_arn: str) -> list[str]:
    """What delivers to a queue: ARNs of SNS subscriptions, or names of EventBridge rules."""
    if bus.transport == "eventbridge":
        pages = target.client("events").get_paginator("list_rule_names_by_target")
        answers = pages.paginate(TargetArn=queue_arn, EventBusName=bus.name)
        return list(answers.search("RuleNames[]"))
    pages = target.client("sns").get_paginator("list_subscriptions_by_topic")
    found = pages.paginate(TopicArn=bus.arn).search("Subscriptions[]")
    arns = [each["SubscriptionArn"] for each in found if each["Endpoint"] == queue_arn]
    return [arn for arn in arns if arn != "Deleted"]  # which SNS lists for a while


def is_embedded(target: Target) -> bool:
    """Whether this is an emulator on this machine, which keeps no metrics and no alarms."""
    return urlsplit(target.client("sqs").meta.endpoint_url).hostname in _LOOPBACK


def is_mapping(mapping_id: str) -> bool:
    """Whether it is an event source mapping's id; else it is a pipe's name."""
    return _MAPPING_ID.fullmatch(mapping_id) is not None


def table_rules(publisher: Publisher) -> TableRules:
    """Where the table keeps what an event needs, by the deployment's parameters.

    Neither the trace of the last write nor the region that made it belongs to a snapshot: each
    region's table holds every customer.

    Raises: WrongUse: the entity filter or the status map can't be read.
    """
    texts = {name: text for name, text in asdict(publisher).items() if isinstance(text, str)}
    reader = SettingsReader({name.upper(): text for name, text in texts.items()})
    rules = settings.table_rules(reader)
    if reader.problems:
        raise WrongUse(f"The publisher's SSM parameter is wrong. {'; '.join(reader.problems)}.")
    return rules


# Private functions


def _texts(kind: type, document: dict[str, Any]) -> dict[str, Any]:
    """The fields of a parameter by name; an empty one is not configured, like a missing one."""
    return {each.name: document.get(each.name) or None for each in fields(kind)}


def _versions(value: str | list[int]) -> tuple[int, ...]:
    parts = value.split(",") if isinstance(value, str) else value
    return tuple(int(part) for part in parts)


def _parameter(target: Target, name: str) -> dict[str, Any]:
    ssm = target.client("ssm")
    path = f"/{target.prefix}/{name}"
    try:
        value = ssm.get_parameter(Name=path)["Parameter"]["Value"]
    except ssm.exceptions.ParameterNotFound:
        raise WrongUse(
            f"No SSM parameter {path}: nothing is deployed under this prefix in this region; "
            "check --prefix, --region and --profile."
        ) from None
    document: dict[str, Any] = json.loads(value)
    return document


def _parameters(target: Target, folder: str) -> dict[str, dict[str, Any]]:
    pages = target.client("ssm").get_paginator("get_parameters_by_path")
    return {
        parameter["Name"].rpartition("/")[2]: json.loads(parameter["Value"])
        for parameter in pages.paginate(Path=f"/{target.prefix}/{folder}/").search("Parameters[]")
    }
