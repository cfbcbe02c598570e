"""A subscriber that parks by customer: a FIFO queue, its DLQ, tables and a deployed function."""

import json
from types import SimpleNamespace

from aws_parts import create_table
from customer_events.encoder import to_document
from unit.event_consumer.consumer_samples import live


class OrderedSystem(SimpleNamespace):
    """The subscriber `orders` of a deployment: what happens to it, and what there is to see."""

    def publish(self, customer, number, *, poison=False):
        document = to_document(live(number, customer_id=customer))
        if poison:
            document["data"]["change"] = "updated"
        self.sqs.send_message(
            QueueUrl=self.urls["orders"],
            MessageBody=json.dumps(document),
            MessageGroupId=f"group-of-{customer}",
            MessageDeduplicationId=f"{customer}-{number}",
        )

    def seen(self, customer):
        key = {"event_id": {"S": f"seen/{customer}"}}
        item = self.dynamodb.get_item(TableName=self.tables["marks"], Key=key).get("Item", {})
        return [int(one["S"]) for one in item.get("seen", {}).get("L", [])]

    def notes(self):
        return self.dynamodb.scan(TableName=self.tables["notes"])["Count"]

    def dead(self):
        found = self.sqs.get_queue_attributes(
            QueueUrl=self.urls["orders-dlq"], AttributeNames=["ApproximateNumberOfMessages"]
        )
        return int(found["Attributes"]["ApproximateNumberOfMessages"])

    def delete_first(self):
        """As somebody's script, which knows nothing of notes."""
        url = self.urls["orders-dlq"]
        found = self.sqs.receive_message(QueueUrl=url, MaxNumberOfMessages=10)["Messages"]
        self.sqs.delete_message(QueueUrl=url, ReceiptHandle=found[0]["ReceiptHandle"])
        for one in found[1:]:
            self.sqs.change_message_visibility(
                QueueUrl=url, ReceiptHandle=one["ReceiptHandle"], VisibilityTimeout=0
            )


def ordered_system(client, prefix, package, role="arn:aws:iam::000000000000:role/any"):
    """Deploy it under a prefix, and tell discovery."""
    sqs, dynamodb, name = client("sqs"), client("dynamodb"), f"{prefix}-orders-consumer"
    urls, arns = {}, {}
    for queue in ("orders", "orders-dlq"):
        urls[queue] = sqs.create_queue(
            QueueName=f"{prefix}-{queue}.fifo",
            Attributes={"FifoQueue": "true", "VisibilityTimeout": "10"},
        )["QueueUrl"]
        found = sqs.get_queue_attributes(QueueUrl=urls[queue], AttributeNames=["QueueArn"])
        arns[queue] = found["Attributes"]["QueueArn"]
    tables = {"marks": f"{prefix}-marks", "notes": f"{prefix}-notes"}
    create_table(dynamodb, tables["marks"], "event_id")
    create_table(dynamodb, tables["notes"], "message_group", "place")
    client("lambda").create_function(
        FunctionName=name,
        Runtime="python3.13",
        Role=role,
        Handler="ordered_subscriber.lambda_handler",
        Code={"ZipFile": package},
        Timeout=30,
        Environment={
            "Variables": {
                "POWERTOOLS_SERVICE_NAME": "orders_consumer",
                "CONSUMER_NAME": "orders",
                "DEPLOYMENT": prefix,
                "QUEUE_URL": urls["orders"],
                "DLQ_URL": urls["orders-dlq"],
                "TABLE_NAME": tables["marks"],
                "PARK_BY_CUSTOMER": "true",
                "PARKED_GROUPS_TABLE": tables["notes"],
            }
        },
    )
    mapping = client("lambda").create_event_source_mapping(
        FunctionName=name,
        EventSourceArn=arns["orders"],
        BatchSize=10,
        FunctionResponseTypes=["ReportBatchItemFailures"],
    )
    subscriber = {
        "name": "orders",
        "queue_url": urls["orders"],
        "queue_arn": arns["orders"],
        "dlq_url": urls["orders-dlq"],
        "dlq_arn": arns["orders-dlq"],
        "function_name": name,
        "mapping_id": mapping["UUID"],
        "parked_groups_table": tables["notes"],
        "versions": "2",
    }
    parameter = f"/{prefix}/subscribers/orders"
    client("ssm").put_parameter(Name=parameter, Type="String", Value=json.dumps(subscriber))
    return OrderedSystem(sqs=sqs, dynamodb=dynamodb, urls=urls, tables=tables, parameter=parameter)
