"""Ask AWS for what the rules need, and judge it: what `fanout doctor` and the sentinel find."""

from collections.abc import Iterator, Mapping, Sequence
from datetime import UTC, datetime
from functools import partial
from typing import Any

from sentinel import rules
from sentinel.contract.folder import installed_contract
from sentinel.discovery import (
    SHARED_GROUPS,
    Bus,
    Pause,
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
    *("AWS.SimpleQueueService.NonExistentQueue", "QueueDoesNotExist"),
}


class Examination:
    """Asks AWS for what the rules need."""

    def __init__(self, target: Target, asking: Asking) -> None:
        self._target = target
        self._asking = asking
        self._bus = find_bus(target)
        nothing: dict[str, Pause] = {}
        self._paused = asking.ask("The marks of pauses", partial(paused, target), nothing)

    def publisher(self) -> rules.PublisherFacts:
        """The publisher, its table, its bus and its failure store."""
        publisher = find_publisher(self._target)
        bucket = {"Bucket": publisher.failure_bucket}
        versioning = self._read("s3", "get_bucket_versioning", **bucket)
        encryption = self._read("s3", "get_bucket_encryption", **bucket)
        function = self._function(publisher.function_name)
        mapping = topic = None
        if is_mapping(publisher.mapping_id):
            mapping = self._mapping(publisher.mapping_id)
        # The embedded AWS does not keep a topic's key.
        if self._bus.transport != "eventbridge" and not self._target.is_embedded:
            topic = self._read("sns", "get_topic_attributes", "Attributes", TopicArn=self._bus.arn)
        table = publisher.accounts_table
        return rules.PublisherFacts(
            publisher=publisher,
            bus=self._bus,
            table=self._read("dynamodb", "describe_table", "Table", TableName=table),
            mapping=mapping,
            function=function,
            topic=topic,
            denied=self._denied(function, _needs_of_publisher(publisher, self._bus)),
            versioned=None if versioning is None else versioning.get("Status") == "Enabled",
            encrypted=None if encryption is None else bool(encryption),
        )

    def subscriber(self, subscriber: Subscriber) -> rules.SubscriberFacts:
        """A subscriber's queues, function and deliveries."""
        name = subscriber.function_name
        function = self._function(name) if name else None
        mapping = self._mapping(subscriber.mapping_id) if subscriber.mapping_id else None
        return rules.SubscriberFacts(
            subscriber=subscriber,
            bus=self._bus,
            queue=self._queue(subscriber.queue_url),
            dlq=self._queue(subscriber.dlq_url),
            mapping=mapping,
            function=function,
            deliveries=list(self._deliveries(subscriber)),
            denied=self._denied(function, _needs_of_consumer(subscriber, function)),
            is_paused=subscriber.name in self._paused,
        )

    def alarms(self, subscribers: Sequence[str]) -> Sequence[rules.Answer] | None:
        """The deployment's alarms; None where there are none to be had."""
        read = partial(list_alarms, self._target, [*SHARED_GROUPS, *subscribers])
        return None if self._target.is_embedded else self._asking.ask("Alarms", read, None)

    # Private functions

    def _read(self, service: str, action: str, part: str = "", **request: Any) -> Any:
        """AWS's answer, or a part of it; None where the thing does not exist."""
        client = self._target.client(service)

        def call() -> Any:
            try:
                answer = getattr(client, action)(**request)
            except client.exceptions.ClientError as error:
                if error.response.get("Error", {}).get("Code") in _GONE:
                    return None
                raise
            return answer[part] if part else answer

        return self._asking.ask(" ".join(map(str, request.values())), call, None)

    def _function(self, name: str) -> Any:
        return self._read("lambda", "get_function_configuration", FunctionName=name)

    def _mapping(self, mapping_id: str) -> Any:
        return self._read("lambda", "get_event_source_mapping", UUID=mapping_id)

    def _queue(self, url: str) -> Any:
        read = partial(self._read, "sqs", "get_queue_attributes", "Attributes")
        return read(QueueUrl=url, AttributeNames=["All"])

    def _deliveries(self, subscriber: Subscriber) -> Iterator[rules.Answer]:
        arn = subscriber.queue_arn
        find = partial(deliveries, self._target, self._bus, arn)
        nothing: list[str] = []
        for each in self._asking.ask("What delivers", find, nothing):
            if self._bus.transport != "eventbridge":
                if each == "PendingConfirmation":
                    yield {"PendingConfirmation": "true", "RedrivePolicy": "unknown"}
                    continue
                read = partial(self._read, "sns", "get_subscription_attributes", "Attributes")
                yield read(SubscriptionArn=each) or {}
                continue
            rule = {"EventBusName": self._bus.name}
            targets = self._read("events", "list_targets_by_rule", "Targets", Rule=each, **rule)
            target: dict[str, Any] = next((one for one in targets or [] if one["Arn"] == arn), {})
            yield {**(self._read("events", "describe_rule", Name=each, **rule) or {}), **target}

    def _denied(self, function: Any, needs: Mapping[str, str | None]) -> list[str]:
        """What the function's role may not do, by IAM's own simulation of its policies."""
        denied = []
        for action, resource in needs.items():
            if not function or not resource:
                continue
            results = self._read(
                "iam",
                "simulate_principal_policy",
                "EvaluationResults",
                PolicySourceArn=function["Role"],
                ActionNames=[action],
                ResourceArns=[resource],
            )
            if any(each["EvalDecision"] != "allowed" for each in results or []):
                denied.append(f"{action} on {resource}")
        return denied


def _needs_of_publisher(publisher: Publisher, bus: Bus) -> Mapping[str, str]:
    partition = bus.arn.split(":")[1]
    return {
        "events:PutEvents" if bus.transport == "eventbridge" else "sns:Publish": bus.arn,
        "dynamodb:GetRecords": publisher.stream_arn,
        "s3:PutObject": f"arn:{partition}:s3:::{publisher.failure_bucket}/parked/any",
    }


def _needs_of_consumer(subscriber: Subscriber, function: Any) -> Mapping[str, str | None]:
    *account, _, _ = (function or {}).get("FunctionArn", "::::::").split(":")
    of_account = ":".join(account).replace(":lambda:", ":dynamodb:")
    table = subscriber.table and f"{of_account}:table/{subscriber.table}"
    return {
        "sqs:ReceiveMessage": subscriber.queue_arn,
        "sqs:DeleteMessage": subscriber.queue_arn,
        "sqs:ChangeMessageVisibility": subscriber.queue_arn,
        "sqs:SendMessage": subscriber.dlq_arn,
        "dynamodb:UpdateItem": table,
    }


def examine(target: Target, asking: Asking) -> list[Finding]:
    """Every finding, the worst first.

    Raises:
        WrongUse: nothing is deployed under this prefix.
    """
    examination, today = Examination(target, asking), datetime.now(UTC).date()
    subscribers, contract = list_subscribers(target), installed_contract()
    found = list(rules.check_publisher(examination.publisher(), today=today))
    for each in subscribers:
        found += rules.check_subscriber(examination.subscriber(each), contract, today=today)
    alarms = examination.alarms([each.name for each in subscribers])
    if alarms is not None:
        found += rules.check_alarms(alarms)
    return worst_first([*asking.findings(), *found])
