"""The Payments consumer's own handler on moto, which stands for SQS and DynamoDB.

The loop of Lambda's event source mapping (receive, invoke, delete what did not fail) is played by
`Payments.work`; moto itself would ignore what the handler answers.
"""

import base64
import itertools
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from typing import Any
from uuid import uuid4

import pytest

from aws_parts import create_table, drain, moto_account
from customer_events.encoder import encode
from payments_consumer import bootstrap
from unit.event_consumer.consumer_samples import REGION, record


@dataclass(frozen=True, slots=True, kw_only=True)
class Payments:
    """The consumer's handler, with what surrounds it."""

    handler: Any
    sqs: Any
    dynamodb: Any
    queue_url: str
    dlq_url: str
    table_name: str

    def send(self, body: Any, **other: Any) -> None:
        text = body if isinstance(body, str) else encode(body)
        self.sqs.send_message(QueueUrl=self.queue_url, MessageBody=text, **other)

    def work(self, batch_size: int = 10) -> list[str]:
        """One batch, as a mapping would hand it over; answers the ids that failed."""
        received = self.sqs.receive_message(
            QueueUrl=self.queue_url,
            MaxNumberOfMessages=batch_size,
            AttributeNames=["All"],
            MessageAttributeNames=["All"],
        ).get("Messages", [])
        arn = f"arn:aws:sqs:{REGION}:123456789012:{self.queue_url.rsplit('/', 1)[1]}"
        records = [as_lambda_record(one, arn) for one in received]
        answer = self.handler({"Records": records}, None)
        failed = [one["itemIdentifier"] for one in answer["batchItemFailures"]]
        for one in received:
            if one["MessageId"] not in failed:
                self.sqs.delete_message(QueueUrl=self.queue_url, ReceiptHandle=one["ReceiptHandle"])
        return failed

    def invoke(self, *bodies: Any) -> list[str]:
        """One invocation with records of its own; answers the ids that failed."""
        answer = self.handler({"Records": [record(n, b) for n, b in enumerate(bodies)]}, None)
        return [one["itemIdentifier"] for one in answer["batchItemFailures"]]

    def rows(self) -> dict[str, dict[str, Any]]:
        items = self.dynamodb.scan(TableName=self.table_name)["Items"]
        return {item["customer_id"]["S"]: item for item in items}

    def states(self) -> dict[str, dict[str, Any]]:
        """The rows without `applied_at`, the one attribute that depends on when we ran."""
        return {
            key: {name: value for name, value in row.items() if name != "applied_at"}
            for key, row in self.rows().items()
        }

    def dead(self) -> list[dict[str, Any]]:
        return drain(self.sqs, self.dlq_url)

    def forget(self) -> None:
        for customer_id in self.rows():
            key = {"customer_id": {"S": customer_id}}
            self.dynamodb.delete_item(TableName=self.table_name, Key=key)


def as_lambda_record(received: dict[str, Any], arn: str) -> dict[str, Any]:
    attributes = {
        name: {
            "dataType": value["DataType"],
            **(
                {"binaryValue": base64.b64encode(value["BinaryValue"]).decode()}
                if "BinaryValue" in value
                else {"stringValue": value["StringValue"]}
            ),
        }
        for name, value in received.get("MessageAttributes", {}).items()
    }
    return {
        "messageId": received["MessageId"],
        "receiptHandle": received["ReceiptHandle"],
        "body": received["Body"],
        "attributes": received["Attributes"],
        "messageAttributes": attributes,
        "eventSource": "aws:sqs",
        "eventSourceARN": arn,
        "awsRegion": REGION,
    }


@contextmanager
def payments_on_moto() -> Iterator[Callable[..., Payments]]:
    """A function that builds the consumer, each time on queues and a table of its own."""
    with moto_account() as client:
        sqs, dynamodb = client("sqs"), client("dynamodb")
        numbers = itertools.count()

        def build(*, fifo: bool = False, without: str = "") -> Payments:
            """`without` is the part that is missing: `table` or `dlq`."""
            name, ending = f"payments-{next(numbers)}", ".fifo" if fifo else ""
            settings = {"FifoQueue": "true"} if fifo else {}
            queue_url, dlq_url = (
                sqs.create_queue(QueueName=f"{name}{kind}{ending}", Attributes=settings)["QueueUrl"]
                for kind in ("", "-dlq")
            )
            if without != "table":
                create_table(dynamodb, name)
            if without == "dlq":
                sqs.delete_queue(QueueUrl=dlq_url)
            return Payments(
                handler=build_handler(name, queue_url, dlq_url),
                sqs=sqs,
                dynamodb=dynamodb,
                queue_url=queue_url,
                dlq_url=dlq_url,
                table_name=name,
            )

        yield build


def build_handler(name: str, queue_url: str, dlq_url: str) -> Any:
    with pytest.MonkeyPatch.context() as patch:
        patch.setenv("CONSUMER_NAME", "payments")
        patch.setenv("DEPLOYMENT", "fanout")
        patch.setenv("QUEUE_URL", queue_url)
        patch.setenv("DLQ_URL", dlq_url)
        patch.setenv("TABLE_NAME", name)
        # Powertools keeps one log handler, and with it one stream, for each service.
        patch.setenv("POWERTOOLS_SERVICE_NAME", f"payments_consumer_{uuid4()}")
        return bootstrap.build()
