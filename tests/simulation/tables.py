"""DynamoDB: a subscriber's table, and the tables that backfill and reconcile read.

Each of their reads takes a time of its own, by some microseconds: so the date of a snapshot tells
the checkers which one it is.
"""

from collections.abc import Callable, Mapping
from datetime import UTC, datetime, timedelta
from types import SimpleNamespace
from typing import TYPE_CHECKING, Any
from zlib import crc32

from botocore.exceptions import ClientError

from simulation.accounts import Item
from simulation.calls import Calls, outside_call
from simulation.conditions import compiled
from simulation.queues_client import metadata
from simulation.statements import Insert, Update, read_statement
from simulation.truth import EPOCH_DIGITS, NUMBER_DIGITS, Snapshot, customer_item, status_of

if TYPE_CHECKING:
    from simulation.world import World

ACCOUNTS = "accounts"
STATEMENTS_MAX = 25
_CODES_OF_STATEMENTS = {
    "InternalError": "InternalServerError",
    "InvalidParameter": "ProvisionedThroughputExceeded",
}
"""What the faults of an entry are for a statement."""
_READ_SECONDS = 0.001
_ROUND = 200_000


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
        self._store(customer, after)
        return {"Attributes": dict(after)}

    def batch_execute_statement(self, **request: Any) -> dict[str, Any]:
        """Each statement by itself; a fault may leave one's response out of the list."""
        statements = [{"Id": str(at), **one} for at, one in enumerate(request["Statements"])]
        assert len(statements) <= STATEMENTS_MAX
        done = self._calls.batch(self._service, "BatchExecuteStatement", statements, self._execute)
        responses = {one.pop("Id"): one for one in done["Successful"]}
        for failed in done["Failed"]:
            code = _CODES_OF_STATEMENTS[failed["Code"]]
            responses[failed["Id"]] = {"Error": {"Code": code}}
        in_order = [responses.get(one["Id"]) for one in statements]
        return {"Responses": [one for one in in_order if one is not None]}

    # Private functions

    def _execute(self, request: dict[str, Any]) -> dict[str, Any]:
        statement = read_statement(request["Statement"], request["Parameters"])
        before = self.rows.get(statement.customer)
        match statement:
            case Insert():
                if before is not None:
                    return {"Error": {"Code": "DuplicateItem"}}
                after = {"customer_id": {"S": statement.customer}, **statement.values}
            case Update():
                if before is None or not statement.may_change(before):
                    error: dict[str, Any] = {"Code": "ConditionalCheckFailed"}
                    asked = request.get("ReturnValuesOnConditionCheckFailure") == "ALL_OLD"
                    return {"Error": error | ({"Item": dict(before)} if before and asked else {})}
                after = {**before, **statement.values}
        self._store(statement.customer, after)
        returns = isinstance(statement, Update) and statement.returns
        return {"Item": dict(after)} if returns else {}

    def _store(self, customer: str, after: Row) -> None:
        before = self.rows.get(customer)
        self.rows[customer] = after
        self._watch(customer, before, after)


class TablesClient:
    """As much of botocore's client as backfill and reconcile read with.

    `epoch` is the publisher's, as a command has read it.
    """

    def __init__(self, world: "World") -> None:
        self._world = world
        self._reads = 0
        self.epoch = 1
        self.exceptions = SimpleNamespace(ResourceNotFoundException=_NoSuchTable)

    def scan(self, **request: Any) -> dict[str, Any]:
        began = self._world.clock.seconds

        def page() -> tuple[list[tuple[str, Item | None]], dict[str, Any]]:
            table = self._items(request["TableName"])
            start = request.get("ExclusiveStartKey", {}).get("customer_id", {}).get("S", "")
            segment, segments = request["Segment"], request["TotalSegments"]
            keys = [
                one
                for one in sorted(table)
                if one > start and crc32(one.encode()) % segments == segment
            ]
            found = keys[: request["Limit"]]
            last = {"customer_id": {"S": found[-1]}} if len(keys) > len(found) else None
            answer: dict[str, Any] = {
                "Items": [_projected(table[one], request) for one in found],
                "ScannedCount": len(found),
            }
            if last is not None:
                answer["LastEvaluatedKey"] = last
            return [(one, table[one]) for one in found], answer

        return self._read("Scan", request["TableName"], began, page)

    def batch_get_item(self, **request: Any) -> dict[str, Any]:
        began = self._world.clock.seconds
        ((name, wanted),) = request["RequestItems"].items()

        def get() -> tuple[list[tuple[str, Item | None]], dict[str, Any]]:
            table = self._items(name)
            keys = [one["customer_id"]["S"] for one in wanted["Keys"]]
            items = [_projected(table[one], wanted) for one in keys if one in table]
            return [(one, table.get(one)) for one in keys], {"Responses": {name: items}}

        return self._read("BatchGetItem", name, began, get)

    # Private functions

    def _items(self, name: str) -> dict[str, Item]:
        if name != ACCOUNTS:
            [table] = [one.client for one in self._world.subscribers if one.name == name]
            return dict(table.rows)
        return {
            customer: {"customer_id": {"S": customer}, **item}
            for customer, item in self._world.accounts.items.items()
        }

    def _read(self, operation: str, name: str, began: float, read: Any) -> dict[str, Any]:
        seen: list[tuple[str, Item | None, int]] = []

        def perform() -> dict[str, Any]:
            found, answer = read()
            seen.extend((one, item, self._world.truth.last_index(one)) for one, item in found)
            return answer

        service = "accounts" if name == ACCOUNTS else f"table {name}"
        answer = self._world.calls.one(service, operation, perform)
        self._reads += 1
        self._world.clock.seconds += _READ_SECONDS + (self._reads % _ROUND) * 1e-6
        answer["ResponseMetadata"] = metadata(self._world.clock.seconds)
        if name == ACCOUNTS:
            self._note(seen, _dated(began, self._world.clock.seconds))
        return answer

    def _note(self, seen: list[tuple[str, Item | None, int]], at: datetime) -> None:
        """What a command may send of this read."""
        for customer, read, index in seen:
            item = customer_item(read)
            status = status_of(item) if item else "REMOVED"
            if status is None:
                continue
            order = None
            counted = self._world.setting.sequence_source == "version"
            if counted and item and "version" in item:
                number = item["version"]["N"]
                order = f"{self.epoch:0{EPOCH_DIGITS}}.{number:0>{NUMBER_DIGITS}}"
            self._world.truth.note_snapshot(
                Snapshot(
                    customer=customer,
                    index=index,
                    at=at,
                    status=status,
                    counted=order is not None,
                    order=order,
                )
            )


class _NoSuchTable(Exception):
    pass


# Private functions


def _refused(row: Row | None) -> ClientError:
    response: dict[str, Any] = {
        "Error": {"Code": "ConditionalCheckFailedException"},
        "ResponseMetadata": {"HTTPStatusCode": 400},
    }
    if row is not None:
        response["Item"] = dict(row)
    return ClientError(response, "UpdateItem")


def _projected(item: Item, request: Mapping[str, Any]) -> Item:
    names = request["ExpressionAttributeNames"].values()
    return {name: item[name] for name in names if name in item}


def _dated(began: float, ended: float) -> datetime:
    """What the answer's Date less the time that the call took comes to; never a whole second."""
    at = datetime.fromtimestamp(int(ended), UTC) - timedelta(seconds=ended - began)
    return at if at.microsecond else at - timedelta(microseconds=1)
