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
    version. `copies`: the same change as another replica's stream tells it, after a failover.
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
class Reading:
    """A customer's state as an operator's tool read it, after `index` changes.

    `place`: where its counter puts it in the order; None where that is not known. What was made of
    the reading may still leave the counter out.
    """

    customer: str
    index: int
    at: datetime
    status: str
    counted: bool
    place: str | None = None


@dataclass(frozen=True, slots=True, kw_only=True)
class Told:
    """What a document or a row tells: a change in a major version, or a reading; and its place."""

    customer: str
    major: int
    event_id: str
    epoch: int
    number: int
    change: Change | None = None
    reading: Reading | None = None

    @property
    def index(self) -> int:
        found = self.change or self.reading
        assert found is not None
        return found.index

    @property
    def second(self) -> float:
        """When it happened, or was read, as the document or the row says."""
        if self.change is not None:
            return self.change.second
        assert self.reading is not None
        return self.reading.at.timestamp()

    def __str__(self) -> str:
        if self.change is not None:
            epoch = f" in epoch {self.epoch}" if self.epoch > 1 else ""
            return f"{self.change} in v{self.major}{epoch}"
        return f"a reading of {self.customer} after change {self.index}"


class Truth:
    def __init__(self) -> None:
        self.changes: dict[str, list[Change]] = {}
        self.by_record: dict[int, Change] = {}
        self.trimmed: set[int] = set()
        self.ids: dict[str, tuple[Change, int]] = {}
        self._by_place: dict[tuple[str, int, int, int], Change] = {}
        self._readings: dict[tuple[str, datetime], Reading] = {}
        self._told: dict[str, Told | None] = {}
        self.uncounted = False
        """Whether some writer changed a status without raising the version."""
        self.unraised_generations: set[int] = set()

    def note_change(self, change: Change) -> None:
        self.changes.setdefault(change.customer, []).append(change)
        self.note_copy(change)

    def note_copy(self, change: Change) -> None:
        """How a change is told from here on; it is no other change."""
        self.by_record[change.record.number] = change
        place = (change.customer, change.epoch, change.number, change.second)
        if not change.why_not:
            self._by_place[place] = change

    def note_reading(self, reading: Reading) -> None:
        self._readings[(reading.customer, reading.at)] = reading

    def last_index(self, customer: str) -> int:
        return len(self.changes.get(customer, ()))

    def told_by(self, body: str) -> Told | None:
        """What a message's body tells; None for one that tells nothing true."""
        if body not in self._told:
            self._told[body] = self._read(body)
        return self._told[body]

    def told_by_row(self, row: dict[str, dict[str, Any]]) -> Told | None:
        """Which change, or which reading, a row was last written from."""
        customer, occurred_at = row["customer_id"]["S"], row["occurred_at"]["S"]
        major = int(row["schema_version"]["N"])
        return self._find(
            customer,
            major,
            row["event_id"]["S"],
            row["sequence"]["S"],
            occurred_at,
            is_reading=row.get("snapshot_at", {}).get("S") == occurred_at,
        )

    # Private functions

    def _read(self, body: str) -> Told | None:
        try:
            document = json.loads(body)
            while "specversion" not in document:
                wrapped = document.get("detail")
                document = wrapped if wrapped is not None else json.loads(document["Message"])
            return self._find(
                document["data"]["customer_id"],
                int(document["type"].rpartition(".v")[2]),
                document["id"],
                document["sequence"],
                document["time"],
                is_reading=document["data"].get("change") == "snapshot",
            )
        except (ValueError, KeyError, TypeError):
            return None

    def _find(
        self,
        customer: str,
        major: int,
        event_id: str,
        place: str,
        occurred_at: str,
        *,
        is_reading: bool,
    ) -> Told | None:
        at = datetime.fromisoformat(occurred_at)
        epoch, _, digits = place.partition(".")
        number = int(digits)
        told: dict[str, Any] = {
            "customer": customer,
            "major": major,
            "event_id": event_id,
            "epoch": int(epoch),
            "number": number,
        }
        if is_reading:
            reading = self._readings.get((customer, at))
            if reading is None:
                return None
            if reading.place is not None and reading.place != place:
                reading = replace(reading, counted=False)
            told["reading"] = reading
            return Told(**told)
        key = (customer, int(epoch), number, int(at.timestamp()))
        change = self._by_place.get(key)
        if change is None:
            return None
        return Told(**told, change=change)


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
