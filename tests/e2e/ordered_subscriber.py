"""A subscriber that needs every change in order: it lists each customer's sequences as they come.

It goes into a consumer's package as a module.
"""

import os

from event_consumer import every_event_consumer


def append(event):
    key = {"event_id": {"S": f"seen/{event.customer_id}"}}
    return [
        {
            "Update": {
                "TableName": os.environ["TABLE_NAME"],
                "Key": key,
                "UpdateExpression": "SET seen = list_append(if_not_exists(seen, :none), :one)",
                "ExpressionAttributeValues": {
                    ":none": {"L": []},
                    ":one": {"L": [{"S": str(int(event.sequence.split(".")[1]))}]},
                },
            }
        }
    ]


lambda_handler = every_event_consumer(append)
