"""Both tables of a reconcile in memory: `Tables` compares what its two dicts hold."""

import json
from dataclasses import dataclass, field, replace
from typing import Any

from customer_events.event import Status
from event_consumer.order_guard import Row
from payments_consumer.standing import attributes
from sentinel.compare import Expectation, StoredRow
from sentinel.drift import Sides
from sentinel.snapshots import Snapshot
from sentinel.table import Page, TableFacts
from unit.fanout.backfill_samples import at, row, snapshot

EXPECTATION = Expectation(followed=frozenset(Status), rule=attributes)


def stored(customer_id: str = "c-1", found: Row | None = None, **other: Any) -> StoredRow:
    """A row as Payments keeps it, from what the guard reads; `other` tampers with it."""
    found = found or row()
    fields: dict[str, Any] = {
        "customer_id": customer_id,
        "row": found,
        "has_sequence": True,
        "status": found.status.value,
        "own": {"payments": "ALLOWED" if found.status is Status.ACTIVE else "BLOCKED"},
        "raw": "",
    }
    made = StoredRow(**{**fields, **other})
    return replace(made, raw=json.dumps([str(made.row), made.status, dict(made.own)]))


@dataclass
class Tables:
    """`accounts` and `rows` by customer id, as a test sets and changes them."""

    accounts: dict[str, Any] = field(default_factory=dict)
    rows: dict[str, StoredRow] = field(default_factory=dict)
    expectation: Expectation = EXPECTATION

    def sides(self) -> Sides:
        return Sides(accounts=_Accounts(self), rows=_Rows(self), expectation=self.expectation)

    def agree(self, customer_id: str, status: Status = Status.ACTIVE) -> None:
        self.accounts[customer_id] = snapshot(customer_id, status)
        self.rows[customer_id] = stored(customer_id, row(status))


class _Accounts:
    def __init__(self, tables: Tables) -> None:
        self._tables = tables

    @property
    def facts(self) -> TableFacts:
        return _facts(len(self._tables.accounts))

    def page(self, segment: int, segments: int, *, start: Any, limit: int) -> Page[Any]:
        found, last, scanned = _slice(self._tables.accounts, segment, segments, start, limit)
        return Page(records=tuple(found), scanned=scanned, next_key=last, units=1)

    def lookup(self, customer_ids: Any) -> tuple[dict[str, Snapshot], Any]:
        accounts = self._tables.accounts
        return {one: accounts[one] for one in customer_ids if one in accounts}, at(0.75)


class _Rows:
    def __init__(self, tables: Tables) -> None:
        self._tables = tables

    @property
    def facts(self) -> TableFacts:
        return _facts(len(self._tables.rows))

    def page(self, segment: int, segments: int, *, start: Any, limit: int) -> Page[StoredRow]:
        found, last, scanned = _slice(self._tables.rows, segment, segments, start, limit)
        return Page(records=tuple(found), scanned=scanned, next_key=last, units=1)

    def lookup(self, customer_ids: Any) -> dict[str, StoredRow]:
        rows = self._tables.rows
        return {one: rows[one] for one in customer_ids if one in rows}


def _slice(
    table: dict[str, Any], segment: int, segments: int, start: Any, limit: int
) -> tuple[list[Any], Any, int]:
    keys = [key for number, key in enumerate(sorted(table)) if number % segments == segment]
    after = [key for key in keys if start is None or key > start["customer_id"]["S"]]
    page = after[:limit]
    last = {"customer_id": {"S": page[-1]}} if len(after) > limit else None
    return [table[key] for key in page], last, len(page)


def _facts(count: int) -> TableFacts:
    return TableFacts(
        name="table",
        item_count=count,
        size_bytes=0,
        id_attribute="customer_id",
        id_type="S",
        sort_key=None,
    )
