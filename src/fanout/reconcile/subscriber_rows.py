"""The table adapter: how a subscriber's rows are read.

`SubscriberRows` is what a reconcile needs. `GuardedTableRows` reads the tables that the consumer
kit writes; a subscriber with a table of another shape brings an adapter of its own (`--adapter`).
"""

import json
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import Any, Protocol
from uuid import UUID

from customer_events.errors import OrderContradiction
from customer_events.instants import from_wire
from event_consumer.guarded_table import GUARD_ATTRIBUTES, read_row
from fanout.backfill.accounts_table import TableFacts, describe, projection
from fanout.backfill.batch_get import batch_get
from fanout.backfill.reading import Item
from fanout.reconcile.comparison import StoredRow


@dataclass(frozen=True, slots=True, kw_only=True)
class RowPage:
    """One page of a segment of the subscriber's table; `next_key` is None at its end."""

    rows: tuple[StoredRow, ...]
    next_key: Item | None
    units: float


class SubscriberRows(Protocol):
    """A subscriber's table, read strongly consistent."""

    @property
    def facts(self) -> TableFacts:
        """What DynamoDB says of it."""
        ...

    def page(self, segment: int, segments: int, *, start: Item | None, limit: int) -> RowPage:
        """One page of a segment."""
        ...

    def lookup(self, customer_ids: Sequence[str]) -> dict[str, StoredRow]:
        """The rows of these customers (at most 100); those that have none are left out."""
        ...


class GuardedTableRows:
    """`SubscriberRows` of a table whose rows the order guard keeps.

    Args:
        client: a boto3 DynamoDB client.
        facts: of the table; its partition key is `customer_id`.
        own: the names of the subscriber's own attributes that matter.
    """

    def __init__(self, client: Any, facts: TableFacts, own: Sequence[str]) -> None:
        self._client = client
        self.facts = facts
        self._own = tuple(own)
        self._projection = projection([*sorted(GUARD_ATTRIBUTES), *own])

    def page(self, segment: int, segments: int, *, start: Item | None, limit: int) -> RowPage:
        """See `SubscriberRows.page`."""
        request: dict[str, Any] = {
            "TableName": self.facts.name,
            "ConsistentRead": True,
            "Segment": segment,
            "TotalSegments": segments,
            "Limit": limit,
            "ReturnConsumedCapacity": "TOTAL",
            **self._projection,
        }
        if start is not None:
            request["ExclusiveStartKey"] = start
        answer = self._client.scan(**request)
        return RowPage(
            rows=tuple(self._stored(item) for item in answer["Items"]),
            next_key=answer.get("LastEvaluatedKey"),
            units=answer.get("ConsumedCapacity", {}).get("CapacityUnits", 0.0),
        )

    def lookup(self, customer_ids: Sequence[str]) -> dict[str, StoredRow]:
        """See `SubscriberRows.lookup`."""
        keys = [{"customer_id": {"S": one}} for one in customer_ids]
        items, _ = batch_get(self._client, self.facts.name, keys, self._projection)
        rows = (self._stored(item) for item in items)
        return {row.customer_id: row for row in rows}

    # Private functions

    def _stored(self, item: Mapping[str, Any]) -> StoredRow:
        try:
            row = read_row(item)
        except OrderContradiction:
            row = None
        return StoredRow(
            customer_id=item["customer_id"]["S"],
            row=row,
            has_sequence="sequence" in item,
            status=item.get("status", {}).get("S"),
            own={name: item.get(name, {}).get("S") for name in self._own},
            raw=json.dumps(item, sort_keys=True, default=str),
            event=_rest_of_event(item),
        )


def guarded_table_rows(client: Any, table: str, own: Sequence[str]) -> GuardedTableRows:
    """The adapter of a table that the consumer kit writes.

    Raises:
        WrongUse: there is no such table, or its partition key is not `customer_id`.
    """
    return GuardedTableRows(client, describe(client, table, "customer_id"), own)


# Private functions


def _rest_of_event(item: Mapping[str, Any]) -> dict[str, Any]:
    """What else the row keeps of its last event; {} where it can't be read."""
    try:
        return {
            "event_id": UUID(item["event_id"]["S"]),
            "changed_at": from_wire(item["status_changed_at"]["S"]),
        }
    except (KeyError, ValueError):
        return {}
