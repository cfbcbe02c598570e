"""What really happened: every change in its order, known to the checkers and to nobody else.

Nothing here is taken from the code under test: documents are read as plain JSON.
"""

import json
from dataclasses import dataclass, field, replace
from datetime import datetime
from typing import Any

from simulation.accounts import Item, StreamRecord

STATUSES = ("PENDING", "ACTIVE", "SUSPENDED", "CLOSED")
CUSTOMER, LEAD = "CUSTOMER", "LEAD"
OWN_STATUSES = {
    "pending": "PENDING",
    "active": "ACTIVE",
    "frozen": "SUSPENDED",
    "held": "SUSPENDED",
    "closed": "CLOSED",
}
"""What a table with statuses of its own writes, and what each means."""
EPOCH_DIGITS, NUMBER_DIGITS = 4, 40


@dataclass(slots=True, kw_only=True, eq=False)
class Change:
    """A change of a customer's status. `index` counts the customer's changes from 1.

    `why_not`: why it can't become an event; "" where it can. `published` and `ids` are by major
    version. `copies`: the same change as another replica's stream carries it, after a failover.
    """

    customer: str
    index: int
    at: float
    status: str
    previous: str | None
    kind: str
    epoch: int
    number: int
    generation: int
    record: StreamRecord
    why_not: str = ""
    published: set[int] = field(default_factory=set)
    ids: dict[int, str] = field(default_factory=dict)
    copies: "list[Change]" = field(default_factory=list)

    def copy(self, record: StreamRecord, *, epoch: int, number: int, generation: int) -> "Change":
        made = replace(
            self,
            record=record,
            at=record.at,
            epoch=epoch,
            number=number,
            generation=generation,
            published=set(),
            ids={},
            copies=[],
        )
        self.copies.append(made)
        return made

    @property
    def second(self) -> int:
        return int(self.at)

    def status_in(self, major: int) -> str:
        return downcast(self.status) if major == 1 else self.status

    def previous_in(self, major: int) -> str | None:
        return self.previous and (downcast(self.previous) if major == 1 else self.previous)

    def __str__(self) -> str:
        return f"{self.customer}'s change {self.index} ({self.previous}>{self.status})"


@dataclass(frozen=True, slots=True, kw_only=True)
class Snapshot:
    """A customer's state as an operator's tool read it, after `index` changes.

    `order`: where its counter puts it in the order; None where that is not known. What was made of
    the snapshot may still leave the counter out.
    """

    customer: str
    index: int
    at: datetime
    status: str
    counted: bool
    order: str | None = None


@dataclass(frozen=True, slots=True, kw_only=True)
class Fact:
    """What a document or a row says: a change in a major version, or a snapshot; and its order."""

    customer: str
    major: int
    event_id: str
    epoch: int
    number: int
    change: Change | None = None
    snapshot: Snapshot | None = None

    @property
    def index(self) -> int:
        found = self.change or self.snapshot
        assert found is not None
        return found.index

    @property
    def second(self) -> float:
        """When it happened, or was read, as the document or the row says."""
        if self.change is not None:
            return self.change.second
        assert self.snapshot is not None
        return self.snapshot.at.timestamp()

    def __str__(self) -> str:
        if self.change is not None:
            epoch = f" in epoch {self.epoch}" if self.epoch > 1 else ""
            return f"{self.change} in v{self.major}{epoch}"
        return f"a snapshot of {self.customer} after change {self.index}"


class Truth:
    def __init__(self) -> None:
        self.changes: dict[str, list[Change]] = {}
        self.by_record: dict[int, Change] = {}
        self.trimmed: set[int] = set()
        self.ids: dict[str, tuple[Change, int]] = {}
        self._by_order: dict[tuple[str, int, int, int], Change] = {}
        self._snapshots: dict[tuple[str, datetime], Snapshot] = {}
        self._facts: dict[str, Fact | None] = {}
        self.uncounted = False
        """Whether some writer changed a status without raising the version."""
        self.unraised_generations: set[int] = set()

    def note_change(self, change: Change) -> None:
        self.changes.setdefault(change.customer, []).append(change)
        self.note_copy(change)

    def note_copy(self, change: Change) -> None:
        """How a change is published from here on; it is no other change."""
        self.by_record[change.record.number] = change
        order = (change.customer, change.epoch, change.number, change.second)
        if not change.why_not:
            self._by_order[order] = change

    def note_snapshot(self, snapshot: Snapshot) -> None:
        self._snapshots[(snapshot.customer, snapshot.at)] = snapshot

    def last_index(self, customer: str) -> int:
        return len(self.changes.get(customer, ()))

    def fact_of(self, body: str) -> Fact | None:
        """What a message's body says; None where that is nothing true."""
        if body not in self._facts:
            self._facts[body] = self._read(body)
        return self._facts[body]

    def fact_of_row(self, row: dict[str, dict[str, Any]]) -> Fact | None:
        """Which change, or which snapshot, a row was last written from."""
        occurred_at = row["occurred_at"]["S"]
        fact = {
            "customer": row["customer_id"]["S"],
            "major": int(row["schema_version"]["N"]),
            "event_id": row["event_id"]["S"],
        }
        is_snapshot = row.get("snapshot_at", {}).get("S") == occurred_at
        return self._find(fact, row["sequence"]["S"], occurred_at, is_snapshot=is_snapshot)

    # Private functions

    def _read(self, body: str) -> Fact | None:
        try:
            document = json.loads(body)
            while "specversion" not in document:
                wrapped = document.get("detail")
                document = wrapped if wrapped is not None else json.loads(document["Message"])
            fact = {
                "customer": document["data"]["customer_id"],
                "major": int(document["type"].rpartition(".v")[2]),
                "event_id": document["id"],
            }
            is_snapshot = document["data"].get("change") == "snapshot"
            order, at = document["sequence"], document["time"]
            return self._find(fact, order, at, is_snapshot=is_snapshot)
        except (ValueError, KeyError, TypeError):
            return None

    def _find(
        self, fact: dict[str, Any], order: str, occurred_at: str, *, is_snapshot: bool
    ) -> Fact | None:
        at, customer = datetime.fromisoformat(occurred_at), fact["customer"]
        epoch, _, digits = order.partition(".")
        fact |= {"epoch": int(epoch), "number": int(digits)}
        if not is_snapshot:
            key = (customer, int(epoch), int(digits), int(at.timestamp()))
            change = self._by_order.get(key)
            return Fact(**fact, change=change) if change else None
        snapshot = self._snapshots.get((customer, at))
        if snapshot is not None and snapshot.order not in {None, order}:
            snapshot = replace(snapshot, counted=False)
        return Fact(**fact, snapshot=snapshot) if snapshot else None


def customer_item(item: Item | None) -> Item | None:
    """The item, if it is a customer's; None for one of another kind too."""
    is_customer = item is not None and item.get("kind", {"S": CUSTOMER})["S"] == CUSTOMER
    return item if is_customer else None


def status_of(item: Item | None) -> str | None:
    """The status that an item means; None where it has none that is known."""
    text = item.get("status", {}).get("S", "") if item else ""
    return OWN_STATUSES.get(text) or (text if text in STATUSES else None)


def downcast(status: str) -> str:
    return "CLOSED" if status == "REMOVED" else status
