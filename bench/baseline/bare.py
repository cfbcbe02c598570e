"""Handlers that do nothing but move the change on: what the path itself costs.

No order, no retries, no parking, no metrics: not what anyone should run. Each prints a line, for
which the embedded AWS waits up to 50 ms.
"""

import json
import os
from typing import Any

import boto3

sns = boto3.client("sns")
dynamodb = boto3.client("dynamodb")
_ATTRIBUTES = {
    name: {"DataType": "String", "StringValue": value}
    for name, value in {
        "type": "novapay.accounts.CustomerStatusChanged.v2",
        "schema_version": "2",
        "status": "ACTIVE",
        "transition": "PENDING>ACTIVE",
    }.items()
}


def publish(event: dict[str, Any], _context: Any) -> dict[str, Any]:
    """New images, ten a call."""
    images = [record["dynamodb"]["NewImage"] for record in event["Records"]]
    entries = [
        {"Id": str(index), "Message": json.dumps(image), "MessageAttributes": _ATTRIBUTES}
        for index, image in enumerate(images)
    ]
    for start in range(0, len(entries), 10):
        sns.publish_batch(
            TopicArn=os.environ["BUS_ARN"], PublishBatchRequestEntries=entries[start : start + 10]
        )
    print(len(entries))
    return {"batchItemFailures": []}


def consume(event: dict[str, Any], _context: Any) -> dict[str, Any]:
    """Rows, 25 a call."""
    puts = [{"PutRequest": {"Item": json.loads(record["body"])}} for record in event["Records"]]
    for start in range(0, len(puts), 25):
        table = os.environ["TABLE_NAME"]
        dynamodb.batch_write_item(RequestItems={table: puts[start : start + 25]})
    print(len(puts))
    return {"batchItemFailures": []}
