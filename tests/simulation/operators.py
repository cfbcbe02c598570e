"""Operators at work in the middle: they seed, mend and move.

Snapshots and repairs are made as the contract says, from the contract's own types: a snapshot
carries when it was read, and the counter's value where there is one; a repair names the sequence
that the row had before the item was read, and is only for a row that no sequence can mend.
"""

from collections.abc import Callable
from dataclasses import dataclass
from datetime import UTC, datetime, timedelta

from customer_events.encoder import encode
from customer_events.event import Change, CustomerStatusChanged, Status
from customer_events.identity import snapshot_id
from customer_events.sequence import UNCOUNTED, Sequence, SequenceSource, sequence
from simulation.accounts import Accounts
from simulation.clock import START_SECONDS, VirtualClock
from simulation.faults import Setting
from simulation.subscriber import Subscriber
from simulation.system import SOURCE
from simulation.truth import Reading, Truth, customer_item, status_of

_START = datetime.fromtimestamp(START_SECONDS, UTC)


@dataclass(frozen=True, slots=True, kw_only=True)
class Sending:
    subscriber: Subscriber
    customer: str
    body: str
    event_id: str


class Operators:
    def __init__(
        self, *, accounts: Accounts, truth: Truth, clock: VirtualClock, setting: Setting
    ) -> None:
        self._accounts = accounts
        self._truth = truth
        self._clock = clock
        self._setting = setting
        self._sendings: list[Sending] = []
        self._readings = 0
        self.epoch: Callable[[], int] = lambda: 1

    def read_snapshot(self, subscriber: Subscriber, customer: str) -> bool:
        """Read one item, to be sent some time."""
        status = status_of(customer_item(self._accounts.items.get(customer)))
        if status is None:
            return False
        self._make(subscriber, customer, status, repairs=None)
        return True

    def read_repair(self, subscriber: Subscriber, customer: str) -> bool:
        """Compare a row with its item; what mends it, where they differ, to be sent some time."""
        row = subscriber.client.rows.get(customer)
        item = customer_item(self._accounts.items.get(customer))
        status = status_of(item) if item else "REMOVED"
        if status is None or (row is None and item is None):
            return False
        if row is not None and row["status"]["S"] == status:
            return False
        if row is None or (item is not None and self._place(customer) > row["sequence"]["S"]):
            self._make(subscriber, customer, status, repairs=None)
        else:
            self._make(subscriber, customer, status, repairs=Sequence(row["sequence"]["S"]))
        return True

    def send(self, *, keep: bool) -> int:
        """Send what was read; `keep` to send it once more another time."""
        sent = list(self._sendings)
        for one in sent:
            one.subscriber.queue.send(
                one.body,
                {},
                origin="operator",
                group=one.customer if self._setting.fifo else None,
                dedup_id=one.event_id,
            )
        if not keep:
            self._sendings = []
        return len(sent)

    # Private functions

    def _place(self, customer: str) -> Sequence:
        """Where a reading of the item stands in the order."""
        if self._setting.sequence_source == "stream":
            return UNCOUNTED
        version = self._accounts.items[customer]["version"]["N"]
        return sequence(version, epoch=self.epoch())

    def _make(
        self, subscriber: Subscriber, customer: str, status: str, *, repairs: Sequence | None
    ) -> None:
        self._readings += 1
        passed = timedelta(seconds=int(self._clock.seconds - START_SECONDS))
        fraction = int((self._clock.seconds % 1) * 1000) * 1000 + self._readings % 1000
        read_at = _START + passed + timedelta(microseconds=fraction)
        counted = self._setting.sequence_source == "version" and repairs is None
        place = self._place(customer) if counted else UNCOUNTED
        event_id = snapshot_id(SOURCE, customer, place, 2, read_at)
        event = CustomerStatusChanged(
            event_id=event_id,
            source=SOURCE,
            customer_id=customer,
            sequence=place,
            sequence_source=SequenceSource(self._setting.sequence_source),
            schema_version=2,
            occurred_at=read_at,
            status=Status(status),
            previous_status=None,
            reason=None,
            change=Change.SNAPSHOT,
            changed_at=read_at,
            repairs=repairs,
        )
        self._truth.note_reading(
            Reading(
                customer=customer,
                index=self._truth.last_index(customer),
                at=read_at,
                status=status,
                counted=counted,
            )
        )
        self._sendings.append(
            Sending(
                subscriber=subscriber,
                customer=customer,
                body=encode(event),
                event_id=str(event_id),
            )
        )
