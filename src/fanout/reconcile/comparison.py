"""Compare a customer in Accounts with the subscriber's row. Pure."""

import json
from collections.abc import Callable, Mapping
from dataclasses import dataclass, replace
from datetime import datetime
from enum import StrEnum
from typing import Any
from uuid import UUID

from customer_events.encoder import downcast
from customer_events.event import NEWEST_MAJOR, Change, CustomerStatusChanged, Status
from customer_events.sequence import Sequence, SequenceSource
from event_consumer.order_guard import Row
from fanout.backfill.reading import Reading, Unreadable

Rule = Callable[[CustomerStatusChanged], Mapping[str, str]]
"""A subscriber's business rule: its own attributes for an event."""


class Drift(StrEnum):
    """How a row differs from what Accounts asks for."""

    MISSING = "missing"
    STALE = "stale"
    EXTRA = "extra"
    CHANGED_BY_HAND = "changed by hand"
    AHEAD = "ahead of Accounts"
    UNREADABLE = "unreadable in Accounts"


@dataclass(frozen=True, slots=True, kw_only=True)
class StoredRow:
    """A subscriber's row.

    `row` is what the guard reads in it, None where that is not readable; `sequence` is None where
    the row has none, which no consumer writes. `own` are the subscriber's own attributes; `raw`
    is the row as one text, which changes whenever the row does.
    """

    customer_id: str
    row: Row | None
    has_sequence: bool
    status: str | None
    own: Mapping[str, str | None]
    raw: str


@dataclass(frozen=True, slots=True, kw_only=True)
class Difference:
    """A customer whose row is not as Accounts asks.

    `expected` and `found` are statuses, None: not there. `since` is when the customer changed,
    where Accounts or the cause tells; `row_of` when the row's last change occurred, so that the row
    can't have been wrong for longer. `state` changes whenever either side does, `row_state` when
    the row does.
    """

    customer_id: str
    drift: Drift
    expected: str | None
    found: str | None
    since: datetime | None
    row_of: datetime | None
    state: str
    row_state: str | None
    cause: str | None = None

    def explained(self, cause: str, since: datetime | None) -> "Difference":
        """The same with its cause."""
        return replace(self, cause=cause, since=self.since or since)


@dataclass(frozen=True, slots=True, kw_only=True)
class Expectation:
    """What a subscriber's table has to agree with.

    Args:
        followed: the statuses that the subscriber follows.
        rule: its business rule, None: its own attributes are not compared.
        newest: whether it reads the newest version; version 1 knows no `REMOVED`.
    """

    followed: frozenset[Status]
    rule: Rule | None
    newest: bool = True

    def compare(
        self, customer_id: str, account: Reading | Unreadable | None, stored: StoredRow | None
    ) -> Difference | None:
        """How a row differs; None where it does not, as far as the subscriber is told of it."""
        if isinstance(account, Unreadable):
            drift, expected = Drift.UNREADABLE, account.code
        else:
            expected = self._word(account.status if account else Status.REMOVED)
            found_drift = self._drift(account, expected, stored)
            if found_drift is None:
                return None
            drift = found_drift
        gone = account is None
        row = stored.row if stored else None
        return Difference(
            customer_id=customer_id,
            drift=drift,
            expected=None if gone else expected,
            found=stored.status if stored else None,
            since=account.changed_at if isinstance(account, Reading) else None,
            row_of=row.occurred_at if row else None,
            state=_state(account, stored),
            row_state=stored.raw if stored else None,
        )

    # Private functions

    def _word(self, status: Status) -> str:
        return (status if self.newest else downcast(status)).value

    def _drift(
        self, account: Reading | None, expected: str, stored: StoredRow | None
    ) -> Drift | None:
        if stored is None:
            missing = account is not None and account.status in self.followed
            return Drift.MISSING if missing else None
        if account is None:
            return self._without_account(stored, expected)
        if stored.row is None or self._own_attributes_differ(stored):
            return Drift.CHANGED_BY_HAND
        if stored.status == expected:
            return None
        if not {account.status, stored.row.status} & self.followed:
            return None
        return _drift_by_order(account, stored.row)

    def _without_account(self, stored: StoredRow, expected: str) -> Drift | None:
        if stored.status == expected and stored.row is not None:
            return Drift.CHANGED_BY_HAND if self._own_attributes_differ(stored) else None
        if stored.row is not None and stored.row.status not in self.followed:
            return None
        return Drift.EXTRA

    def _own_attributes_differ(self, stored: StoredRow) -> bool:
        if self.rule is None or stored.row is None:
            return False
        wanted = self.rule(_event_of(stored.customer_id, stored.row))
        return any(stored.own.get(name) != value for name, value in wanted.items())


def own_attributes(rule: Rule | None) -> list[str]:
    """The names of the attributes that a rule writes."""
    if rule is None:
        return []
    names = {name for status in Status for name in rule(_sample(status))}
    return sorted(names)


# Private functions


def _drift_by_order(account: Reading, row: Row) -> Drift:
    """Where both sides count alike, the counter tells who is behind."""
    if account.counted is None or row.sequence_source is not SequenceSource.VERSION:
        return Drift.STALE
    if row.sequence == account.counted:
        return Drift.CHANGED_BY_HAND
    return Drift.STALE if row.sequence < account.counted else Drift.AHEAD


def _state(account: Reading | Unreadable | None, stored: StoredRow | None) -> str:
    sides: list[Any] = [None, stored.raw if stored else None]
    if isinstance(account, Reading):
        sides[0] = [account.status, account.counted, str(account.changed_at)]
    elif account is not None:
        sides[0] = account.code
    return json.dumps(sides)


def _event_of(customer_id: str, row: Row) -> CustomerStatusChanged:
    """The event that a row was last written by, as far as the row tells."""
    return CustomerStatusChanged(
        event_id=UUID(int=0),
        source="urn:fanout:reconcile",
        customer_id=customer_id,
        sequence=row.sequence,
        sequence_source=row.sequence_source,
        schema_version=row.schema_version,
        occurred_at=row.occurred_at,
        status=row.status,
        previous_status=row.previous_status,
        reason=None,
        change=Change.CHANGED,
        changed_at=row.occurred_at,
    )


def _sample(status: Status) -> CustomerStatusChanged:
    row = Row(
        sequence=Sequence("0001." + "0" * 40),
        sequence_source=SequenceSource.STREAM,
        schema_version=NEWEST_MAJOR,
        status=status,
        previous_status=None,
        occurred_at=datetime.min,  # noqa: DTZ901 (no rule looks at it: only names are wanted)
        snapshot_at=None,
    )
    return _event_of("", row)
