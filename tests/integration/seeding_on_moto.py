"""A deployment on moto as discovery finds it: tables, a topic, a queue that nobody consumes."""

import json
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass, field
from typing import Any

import pytest
from typer.testing import CliRunner

from aws_parts import REGION, create_table, drain, moto_account
from customer_events.decoder import decode
from fanout.cli import app
from fanout.sqs.queue import read_depth

FILTER = {"schema_version": ["2"]}


@dataclass
class Deployment:
    """What a test sets up, and the command line on it."""

    clients: dict[str, Any]
    folder: Any
    topic_arn: str = ""
    queue_url: str = ""
    facts: dict[str, Any] = field(default_factory=dict)

    def put(self, customer_id: str, status: str, **other: Any) -> None:
        item = {"customer_id": {"S": customer_id}, "status": {"S": status}, **other}
        self.clients["dynamodb"].put_item(TableName="accounts", Item=item)

    def put_row(self, customer_id: str, **other: Any) -> None:
        item = {"customer_id": {"S": customer_id}, **other}
        self.clients["dynamodb"].put_item(TableName="payments", Item=item)

    def publisher(self, **other: Any) -> None:
        self._parameter("publisher", {**PUBLISHER, **other})

    def subscriber(self, **other: Any) -> None:
        self.facts = {**self.facts, **other}
        self._parameter("subscribers/payments", self.facts)

    def subscribe(self, policy: dict[str, Any] | None) -> None:
        attributes = {"RawMessageDelivery": "true"}
        if policy is not None:
            attributes["FilterPolicy"] = json.dumps(policy)
        self.clients["sns"].subscribe(
            TopicArn=self.topic_arn,
            Protocol="sqs",
            Endpoint=self.facts["queue_arn"],
            Attributes=attributes,
        )

    def run(self, *arguments: str, as_json: bool = True) -> Any:
        """The command's result; `--json` and a folder for its journal are added."""
        options = [*(["--json"] if as_json else []), "--runs-dir", str(self.folder)]
        return CliRunner().invoke(app, ["--region", REGION, *arguments, *options])

    def backfill(self, *arguments: str) -> Any:
        return self.run("backfill", "payments", "--no-wait", "--execute", *arguments)

    def depth(self) -> int:
        return read_depth(self.clients["sqs"], self.queue_url).waiting

    def messages(self) -> list[dict[str, Any]]:
        """Everything in the subscriber's queue, which is empty afterwards."""
        return drain(self.clients["sqs"], self.queue_url)

    def events(self) -> dict[str, Any]:
        found = [decode(one["Body"]) for one in self.messages()]
        assert len({event.customer_id for event in found}) == len(found)
        return {event.customer_id: event for event in found}

    def _parameter(self, name: str, value: dict[str, Any]) -> None:
        self.clients["ssm"].put_parameter(
            Name=f"/fanout/{name}", Type="String", Value=json.dumps(value), Overwrite=True
        )


PUBLISHER = {
    "function_name": "publisher",
    "mapping_id": "mapping",
    "accounts_table": "accounts",
    "stream_arn": "arn:stream",
    "failure_bucket": "failures",
    "source": "urn:novapay:accounts",
    "customer_id_attribute": "customer_id",
    "status_attribute": "status",
    "sequence_epoch": 1,
    "publish_versions": "2",
}


@contextmanager
def seeding_on_moto(folder: Any, *, fifo: bool = False) -> Iterator[Deployment]:
    with moto_account() as client, pytest.MonkeyPatch.context() as patch:
        # On a busy machine moto takes longer than DynamoDB may.
        patch.setattr("sentinel.table.LONGEST_READ_SECONDS", 60.0)
        names = ("dynamodb", "sns", "sqs", "ssm", "s3", "cloudwatch")
        made = Deployment(clients={one: client(one) for one in names}, folder=folder)
        _build(made, fifo=fifo)
        yield made


# Private functions


def _build(made: Deployment, *, fifo: bool) -> None:
    sqs, ending = made.clients["sqs"], ".fifo" if fifo else ""
    settings = {"FifoQueue": "true"} if fifo else {}
    create_table(made.clients["dynamodb"], "accounts")
    create_table(made.clients["dynamodb"], "payments")
    made.clients["s3"].create_bucket(
        Bucket="failures", CreateBucketConfiguration={"LocationConstraint": REGION}
    )
    made.topic_arn = made.clients["sns"].create_topic(
        Name=f"bus{ending}", Attributes={**({"FifoTopic": "true"} if fifo else {})}
    )["TopicArn"]
    made.queue_url, dlq_url = (
        sqs.create_queue(QueueName=f"payments{kind}{ending}", Attributes=settings)["QueueUrl"]
        for kind in ("", "-dlq")
    )
    arn = f"arn:aws:sqs:{REGION}:123456789012:payments"
    policy = None if fifo else FILTER
    made._parameter("bus", {"transport": "sns-fifo" if fifo else "sns", "arn": made.topic_arn})
    made.publisher()
    made.subscriber(
        name="payments",
        queue_url=made.queue_url,
        queue_arn=f"{arn}{ending}",
        dlq_url=dlq_url,
        dlq_arn=f"{arn}-dlq{ending}",
        table="payments",
        filter=policy,
        versions="2",
    )
    made.subscribe(policy)
