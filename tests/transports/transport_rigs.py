"""Each transport from the publisher's handler to a subscriber's queue, on moto.

What stands around the handler is played here: the source that hands a batch over again from the
lowest failed number (Lambda), the pipe (moto has none), and the target's `$.detail` (moto ignores
a target's InputPath). Each rig counts the calls of its bus, and can let entries fail once.
"""

import json
from datetime import datetime
from typing import Any
from uuid import uuid4

import boto3

from publisher import bootstrap
from publisher.handlers import BatchFailed
from publisher.transports import EVENTBRIDGE, PIPES, SNS, SNS_FIFO
from unit.publisher.publisher_fakes import FakeContext

REGION = "eu-west-1"
ACCOUNT = "123456789012"
BUCKET = "fanout-failures"
HANDOVERS_MAX = 5
MILLISECONDS_PER_HANDOVER = 400


class FaultyClient:
    """A client of the bus; entries whose document the fault picks fail, and never reach the bus."""

    def __init__(self, client: Any) -> None:
        self._client = client
        self.fault = lambda _document: False
        self.calls = 0

    def describe_event_bus(self, **request: Any) -> Any:
        return self._client.describe_event_bus(**request)

    def publish_batch(self, *, TopicArn: str, PublishBatchRequestEntries: Any) -> Any:  # noqa: N803
        self.calls += 1
        good, bad = [], []
        for entry in PublishBatchRequestEntries:
            (bad if self.fault(json.loads(entry["Message"])) else good).append(entry)
        answer: dict[str, Any] = {"Successful": []}
        if good:
            answer = self._client.publish_batch(TopicArn=TopicArn, PublishBatchRequestEntries=good)
        failed = [{"Id": one["Id"], "Code": "InternalError", "SenderFault": False} for one in bad]
        return {"Successful": answer["Successful"], "Failed": failed}

    def put_events(self, *, Entries: Any) -> Any:  # noqa: N803
        self.calls += 1
        results = []
        for entry in Entries:
            if self.fault(json.loads(entry["Detail"])):
                results.append({"ErrorCode": "InternalFailure", "ErrorMessage": "m"})
            else:
                results += self._client.put_events(Entries=[entry])["Entries"]
        failed = sum("ErrorCode" in result for result in results)
        return {"FailedEntryCount": failed, "Entries": results}


class Rig:
    """What all transports share: the failure store, the queues and how a stream is played."""

    transport: Any

    def __init__(self, monkeypatch: Any) -> None:
        self._monkeypatch = monkeypatch
        self.sqs = boto3.client("sqs")
        self.s3 = boto3.client("s3")
        self.s3.create_bucket(
            Bucket=BUCKET, CreateBucketConfiguration={"LocationConstraint": REGION}
        )
        monkeypatch.setenv("FAILURE_BUCKET", BUCKET)
        monkeypatch.setenv("DEPLOYMENT", "fanout")
        self.client = FaultyClient(None)
        self.handler: Any = None
        self.lay()
        self.subscribe("all")

    def build(self, **environment: str) -> None:
        """Start the publisher, as a new environment of the function would."""
        self._monkeypatch.setenv("POWERTOOLS_SERVICE_NAME", f"publisher-{uuid4()}")
        for name, value in environment.items():
            self._monkeypatch.setenv(name, value)
        self.start()

    def deliver(self, records: list[Any], *, failing_once: Any = lambda _document: False) -> None:
        """Hand records over until none is left, as the source does.

        At the first handover, the entries fail whose document `failing_once` picks.
        """
        rest = records
        self.client.fault = failing_once
        for _ in range(HANDOVERS_MAX):
            rest = self.hand_over(rest)
            self.client.fault = lambda _document: False
            if not rest:
                return
        raise AssertionError(f"{len(rest)} records were never taken")

    def hand_over(self, records: list[Any]) -> list[Any]:
        """One batch; what has to be handed over again."""
        answer = self.handler({"Records": records}, FakeContext(MILLISECONDS_PER_HANDOVER))
        failed = [int(one["itemIdentifier"]) for one in answer["batchItemFailures"]]
        return [
            one
            for one in records
            if failed and int(one["dynamodb"]["SequenceNumber"]) >= min(failed)
        ]

    def queue(self, name: str, *, fifo: bool = False) -> str:
        marks = {"FifoQueue": "true"} if fifo else {}
        full = f"{name}.fifo" if fifo else name
        self.sqs.create_queue(QueueName=full, Attributes=marks)
        return f"arn:aws:sqs:{REGION}:{ACCOUNT}:{full}"

    def documents(self, name: str = "all") -> list[Any]:
        """What the subscriber's queue holds, first to last, as its consumer reads it."""
        url = self.sqs.get_queue_url(QueueName=self.queue_name(name))["QueueUrl"]
        found = []
        while received := self.sqs.receive_message(QueueUrl=url, MaxNumberOfMessages=10).get(
            "Messages", []
        ):
            for message in received:
                found.append(self.opened(json.loads(message["Body"])))
                self.sqs.delete_message(QueueUrl=url, ReceiptHandle=message["ReceiptHandle"])
        return found

    def parked(self) -> list[str]:
        """The reasons in the failure store."""
        listed = self.s3.list_objects_v2(Bucket=BUCKET).get("Contents", [])
        bodies = [self.s3.get_object(Bucket=BUCKET, Key=one["Key"])["Body"] for one in listed]
        return [json.load(body)["reason"] for body in bodies]

    def lay(self) -> None:
        """Make the topic or the bus, and start the publisher."""
        raise NotImplementedError

    def start(self) -> None:
        """Build the handler from the environment."""
        self.handler = bootstrap.build()
        calls = self.handler.bus.calls
        calls.client = self.client = FaultyClient(calls.client)

    def subscribe(self, name: str, **choice: Any) -> None:
        """Let a queue hear everything, or a choice: `version`, `transition` or `status`."""
        raise NotImplementedError

    def queue_name(self, name: str) -> str:
        return name

    def opened(self, body: Any) -> Any:
        return body


class SnsRig(Rig):
    transport = SNS
    _suffix = ""

    def lay(self) -> None:
        self._sns = boto3.client("sns")
        marks = {"FifoTopic": "true"} if self._suffix else {}
        topic = self._sns.create_topic(Name=f"customer-status{self._suffix}", Attributes=marks)
        self._arn = topic["TopicArn"]
        self.build(BUS_ARN=self._arn)

    def subscribe(self, name: str, **choice: Any) -> None:
        policy = _filter_policy(**choice)
        self._sns.subscribe(
            TopicArn=self._arn,
            Protocol="sqs",
            Endpoint=self.queue(name, fifo=bool(self._suffix)),
            Attributes={"RawMessageDelivery": "true"}
            | ({"FilterPolicy": json.dumps(policy)} if policy else {}),
        )

    def queue_name(self, name: str) -> str:
        return f"{name}{self._suffix}"


class SnsFifoRig(SnsRig):
    transport = SNS_FIFO
    _suffix = ".fifo"


class EventBridgeRig(Rig):
    transport = EVENTBRIDGE

    def lay(self) -> None:
        self.events = boto3.client("events")
        self.bus_arn = self.events.create_event_bus(Name="customer-status")["EventBusArn"]
        self.build(BUS_ARN=self.bus_arn)

    def subscribe(self, name: str, **choice: Any) -> None:
        pattern = {"detail-type": ["CustomerStatusChanged"], **_event_pattern(**choice)}
        self.events.put_rule(
            Name=name, EventBusName="customer-status", EventPattern=json.dumps(pattern)
        )
        self.events.put_targets(
            Rule=name,
            EventBusName="customer-status",
            Targets=[{"Id": "queue", "Arn": self.queue(name), "InputPath": "$.detail"}],
        )

    def opened(self, body: Any) -> Any:
        return body["detail"]


class PipesRig(EventBridgeRig):
    """The pipe: batches of its source's size, its target's template, and its retries."""

    transport = PIPES

    def lay(self) -> None:
        self.batch_size = self.transport.entries_per_call_max
        self.unsent: list[Any] = []
        super().lay()

    def start(self) -> None:
        self.handler = bootstrap.build_for_pipe()
        self.batch_size = self.handler.batch_size_max
        self.client = FaultyClient(self.events)

    def hand_over(self, records: list[Any]) -> list[Any]:
        left = []
        for start in range(0, len(records), self.batch_size):
            batch = records[start : start + self.batch_size]
            left += [] if self._is_through(batch) else batch
        return left

    def _is_through(self, batch: list[Any]) -> bool:
        try:
            enriched = self.handler(json.loads(json.dumps(batch)), FakeContext(10_000))
        except BatchFailed:
            return False
        documents = json.loads(json.dumps(enriched))
        if len(documents) > self.transport.entries_per_call_max:
            self.unsent += documents
            return True
        entries = [
            {
                "Time": datetime.fromisoformat(document["time"]),
                "Source": document["source"],
                "DetailType": "CustomerStatusChanged",
                "Detail": json.dumps(document, separators=(",", ":"), ensure_ascii=False),
                "EventBusName": self.bus_arn,
            }
            for document in documents
        ]
        return not entries or self.client.put_events(Entries=entries)["FailedEntryCount"] == 0


RIGS = {rig.transport.name: rig for rig in (SnsRig, SnsFifoRig, EventBridgeRig, PipesRig)}


# Private functions


def _filter_policy(
    *, version: int | None = None, transition: str = "", status: str = ""
) -> dict[str, Any]:
    """On message attributes. Who follows a status has to see customers leave it, too."""
    if version:
        return {"schema_version": [str(version)]}
    if transition:
        return {"transition": [transition]}
    if status:
        return {"transition": [{"prefix": f"{status}>"}, {"suffix": f">{status}"}]}
    return {}


def _event_pattern(
    *, version: int | None = None, transition: str = "", status: str = ""
) -> dict[str, Any]:
    """The same choices, on the document."""
    if version:
        return {"detail": {"type": [f"novapay.accounts.CustomerStatusChanged.v{version}"]}}
    names = (("old_status", "new_status"), ("previous_status", "status"))
    if transition:
        before, after = (None if one == "NONE" else one for one in transition.split(">"))
        chosen = [{"data": {old: [before], new: [after]}} for old, new in names]
    elif status:
        chosen = [{"data": {name: [status]}} for pair in names for name in pair]
    else:
        return {}
    return {"detail": {"$or": chosen}}
