"""Ask AWS for what the rules need, and judge it: what `fanout doctor` and the sentinel find."""

from collections.abc import Callable, Iterator, Mapping, Sequence
from dataclasses import dataclass
from datetime import UTC, datetime
from functools import partial
from typing import Any, TypeVar

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
    is_embedded,
    is_mapping,
    list_alarms,
    list_subscribers,
    paused,
)
from sentinel.findings import Asking, Finding, worst_first

T = TypeVar("T")
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
        if is_embedded(self.target) and mapping.get("State") == "Disabled":
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
        if self.bus.transport != "eventbridge" and not is_embedded(self.target):
            topic = self._read("sns", "get_topic_attributes", "Attributes", TopicArn=self.bus.arn)
        return rules.PublisherFacts(
            publisher=publisher,
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
        name, mapping_id = subscriber.function_name, subscriber.mapping_id
        function = self._function(name) if name else None
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
    found: list[Finding] = []

    def check(part: str, read: Callable[[], T], rule: Callable[[T], Iterator[Finding]]) -> None:
        found.extend(asking.ask(part, lambda: list(rule(read()))) or ())

    check("The publisher", look.publisher, partial(rules.check_publisher, now=now))
    of_subscriber = partial(rules.check_subscriber, contract=contract, now=now)
    for each in subscribers:
        check(f"The subscriber {each.name}", partial(look.subscriber, each), of_subscriber)
    for each in subscribers:
        if each.table:
            read = partial(look.table, each.table)
            check(f"The table of {each.name}", read, partial(rules.check_table, each))
    if not is_embedded(target):
        groups = [*SHARED_GROUPS, *(each.name for each in subscribers)]
        check("The list of alarms", partial(list_alarms, target, groups), rules.check_alarms)
    return worst_first([*asking.findings(), *found])
