"""Operators at work in the middle: they seed, repair and move, by hand rather than by a command.

What they read may be sent much later, and more than once.
"""

from dataclasses import dataclass
from datetime import UTC, datetime, timedelta
from typing import TYPE_CHECKING

from customer_events.encoder import encode
from customer_events.event import CustomerStatusChanged, Status
from customer_events.sequence import UNCOUNTED, Sequence, sequence
from fanout.accounts import snapshots
from simulation.clock import START_SECONDS
from simulation.subscriber import Subscriber
from simulation.system import SOURCE
from simulation.truth import Snapshot, customer_item, status_of

if TYPE_CHECKING:
    from simulation.world import World

_START = datetime.fromtimestamp(START_SECONDS, UTC)


@dataclass(frozen=True, slots=True, kw_only=True)
class Sending:
    subscriber: Subscriber
    event: CustomerStatusChanged


class Operators:
    def __init__(self, world: "World") -> None:
        self._world = world
        self._sendings: list[Sending] = []
        self._snapshots = 0

    def read_snapshot(self, subscriber: Subscriber, customer: str) -> bool:
        """Read one item, to be sent some time."""
        status = status_of(customer_item(self._world.accounts.items.get(customer)))
        if status is None:
            return False
        snapshot = self._snapshot(customer, status)
        self._keep(subscriber, status, snapshots.snapshot_event(snapshot, SOURCE))
        return True

    def read_repair(self, subscriber: Subscriber, customer: str) -> bool:
        """Compare a row with its item; what repairs it, where they differ, to be sent some time."""
        row = subscriber.client.rows.get(customer)
        item = customer_item(self._world.accounts.items.get(customer))
        status = status_of(item) if item else "REMOVED"
        if status is None or (row is None and item is None):
            return False
        if row is not None and row["status"]["S"] == status:
            return False
        order = Sequence(row["sequence"]["S"]) if row is not None else None
        snapshot = self._snapshot(customer, status)
        self._keep(subscriber, status, snapshots.snapshot_event(snapshot, SOURCE, repairs=order))
        return True

    def send(self, *, keep: bool) -> int:
        """Send what was read; `keep` to send it once more another time."""
        sent = list(self._sendings)
        for one in sent:
            one.subscriber.queue.send(
                encode(one.event),
                {},
                origin="operator",
                group=one.event.customer_id if self._world.setting.fifo else None,
                dedup_id=str(one.event.event_id),
            )
        if not keep:
            self._sendings = []
        return len(sent)

    # Private functions

    def _snapshot(self, customer: str, status: str) -> snapshots.Snapshot:
        counter = None
        counted = self._world.setting.sequence_source == "version"
        if counted and status != "REMOVED":
            version = self._world.accounts.items[customer]["version"]["N"]
            counter = sequence(version, epoch=self._world.writers.epoch)
        return snapshots.Snapshot(
            customer_id=customer,
            status=Status(status),
            reason=None,
            sequence=counter,
            changed_at=None,
            read_at=self._read_at(),
        )

    def _read_at(self) -> datetime:
        """Now, and some microseconds, which name the snapshot."""
        self._snapshots += 1
        seconds = self._world.clock.seconds
        fraction = int((seconds % 1) * 1000) * 1000 + self._snapshots % 1000
        return _START + timedelta(seconds=int(seconds - START_SECONDS), microseconds=fraction)

    def _keep(self, subscriber: Subscriber, status: str, event: CustomerStatusChanged) -> None:
        self._world.truth.note_snapshot(
            Snapshot(
                customer=event.customer_id,
                index=self._world.truth.last_index(event.customer_id),
                at=event.occurred_at,
                status=status,
                counted=event.sequence != UNCOUNTED,
            )
        )
        self._sendings.append(Sending(subscriber=subscriber, event=event))
