"""Compare a customer in Accounts with the subscriber's row. Pure."""

import json
from collections.abc import Iterable, Mapping
from dataclasses import dataclass, field, replace
from datetime import datetime
from enum import StrEnum
from typing import Any
from uuid import UUID

from customer_events.encoder import downcast
from customer_events.event import NEWEST_MAJOR, Change, Status
from customer_events.sequence import Sequence, SequenceSource
from event_consumer.order_guard import Row
from fanout.backfill.reading import Reading, Unreadable
from fanout.errors import WrongUse
from fanout.reconcile.rule_outcomes import Rule, outcomes


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
    is the row as one text, which changes whenever the row does. `event` has the fields of the
    last event that the row keeps and the guard does not read, by name.
    """

    customer_id: str
    row: Row | None
    has_sequence: bool
    status: str | None
    own: Mapping[str, str | None]
    raw: str
    event: Mapping[str, Any] = field(default_factory=dict)


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

    def unchecked(
        self, account: Reading | Unreadable | None, stored: StoredRow | None
    ) -> frozenset[str]:
        """The row's own attributes that depend on what neither table keeps of the last event."""
        return frozenset() if stored is None else self._own_attributes(account, stored)[1]

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
        if stored.row is None or self._own_attributes(account, stored)[0]:
            return Drift.CHANGED_BY_HAND
        if stored.status == expected:
            return None
        if not {account.status, stored.row.status} & self.followed:
            return None
        return _drift_by_order(account, stored.row)

    def _without_account(self, stored: StoredRow, expected: str) -> Drift | None:
        if stored.status == expected and stored.row is not None:
            return Drift.CHANGED_BY_HAND if self._own_attributes(None, stored)[0] else None
        if stored.row is not None and stored.row.status not in self.followed:
            return None
        return Drift.EXTRA

    def _own_attributes(
        self, account: Reading | Unreadable | None, stored: StoredRow
    ) -> tuple[bool, frozenset[str]]:
        """Whether one is what the rule can't have written; and which ones can't be checked."""
        row, own = stored.row, stored.own
        if self.rule is None or row is None:
            return False, frozenset()
        known = _known(stored.customer_id, row) | dict(stored.event)
        if row.schema_version == 1:
            known["reason"] = None  # version 1 has none
        reason = None
        if isinstance(account, Reading) and account.status is row.status:
            reason = account.reason
        [wanted] = outcomes(self.rule, _usual(row) | {"reason": reason} | known)
        names = [*own] if wanted is None else [n for n, one in wanted.items() if own.get(n) != one]
        found = list(outcomes(self.rule, known)) if names else []
        wrong = {name for name in names if _is_impossible(own.get(name), name, found)}
        return bool(wrong), frozenset(names) - wrong


def own_attributes(rule: Rule | None) -> list[str]:
    """The names of the attributes that a rule writes.

    Raises:
        WrongUse: the rule fails whatever it is asked, so nothing would be compared.
    """
    if rule is None:
        return []
    found = [one for status in Status for one in outcomes(rule, _known("", _sample(status)))]
    if all(one is None for one in found):
        raise WrongUse("The rule fails on every event: fix it, or leave it out with --rule none.")
    return sorted({name for one in found if one for name in one})


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


def _is_impossible(value: str | None, name: str, found: Iterable[Mapping[str, Any] | None]) -> bool:
    """Whether no event that there may have been gives the attribute this value."""
    made = [one and one.get(name) for one in found]
    return None not in made and value not in made


def _known(customer_id: str, row: Row) -> dict[str, Any]:
    """What a row tells of the event that it was last written by."""
    return {
        "customer_id": customer_id,
        "sequence": row.sequence,
        "sequence_source": row.sequence_source,
        "schema_version": row.schema_version,
        "occurred_at": row.occurred_at,
        "status": row.status,
        "previous_status": row.previous_status,
    }


def _usual(row: Row) -> dict[str, Any]:
    """The rest of an ordinary event, for a first look that is cheap."""
    return {
        "event_id": UUID(int=0),
        "source": "urn:fanout:reconcile",
        "changed_at": row.occurred_at,
        "traceparent": None,
        "repairs": None,
        "change": Change.CHANGED,
    }


def _sample(status: Status) -> Row:
    return Row(
        sequence=Sequence("0001." + "0" * 40),
        sequence_source=SequenceSource.STREAM,
        schema_version=NEWEST_MAJOR,
        status=status,
        previous_status=None,
        occurred_at=datetime.min,  # noqa: DTZ901 (no rule looks at it: only names are wanted)
        snapshot_at=None,
    )
