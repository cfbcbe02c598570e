"""The Accounts table, read consistently: page by page of a segment, or customer by customer.

Nothing is ever written here, and only the attributes that a snapshot needs are read.
"""

import time
from collections.abc import Callable, Iterable, Mapping, Sequence
from dataclasses import dataclass
from datetime import datetime, timedelta
from email.utils import parsedate_to_datetime
from functools import partial
from math import ceil
from typing import Any, Generic, TypeVar

from publisher import attribute_values
from sentinel.discovery import Publisher, Target
from sentinel.errors import NotComparable, Refused, WrongUse
from sentinel.pace import Pace
from sentinel.snapshots import Item, ItemReader, Snapshot, Unreadable

KEYS_MAX = 100  # keys in one BatchGetItem
LONGEST_READ_SECONDS = 3.0
"""How long a read may have taken to be dated: by so much, and the second that `Date` is rounded
down by, it may claim to be earlier than it was. Both lie within the guard's `CLOCK_TOLERANCE` of
five seconds, and leave one for clocks that are not in lockstep.
"""
UNIT_BYTES = 4096  # what a consistent read of one item takes for one read capacity unit
_ROUNDS_MAX = 12
_PAUSE_MAX_SECONDS = 5.0
_READS_MAX = 5
_SMALLEST = timedelta(microseconds=1)

T = TypeVar("T")
Answer = Mapping[str, Any]


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


def describe(client: Any, table: str, id_attribute: str) -> TableFacts:
    """Ask DynamoDB about a table. Raises: WrongUse: there is none, or it has another key."""
    try:
        description = client.describe_table(TableName=table)["Table"]
    except client.exceptions.ResourceNotFoundException:
        raise WrongUse(
            f"There is no table {table!r} in this account and region; check the deployment's SSM "
            "parameters, --region and --profile."
        ) from None
    keys = {key["KeyType"]: key["AttributeName"] for key in description["KeySchema"]}
    if keys["HASH"] != id_attribute:
        raise NotComparable(
            f"The partition key of {table} is {keys['HASH']!r}, expected {id_attribute!r}: "
            "customers can't be looked up by their id."
        )
    attributes = description["AttributeDefinitions"]
    types = {attribute["AttributeName"]: attribute["AttributeType"] for attribute in attributes}
    return TableFacts(
        name=table,
        item_count=description.get("ItemCount", 0),
        size_bytes=description.get("TableSizeBytes", 0),
        id_attribute=id_attribute,
        id_type=types[id_attribute],
        sort_key=keys.get("RANGE"),
    )


# Any table, strongly consistent


@dataclass(frozen=True, slots=True, kw_only=True)
class Page(Generic[T]):
    """One page of a segment, of which `scanned` items were read.

    `next_key` is None at the segment's end; `units` is the read capacity that was consumed.
    """

    records: tuple[T, ...]
    scanned: int
    next_key: Item | None
    units: float


class ConsistentTable:
    """Reads the key and some attributes. Raises: ClientError, BotoCoreError: AWS refuses."""

    def __init__(self, client: Any, facts: TableFacts, attributes: Iterable[str]) -> None:
        self.client = client
        self.facts = facts
        key = [facts.id_attribute, *([facts.sort_key] if facts.sort_key else [])]
        names = dict.fromkeys([*key, *attributes])
        # Placeholders, since some names are reserved words.
        placeholders = {f"#a{index}": name for index, name in enumerate(names)}
        self._projection = {
            "ProjectionExpression": ", ".join(placeholders),
            "ExpressionAttributeNames": placeholders,
        }

    def scan(self, segment: int, segments: int, *, start: Item | None, limit: int) -> Answer:
        """The answer to Scan for one page of a segment, at most `limit` items."""
        answer: Answer = self.client.scan(
            TableName=self.facts.name,
            ConsistentRead=True,
            Segment=segment,
            TotalSegments=segments,
            Limit=limit,
            ReturnConsumedCapacity="TOTAL",
            **self._projection,
            **({"ExclusiveStartKey": start} if start is not None else {}),
        )
        return answer

    def get(self, ids: Sequence[str]) -> tuple[list[Item], Answer]:
        """Items of at most 100 distinct keys, and the last answer. Raises: Refused: some unread."""
        name = self.facts.name
        items: list[Item] = []
        if not ids:  # nothing to find; an answer tells the time all the same
            return items, self.client.describe_table(TableName=name)
        keys = [{self.facts.id_attribute: {self.facts.id_type: each}} for each in ids]
        wanted = {name: {"Keys": keys, "ConsistentRead": True, **self._projection}}
        for attempt in range(_ROUNDS_MAX):
            answer = self.client.batch_get_item(RequestItems=wanted)
            items += answer["Responses"].get(name, [])
            wanted = answer.get("UnprocessedKeys") or {}
            if not wanted:
                return items, answer
            time.sleep(min(_PAUSE_MAX_SECONDS, 0.05 * 2**attempt))
        raise Refused(
            f"DynamoDB left reads of {name} unprocessed {_ROUNDS_MAX} times: it is throttled. "
            "Raise its capacity, or try again with fewer --read-units."
        )

    def partition(self, key: str) -> tuple[list[Item], Answer]:
        """Every item of a partition, and the last answer."""
        pages = self.client.get_paginator("query").paginate(
            TableName=self.facts.name,
            ConsistentRead=True,
            KeyConditionExpression="#a0 = :id",  # the key comes first in the projection
            ExpressionAttributeValues={":id": {self.facts.id_type: key}},
            **self._projection,
        )
        answers = list(pages)
        return [item for answer in answers for item in answer["Items"]], answers[-1]


def page_of(answer: Answer, records: Iterable[T | None]) -> Page[T]:
    """The page of a Scan's answer, with what its items say; what says nothing is left out."""
    return Page(
        records=tuple(record for record in records if record is not None),
        scanned=answer["ScannedCount"],
        next_key=answer.get("LastEvaluatedKey"),
        units=answer.get("ConsumedCapacity", {}).get("CapacityUnits", 0.0),
    )


# Customers, each with the time at which it was read


@dataclass
class AccountsTable:
    """Reads customers; `pace` is of look-ups, where a key costs as much as an average item."""

    client: Any
    facts: TableFacts
    reader: ItemReader
    pace: Pace | None = None

    def __post_init__(self) -> None:
        average = self.facts.size_bytes / max(1, self.facts.item_count)
        self._units_per_key = max(1, ceil(average / UNIT_BYTES))
        self._table = ConsistentTable(self.client, self.facts, self.reader.attributes)

    def page(
        self, segment: int, segments: int, *, start: Item | None, limit: int
    ) -> Page[Snapshot | Unreadable]:
        """One page of a segment."""

        def scan() -> tuple[Answer, Answer]:
            answer = self._table.scan(segment, segments, start=start, limit=limit)
            return answer, answer

        answer, read_at = dated(scan)
        return page_of(answer, (self.reader.read(item, read_at) for item in answer["Items"]))

    def lookup(
        self, customer_ids: Sequence[str]
    ) -> tuple[dict[str, Snapshot | Unreadable], datetime]:
        """At most 100 customers, of those that exist; and an instant at or before the reads."""
        ids = [customer_id for customer_id in customer_ids if self._can_be_key(customer_id)]
        if self.pace is not None:
            self.pace.take(len(ids) * self._units_per_key)
        if self.facts.sort_key is None or not ids:
            reads = [dated(partial(self._table.get, ids))]
        else:  # the entity filter says which item of a partition is the customer
            reads = [dated(partial(self._table.partition, customer_id)) for customer_id in ids]
        customers: dict[str, Snapshot | Unreadable] = {}
        for items, read_at in reads:
            for item in items:
                customer = self.reader.read(item, read_at)
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


def find_accounts(target: Target, publisher: Publisher, pace: Pace | None = None) -> AccountsTable:
    """The Accounts table. Raises: WrongUse: it is not as the publisher's parameter says."""
    client = target.client("dynamodb")
    facts = describe(client, publisher.accounts_table, publisher.customer_id_attribute)
    return AccountsTable(client, facts, ItemReader(publisher), pace)


def dated(read: Callable[[], tuple[T, Answer]]) -> tuple[T, datetime]:
    """Read, and again where that took long; with an instant at or before the reads (`read_time`).

    `read` returns what it read, and the last of DynamoDB's answers.
    Raises: Refused: each of five reads took longer than `LONGEST_READ_SECONDS`, or an answer
    carries no date.
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

    `call_seconds` are from before the request to after the answer, on a monotonic clock.
    Raises: ValueError: the header is no HTTP date, such as `Mon, 23 Nov 2026 09:30:00 GMT`.
    """
    instant = parsedate_to_datetime(date_header) - timedelta(seconds=call_seconds)
    return instant if instant.microsecond else instant - _SMALLEST
