"""As much of botocore's DynamoDB client as backfill and reconcile read with.

Each read takes a time of its own, by some microseconds: so the date of a snapshot tells the
checkers which one it is.
"""

from collections.abc import Mapping
from datetime import UTC, datetime, timedelta
from types import SimpleNamespace
from typing import Any
from zlib import crc32

from simulation.accounts import Accounts, Item
from simulation.calls import Calls
from simulation.clock import VirtualClock
from simulation.queues_client import metadata
from simulation.rows import RowsClient
from simulation.truth import EPOCH_DIGITS, NUMBER_DIGITS, Snapshot, Truth, customer_item, status_of

ACCOUNTS = "accounts"
_READ_SECONDS = 0.001
_ROUND = 200_000


class TablesClient:
    """`epoch` is the publisher's, which a command is told; `tables` the subscribers' by name."""

    def __init__(
        self,
        *,
        calls: Calls,
        clock: VirtualClock,
        truth: Truth,
        accounts: Accounts,
        tables: Mapping[str, RowsClient],
        counted: bool,
    ) -> None:
        self._calls = calls
        self._clock = clock
        self._truth = truth
        self._accounts = accounts
        self._tables = tables
        self._counted = counted
        self._reads = 0
        self.epoch = 1
        self.exceptions = SimpleNamespace(ResourceNotFoundException=_NoSuchTable)

    def scan(self, **request: Any) -> dict[str, Any]:
        began = self._clock.seconds

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
        began = self._clock.seconds
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
            return dict(self._tables[name].rows)
        return {
            customer: {"customer_id": {"S": customer}, **item}
            for customer, item in self._accounts.items.items()
        }

    def _read(self, operation: str, name: str, began: float, read: Any) -> dict[str, Any]:
        seen: list[tuple[str, Item | None, int]] = []

        def perform() -> dict[str, Any]:
            found, answer = read()
            seen.extend((one, item, self._truth.last_index(one)) for one, item in found)
            return answer

        service = "accounts" if name == ACCOUNTS else f"table {name}"
        answer = self._calls.one(service, operation, perform)
        self._reads += 1
        self._clock.seconds += _READ_SECONDS + (self._reads % _ROUND) * 1e-6
        answer["ResponseMetadata"] = metadata(self._clock.seconds)
        if name == ACCOUNTS:
            self._note(seen, _dated(began, self._clock.seconds))
        return answer

    def _note(self, seen: list[tuple[str, Item | None, int]], at: datetime) -> None:
        """What a command may tell of this read."""
        for customer, read, index in seen:
            item = customer_item(read)
            status = status_of(item) if item else "REMOVED"
            if status is None:
                continue
            order = None
            if self._counted and item and "version" in item:
                number = item["version"]["N"]
                order = f"{self.epoch:0{EPOCH_DIGITS}}.{number:0>{NUMBER_DIGITS}}"
            self._truth.note_snapshot(
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


def _projected(item: Item, request: Mapping[str, Any]) -> Item:
    names = request["ExpressionAttributeNames"].values()
    return {name: item[name] for name in names if name in item}


def _dated(began: float, ended: float) -> datetime:
    """What the answer's Date less the time that the call took comes to; never a whole second."""
    at = datetime.fromtimestamp(int(ended), UTC) - timedelta(seconds=ended - began)
    return at if at.microsecond else at - timedelta(microseconds=1)
