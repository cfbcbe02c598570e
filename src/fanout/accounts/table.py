"""The Accounts table, read consistently: page by page of a segment, or customer by customer.

Nothing is ever written here, and only the attributes that a snapshot needs are read.
"""

import time
from collections.abc import Callable, Iterable, Mapping, Sequence
from dataclasses import dataclass
from datetime import datetime, timedelta
from email.utils import parsedate_to_datetime
from functools import partial
from typing import Any, TypeVar

from fanout.accounts.snapshots import Item, ItemReader, Snapshot, Unreadable
from fanout.errors import Refused, WrongUse
from publisher import attribute_values

KEYS_MAX = 100
"""Keys in one BatchGetItem."""
LONGEST_READ_SECONDS = 3.0
"""How long a read may have taken to be dated: by so much, and the second that `Date` is rounded
down by, it may claim to be earlier than it was. Both lie within the guard's `CLOCK_TOLERANCE` of
five seconds, and leave one for clocks that are not in lockstep.
"""
_ROUNDS_MAX = 12
_PAUSE_MAX_SECONDS = 5.0
_READS_MAX = 5
_SMALLEST = timedelta(microseconds=1)

T = TypeVar("T")


@dataclass(frozen=True, slots=True, kw_only=True)
class TableFacts:
    """What DynamoDB says of a table; counts and sizes are some hours old.

    `id_type` is `S` or `N`; `sort_key` is None where the partition key alone names an item.
    """

    name: str
    item_count: int
    size_bytes: int
    id_attribute: str
    id_type: str
    sort_key: str | None


@dataclass(frozen=True, slots=True, kw_only=True)
class Page:
    """One page of a segment. `next_key` is None at its end; `units`: what it consumed."""

    customers: tuple[Snapshot | Unreadable, ...]
    scanned: int
    next_key: Item | None
    units: float


class AccountsTable:
    """Reads customers.

    Args:
        client: a boto3 DynamoDB client.
        facts: of the table; see `describe`.
        reader: reads the items.
    """

    def __init__(self, client: Any, facts: TableFacts, reader: ItemReader) -> None:
        self._client = client
        self.facts = facts
        self._reader = reader
        key = [facts.id_attribute, *([facts.sort_key] if facts.sort_key else [])]
        self._projection = projection(dict.fromkeys([*key, *reader.attributes]))

    def page(self, segment: int, segments: int, *, start: Item | None, limit: int) -> Page:
        """Scan one page of a segment, strongly consistent.

        Raises:
            ClientError, BotoCoreError: AWS refuses, after botocore's own retries.
        """
        request = scan_request(
            self.facts.name, self._projection, segment, segments, start=start, limit=limit
        )

        def scan() -> tuple[Any, Mapping[str, Any]]:
            answer = self._client.scan(**request)
            return answer, answer

        answer, read_at = dated(scan)
        customers = (self._reader.read(item, read_at) for item in answer["Items"])
        return Page(
            customers=tuple(customer for customer in customers if customer is not None),
            scanned=answer["ScannedCount"],
            next_key=answer.get("LastEvaluatedKey"),
            units=answer.get("ConsumedCapacity", {}).get("CapacityUnits", 0.0),
        )

    def lookup(
        self, customer_ids: Sequence[str]
    ) -> tuple[dict[str, Snapshot | Unreadable], datetime]:
        """Read at most 100 customers, strongly consistent; those that don't exist are left out.

        Returns:
            The customers, and an instant at or before all of the reads.
        """
        ids = [customer_id for customer_id in customer_ids if self._can_be_key(customer_id)]
        if self.facts.sort_key is None or not ids:
            reads = [dated(lambda: self._items(ids))]
        else:
            reads = [dated(partial(self._partition, customer_id)) for customer_id in ids]
        customers: dict[str, Snapshot | Unreadable] = {}
        for items, read_at in reads:
            for item in items:
                customer = self._reader.read(item, read_at)
                if customer is not None:
                    customers.setdefault(customer.customer_id, customer)
        return customers, min(read_at for _, read_at in reads)

    # Private functions

    def _can_be_key(self, customer_id: str) -> bool:
        """A subscriber's row may hold any text, and Accounts' key may be a number.

        A customer's id is the number as DynamoDB writes it; another text of the same number is
        nobody's, and BatchGetItem refuses to be asked for one key twice.
        """
        return self.facts.id_type == "S" or attribute_values.number_text(customer_id) == customer_id

    def _items(self, ids: Sequence[str]) -> tuple[list[Item], Mapping[str, Any]]:
        if not ids:  # none of them can exist; the answer has the time all the same
            return [], self._client.describe_table(TableName=self.facts.name)
        keys = [{self.facts.id_attribute: {self.facts.id_type: one}} for one in ids]
        return batch_get(self._client, self.facts.name, keys, self._projection)

    def _partition(self, customer_id: str) -> tuple[list[Item], Mapping[str, Any]]:
        """Every item of a partition, and the last answer; the filter says which is the customer."""
        names = {**self._projection["ExpressionAttributeNames"], "#id": self.facts.id_attribute}
        request: dict[str, Any] = {
            **self._projection,
            "TableName": self.facts.name,
            "ConsistentRead": True,
            "KeyConditionExpression": "#id = :id",
            "ExpressionAttributeNames": names,
            "ExpressionAttributeValues": {":id": {self.facts.id_type: customer_id}},
        }
        items: list[Item] = []
        while True:
            answer = self._client.query(**request)
            items += answer["Items"]
            if "LastEvaluatedKey" not in answer:
                return items, answer
            request["ExclusiveStartKey"] = answer["LastEvaluatedKey"]


def describe(client: Any, table: str, id_attribute: str) -> TableFacts:
    """Ask DynamoDB about a table.

    Raises:
        WrongUse: there is no such table, or its partition key is another attribute.
    """
    try:
        description = client.describe_table(TableName=table)["Table"]
    except client.exceptions.ResourceNotFoundException:
        raise WrongUse(
            f"There is no table {table!r} in this account and region; check the deployment's SSM "
            "parameters, --region and --profile."
        ) from None
    keys = {key["KeyType"]: key["AttributeName"] for key in description["KeySchema"]}
    if keys["HASH"] != id_attribute:
        raise WrongUse(
            f"The partition key of {table} is {keys['HASH']!r}, expected {id_attribute!r}: "
            "customers can't be looked up by their id."
        )
    attributes = description["AttributeDefinitions"]
    types = {one["AttributeName"]: one["AttributeType"] for one in attributes}
    return TableFacts(
        name=table,
        item_count=description.get("ItemCount", 0),
        size_bytes=description.get("TableSizeBytes", 0),
        id_attribute=id_attribute,
        id_type=types[id_attribute],
        sort_key=keys.get("RANGE"),
    )


def projection(names: Iterable[str]) -> Mapping[str, Any]:
    """Ask for these attributes alone; placeholders, since some are reserved words."""
    placeholders = {f"#a{index}": name for index, name in enumerate(names)}
    return {
        "ProjectionExpression": ", ".join(placeholders),
        "ExpressionAttributeNames": placeholders,
    }


def scan_request(
    table: str,
    projection: Mapping[str, Any],
    segment: int,
    segments: int,
    *,
    start: Item | None,
    limit: int,
) -> dict[str, Any]:
    """What Scan takes for one strongly consistent page of a segment."""
    return {
        "TableName": table,
        "ConsistentRead": True,
        "Segment": segment,
        "TotalSegments": segments,
        "Limit": limit,
        "ReturnConsumedCapacity": "TOTAL",
        **projection,
        **({"ExclusiveStartKey": start} if start is not None else {}),
    }


def batch_get(
    client: Any,
    table: str,
    keys: Sequence[Mapping[str, Any]],
    projection: Mapping[str, Any],
    *,
    sleep: Callable[[float], object] = time.sleep,
) -> tuple[list[Item], Mapping[str, Any]]:
    """Read 1 to 100 distinct keys, strongly consistent.

    Returns:
        The items that exist, and the last answer.

    Raises:
        Refused: DynamoDB keeps leaving some unprocessed.
    """
    items: list[Item] = []
    wanted = {table: {"Keys": list(keys), "ConsistentRead": True, **projection}}
    for attempt in range(_ROUNDS_MAX):
        answer = client.batch_get_item(RequestItems=wanted)
        items += answer["Responses"].get(table, [])
        wanted = answer.get("UnprocessedKeys") or {}
        if not wanted:
            return items, answer
        sleep(min(_PAUSE_MAX_SECONDS, 0.05 * 2**attempt))
    raise Refused(
        f"DynamoDB left reads of {table} unprocessed {_ROUNDS_MAX} times: it is throttled. Raise "
        "its capacity, or try again with fewer --read-units."
    )


def dated(read: Callable[[], tuple[T, Mapping[str, Any]]]) -> tuple[T, datetime]:
    """Read, and again where that took long.

    Args:
        read: returns what it read, and the last of DynamoDB's answers.

    Returns:
        What was read, and an instant at or before the reads; see `read_time`.

    Raises:
        Refused: each of five reads took longer than `LONGEST_READ_SECONDS`, or an answer carries
            no date.
    """
    for _ in range(_READS_MAX):
        began = time.monotonic()
        result, answer = read()
        seconds = time.monotonic() - began
        if seconds <= LONGEST_READ_SECONDS:
            header = answer["ResponseMetadata"]["HTTPHeaders"].get("date", "")
            try:
                return result, read_time(header, call_seconds=seconds)
            except ValueError:
                raise Refused(
                    "DynamoDB's answer carries no readable Date: without the time of the read a "
                    "snapshot can't be put in order. Is a proxy in between?"
                ) from None
    raise Refused(
        f"DynamoDB took longer than {LONGEST_READ_SECONDS} seconds for a read, {_READS_MAX} times: "
        "it is throttled, or the way to it is slow, and nobody could say when such a read was. "
        "Raise the table's capacity or lower the command's --read-units, and run or resume it."
    )


def read_time(date_header: str, *, call_seconds: float) -> datetime:
    """An instant at or before the read, with a fraction of a second that is never zero.

    The server stamps `Date` (RFC 9110, 6.6.1: whole seconds, rounded down) when it answers, which
    is after it read. Going back by as long as the call took here, retries included, leads to
    before the request was sent. Only a difference of the operator's clock is used, not its time.

    The fraction distinguishes a snapshot from a change: stream records carry whole seconds, and
    the guard knows a row that was last written by a snapshot by `snapshot_at` being `occurred_at`.

    Args:
        date_header: the answer's `Date`, such as `Mon, 23 Nov 2026 09:30:00 GMT`.
        call_seconds: from before the request to after the answer, on a monotonic clock.

    Raises:
        ValueError: the header is no HTTP date.
    """
    instant = parsedate_to_datetime(date_header) - timedelta(seconds=call_seconds)
    return instant if instant.microsecond else instant - _SMALLEST
