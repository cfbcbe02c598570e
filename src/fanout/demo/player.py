"""Play changes against the Accounts table, one after the other, and note what each did.

One writer alone: it keeps the order of the file, and it is faster than what it feeds.
"""

import threading
import time
from collections.abc import Callable, Iterable
from dataclasses import dataclass, field
from datetime import UTC, datetime
from typing import Any

from botocore.exceptions import ClientError

from fanout.demo.changes import Change, Op
from fanout.demo.observations import Write

_STATUS = "status"
_REASON = "status_reason"
_TOUCHED = "note"


@dataclass(kw_only=True)
class Player:
    """Writes to a table whose partition key is `customer_id`.

    `observe` is told of each write, from the thread that plays; `stop` ends the playing early.
    """

    dynamodb: Any
    table: str
    observe: Callable[[Write], None]
    stop: threading.Event = field(default_factory=threading.Event)
    written: int = 0

    def play(self, changes: Iterable[Change], *, rate: float | None = None) -> datetime:
        """Write every change, in order; no more than `rate` a second (None: as fast as it goes).

        Returns:
            When it began.

        Raises:
            ClientError: the table refused a write.
        """
        began_at, began = datetime.now(UTC), time.monotonic()
        for index, change in enumerate(changes):
            if rate is not None and self.stop.wait(began + index / rate - time.monotonic()):
                break
            if self.stop.is_set():
                break
            self._write(change)
        return began_at

    # Private functions

    def _write(self, change: Change) -> None:
        started_at = datetime.now(UTC)
        before, after = _perform(self.dynamodb, self.table, change, self.written + 1)
        self.written += 1
        self.observe(
            Write(
                number=self.written,
                customer_id=change.customer_id,
                before=before,
                after=after,
                started_at=started_at,
            )
        )


# Private functions


def _perform(
    dynamodb: Any, table: str, change: Change, number: int
) -> tuple[str | None, str | None]:
    """Write it, and tell the status before (as DynamoDB answers) and after."""
    place = {"TableName": table, "ReturnValues": "ALL_OLD"}
    key = {"customer_id": {"S": change.customer_id}}
    match change.op:
        case Op.PUT:
            answer = dynamodb.put_item(**place, Item=key | _attributes(change))
        case Op.UPDATE:
            answer = dynamodb.update_item(**place, Key=key, **_update(change))
        case Op.DELETE:
            answer = dynamodb.delete_item(**place, Key=key)
        case Op.TOUCH:
            answer = _touch(dynamodb, place, key, number)
    before = answer.get("Attributes", {}).get(_STATUS, {}).get("S")
    return before, before if change.op is Op.TOUCH else change.status


def _attributes(change: Change) -> dict[str, dict[str, str]]:
    given = {_STATUS: change.status, _REASON: change.reason}
    return {name: {"S": value} for name, value in given.items() if value is not None}


def _update(change: Change) -> dict[str, Any]:
    attributes = _attributes(change)
    expression = "SET " + ", ".join(f"#{name} = :{name}" for name in attributes)
    if _REASON not in attributes:
        expression += f" REMOVE #{_REASON}"
    return {
        "UpdateExpression": expression,
        "ExpressionAttributeNames": {"#" + name: name for name in (_STATUS, _REASON)},
        "ExpressionAttributeValues": {":" + name: value for name, value in attributes.items()},
    }


def _touch(
    dynamodb: Any, place: dict[str, str], key: dict[str, Any], number: int
) -> dict[str, Any]:
    """Change an attribute that is none of the publisher's business; makes no customer."""
    try:
        answer: dict[str, Any] = dynamodb.update_item(
            **place,
            Key=key,
            UpdateExpression="SET #touched = :number",
            ConditionExpression="attribute_exists(customer_id)",
            ExpressionAttributeNames={"#touched": _TOUCHED},
            ExpressionAttributeValues={":number": {"N": str(number)}},
        )
    except ClientError as error:
        if error.response["Error"]["Code"] != "ConditionalCheckFailedException":
            raise
        return {}
    return answer
