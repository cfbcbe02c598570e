"""The window of time that a replay covers, and what a replay is."""

import json
import secrets
from collections.abc import Mapping
from dataclasses import dataclass
from datetime import UTC, datetime, timedelta
from typing import Any, Protocol

from customer_events.instants import to_wire
from fanout.errors import Refused, WrongUse


@dataclass(frozen=True, slots=True, kw_only=True)
class Window:
    """From an instant up to another, by when the events were published.

    Raises:
        WrongUse: it ends before it begins, or has not ended yet.
    """

    begins_at: datetime
    ends_at: datetime
    now: datetime

    def __post_init__(self) -> None:
        if self.begins_at >= self.ends_at:
            raise WrongUse("--from must be before --to.")
        if self.ends_at > self.now:
            raise WrongUse("--to is in the future: a replay covers what is archived already.")


@dataclass(frozen=True, slots=True, kw_only=True)
class Plan:
    """What a replay is going to do.

    `archive` is what it reads, `only_to` the one subscriber's rules or subscription; `begin` is
    what AWS is asked; `remarks` are sentences to be read before that.
    """

    archive: str
    only_to: tuple[str, ...]
    begin: Mapping[str, Any]
    remarks: tuple[str, ...] = ()

    def to_document(self, window: Window) -> dict[str, Any]:
        """One JSON object."""
        return {
            "archive": self.archive,
            "only_to": list(self.only_to),
            "from": to_wire(window.begins_at),
            "to": to_wire(window.ends_at),
            "remarks": list(self.remarks),
        }


@dataclass(frozen=True, slots=True, kw_only=True)
class Progress:
    """How far a replay has come: AWS's word for its state, and up to which instant, if told."""

    state: str
    is_over: bool
    went_well: bool
    up_to: datetime | None = None
    why: str = ""


class Archive(Protocol):
    """One subscriber's way to the archive."""

    def plan(self, window: Window) -> Plan:
        """What a replay would do. Raises `WrongUse` where there is nothing to replay from."""
        ...

    def start(self, plan: Plan) -> str:
        """Begin; the replay's name. Raises `Refused` where another would be lost by it."""
        ...

    def progress(self, name: str) -> Progress:
        """How far it has come."""
        ...

    def cancel(self, name: str) -> None:
        """Stop it; what was delivered stays. Raises `WrongUse` where AWS's API has no way."""
        ...


# An EventBridge archive: a replay that names one subscriber's rules


SETTLING = timedelta(minutes=10)
"""How long an event may take to reach the archive (EventBridge user guide, archive and replay)."""
_REPLAY_OVER = frozenset({"COMPLETED", "CANCELLED", "FAILED"})


class EventBridgeArchive:
    """Implements `Archive`.

    Args:
        client: a boto3 client of `events`.
        bus_arn: the bus that the archive belongs to.
        subscriber: its name.
        queue_arn: what its rules target.
    """

    def __init__(self, client: Any, *, bus_arn: str, subscriber: str, queue_arn: str) -> None:
        self._client = client
        self._bus_arn = bus_arn
        self._subscriber = subscriber
        self._queue_arn = queue_arn

    def plan(self, window: Window) -> Plan:
        """See `Archive.plan`."""
        archive = self._archive()
        rules = self._rules()
        remarks = [
            "EventBridge replays in no order; the order guard makes what is older STALE.",
        ]
        if window.now - window.ends_at < SETTLING:
            remarks.append("The last 10 minutes may not be archived yet: repeat them later.")
        return Plan(
            archive=archive,
            only_to=rules,
            begin={
                "ReplayName": f"fanout-{self._subscriber}-{secrets.token_hex(4)}"[:64],
                "EventSourceArn": archive,
                "EventStartTime": window.begins_at,
                "EventEndTime": window.ends_at,
                "Destination": {"Arn": self._bus_arn, "FilterArns": list(rules)},
            },
            remarks=tuple(remarks),
        )

    def start(self, plan: Plan) -> str:
        """See `Archive.start`."""
        self._client.start_replay(**plan.begin)
        return str(plan.begin["ReplayName"])

    def progress(self, name: str) -> Progress:
        """See `Archive.progress`."""
        found = self._client.describe_replay(ReplayName=name)
        state = str(found["State"])
        return Progress(
            state=state,
            is_over=state in _REPLAY_OVER,
            went_well=state == "COMPLETED",
            up_to=found.get("EventLastReplayedTime"),
            why=str(found.get("StateReason") or ""),
        )

    def cancel(self, name: str) -> None:
        """See `Archive.cancel`."""
        self._client.cancel_replay(ReplayName=name)

    # Private functions

    def _archive(self) -> str:
        found = self._client.list_archives(EventSourceArn=self._bus_arn)["Archives"]
        names = [str(one["ArchiveName"]) for one in found if one.get("State") != "DISABLED"]
        if not names:
            raise WrongUse(
                f"The bus {self._bus_arn} has no archive: nothing was kept to replay. Seed the "
                f"subscriber instead: `fanout backfill {self._subscriber}`."
            )
        return str(self._client.describe_archive(ArchiveName=names[0])["ArchiveArn"])

    def _rules(self) -> tuple[str, ...]:
        """The rules that target the queue, each of which must target nothing else."""
        bus = self._bus_arn.partition("/")[2]
        pages = self._client.get_paginator("list_rule_names_by_target").paginate(
            TargetArn=self._queue_arn, EventBusName=bus
        )
        names = [str(name) for page in pages for name in page["RuleNames"]]
        if not names:
            raise WrongUse(f"No rule on {bus} targets {self._queue_arn}: is it subscribed?")
        for name in names:
            self._require_alone(name, bus)
        return tuple(
            str(self._client.describe_rule(Name=name, EventBusName=bus)["Arn"]) for name in names
        )

    def _require_alone(self, rule: str, bus: str) -> None:
        targets = self._client.list_targets_by_rule(Rule=rule, EventBusName=bus)["Targets"]
        others = sorted({str(one["Arn"]) for one in targets} - {self._queue_arn})
        if others:
            raise WrongUse(
                f"The rule {rule} also targets {', '.join(others)}, which would get the events as "
                f"well: give {self._subscriber} a rule of its own."
            )


# The archive of an SNS FIFO topic: a replay policy on one subscriber's subscription


_WELL = frozenset({"completed"})
_OVER = _WELL | {"failed"}


class SnsArchive:
    """Implements `Archive`.

    Args:
        client: a boto3 client of `sns`.
        topic_arn: the FIFO topic.
        subscriber: its name.
        queue_arn: the endpoint of its subscription.
    """

    def __init__(self, client: Any, *, topic_arn: str, subscriber: str, queue_arn: str) -> None:
        self._client = client
        self._topic_arn = topic_arn
        self._subscriber = subscriber
        self._queue_arn = queue_arn

    def plan(self, window: Window) -> Plan:
        """See `Archive.plan`."""
        attributes = self._client.get_topic_attributes(TopicArn=self._topic_arn)["Attributes"]
        if not json.loads(attributes.get("ArchivePolicy") or "{}"):
            raise WrongUse(
                f"The topic {self._topic_arn} has no archive policy: nothing was kept to replay. "
                f"Seed the subscriber instead: `fanout backfill {self._subscriber}`."
            )
        subscription = self._subscription()
        policy = {
            "PointType": "Timestamp",
            "StartingPoint": _to_sns(window.begins_at),
            "EndingPoint": _to_sns(window.ends_at),
        }
        began = attributes.get("BeginningArchiveTime")
        told = (f"The archive begins at {began}." if began else "", self._running(subscription))
        remarks = tuple(one for one in told if one)
        return Plan(
            archive=self._topic_arn,
            only_to=(subscription,),
            begin={
                "SubscriptionArn": subscription,
                "AttributeName": "ReplayPolicy",
                "AttributeValue": json.dumps(policy),
            },
            remarks=remarks,
        )

    def start(self, plan: Plan) -> str:
        """See `Archive.start`. The name is the subscription's ARN: it has one replay at a time.

        Raises:
            Refused: one is under way, which a second would replace without a word.
        """
        subscription = str(plan.begin["SubscriptionArn"])
        if running := self._running(subscription):
            raise Refused(running)
        self._client.set_subscription_attributes(**plan.begin)
        return subscription

    def progress(self, name: str) -> Progress:
        """See `Archive.progress`."""
        attributes = self._client.get_subscription_attributes(SubscriptionArn=name)["Attributes"]
        state = _state(attributes.get("ReplayStatus"))
        return Progress(
            state=state, is_over=state.lower() in _OVER, went_well=state.lower() in _WELL
        )

    def cancel(self, name: str) -> None:
        """See `Archive.cancel`."""
        raise WrongUse(
            f"SNS documents no call that stops a replay: use Stop replay on the page of {name} in "
            "the console."
        )

    # Private functions

    def _running(self, subscription: str) -> str:
        """Which replay is under way, in a sentence; "" where none is."""
        found = self._client.get_subscription_attributes(SubscriptionArn=subscription)
        attributes = found["Attributes"]
        state = _state(attributes.get("ReplayStatus"))
        policy = attributes.get("ReplayPolicy")
        if not policy or state.lower() in _OVER:
            return ""
        return (
            f"A replay to {self._subscriber} is under way ({state}, {_window_of(policy)}), and SNS "
            f"would replace it by another: let it end, `fanout archive replay {self._subscriber} "
            f"--follow {subscription}`."
        )

    def _subscription(self) -> str:
        pages = self._client.get_paginator("list_subscriptions_by_topic").paginate(
            TopicArn=self._topic_arn
        )
        for page in pages:
            for one in page["Subscriptions"]:
                if one["Endpoint"] == self._queue_arn:
                    return str(one["SubscriptionArn"])
        raise WrongUse(f"{self._queue_arn} is not subscribed to {self._topic_arn}.")


def _to_sns(instant: datetime) -> str:
    return instant.astimezone(UTC).strftime("%Y-%m-%dT%H:%M:%S.000Z")


def _state(value: object) -> str:
    """The status, whether it comes as a word or as JSON with a `status`."""
    text = str(value or "Pending")
    try:
        found = json.loads(text)
    except ValueError:
        return text
    return str(found.get("status", text)) if isinstance(found, dict) else str(found)


def _window_of(policy: str) -> str:
    """What a replay policy covers, as SNS tells it back."""
    try:
        found = json.loads(policy)
    except ValueError:
        return "of a policy that can't be read"
    points = found if isinstance(found, dict) else {}
    return f"{points.get('StartingPoint', '?')} to {points.get('EndingPoint', 'now')}"
