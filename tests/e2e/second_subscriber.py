"""Another subscriber on a deployment: queue, DLQ, table, and the Payments consumer's package again.

Everything it has is its own, so a test may seed it and stop it.
"""

import json
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from aws_parts import create_table
from fanout.local.state_folder import StateFolder
from fanout.sqs.queue import read_depth

ACCOUNT = "000000000000"
FILTER = {"schema_version": ["2"]}


@dataclass(frozen=True, slots=True, kw_only=True)
class SecondSubscriber:
    deployment: Any
    name: str
    queue_url: str
    dlq_url: str
    table: str
    mapping_id: str
    subscription_arn: str

    def client(self, service: str) -> Any:
        return self.deployment.client(service)

    def rows(self) -> dict[str, dict[str, Any]]:
        pages = self.client("dynamodb").get_paginator("scan")
        return {
            item["customer_id"]["S"]: item
            for page in pages.paginate(TableName=self.table, ConsistentRead=True)
            for item in page["Items"]
        }

    def statuses(self) -> dict[str, str]:
        return {key: row["status"]["S"] for key, row in self.rows().items()}

    def depth(self) -> int:
        depth = read_depth(self.client("sqs"), self.queue_url)
        return depth.waiting + depth.in_flight

    def switch(self, *, on: bool) -> None:
        self.client("lambda").update_event_source_mapping(UUID=self.mapping_id, Enabled=on)

    def leave(self) -> None:
        """Take everything away that `subscribe` made, so that other tests' events don't come."""
        self.client("sns").unsubscribe(SubscriptionArn=self.subscription_arn)
        self.client("lambda").delete_event_source_mapping(UUID=self.mapping_id)
        self.client("lambda").delete_function(FunctionName=f"{self.table}-consumer")
        for url in (self.queue_url, self.dlq_url):
            self.client("sqs").delete_queue(QueueUrl=url)
        self.client("dynamodb").delete_table(TableName=self.table)
        parameter = f"/{self.deployment.prefix}/subscribers/{self.name}"
        self.client("ssm").delete_parameter(Name=parameter)


@contextmanager
def subscribed(deployment: Any, name: str, *, on: bool = True) -> Iterator[SecondSubscriber]:
    """A subscriber as its own stack would make it; `on`: whether its consumer runs."""
    subscriber = _subscribe(deployment, name, on=on)
    try:
        yield subscriber
    finally:
        subscriber.leave()


# Private functions


def _subscribe(deployment: Any, name: str, *, on: bool) -> SecondSubscriber:
    sqs, awslambda = deployment.client("sqs"), deployment.client("lambda")
    full = f"{deployment.prefix}-{name}"
    arn = f"arn:aws:sqs:{deployment.region}:{ACCOUNT}:{full}"
    dlq_url = sqs.create_queue(QueueName=f"{full}-dlq")["QueueUrl"]
    redrive = json.dumps({"deadLetterTargetArn": f"{arn}-dlq", "maxReceiveCount": "10"})
    queue_url = sqs.create_queue(
        QueueName=full, Attributes={"VisibilityTimeout": "181", "RedrivePolicy": redrive}
    )["QueueUrl"]
    create_table(deployment.client("dynamodb"), full)
    function = _function(deployment, full, name, queue_url=queue_url, dlq_url=dlq_url)
    mapping_id = awslambda.create_event_source_mapping(
        EventSourceArn=arn,
        FunctionName=function,
        BatchSize=10,
        FunctionResponseTypes=["ReportBatchItemFailures"],
        ScalingConfig={"MaximumConcurrency": 2},
        Enabled=on,
    )["UUID"]
    subscription_arn = deployment.client("sns").subscribe(
        TopicArn=deployment.topic_arn,
        Protocol="sqs",
        Endpoint=arn,
        Attributes={"RawMessageDelivery": "true", "FilterPolicy": json.dumps(FILTER)},
    )["SubscriptionArn"]
    facts = {
        "name": name,
        "queue_url": queue_url,
        "queue_arn": arn,
        "dlq_url": dlq_url,
        "dlq_arn": f"{arn}-dlq",
        "function_name": function,
        "mapping_id": mapping_id,
        "table": full,
        "filter": FILTER,
        "versions": "2",
        "since": "",
    }
    parameter = f"/{deployment.prefix}/subscribers/{name}"
    deployment.client("ssm").put_parameter(Name=parameter, Type="String", Value=json.dumps(facts))
    return SecondSubscriber(
        deployment=deployment,
        name=name,
        queue_url=queue_url,
        dlq_url=dlq_url,
        table=full,
        mapping_id=mapping_id,
        subscription_arn=subscription_arn,
    )


def _function(deployment: Any, full: str, name: str, *, queue_url: str, dlq_url: str) -> str:
    awslambda = deployment.client("lambda")
    twin = awslambda.get_function_configuration(FunctionName=deployment.payments_function)
    own = {"QUEUE_URL": queue_url, "DLQ_URL": dlq_url, "TABLE_NAME": full, "CONSUMER_NAME": name}
    [package] = StateFolder(Path(deployment.state_dir)).packages.glob("payments_consumer-*.zip")
    function = f"{full}-consumer"
    awslambda.create_function(
        FunctionName=function,
        Runtime=twin["Runtime"],
        Role=twin["Role"],
        Handler=twin["Handler"],
        Code={"ZipFile": package.read_bytes()},
        Timeout=twin["Timeout"],
        MemorySize=twin["MemorySize"],
        Environment={"Variables": {**twin["Environment"]["Variables"], **own}},
    )
    return function
