"""What a backfill is going to do, told before it does anything."""

from dataclasses import dataclass
from datetime import timedelta
from typing import Any

from customer_events.event import NEWEST_MAJOR, Status
from customer_events.instants import to_wire
from fanout.aws import AwsTarget
from fanout.backfill.accounts_table import TableFacts, describe
from fanout.backfill.followed_statuses import followed_statuses
from fanout.backfill.reading import ItemReader
from fanout.backfill.subscription_check import Settling, require_subscribed, settling
from fanout.console import OUT
from fanout.discovery import Bus, Publisher, Subscriber, find_bus, find_publisher, find_subscriber
from fanout.errors import WrongUse

UNIT_BYTES = 4096
"""One strongly consistent read of up to 4 KB consumes one read capacity unit."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Plan:
    """Everything that is known before the scan.

    `units_per_second` None: as fast as it goes; `depth_max` None: however many messages wait.
    """

    bus: Bus
    publisher: Publisher
    subscriber: Subscriber
    accounts: TableFacts
    reader: ItemReader
    followed: frozenset[Status]
    settling: Settling
    segments: int
    page_size: int
    units_per_second: float | None
    depth_max: int | None
    wait: bool

    @property
    def wait_seconds(self) -> float:
        """How long to wait before the scan."""
        return self.settling.seconds_left if self.wait else 0.0

    @property
    def scan_seconds(self) -> float | None:
        """How long the scan takes at this rate, by the table's size; None without a rate."""
        if self.units_per_second is None:
            return None
        return self.accounts.size_bytes / UNIT_BYTES / self.units_per_second

    @property
    def risk(self) -> str | None:
        """What not to wait risks; None where there is nothing to wait for."""
        left = self.settling.seconds_left
        if self.wait or not left:
            return None
        return (
            f"The subscription or its filter changed at {to_wire(self.settling.changed_at)}, and "
            f"may not be in force everywhere for {_duration(left)}. A change that happens until "
            "then, after its customer was read, can be missed: its row stays as it was read. "
            "`fanout reconcile` finds such rows."
        )

    def subject(self) -> dict[str, Any]:
        """What a run of this plan works on; a resume checks that it is the same."""
        return {
            "subscriber": self.subscriber.name,
            "queue_arn": self.subscriber.queue_arn,
            "accounts_table": self.accounts.name,
            "followed": sorted(self.followed),
        }

    def to_document(self) -> dict[str, Any]:
        """One JSON object; `docs/howto/seed-a-subscriber.md` lists its fields."""
        return {
            **self.subject(),
            "customers_about": self.accounts.item_count,
            "size_bytes_about": self.accounts.size_bytes,
            "segments": self.segments,
            "page_size": self.page_size,
            "units_per_second": self.units_per_second,
            "depth_max": self.depth_max,
            "scan_seconds_about": self.scan_seconds,
            "wait_seconds": self.wait_seconds,
            "risk": self.risk,
        }


def make_plan(
    target: AwsTarget,
    name: str,
    *,
    segments: int,
    page_size: int,
    units_per_second: float | None,
    depth_max: int | None,
    wait: bool,
) -> Plan:
    """Look at everything and change nothing.

    Raises:
        WrongUse: no such subscriber, or one that can't be seeded as it is.
    """
    subscriber = find_subscriber(target, name)
    publisher, bus = find_publisher(target), find_bus(target)
    require_version(subscriber)
    followed = followed_statuses(subscriber, publisher)
    require_subscribed(target, bus, subscriber)
    client = target.client("dynamodb")
    return Plan(
        bus=bus,
        publisher=publisher,
        subscriber=subscriber,
        accounts=describe(client, publisher.accounts_table, publisher.customer_id_attribute),
        reader=ItemReader(publisher),
        followed=followed,
        settling=settling(target, subscriber),
        segments=segments,
        page_size=page_size,
        units_per_second=units_per_second,
        depth_max=depth_max,
        wait=wait,
    )


def require_version(subscriber: Subscriber) -> None:
    """Raises: WrongUse where the subscriber does not read the version that snapshots have."""
    if NEWEST_MAJOR not in subscriber.versions:
        stated = ", ".join(str(major) for major in subscriber.versions)
        raise WrongUse(
            f"{subscriber.name} reads version {stated}, and snapshots are version {NEWEST_MAJOR}: "
            f"let it read version {NEWEST_MAJOR} first."
        )


def print_plan(plan: Plan) -> None:
    """Tell a person."""
    subscriber, accounts = plan.subscriber, plan.accounts
    rate = f"{plan.units_per_second:g} units/s" if plan.units_per_second else "no limit"
    seconds = plan.scan_seconds
    OUT.print(f"[bold]Backfill of {subscriber.name}[/]")
    OUT.print(f"  to      {subscriber.queue_url} (this queue only)")
    OUT.print(f"  from    {accounts.name}, about {accounts.item_count:,} items")
    OUT.print(f"  what    v{NEWEST_MAJOR} snapshots of {_statuses(plan.followed)}")
    about = f", about {_duration(seconds)}" if seconds is not None else ""
    OUT.print(f"  how     {plan.segments} segments, consistent reads, {rate}{about}")
    if plan.depth_max is not None:
        OUT.print(f"  pauses  while more than {plan.depth_max:,} messages wait in the queue")
    if plan.wait_seconds:
        OUT.print(f"  wait    {_duration(plan.wait_seconds)}: the subscription is that new")
    if plan.risk:
        OUT.print(f"[yellow]  risk    {plan.risk}[/]")


# Private functions


def _statuses(followed: frozenset[Status]) -> str:
    if followed == frozenset(Status):
        return "every customer"
    return f"customers that are {', '.join(sorted(followed))}"


def _duration(seconds: float) -> str:
    """`0:14:30`."""
    return str(timedelta(seconds=max(1, round(seconds))))
