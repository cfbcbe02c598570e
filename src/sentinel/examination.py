"""Ask AWS for what the rules need, and judge it: what `fanout doctor` and the sentinel find."""

from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass
from datetime import UTC, datetime
from functools import partial
from typing import Any

from sentinel import rules
from sentinel.contract.folder import installed_contract
from sentinel.discovery import (
    SHARED_GROUPS,
    Bus,
    Publisher,
    Subscriber,
    Target,
    deliveries,
    find_bus,
    find_publisher,
    is_mapping,
    list_alarms,
    list_subscribers,
    paused,
)
from sentinel.findings import Asking, Finding, worst_first

_GONE = {
    *("ResourceNotFoundException", "NotFoundException", "NotFound", "NoSuchEntity"),
    "ServerSideEncryptionConfigurationNotFoundError",
    *("AWS.SimpleQueueService.NonExistentQueue", "QueueDoesNotExist"),
}


@dataclass(frozen=True, slots=True)
class Examination:
    """Asks AWS for what the rules need. Raises: ClientError, BotoCoreError: AWS won't say it."""

    target: Target
    bus: Bus

    def publisher(self) -> rules.PublisherFacts:
        """The publisher, its table, its bus and its failure store."""
        publisher = find_publisher(self.target)
        mapping = self.mapping(publisher.mapping_id)
        if self.target.is_embedded and mapping.get("State") == "Disabled":
            mapping |= {"State": "Enabled"}  # deployed so there, as a local poller stands in
        bucket = {"Bucket": publisher.failure_bucket}
        versioning = self._read("s3", "get_bucket_versioning", **bucket) or {}
        kept = {
            "versions": versioning.get("Status") == "Enabled",
            "encryption": self._read("s3", "get_bucket_encryption", **bucket),
        }
        function = self._function(publisher.function_name)
        topic = None
        # The embedded AWS does not keep a topic's key.
        if self.bus.transport != "eventbridge" and not self.target.is_embedded:
            topic = self._read("sns", "get_topic_attributes", "Attributes", TopicArn=self.bus.arn)
        return rules.PublisherFacts(
            publisher=publisher,
            bus=self.bus,
            table=self.table(publisher.accounts_table),
            mapping=mapping,
            function=function,
            topic=topic,
            denied=[
                *self._denied(function, needs_of_publisher(publisher, self.bus)),
                *self._denied(mapping, needs_between(publisher, self.bus)),
            ],
            bucket_lacks=[name for name, is_there in kept.items() if not is_there],
        )

    def subscriber(self, subscriber: Subscriber) -> rules.SubscriberFacts:
        """A subscriber's queues, function and deliveries."""
        name = subscriber.function_name
        function = self._function(name) if name else None
        mapping_id = subscriber.mapping_id
        return rules.SubscriberFacts(
            subscriber=subscriber,
            bus=self.bus,
            queue=self._queue(subscriber.queue_url),
            dlq=self._queue(subscriber.dlq_url),
            mapping=self.mapping(mapping_id) if mapping_id else None,
            function=function,
            deliveries=self.deliveries(subscriber),
            denied=self._denied(function, _needs_of_consumer(subscriber, function)),
            pause=paused(self.target).get(subscriber.name),
        )

    def table(self, name: str) -> Any:
        """A table; None where it does not exist."""
        return self._read("dynamodb", "describe_table", "Table", TableName=name)

    def mapping(self, mapping_id: str) -> Any:
        """An event source mapping, or the pipe of that name."""
        if is_mapping(mapping_id):
            found = self._read("lambda", "get_event_source_mapping", UUID=mapping_id)
        else:
            found = self._read("pipes", "describe_pipe", Name=mapping_id)
        return found or {"State": rules.MISSING}

    def deliveries(self, subscriber: Subscriber) -> list[rules.Answer]:
        """What leads from the bus to the subscriber's queue; see `rules.SubscriberFacts`."""
        arn, bus = subscriber.queue_arn, self.bus
        found = (self._delivery(each, arn) for each in deliveries(self.target, bus, arn))
        return [each for each in found if each]  # one may be gone since it was listed

    # Private functions

    def _read(self, service: str, action: str, part: str = "", **request: Any) -> Any:
        """AWS's answer, or a part of it; None where the thing does not exist."""
        client = self.target.client(service)
        try:
            answer = getattr(client, action)(**request)
        except client.exceptions.ClientError as error:
            if error.response.get("Error", {}).get("Code") not in _GONE:
                raise
            return None
        return answer[part] if part else answer

    def _function(self, name: str) -> Any:
        return self._read("lambda", "get_function_configuration", FunctionName=name)

    def _queue(self, url: str) -> Any:
        read = partial(self._read, "sqs", "get_queue_attributes", "Attributes")
        return read(QueueUrl=url, AttributeNames=["All"])

    def _delivery(self, name: str, queue_arn: str) -> Any:
        if self.bus.transport == "eventbridge":
            rule = {"Rule": name, "EventBusName": self.bus.name}
            targets = self._read("events", "list_targets_by_rule", "Targets", **rule) or ()
            described = self._read("events", "describe_rule", Name=name, EventBusName=self.bus.name)
            target = next((each for each in targets if each["Arn"] == queue_arn), None)
            return target and described and described | target
        if not name.startswith("arn:"):
            return {"PendingConfirmation": "true"}
        read = partial(self._read, "sns", "get_subscription_attributes", "Attributes")
        return read(SubscriptionArn=name)

    def _denied(self, works: Any, needs: Mapping[str, Sequence[str]]) -> list[str]:
        """What the role of a function or a pipe may not do, by IAM's own simulation."""
        role = (works or {}).get("Role") or (works or {}).get("RoleArn")
        if role is None:  # an event source mapping has none
            return []
        simulate = partial(self._read, "iam", "simulate_principal_policy", "EvaluationResults")
        return [
            f"{result['EvalActionName']} on {arn}"
            for arn, actions in needs.items()
            for result in simulate(PolicySourceArn=role, ActionNames=actions, ResourceArns=[arn])
            or ()
            if result["EvalDecision"] != "allowed"
        ]


def needs_of_publisher(publisher: Publisher, bus: Bus) -> Mapping[str, Sequence[str]]:
    """What its role has to be allowed, by resource; a pipe reads and publishes with its own."""
    partition = bus.arn.split(":")[1]
    needs = {f"arn:{partition}:s3:::{publisher.failure_bucket}/parked/any": ["s3:PutObject"]}
    return needs | (needs_between(publisher, bus) if is_mapping(publisher.mapping_id) else {})


def needs_between(publisher: Publisher, bus: Bus) -> dict[str, list[str]]:
    """What reads the stream and publishes has to be allowed: the publisher's role, or a pipe's."""
    publish = "events:PutEvents" if bus.transport == "eventbridge" else "sns:Publish"
    return {publisher.stream_arn: ["dynamodb:GetRecords"], bus.arn: [publish]}


def _needs_of_consumer(subscriber: Subscriber, function: Any) -> Mapping[str, Sequence[str]]:
    received = ["sqs:ReceiveMessage", "sqs:DeleteMessage", "sqs:ChangeMessageVisibility"]
    needs = {subscriber.queue_arn: received, subscriber.dlq_arn: ["sqs:SendMessage"]}
    if function and subscriber.table:
        account = function["FunctionArn"].split(":function:")[0].replace(":lambda:", ":dynamodb:")
        needs[f"{account}:table/{subscriber.table}"] = ["dynamodb:UpdateItem"]
    return needs


def examine(target: Target, asking: Asking) -> list[Finding]:
    """Every finding, the worst first. Raises: WrongUse: nothing is deployed here."""
    look, now = Examination(target, find_bus(target)), datetime.now(UTC)
    subscribers, contract = list_subscribers(target), installed_contract()

    def of_subscriber(subscriber: Subscriber) -> list[Finding]:
        facts = look.subscriber(subscriber)
        return list(rules.check_subscriber(facts, contract, now=now))

    def of_table(subscriber: Subscriber, table: str) -> list[Finding]:
        return list(rules.check_table(subscriber, look.table(table)))

    def of_alarms() -> list[Finding]:
        groups = [*SHARED_GROUPS, *(each.name for each in subscribers)]
        return list(rules.check_alarms(list_alarms(target, groups)))

    parts: dict[str, Callable[[], list[Finding]]] = {
        "The publisher": lambda: list(rules.check_publisher(look.publisher(), now=now)),
        **{f"The subscriber {each.name}": partial(of_subscriber, each) for each in subscribers},
        **{
            f"The table of {each.name}": partial(of_table, each, each.table)
            for each in subscribers
            if each.table
        },
    }
    if not target.is_embedded:
        parts["The list of alarms"] = of_alarms
    nothing: list[Finding] = []
    found = [finding for part, read in parts.items() for finding in asking.ask(part, read, nothing)]
    return worst_first([*asking.findings(), *found])
