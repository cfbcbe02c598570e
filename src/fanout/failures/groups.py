"""The failure store counted by cause, in little memory."""

import dataclasses
from collections.abc import Iterable
from datetime import datetime
from hashlib import sha256
from typing import Any

from customer_events.instants import to_wire
from fanout.failures.documents import Failure, Kind, customer_of
from fanout.failures.forecast import outlook
from publisher.transitions import TableRules

_CUSTOMERS_MAX = 100_000
_KEYS_SHOWN = 3


@dataclasses.dataclass(slots=True, kw_only=True)
class Group:
    """Objects with one cause.

    `publish`, `ignore` and `refuse` count records by what would become of them now; `ranges` are
    objects without records, of which only the place in the stream is known.
    """

    kind: Kind
    reason: str
    field: str
    objects: int = 0
    records: int = 0
    publish: int = 0
    ignore: int = 0
    refuse: int = 0
    ranges: int = 0
    first_at: datetime | None = None
    last_at: datetime | None = None
    keys: list[str] = dataclasses.field(default_factory=list)
    _customers: set[bytes] = dataclasses.field(default_factory=set)

    @property
    def customers(self) -> int:
        """How many are hit; it stops at 100,000."""
        return len(self._customers)

    def to_document(self) -> dict[str, Any]:
        """One JSON object; `keys` names a few of the objects."""
        return {
            "kind": self.kind.value,
            "reason": self.reason,
            "field": self.field,
            "objects": self.objects,
            "records": self.records,
            "customers": self.customers,
            "would_publish": self.publish,
            "would_ignore": self.ignore,
            "would_refuse": self.refuse,
            "without_records": self.ranges,
            "first_at": self.first_at and to_wire(self.first_at),
            "last_at": self.last_at and to_wire(self.last_at),
            "keys": self.keys,
        }

    def add(self, failure: Failure, rules: TableRules) -> None:
        """Count one more object."""
        self.objects += 1
        if len(self.keys) < _KEYS_SHOWN:
            self.keys.append(failure.key)
        if failure.at is not None:
            self.first_at = min(self.first_at or failure.at, failure.at)
            self.last_at = max(self.last_at or failure.at, failure.at)
        if failure.records is None:
            self.ranges += failure.stream_range is not None
            return
        expected = outlook(failure.records, rules)
        self.records += len(failure.records)
        self.publish += expected.publish
        self.ignore += expected.ignore
        self.refuse += expected.refuse
        for record in failure.records:
            customer = customer_of(record, rules.customer_id_attribute)
            if customer is not None and len(self._customers) < _CUSTOMERS_MAX:
                self._customers.add(sha256(customer.encode()).digest()[:8])


def by_cause(failures: Iterable[Failure], rules: TableRules) -> list[Group]:
    """The groups, the largest first."""
    groups: dict[tuple[Kind, str, str], Group] = {}
    for one in failures:
        name = (one.kind, one.reason, one.field)
        group = groups.get(name)
        if group is None:
            group = groups[name] = Group(kind=one.kind, reason=one.reason, field=one.field)
        group.add(one, rules)
    return sorted(groups.values(), key=lambda one: (-one.objects, one.reason))
