"""The two archives of events, each replayed to one subscriber and to nobody else."""

import json
import secrets
from collections.abc import Mapping
from dataclasses import dataclass
from datetime import UTC, datetime, timedelta
from typing import Any

from customer_events.instants import to_wire
from fanout.errors import Refused, WrongUse

ARCHIVING_TAKES = timedelta(minutes=10)
"""How long an event may take to reach the archive (EventBridge user guide, archive and replay)."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Plan:
    """What a replay is going to do with the events that were published in a window of time.

    `only_to` are the ARNs of the one subscriber's rules, or of its subscription; `request` is what
    AWS is asked.
    """

    begins_at: datetime
    ends_at: datetime
    archive: str
    only_to: tuple[str, ...]
    request: Mapping[str, Any]
    remarks: tuple[str, ...] = ()

    def to_document(self) -> dict[str, Any]:
        """One JSON object."""
        return {
            "archive": self.archive,
            "only_to": list(self.only_to),
            "from": to_wire(self.begins_at),
            "to": to_wire(self.ends_at),
            "remarks": list(self.remarks),
        }


@dataclass(frozen=True, slots=True, kw_only=True)
class Progress:
    """How far a replay is: AWS's word for its state, and up to which instant, where AWS says so."""

    state: str
    is_over: bool
    succeeded: bool
    up_to: datetime | None = None
    why: str = ""


@dataclass(frozen=True, slots=True, kw_only=True)
class EventBridgeArchive:
    """An archive of a bus; a replay names the rules that target one subscriber's queue.

    `client` is boto3's of `events`.
    """

    client: Any
    bus_arn: str
    subscriber: str
    queue_arn: str

    def plan(self, begins_at: datetime, ends_at: datetime) -> Plan:
        """Raises: WrongUse where there is no archive, or no rule of this subscriber alone."""
        archive, rules = self._archive(), self._rules()
        remarks = ["EventBridge replays in no order; the order guard makes what is older STALE."]
        if datetime.now(UTC) - ends_at < ARCHIVING_TAKES:
            remarks.append("The last 10 minutes may not be archived yet: repeat them later.")
        return Plan(
            begins_at=begins_at,
            ends_at=ends_at,
            archive=archive,
            only_to=rules,
            request={
                "ReplayName": f"fanout-{self.subscriber}-{secrets.token_hex(4)}"[:64],
                "EventSourceArn": archive,
                "EventStartTime": begins_at,
                "EventEndTime": ends_at,
                "Destination": {"Arn": self.bus_arn, "FilterArns": list(rules)},
            },
            remarks=tuple(remarks),
        )

    def start(self, plan: Plan) -> str:
        """Start it; returns the replay's name."""
        self.client.start_replay(**plan.request)
        return str(plan.request["ReplayName"])

    def progress(self, name: str) -> Progress:
        """How far it is."""
        answer = self.client.describe_replay(ReplayName=name)
        state = str(answer["State"])
        return Progress(
            state=state,
            is_over=state in {"COMPLETED", "CANCELLED", "FAILED"},
            succeeded=state == "COMPLETED",
            up_to=answer.get("EventLastReplayedTime"),
            why=str(answer.get("StateReason") or ""),
        )

    def cancel(self, name: str) -> None:
        """Stop it; what was delivered stays."""
        self.client.cancel_replay(ReplayName=name)

    # Private functions

    def _archive(self) -> str:
        archives = self.client.list_archives(EventSourceArn=self.bus_arn)["Archives"]
        for archive in archives:
            if archive.get("State") != "DISABLED":
                described = self.client.describe_archive(ArchiveName=archive["ArchiveName"])
                return str(described["ArchiveArn"])
        raise WrongUse(
            f"The bus {self.bus_arn} has no archive: nothing was kept to replay. Seed the "
            f"subscriber instead: `fanout backfill {self.subscriber}`."
        )

    def _rules(self) -> tuple[str, ...]:
        """The rules that target the queue, each of which must target nothing else."""
        bus = self.bus_arn.partition("/")[2]
        pages = self.client.get_paginator("list_rule_names_by_target").paginate(
            TargetArn=self.queue_arn, EventBusName=bus
        )
        rules = [str(name) for page in pages for name in page["RuleNames"]]
        if not rules:
            raise WrongUse(f"No rule on {bus} targets {self.queue_arn}: is it subscribed?")
        for rule in rules:
            targets = self.client.list_targets_by_rule(Rule=rule, EventBusName=bus)["Targets"]
            if others := sorted({str(target["Arn"]) for target in targets} - {self.queue_arn}):
                raise WrongUse(
                    f"The rule {rule} also targets {', '.join(others)}, which would get the events "
                    f"as well: give {self.subscriber} a rule of its own."
                )
        return tuple(
            str(self.client.describe_rule(Name=rule, EventBusName=bus)["Arn"]) for rule in rules
        )


_SNS_OVER = frozenset({"completed", "failed"})


@dataclass(frozen=True, slots=True, kw_only=True)
class SnsArchive:
    """The archive of an SNS FIFO topic; a replay is a policy on one subscriber's subscription.

    `client` is boto3's of `sns`. A replay's name is its subscription's ARN: there is one at a time.
    """

    client: Any
    topic_arn: str
    subscriber: str
    queue_arn: str

    def plan(self, begins_at: datetime, ends_at: datetime) -> Plan:
        """Raises: WrongUse where the topic keeps nothing, or the queue is not subscribed to it."""
        attributes = self.client.get_topic_attributes(TopicArn=self.topic_arn)["Attributes"]
        if not json.loads(attributes.get("ArchivePolicy") or "{}"):
            raise WrongUse(
                f"The topic {self.topic_arn} has no archive policy: nothing was kept to replay. "
                f"Seed the subscriber instead: `fanout backfill {self.subscriber}`."
            )
        subscription = self._subscription()
        begins = attributes.get("BeginningArchiveTime")
        remarks = (
            f"The archive begins at {begins}." if begins else "",
            self._running(subscription),
        )
        policy = {
            "PointType": "Timestamp",
            "StartingPoint": _to_sns(begins_at),
            "EndingPoint": _to_sns(ends_at),
        }
        return Plan(
            begins_at=begins_at,
            ends_at=ends_at,
            archive=self.topic_arn,
            only_to=(subscription,),
            request={
                "SubscriptionArn": subscription,
                "AttributeName": "ReplayPolicy",
                "AttributeValue": json.dumps(policy),
            },
            remarks=tuple(remark for remark in remarks if remark),
        )

    def start(self, plan: Plan) -> str:
        """Start it; returns the replay's name.

        Raises:
            Refused: one is running, which a second would replace without a word.
        """
        subscription = str(plan.request["SubscriptionArn"])
        if running := self._running(subscription):
            raise Refused(running)
        self.client.set_subscription_attributes(**plan.request)
        return subscription

    def progress(self, name: str) -> Progress:
        """How far it is."""
        state = _state(self._attributes(name).get("ReplayStatus"))
        return Progress(
            state=state,
            is_over=state.lower() in _SNS_OVER,
            succeeded=state.lower() == "completed",
        )

    def cancel(self, name: str) -> None:
        """Raises: WrongUse, always."""
        raise WrongUse(
            f"SNS documents no call that stops a replay: use Stop replay on the page of {name} in "
            "the console."
        )

    # Private functions

    def _running(self, subscription: str) -> str:
        """Which replay is running, in a sentence; "" where none is."""
        attributes = self._attributes(subscription)
        policy, state = attributes.get("ReplayPolicy"), _state(attributes.get("ReplayStatus"))
        if not policy or state.lower() in _SNS_OVER:
            return ""
        return (
            f"A replay to {self.subscriber} is running ({state}, {_window_of(policy)}), and "
            "SNS would replace it by another: wait for it with `fanout archive replay "
            f"{self.subscriber} --follow {subscription}`."
        )

    def _attributes(self, subscription: str) -> Mapping[str, Any]:
        answer = self.client.get_subscription_attributes(SubscriptionArn=subscription)
        attributes: Mapping[str, Any] = answer["Attributes"]
        return attributes

    def _subscription(self) -> str:
        pages = self.client.get_paginator("list_subscriptions_by_topic").paginate(
            TopicArn=self.topic_arn
        )
        for page in pages:
            for subscription in page["Subscriptions"]:
                if subscription["Endpoint"] == self.queue_arn:
                    return str(subscription["SubscriptionArn"])
        raise WrongUse(f"{self.queue_arn} is not subscribed to {self.topic_arn}.")


def _to_sns(instant: datetime) -> str:
    return instant.astimezone(UTC).strftime("%Y-%m-%dT%H:%M:%S.000Z")


def _state(value: object) -> str:
    """The status, whether it comes as a word or as JSON with a `status`."""
    text = str(value or "Pending")
    return str(_json_object(text).get("status", text))


def _window_of(policy: str) -> str:
    """What a replay policy covers, as SNS returns it."""
    points = _json_object(policy)
    return f"{points.get('StartingPoint', '?')} to {points.get('EndingPoint', 'now')}"


def _json_object(text: str) -> Mapping[str, Any]:
    try:
        content = json.loads(text)
    except ValueError:
        return {}
    return content if isinstance(content, dict) else {}
