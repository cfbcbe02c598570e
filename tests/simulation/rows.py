"""A subscriber's table: conditional writes, one at a time, each seen by whoever watches."""

from collections.abc import Callable
from typing import Any

from botocore.exceptions import ClientError

from simulation.calls import Calls, outside_call
from simulation.conditions import compiled

Row = dict[str, dict[str, Any]]
Watch = Callable[[str, Row | None, Row], None]
"""Hears of each write: the customer, the row before it, and the row after it."""


class RowsClient:
    """As much of botocore's DynamoDB client as the guarded table uses."""

    def __init__(self, calls: Calls, name: str, watch: Watch) -> None:
        self._calls = calls
        self._service = f"table {name}"
        self._watch = watch
        self.rows: dict[str, Row] = {}

    @outside_call
    def get_item(self, **request: Any) -> dict[str, Any]:
        row = self.rows.get(request["Key"]["customer_id"]["S"])
        return {"Item": dict(row)} if row else {}

    @outside_call
    def update_item(self, **request: Any) -> dict[str, Any]:
        customer = request["Key"]["customer_id"]["S"]
        before = self.rows.get(customer)
        names = request.get("ExpressionAttributeNames", {})
        values = request["ExpressionAttributeValues"]
        condition = request.get("ConditionExpression")
        if condition is not None and not compiled(condition, tuple(sorted(names.items())))(
            before or {}, values
        ):
            raise _refused(before)
        after = {**(before or {}), **request["Key"]}
        for assignment in request["UpdateExpression"].removeprefix("SET ").split(", "):
            name, _, value = assignment.partition(" = ")
            after[names[name]] = values[value]
        self.rows[customer] = after
        self._watch(customer, before, after)
        return {"Attributes": dict(after)}


# Private functions


def _refused(row: Row | None) -> ClientError:
    response: dict[str, Any] = {
        "Error": {"Code": "ConditionalCheckFailedException"},
        "ResponseMetadata": {"HTTPStatusCode": 400},
    }
    if row is not None:
        response["Item"] = dict(row)
    return ClientError(response, "UpdateItem")
