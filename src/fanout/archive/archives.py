"""The two archives of events, each replayed to one subscriber and to nobody else."""

import json
import secrets
from collections.abc import Mapping
from dataclasses import dataclass
from datetime import UTC, datetime, timedelta
from typing import Any, ClassVar

from fanout.aws import AwsTarget
from fanout.errors import Refused, WrongUse
from fanout.text import json_object
from sentinel.discovery import Bus, Subscriber, deliveries

COMPLETED = "completed"
ARCHIVING_TAKES = timedelta(minutes=10)
"""How long an event may take to reach the archive (EventBridge user guide, archive and replay)."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Plan:
    """What a replay is going to do: `only_to` these rules or subscription, by this `request`."""

    archive: str
    only_to: tuple[str, ...]
    request: Mapping[str, Any]
    remarks: tuple[str, ...]


@dataclass(frozen=True, slots=True, kw_only=True)
class Progress:
    """How far a replay is: AWS's word for its state, and up to which instant, where AWS says so."""

    state: str
    up_to: datetime | None = None
    why: str = ""

    @property
    def is_over(self) -> bool:
        """Whether nothing more comes."""
        return self.state.lower() in {COMPLETED, "cancelled", "failed"}


@dataclass(kw_only=True)
class _Archive:
    service: ClassVar[str]
    target: AwsTarget
    bus: Bus
    subscriber: Subscriber

    def __post_init__(self) -> None:
        self._client = self.target.client(self.service)

    # Private functions

    def _deliveries(self) -> list[str]:
        """Raises: WrongUse: nothing delivers to the subscriber's queue."""
        queue_arn = self.subscriber.queue_arn
        if names := deliveries(self.target, self.bus, queue_arn):
            return names
        raise WrongUse(f"Nothing on {self.bus.arn} delivers to {queue_arn}: is it subscribed?")

    def _nothing_kept(self, what: str) -> WrongUse:
        return WrongUse(
            f"{self.bus.arn} has no {what}: nothing was kept to replay. Seed the subscriber "
            f"instead: `fanout backfill {self.subscriber.name}`."
        )


class EventBridgeArchive(_Archive):
    """An archive of a bus; a replay names the rules that target one subscriber's queue."""

    service = "events"

    def plan(self, begins_at: datetime, ends_at: datetime) -> Plan:
        """Raises: WrongUse where there is no archive, or no rule of this subscriber alone."""
        archive, rules = self._archive(), self._rules()
        remarks = ["EventBridge replays in no order; the order guard makes what is older STALE."]
        if datetime.now(UTC) - ends_at < ARCHIVING_TAKES:
            remarks.append("The last 10 minutes may not be archived yet: repeat them later.")
        request = {
            "ReplayName": f"fanout-{self.subscriber.name}-{secrets.token_hex(4)}"[:64],
            "EventSourceArn": archive,
            "EventStartTime": begins_at,
            "EventEndTime": ends_at,
            "Destination": {"Arn": self.bus.arn, "FilterArns": rules},
        }
        return Plan(archive=archive, only_to=tuple(rules), request=request, remarks=tuple(remarks))

    def start(self, plan: Plan) -> str:
        """Start it; returns the replay's name."""
        self._client.start_replay(**plan.request)
        return str(plan.request["ReplayName"])

    def progress(self, name: str) -> Progress:
        """How far it is."""
        answer = self._client.describe_replay(ReplayName=name)
        up_to, why = answer.get("EventLastReplayedTime"), answer.get("StateReason") or ""
        return Progress(state=answer["State"], up_to=up_to, why=why)

    def cancel(self, name: str) -> None:
        """Stop it; what was delivered stays."""
        self._client.cancel_replay(ReplayName=name)

    # Private functions

    def _archive(self) -> str:
        for archive in self._client.list_archives(EventSourceArn=self.bus.arn)["Archives"]:
            if archive.get("State") != "DISABLED":
                described = self._client.describe_archive(ArchiveName=archive["ArchiveName"])
                return str(described["ArchiveArn"])
        raise self._nothing_kept("archive")

    def _rules(self) -> list[str]:
        """The ARNs of the rules that target the queue, each of which must target nothing else."""
        arns = []
        for rule in self._deliveries():
            answer = self._client.list_targets_by_rule(Rule=rule, EventBusName=self.bus.name)
            targets = {str(target["Arn"]) for target in answer["Targets"]}
            if others := sorted(targets - {self.subscriber.queue_arn}):
                raise WrongUse(
                    f"The rule {rule} also targets {', '.join(others)}, which would get the events "
                    f"as well: give {self.subscriber.name} a rule of its own."
                )
            described = self._client.describe_rule(Name=rule, EventBusName=self.bus.name)
            arns.append(str(described["Arn"]))
        return arns


class SnsArchive(_Archive):
    """An SNS FIFO topic's; a replay is a policy on one subscription, whose ARN is its name."""

    service = "sns"

    def plan(self, begins_at: datetime, ends_at: datetime) -> Plan:
        """Raises: WrongUse where the topic keeps nothing, or does not deliver to the queue."""
        attributes = self._client.get_topic_attributes(TopicArn=self.bus.arn)["Attributes"]
        if not json_object(attributes.get("ArchivePolicy")):
            raise self._nothing_kept("archive policy")
        subscription = self._deliveries()[0]
        begins = attributes.get("BeginningArchiveTime")
        remarks = f"The archive begins at {begins}." if begins else "", self._running(subscription)
        policy = {
            "PointType": "Timestamp",
            "StartingPoint": _to_sns(begins_at),
            "EndingPoint": _to_sns(ends_at),
        }
        request = {
            "SubscriptionArn": subscription,
            "AttributeName": "ReplayPolicy",
            "AttributeValue": json.dumps(policy),
        }
        return Plan(
            archive=self.bus.arn,
            only_to=(subscription,),
            request=request,
            remarks=tuple(filter(None, remarks)),
        )

    def start(self, plan: Plan) -> str:
        """Start it; the replay's name. Raises: Refused: one runs, which a second would replace."""
        [subscription] = plan.only_to
        if running := self._running(subscription):
            raise Refused(running)
        self._client.set_subscription_attributes(**plan.request)
        return subscription

    def progress(self, name: str) -> Progress:
        """How far it is."""
        return _progress(self._attributes(name))

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
        policy, progress = attributes.get("ReplayPolicy"), _progress(attributes)
        if not policy or progress.is_over:
            return ""
        points = json_object(policy)
        window = f"{points.get('StartingPoint', '?')} to {points.get('EndingPoint', 'now')}"
        return (
            f"A replay to {self.subscriber.name} is running ({progress.state}, {window}), and "
            "SNS would replace it by another: wait for it with `fanout archive replay "
            f"{self.subscriber.name} --follow {subscription}`."
        )

    def _attributes(self, subscription: str) -> Mapping[str, Any]:
        answer = self._client.get_subscription_attributes(SubscriptionArn=subscription)
        attributes: Mapping[str, Any] = answer["Attributes"]
        return attributes


def _to_sns(instant: datetime) -> str:
    return instant.astimezone(UTC).strftime("%Y-%m-%dT%H:%M:%S.000Z")


def _progress(attributes: Mapping[str, str]) -> Progress:
    """By the status, whether it comes as a word or as JSON with a `status`."""
    text = attributes.get("ReplayStatus") or "Pending"
    return Progress(state=str(json_object(text).get("status", text)))
