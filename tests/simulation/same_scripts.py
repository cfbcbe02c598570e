"""The same scripts on the world, on moto and on the embedded AWS: what each is asked, and answers.

A script asks a client of AWS's API in the SDK's shapes and says what it saw; it names no backend.
"""

import json
import time
from dataclasses import dataclass
from random import Random
from typing import Any
from uuid import uuid4

from simulation.bus import EventBus
from simulation.calls import Calls, Invocation
from simulation.clock import VirtualClock
from simulation.queues import Queue
from simulation.queues_client import QueuesClient
from simulation.rows import RowsClient
from simulation.topic import Subscription, Topic


@dataclass(kw_only=True)
class World:
    """The simulation's world, as far as scripts need it."""

    def __post_init__(self) -> None:
        self._clock = VirtualClock()
        self._calls = Calls(self._clock)
        self._calls.enter(Invocation(ends_at=float("inf"), random=Random(1)))
        self._queues: list[Queue] = []

    @property
    def sqs(self) -> QueuesClient:
        return QueuesClient(self._calls, self._queues, self._clock)

    def queues(self, *, fifo: bool = False, receives_max: int = 2) -> tuple[str, str]:
        suffix = ".fifo" if fifo else ""
        queue, dlq = (Queue(name + suffix, self._clock, fifo=fifo) for name in ("q", "d"))
        queue.dlq, queue.receives_max = dlq, receives_max
        self._queues += [queue, dlq]
        return queue.url, dlq.url

    def rows(self) -> tuple[RowsClient, str]:
        return RowsClient(self._calls, "rows", lambda *_: None), "rows"

    def pass_time(self, seconds: float) -> None:
        self._clock.seconds += seconds

    def publish(self, policy: dict[str, Any], entries: list[dict[str, Any]]) -> list[str]:
        """What a subscription with a filter policy gets of these, by their bodies."""
        topic = Topic(self._calls, self._clock, fifo=False, watch=lambda *_: None)
        return self._delivered(
            topic,
            policy,
            lambda: topic.publish_batch(TopicArn=topic.arn, PublishBatchRequestEntries=entries),
        )

    def put_events(self, pattern: dict[str, Any], details: list[dict[str, Any]]) -> list[str]:
        """What the target of a rule with a pattern gets of these: `$.detail`."""
        bus = EventBus(self._calls, self._clock, watch=lambda *_: None)
        entries = [_entry(one, bus.arn) for one in details]
        return self._delivered(bus, pattern, lambda: bus.put_events(Entries=entries))

    def _delivered(self, topic: Topic, policy: dict[str, Any], send: Any) -> list[str]:
        queue = Queue("to", self._clock, fifo=False)
        topic.subscriptions.append(Subscription(name="to", queue=queue, policy=policy))
        send()
        topic.deliver(Random(1), 100, in_order=True)
        return sorted(one.body for one in queue.messages.values())


@dataclass(kw_only=True)
class Aws:
    """moto, the embedded AWS, or AWS itself: boto3 clients by service."""

    client: Any

    @property
    def sqs(self) -> Any:
        return self.client("sqs")

    def queues(self, *, fifo: bool = False, receives_max: int = 2) -> tuple[str, str]:
        suffix = ".fifo" if fifo else ""
        attributes = {"FifoQueue": "true"} if fifo else {}
        dlq = self.sqs.create_queue(QueueName=f"d-{uuid4().hex}{suffix}", Attributes=attributes)
        redrive = {
            "deadLetterTargetArn": self._arn(dlq["QueueUrl"]),
            "maxReceiveCount": str(receives_max),
        }
        queue = self.sqs.create_queue(
            QueueName=f"q-{uuid4().hex}{suffix}",
            Attributes={**attributes, "RedrivePolicy": json.dumps(redrive)},
        )
        return queue["QueueUrl"], dlq["QueueUrl"]

    def rows(self) -> tuple[Any, str]:
        name = f"rows-{uuid4().hex}"
        self.client("dynamodb").create_table(
            TableName=name,
            KeySchema=[{"AttributeName": "customer_id", "KeyType": "HASH"}],
            AttributeDefinitions=[{"AttributeName": "customer_id", "AttributeType": "S"}],
            BillingMode="PAY_PER_REQUEST",
        )
        return self.client("dynamodb"), name

    def pass_time(self, seconds: float) -> None:
        time.sleep(seconds)

    def publish(self, policy: dict[str, Any], entries: list[dict[str, Any]]) -> list[str]:
        sns = self.client("sns")
        topic = sns.create_topic(Name=f"t-{uuid4().hex}")["TopicArn"]
        url, _ = self.queues()
        sns.subscribe(
            TopicArn=topic,
            Protocol="sqs",
            Endpoint=self._arn(url),
            Attributes={"FilterPolicy": json.dumps(policy), "RawMessageDelivery": "true"},
        )
        sns.publish_batch(TopicArn=topic, PublishBatchRequestEntries=entries)
        return self._drained(url)

    def put_events(self, pattern: dict[str, Any], details: list[dict[str, Any]]) -> list[str]:
        events, name = self.client("events"), f"b-{uuid4().hex}"
        bus = events.create_event_bus(Name=name)["EventBusArn"]
        url, _ = self.queues()
        events.put_rule(Name=name, EventBusName=name, EventPattern=json.dumps(pattern))
        target = {"Id": "1", "Arn": self._arn(url), "InputPath": "$.detail"}
        events.put_targets(Rule=name, EventBusName=name, Targets=[target])
        events.put_events(Entries=[_entry(one, bus) for one in details])
        bodies = [json.loads(one) for one in self._drained(url)]
        return sorted(json.dumps(one) for one in bodies)

    def _drained(self, url: str) -> list[str]:
        bodies: list[str] = []
        while found := received(self, url, hidden_seconds=60):
            bodies += [one["Body"] for one in found]
        return sorted(bodies)

    def _arn(self, url: str) -> str:
        answer = self.sqs.get_queue_attributes(QueueUrl=url, AttributeNames=["QueueArn"])
        return str(answer["Attributes"]["QueueArn"])


Backend = World | Aws


def sent(backend: Backend, url: str, *entries: dict[str, Any]) -> None:
    answer = backend.sqs.send_message_batch(
        QueueUrl=url, Entries=[{"Id": str(place), **one} for place, one in enumerate(entries)]
    )
    assert len(answer["Successful"]) == len(entries)


def received(
    backend: Backend, url: str, *, count: int = 10, hidden_seconds: int = 1
) -> list[dict[str, Any]]:
    answer = backend.sqs.receive_message(
        QueueUrl=url,
        MaxNumberOfMessages=count,
        VisibilityTimeout=hidden_seconds,
        WaitTimeSeconds=1,
        AttributeNames=["All"],
        MessageAttributeNames=["All"],
    )
    return list(answer.get("Messages", []))


def _entry(detail: dict[str, Any], bus: str) -> dict[str, Any]:
    return {
        "Source": "urn:novapay:accounts",
        "DetailType": "CustomerStatusChanged",
        "Detail": json.dumps(detail),
        "EventBusName": bus,
    }
