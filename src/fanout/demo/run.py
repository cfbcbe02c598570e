"""Play changes through a local deployment, wait until they have all ended, and report."""

import math
import time
from collections.abc import Collection, Iterator, Mapping, Sequence
from concurrent.futures import ThreadPoolExecutor
from contextlib import contextmanager
from dataclasses import asdict, dataclass
from datetime import datetime
from typing import Any, Protocol

from customer_events.event import Status
from fanout.demo import witnesses as own_metrics
from fanout.demo import witnesses as poison
from fanout.demo.audit import Account, Entry, Fate
from fanout.demo.changes import ChangesFile
from fanout.demo.witnesses import Counts, Player, Poison, Watch
from fanout.local.deployment import LocalDeployment
from fanout.text import mask_customer
from payments_consumer.standing import standing

# Percentiles of a measured series. Pure


@dataclass(frozen=True, slots=True, kw_only=True)
class Latency:
    """Milliseconds from a write to its row: median, tail and worst of `measured` changes."""

    measured: int
    p50_milliseconds: float
    p95_milliseconds: float
    p99_milliseconds: float
    max_milliseconds: float

    def to_document(self) -> dict[str, float]:
        """One JSON object with every field."""
        return asdict(self)


def latency(seconds: Sequence[float]) -> Latency | None:
    """Sum a series up; None where nothing was measured."""
    if not seconds:
        return None
    ordered = sorted(seconds)
    p50, p95, p99 = (round(percentile(ordered, share) * 1000, 1) for share in (50, 95, 99))
    return Latency(
        measured=len(ordered),
        p50_milliseconds=p50,
        p95_milliseconds=p95,
        p99_milliseconds=p99,
        max_milliseconds=round(ordered[-1] * 1000, 1),
    )


def percentile(ordered: Sequence[float], share: float) -> float:
    """The nearest-rank percentile: a value that was measured, never one in between.

    Args:
        ordered: the series, ascending and not empty.
        share: above 0, up to 100.
    """
    return ordered[math.ceil(share / 100 * len(ordered)) - 1]


# Compare the Accounts table with the Payments table, key by key


@dataclass(frozen=True, slots=True, kw_only=True)
class Difference:
    """A customer whose row is not what Accounts asks for; None where there is no row."""

    customer_id: str
    expected: str
    found: str | None

    def __str__(self) -> str:
        """A sentence that names the customer, what was expected and what is stored."""
        name = mask_customer(self.customer_id)
        return f"{name}: expected {self.expected}, found {self.found or 'no row'}"


@dataclass(frozen=True, slots=True, kw_only=True)
class Comparison:
    """How many customers were compared, and those that differ."""

    customers: int
    differences: tuple[Difference, ...]


def compare_tables(
    dynamodb: Any, *, accounts_table: str, payments_table: str, known: Collection[str] = ()
) -> Comparison:
    """Read both tables to their end, with consistent reads, and compare them.

    Args:
        dynamodb: a boto3 client.
        accounts_table: partition key `customer_id`, with `status`.
        payments_table: as `payments_consumer` keeps it.
        known: customers that have been in Accounts, and may be no longer.
    """
    accounts = {
        item["customer_id"]["S"]: item["status"]["S"] for item in _scan(dynamodb, accounts_table)
    }
    payments = {item["customer_id"]["S"]: item for item in _scan(dynamodb, payments_table)}
    return compare_rows(accounts, payments, known=known)


def compare_rows(
    accounts: Mapping[str, str],
    payments: Mapping[str, Mapping[str, Any]],
    *,
    known: Collection[str] = (),
) -> Comparison:
    """Compare statuses with rows (in DynamoDB's own notation), both by customer.

    The row of a customer that Accounts does not have any more must say `REMOVED`.
    """
    customers = sorted({*accounts, *payments, *known})
    pairs = ((one, accounts.get(one, Status.REMOVED.value), payments.get(one)) for one in customers)
    return Comparison(
        customers=len(customers),
        differences=tuple(
            Difference(customer_id=customer_id, expected=_wanted(status), found=_found(row))
            for customer_id, status, row in pairs
            if _found(row) != _wanted(status)
        ),
    )


def _wanted(status: str) -> str:
    return f"{status}, payments {standing(Status(status)).value}"


def _found(row: Mapping[str, Any] | None) -> str | None:
    if row is None:
        return None
    status, payments = (row.get(name, {}).get("S") for name in ("status", "payments"))
    return f"{status}, payments {payments}"


def _scan(dynamodb: Any, table: str) -> Iterator[dict[str, Any]]:
    for page in dynamodb.get_paginator("scan").paginate(TableName=table, ConsistentRead=True):
        yield from page["Items"]


# What a demo found, as numbers and sentences. Pure


EXAMPLES_MAX = 20
"""How many lost changes, contradictions and differing rows are told one by one."""

CONSUMER_METRICS = {
    "applied": "EventsApplied",
    "duplicate": "EventsDuplicate",
    "stale": "EventsStale",
    "parked": "MessagesParked",
    "retried": "MessagesRetried",
}
"""The consumer's own counts of deliveries by outcome, and the metrics that hold them."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Played:
    """What was written: the import, then the changes, `seconds` from first write to last row."""

    customers_imported: int
    changes_played: int
    rate_per_second: float | None
    seconds: float


@dataclass(frozen=True, slots=True, kw_only=True)
class Report:
    """The whole finding; `is_good` tells whether everything is where it has to be.

    `deliveries` are the consumer's own counts, by outcome; None where its log could not be read.
    """

    versions: tuple[int, ...]
    played: Played
    account: Account
    comparison: Comparison
    poison: tuple[Poison, ...]
    deliveries: Mapping[str, int] | None
    latency: Latency | None

    @property
    def problems(self) -> list[str]:
        """What makes the demo fail, each as a clause; empty where all is well."""
        lost, rows = len(self.account.lost), len(self.comparison.differences)
        told = len(self.account.contradictions)
        unparked = sum(one.reason is None for one in self.poison)
        clauses = {
            f"changes of status lost: {lost:,}": lost,
            f"rows that differ: {rows:,}": rows,
            f"events that contradict the writes: {told:,}": told,
            f"poison messages not in the DLQ: {unparked}": unparked,
        }
        return [clause for clause, count in clauses.items() if count]

    @property
    def is_good(self) -> bool:
        """Nothing lost, nothing contradictory, no row differs, all poison parked."""
        return not self.problems

    @property
    def changes_per_second(self) -> float | None:
        """Changes played a second, until the last of them was in its row."""
        if not self.played.seconds:
            return None
        return round(self.played.changes_played / self.played.seconds, 1)

    def to_document(self) -> dict[str, Any]:
        """One JSON object; `docs/howto/demo.md` lists its fields."""
        account = self.account
        return {
            "good": self.is_good,
            "problems": self.problems,
            "versions": list(self.versions),
            "customers_imported": self.played.customers_imported,
            "changes_played": self.played.changes_played,
            "rate_per_second": self.played.rate_per_second,
            "status_changes": len(account.entries),
            "events_published": account.events,
            "events_published_again": account.deliveries - account.events,
            "applied": account.count(Fate.APPLIED),
            "superseded": account.count(Fate.SUPERSEDED),
            "parked": account.count(Fate.PARKED),
            "lost": len(account.lost),
            "lost_changes": [lost_change(one) for one in account.lost[:EXAMPLES_MAX]],
            "contradictions": list(account.contradictions[:EXAMPLES_MAX]),
            "consumer_deliveries": None if self.deliveries is None else dict(self.deliveries),
            "poison": [one.to_document() for one in self.poison],
            "rows_compared": self.comparison.customers,
            "rows_differing": len(self.comparison.differences),
            "differences": [
                asdict(one) | {"customer_id": mask_customer(one.customer_id)}
                for one in self.comparison.differences[:EXAMPLES_MAX]
            ],
            "latency": None if self.latency is None else self.latency.to_document(),
            "seconds": round(self.played.seconds, 3),
            "changes_per_second": self.changes_per_second,
        }


def lost_change(entry: Entry) -> str:
    """A sentence: which change it was, and where it was seen last."""
    write = entry.write
    return (
        f"write {write.number}, {mask_customer(write.customer_id)}, {write.before or 'NONE'}>"
        f"{write.after or 'REMOVED'}: {entry.fate} (event {entry.event_id or 'unknown'})"
    )


# How long nothing at all may move before the demo stops waiting and tells what is missing.
STALL_SECONDS = 60
_QUIET_SECONDS = 1
_LOGS_WAIT_SECONDS = 30
_POLL_SECONDS = 0.1


@dataclass(frozen=True, slots=True, kw_only=True)
class Plan:
    """What is played: customers first, as fast as it goes, then changes, `rate` a second."""

    customers: ChangesFile | None
    changes: ChangesFile
    rate: float | None

    @property
    def length(self) -> int:
        """How many writes it comes to."""
        return self.changes.length + (self.customers.length if self.customers else 0)


class Show(Protocol):
    """Where progress goes."""

    def step(self, what: str) -> None:
        """Another step begins."""
        ...

    def counts(self, counts: Counts) -> None:
        """How far the present step is."""
        ...


def run(deployment: LocalDeployment, plan: Plan, show: Show) -> Report:
    """Import, play, wait, poison, compare.

    Args:
        deployment: a fresh one: whatever it has published before is reported as contradiction.
        plan: what to play.
        show: where progress goes.

    Raises:
        WrongUse: a changes file is not any more what it was when it was checked.
        ClientError, BotoCoreError: the deployment refused a call, or is gone.
    """
    watch = Watch(deployment, to_write=plan.length)
    if plan.customers is not None:
        show.step(f"importing {plan.customers.length:,} customers")
        _play(watch, plan.customers, None, show)
        _await_end(watch, show)
    show.step(f"playing {plan.changes.length:,} changes")
    imported = watch.player.written
    began_at = _play(watch, plan.changes, plan.rate, show)
    show.step("waiting until the Payments table agrees")
    account = _await_end(watch, show)
    show.step("sending two poison messages")
    dead = poison.await_parked(deployment, poison.send(deployment))
    show.step("comparing both tables, key by key")
    watch.look_at_failures()
    account = watch.ledger.close()
    return Report(
        versions=watch.rules.publish_versions,
        played=Played(
            customers_imported=imported,
            changes_played=watch.player.written - imported,
            rate_per_second=plan.rate,
            seconds=_seconds(began_at, account),
        ),
        account=account,
        comparison=compare(deployment, watch),
        poison=tuple(dead),
        deliveries=_deliveries(deployment, len(account.entries) + len(dead)),
        latency=latency(account.latencies_seconds(after_write=imported)),
    )


def compare(deployment: LocalDeployment, watch: Watch) -> Comparison:
    """Compare the deployment's tables, and every customer that was ever written."""
    return compare_tables(
        deployment.client("dynamodb"),
        accounts_table=deployment.accounts_table,
        payments_table=deployment.payments_table,
        known=watch.ledger.customers,
    )


def _play(watch: Watch, changes: ChangesFile, rate: float | None, show: Show) -> datetime:
    """Write in another thread, and watch meanwhile; tells when the first write began."""
    with _writing(watch.player) as pool:
        writing = pool.submit(watch.player.play, changes, rate=rate)
        while not writing.done():
            watch.look()
            show.counts(watch.counts())
            time.sleep(_POLL_SECONDS)
        return writing.result()


@contextmanager
def _writing(player: Player) -> Iterator[ThreadPoolExecutor]:
    """A thread for the player, which ends with the block, however the block ends."""
    with ThreadPoolExecutor(max_workers=1, thread_name_prefix="player") as pool:
        try:
            yield pool
        except BaseException:
            player.stop.set()
            raise


def _await_end(watch: Watch, show: Show) -> Account:
    """Wait until no change is on its way any more, or until nothing has moved for long."""
    moved_at, counts = time.monotonic(), watch.counts()
    while True:
        watch.look()
        began = time.monotonic()
        account = watch.ledger.close()
        if not account.lost:
            return account
        if watch.counts() != counts:
            moved_at, counts = time.monotonic(), watch.counts()
            show.counts(counts)
        quiet_seconds = time.monotonic() - moved_at
        if quiet_seconds > STALL_SECONDS:
            return account
        if quiet_seconds > _QUIET_SECONDS:
            watch.look_at_failures()
        # A long ledger takes a while to close: never spend most of the time on that.
        time.sleep(max(_POLL_SECONDS, 2 * (time.monotonic() - began)))


def _seconds(began_at: datetime, account: Account) -> float:
    if account.settled_at is None:
        return 0.0
    return max(0.0, (account.settled_at - began_at).total_seconds())


def _deliveries(deployment: LocalDeployment, expected: int) -> dict[str, int] | None:
    """The consumer's own counts; its last lines may come a moment late. None: nothing to read."""
    deadline = time.monotonic() + _LOGS_WAIT_SECONDS
    while True:
        totals = own_metrics.sums(deployment.log_lines(deployment.payments_function))
        found = {outcome: totals[metric] for outcome, metric in CONSUMER_METRICS.items()}
        if sum(found.values()) >= expected or time.monotonic() > deadline:
            return found if totals else None
        time.sleep(_POLL_SECONDS)
