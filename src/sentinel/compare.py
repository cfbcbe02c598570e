"""Compare a customer in Accounts with the subscriber's row, and read the subscriber's rows."""

import json
from collections.abc import Callable, Iterator, Mapping, Sequence
from contextlib import suppress
from dataclasses import asdict, dataclass, field
from datetime import UTC, datetime
from enum import StrEnum
from itertools import product
from typing import Any, Final, Protocol, cast
from uuid import UUID

from customer_events.encoder import downcast
from customer_events.errors import OrderContradiction
from customer_events.event import NEWEST_MAJOR, Change, CustomerStatusChanged, Status
from customer_events.instants import from_wire, to_wire
from customer_events.sequence import Sequence as EventSequence
from customer_events.sequence import SequenceSource
from event_consumer.guarded_table import GUARD_ATTRIBUTES, read_row
from event_consumer.order_guard import Row
from sentinel.errors import WrongUse
from sentinel.snapshots import Item, Snapshot, Unreadable
from sentinel.table import ConsistentTable, Page, TableFacts, describe, page_of

# A customer and its row


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

    `row` is what the guard reads in it, None where that is not readable; `has_sequence` is False
    where the row has none, which no consumer writes. `own` are the subscriber's own attributes;
    `raw` is the row as one text, which changes whenever the row does. `event` has the fields of the
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
    where Accounts or the cause says so; `row_of` when the row's last change occurred, so that the
    row can't have been wrong for longer; both as on the wire. `account_state` and `row_state`
    change whenever their side does.
    """

    customer_id: str
    drift: Drift
    expected: str | None
    found: str | None
    since: str | None
    row_of: str | None
    account_state: str
    row_state: str | None
    cause: str | None = None

    def to_document(self) -> dict[str, Any]:
        """One JSON object; `docs/reference/reconcile.md` lists its fields."""
        names = ("customer_id", "drift", "cause", "expected", "found", "since", "row_of")
        return {name: getattr(self, name) for name in names}


Rule = Callable[[CustomerStatusChanged], Mapping[str, str]]
"""A subscriber's business rule: its own attributes for an event."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Expectation:
    """What a subscriber's table has to agree with.

    Without a `rule` the subscriber's own attributes are not compared. `newest`: whether it reads
    the newest version; version 1 knows no `REMOVED`.
    """

    followed: frozenset[Status]
    rule: Rule | None = None
    newest: bool = True

    def compare(
        self, customer_id: str, account: Snapshot | Unreadable | None, stored: StoredRow | None
    ) -> Difference | None:
        """How a row differs; None where it agrees, as far as the subscriber hears of it."""
        drift: Drift | None = Drift.UNREADABLE
        if isinstance(account, Unreadable):
            expected = account.code
        else:
            status = account.status if account else Status.REMOVED
            expected = (status if self.newest else downcast(status)).value
            drift = self._drift(account, expected, stored)
        if drift is None:
            return None
        since = account.changed_at if isinstance(account, Snapshot) else None
        return Difference(
            customer_id=customer_id,
            drift=drift,
            expected=expected if account else None,
            found=stored.status if stored else None,
            since=to_wire(since) if since else None,
            row_of=to_wire(stored.row.occurred_at) if stored and stored.row else None,
            account_state=_state(account),
            row_state=stored.raw if stored else None,
        )

    def unchecked(
        self, account: Snapshot | Unreadable | None, stored: StoredRow | None
    ) -> frozenset[str]:
        """The row's own attributes that depend on what neither table keeps of the last event."""
        return frozenset() if stored is None else self._own_attributes(account, stored)[1]

    # Private functions

    def _drift(
        self, account: Snapshot | None, expected: str, stored: StoredRow | None
    ) -> Drift | None:
        if stored is None:
            return Drift.MISSING if account and account.status in self.followed else None
        row = stored.row
        if row is None:
            return Drift.CHANGED_BY_HAND if account else Drift.EXTRA
        agrees = stored.status == expected
        if (agrees or account) and self._own_attributes(account, stored)[0]:
            return Drift.CHANGED_BY_HAND
        statuses = {row.status, account.status} if account else {row.status}
        if agrees or not statuses & self.followed:
            return None
        return _drift_by_order(account, row) if account else Drift.EXTRA

    def _own_attributes(
        self, account: Snapshot | Unreadable | None, stored: StoredRow
    ) -> tuple[bool, frozenset[str]]:
        """Whether an attribute is none that the rule can have written; and which can't be checked.

        An ordinary event is tried first, which is cheap; only what differs then is explored.
        """
        row, own = stored.row, stored.own
        if self.rule is None or row is None:
            return False, frozenset()
        known = _known(stored.customer_id, row) | dict(stored.event)
        if row.schema_version == 1:
            known["reason"] = None  # version 1 has none
        ordinary = _ordinary(stored.customer_id, row)
        if isinstance(account, Snapshot) and account.status is row.status:
            ordinary["reason"] = account.reason
        [wanted] = outcomes(self.rule, ordinary | known)
        names = list(own)
        if wanted is not None:
            names = [name for name, value in wanted.items() if own.get(name) != value]
        possible = list(outcomes(self.rule, known)) if names else []
        wrong = set()
        for name in names:
            values = [outcome and outcome.get(name) for outcome in possible]
            if None not in values and own.get(name) not in values:
                wrong.add(name)  # no event that there may have been gives it this value
        return bool(wrong), frozenset(names) - wrong


def _drift_by_order(account: Snapshot, row: Row) -> Drift:
    """Where both sides count alike, the counter says who is behind."""
    if account.sequence is None or row.sequence_source is not SequenceSource.VERSION:
        return Drift.STALE
    if row.sequence == account.sequence:
        return Drift.CHANGED_BY_HAND
    return Drift.STALE if row.sequence < account.sequence else Drift.AHEAD


def _state(account: Snapshot | Unreadable | None) -> str:
    if isinstance(account, Snapshot):
        return f"{account.status} {account.sequence} {account.changed_at}"
    return account.code if account else ""


def _known(customer_id: str, row: Row) -> dict[str, Any]:
    """What a row keeps of the event that it was last written by."""
    known = {"customer_id": customer_id, **asdict(row)}
    del known["snapshot_at"]
    return known


def _ordinary(customer_id: str, row: Row) -> dict[str, Any]:
    """An ordinary event that the row can have been written by."""
    return _known(customer_id, row) | {
        "event_id": UUID(int=0),
        "source": "urn:fanout:reconcile",
        "changed_at": row.occurred_at,
        "reason": None,
        "traceparent": None,
        "repairs": None,
        "change": Change.CHANGED,
    }


# What a rule can have made of an event of which only a part is known


PATHS_MAX: Final = 1_000
_UNKNOWN: Final = object()
_CHOICES: Final[Mapping[str, Sequence[Any]]] = {
    "event_id": [_UNKNOWN],
    "source": [_UNKNOWN],
    "changed_at": [_UNKNOWN],
    "reason": [None, _UNKNOWN],
    "traceparent": [None, _UNKNOWN],
    "repairs": [None, _UNKNOWN],
    "change": list(Change),
}
"""What each field can be where nothing is known of it; a rule may ask whether a field is None."""


class _Unknown:
    """A value of which every question is answered as scripted and, from there on, with yes.

    `given` collects the answers; all unknown fields of one run share script and answers.
    """

    __hash__ = None  # type: ignore[assignment]  # what it can't answer both ways fails
    __class__ = property(lambda _: str)  # for who asks isinstance

    def __init__(self, script: Sequence[bool], given: list[bool]) -> None:
        self._script = script
        self._given = given

    def __bool__(self) -> bool:
        asked = len(self._given)
        self._given.append(self._script[asked] if asked < len(self._script) else True)
        return self._given[-1]

    def __eq__(self, other: object) -> bool:
        return bool(self)

    def __str__(self) -> str:
        raise TypeError


def outcomes(rule: Rule, known: Mapping[str, Any]) -> Iterator[Mapping[str, Any] | None]:
    """Each thing that the rule may return; None, or a value None, where that can be anything.

    `known` are fields of the event; all that a row keeps has to be there.
    """
    unknown = {name: choices for name, choices in _CHOICES.items() if name not in known}
    left = PATHS_MAX
    for chosen in product(*unknown.values()):
        fields = {**known, **dict(zip(unknown, chosen, strict=True))}
        scripts: list[list[bool]] = [[]]
        while scripts:
            if not left:
                yield None
                return
            left -= 1
            script, given = scripts.pop(), list[bool]()
            yield _outcome(rule, fields, script, given)
            # What was answered with yes without a script is answered with no in another run.
            scripts += [[*given[:index], False] for index in range(len(script), len(given))]


def _outcome(
    rule: Rule, fields: Mapping[str, Any], script: Sequence[bool], given: list[bool]
) -> Mapping[str, Any] | None:
    event = {
        name: _Unknown(script, given) if value is _UNKNOWN else value
        for name, value in fields.items()
    }
    try:
        made: Mapping[str, Any] = rule(CustomerStatusChanged(**cast("Any", event)))
        return {name: None if type(value) is _Unknown else value for name, value in made.items()}
    except Exception:  # noqa: BLE001 (it asked what has no answer; or it fails on some events)
        return None


def own_attributes(rule: Rule | None) -> list[str]:
    """The attributes that a rule writes. Raises: WrongUse: it fails whatever it is asked."""
    if rule is None:
        return []
    made: list[Mapping[str, Any] | None] = []
    for status in Status:
        row = Row(
            sequence=EventSequence("0001." + "0" * 40),
            sequence_source=SequenceSource.STREAM,
            schema_version=NEWEST_MAJOR,
            status=status,
            previous_status=None,
            occurred_at=datetime(2026, 1, 1, tzinfo=UTC),  # any: only names are wanted
            snapshot_at=None,
        )
        made += [*outcomes(rule, _ordinary("", row)), *outcomes(rule, _known("", row))]
    if all(outcome is None for outcome in made):
        raise WrongUse("The rule fails on every event: fix it, or leave it out with --rule none.")
    return sorted({name for outcome in made if outcome for name in outcome})


# How a subscriber's rows are read


class SubscriberRows(Protocol):
    """A subscriber's table, read strongly consistent; what `--adapter` makes."""

    @property
    def facts(self) -> TableFacts:
        """What DynamoDB says of it."""

    def page(
        self, segment: int, segments: int, *, start: Item | None, limit: int
    ) -> Page[StoredRow]:
        """One page of a segment."""

    def lookup(self, customer_ids: Sequence[str]) -> dict[str, StoredRow]:
        """The rows of these customers (at most 100); those that have none are left out."""


@dataclass
class GuardedTableRows:
    """`SubscriberRows` of a kit's table; `own`: the subscriber's own attributes that matter."""

    client: Any
    facts: TableFacts
    own: Sequence[str]

    def __post_init__(self) -> None:
        attributes = [*sorted(GUARD_ATTRIBUTES), *self.own]
        self._table = ConsistentTable(self.client, self.facts, attributes)

    def page(
        self, segment: int, segments: int, *, start: Item | None, limit: int
    ) -> Page[StoredRow]:
        """See `SubscriberRows.page`."""
        answer = self._table.scan(segment, segments, start=start, limit=limit)
        return page_of(answer, map(self._stored, answer["Items"]))

    def lookup(self, customer_ids: Sequence[str]) -> dict[str, StoredRow]:
        """See `SubscriberRows.lookup`."""
        items, _ = self._table.get(customer_ids)
        return {row.customer_id: row for row in map(self._stored, items)}

    # Private functions

    def _stored(self, item: Item) -> StoredRow:
        row: Row | None = None
        event: dict[str, Any] = {}
        with suppress(OrderContradiction):
            row = read_row(item)
        with suppress(KeyError, ValueError):
            event = {
                "event_id": UUID(item["event_id"]["S"]),
                "changed_at": from_wire(item["status_changed_at"]["S"]),
            }
        return StoredRow(
            customer_id=item["customer_id"]["S"],
            row=row,
            has_sequence="sequence" in item,
            status=item.get("status", {}).get("S"),
            own={name: item.get(name, {}).get("S") for name in self.own},
            raw=json.dumps(item, sort_keys=True, default=str),
            event=event,
        )


def guarded_table_rows(client: Any, table: str, own: Sequence[str]) -> GuardedTableRows:
    """A table that the kit writes. Raises: WrongUse: none, or its key is not `customer_id`."""
    return GuardedTableRows(client, describe(client, table, "customer_id"), own)
