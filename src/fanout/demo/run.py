"""Play changes through a local deployment, wait until they have all ended, and report."""

import math
import time
from collections.abc import Callable, Collection, Iterator, Mapping, Sequence
from concurrent.futures import ThreadPoolExecutor
from dataclasses import asdict, dataclass
from datetime import datetime
from typing import Any

from customer_events.event import Status
from fanout.demo.audit import Account, Fate
from fanout.demo.changes import ChangesFile
from fanout.demo.witnesses import Counts, Poison, Watch, await_parked, send_poison, sums
from fanout.local.deployment import LocalDeployment
from fanout.text import mask_customer
from payments_consumer.standing import standing

EXAMPLES_MAX = 20
"""How many lost changes, contradictions and differing rows are listed."""
CONSUMER_METRICS = {
    "applied": "EventsApplied",
    "duplicate": "EventsDuplicate",
    "stale": "EventsStale",
    "parked": "MessagesParked",
    "retried": "MessagesRetried",
}
"""The consumer's own counts of deliveries by outcome, and the metrics that hold them."""
# How long nothing at all may move before the demo stops waiting and reports what is missing.
STALL_SECONDS = 60
_QUIET_SECONDS = 1
_LOGS_WAIT_SECONDS = 30
_POLL_SECONDS = 0.1


def latency(seconds: Sequence[float]) -> dict[str, float] | None:
    """Median, tail and worst, each a value that was measured; None where nothing was.

    The percentiles are by nearest rank, never a value in between.
    """
    if not seconds:
        return None
    ordered = sorted(seconds)

    def milliseconds(share: float) -> float:
        return round(ordered[math.ceil(share / 100 * len(ordered)) - 1] * 1000, 1)

    return {
        "measured": len(ordered),
        "p50_milliseconds": milliseconds(50),
        "p95_milliseconds": milliseconds(95),
        "p99_milliseconds": milliseconds(99),
        "max_milliseconds": milliseconds(100),
    }


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


def compare(deployment: LocalDeployment, known: Collection[str]) -> Comparison:
    """Read both tables of a deployment to their end, with consistent reads, and compare them.

    `known` are customers that have been in Accounts, and may be no longer.
    """
    client = deployment.client("dynamodb")

    def items(table: str) -> Iterator[Any]:
        for page in client.get_paginator("scan").paginate(TableName=table, ConsistentRead=True):
            yield from page["Items"]

    accounts = {
        item["customer_id"]["S"]: item["status"]["S"] for item in items(deployment.accounts_table)
    }
    payments = {item["customer_id"]["S"]: item for item in items(deployment.payments_table)}
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
    differences = []
    customers = sorted({*accounts, *payments, *known})
    for customer_id in customers:
        status = Status(accounts.get(customer_id, Status.REMOVED))
        expected = f"{status}, payments {standing(status)}"
        stored = None
        if row := payments.get(customer_id):
            values = [row.get(name, {}).get("S") for name in ("status", "payments")]
            stored = "{}, payments {}".format(*values)
        if stored != expected:
            differences.append(Difference(customer_id=customer_id, expected=expected, found=stored))
    return Comparison(customers=len(customers), differences=tuple(differences))


@dataclass(frozen=True, slots=True, kw_only=True)
class Report:
    """What the demo found; `is_good` says whether everything is where it has to be.

    Attributes:
        customers_imported: Customers written first; then come the `changes_played`.
        seconds: From the first change's write to the last row.
        deliveries: The consumer's own counts, by outcome; None where its log could not be read.
    """

    versions: tuple[int, ...]
    customers_imported: int
    changes_played: int
    rate_per_second: float | None
    seconds: float
    account: Account
    comparison: Comparison
    poison: tuple[Poison, ...]
    deliveries: Mapping[str, int] | None
    latency: Mapping[str, float] | None

    @property
    def problems(self) -> list[str]:
        """What makes the demo fail, each as a clause; empty where all is well."""
        counts = {
            "changes of status lost": len(self.account.lost),
            "rows that differ": len(self.comparison.differences),
            "events that contradict the writes": len(self.account.contradictions),
            "poison messages not in the DLQ": sum(sent.reason is None for sent in self.poison),
        }
        return [f"{what}: {count:,}" for what, count in counts.items() if count]

    @property
    def is_good(self) -> bool:
        """Nothing lost, nothing contradictory, no row differs, all poison parked."""
        return not self.problems

    @property
    def changes_per_second(self) -> float | None:
        """Changes played a second, until the last of them was in its row."""
        return round(self.changes_played / self.seconds, 1) if self.seconds else None

    def to_document(self) -> dict[str, Any]:
        """One JSON object; `docs/howto/demo.md` lists its fields."""
        account, differences = self.account, self.comparison.differences
        return {
            "good": self.is_good,
            "problems": self.problems,
            "versions": list(self.versions),
            "customers_imported": self.customers_imported,
            "changes_played": self.changes_played,
            "rate_per_second": self.rate_per_second,
            "status_changes": len(account.entries),
            "events_published": account.events,
            "events_published_again": account.deliveries - account.events,
            "applied": account.count(Fate.APPLIED),
            "superseded": account.count(Fate.SUPERSEDED),
            "parked": account.count(Fate.PARKED),
            "lost": len(account.lost),
            "lost_changes": [str(entry) for entry in account.lost[:EXAMPLES_MAX]],
            "contradictions": list(account.contradictions[:EXAMPLES_MAX]),
            "consumer_deliveries": self.deliveries,
            "poison": [asdict(sent) for sent in self.poison],
            "rows_compared": self.comparison.customers,
            "rows_differing": len(differences),
            "differences": [
                asdict(row) | {"customer_id": mask_customer(row.customer_id)}
                for row in differences[:EXAMPLES_MAX]
            ],
            "latency": self.latency,
            "seconds": round(self.seconds, 3),
            "changes_per_second": self.changes_per_second,
        }


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


def run(
    deployment: LocalDeployment,
    plan: Plan,
    *,
    step: Callable[[str], None],
    show: Callable[[Counts], None],
) -> Report:
    """Import, play, wait, poison, compare.

    Args:
        deployment: a fresh one: whatever it has published before is reported as contradiction.
        plan: what to play.
        step: called as each step begins.
        show: called with how far it is.

    Raises:
        WrongUse: a changes file is not any more what it was when it was checked.
        ClientError, BotoCoreError: the deployment refused a call, or is gone.
    """
    watch = Watch(deployment, to_write=plan.length)
    if plan.customers is not None:
        step(f"importing {plan.customers.length:,} customers")
        _play(watch, plan.customers, None, show)
        _await_end(watch, show)
    step(f"playing {plan.changes.length:,} changes")
    imported = watch.ledger.writes
    began_at = _play(watch, plan.changes, plan.rate, show)
    step("waiting until the Payments table agrees")
    _await_end(watch, show)
    step("sending two poison messages")
    dead = await_parked(deployment, send_poison(deployment))
    step("comparing both tables, key by key")
    watch.look_at_failures()
    account = watch.ledger.close()
    ended_at = account.settled_at or began_at
    return Report(
        versions=watch.rules.publish_versions,
        customers_imported=imported,
        changes_played=watch.ledger.writes - imported,
        rate_per_second=plan.rate,
        seconds=max(0.0, (ended_at - began_at).total_seconds()),
        account=account,
        comparison=compare(deployment, watch.ledger.customers),
        poison=tuple(dead),
        deliveries=_deliveries(deployment, len(account.entries) + len(dead)),
        latency=latency(account.latencies_seconds(after_write=imported)),
    )


def _play(
    watch: Watch, changes: ChangesFile, rate: float | None, show: Callable[[Counts], None]
) -> datetime:
    """Write in another thread, and watch meanwhile; returns when the first write began."""
    with ThreadPoolExecutor(max_workers=1, thread_name_prefix="player") as pool:
        try:
            writing = pool.submit(watch.play, changes, rate=rate)
            while not writing.done():
                watch.look()
                show(watch.counts())
                time.sleep(_POLL_SECONDS)
            return writing.result()
        except BaseException:
            watch.stop.set()
            raise


def _await_end(watch: Watch, show: Callable[[Counts], None]) -> None:
    """Wait until no change is on its way any more, or until nothing has moved for long."""
    moved_at, counts = time.monotonic(), watch.counts()
    while True:
        watch.look()
        began = time.monotonic()
        if not watch.ledger.close().lost:
            return
        if watch.counts() != counts:
            moved_at, counts = time.monotonic(), watch.counts()
            show(counts)
        quiet_seconds = time.monotonic() - moved_at
        if quiet_seconds > STALL_SECONDS:
            return
        if quiet_seconds > _QUIET_SECONDS:
            watch.look_at_failures()
        # A long ledger takes a while to close: never spend most of the time on that.
        time.sleep(max(_POLL_SECONDS, 2 * (time.monotonic() - began)))


def _deliveries(deployment: LocalDeployment, expected: int) -> dict[str, int] | None:
    """The consumer's own counts; its last lines may come a moment late. None: nothing to read."""
    deadline = time.monotonic() + _LOGS_WAIT_SECONDS
    while True:
        totals = sums(deployment.log_lines(deployment.payments_function))
        counts = {outcome: totals[metric] for outcome, metric in CONSUMER_METRICS.items()}
        if sum(counts.values()) >= expected or time.monotonic() > deadline:
            return counts if totals else None
        time.sleep(_POLL_SECONDS)
