"""Play changes through a local deployment, wait until they have all ended, and report."""

import math
import time
from collections.abc import Callable, Collection, Iterator, Mapping, Sequence
from typing import Any

from customer_events.event import Status
from fanout.demo.audit import Account, Fate
from fanout.demo.changes import ChangesFile
from fanout.demo.witnesses import Counts, Watch, poison, sums
from fanout.local.deployment import LocalDeployment
from fanout.runs.function import log_lines
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
STALL_SECONDS = 60
"""How long nothing at all may move before the demo stops waiting and reports what is missing."""
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
    return {"measured": len(ordered)} | {
        f"{name}_milliseconds": round(
            ordered[math.ceil(percent * len(ordered) / 100) - 1] * 1000, 1
        )
        for name, percent in (("p50", 50), ("p95", 95), ("p99", 99), ("max", 100))
    }


# Compare the Accounts table with the Payments table, key by key


Difference = dict[str, str | None]
"""A customer whose row is not what Accounts asks for: `customer_id` (masked), what was `expected`,
and what was `found` (None: no row)."""


def compare(deployment: LocalDeployment, known: Collection[str]) -> tuple[int, list[Difference]]:
    """Read both tables to their end, with consistent reads: how many customers, and which differ.

    `known` are customers that have been in Accounts, and may be no longer.
    """
    client = deployment.client("dynamodb")
    items, stored = (
        client.get_paginator("scan").paginate(TableName=name, ConsistentRead=True).search("Items[]")
        for name in (deployment.accounts_table, deployment.payments_table)
    )
    accounts = {item["customer_id"]["S"]: item["status"]["S"] for item in items}
    payments = {row["customer_id"]["S"]: row for row in stored}
    customers = sorted({*accounts, *payments, *known})
    return len(customers), list(differences(customers, accounts, payments))


def differences(
    customers: Collection[str], accounts: Mapping[str, str], payments: Mapping[str, Any]
) -> Iterator[Difference]:
    """Compare statuses with rows (in DynamoDB's own notation), both by customer.

    The row of a customer that Accounts does not have any more must say `REMOVED`.
    """
    for customer_id in customers:
        status = Status(accounts.get(customer_id, Status.REMOVED))
        expected = f"{status}, payments {standing(status)}"
        found = None
        if row := payments.get(customer_id):
            values = [row.get(name, {}).get("S") for name in ("status", "payments")]
            found = "{}, payments {}".format(*values)
        if found != expected:
            yield {"customer_id": mask_customer(customer_id), "expected": expected, "found": found}


def run(
    deployment: LocalDeployment,
    changes: ChangesFile,
    *,
    customers: ChangesFile | None,
    rate: float | None,
    step: Callable[[str], None],
    show: Callable[[Counts], None],
) -> dict[str, Any]:
    """Import, play, wait, poison, compare, and report; see `report`.

    `customers` come first, as fast as it goes, then the changes, `rate` a second. The deployment is
    a fresh one: whatever it has published before is reported as contradiction.
    `step` is called as each step begins, `show` with how far it is.

    Raises:
        WrongUse: a changes file is not any more what it was when it was checked.
        ClientError, BotoCoreError: the deployment refused a call, or is gone.
    """
    watch = Watch(deployment, to_write=changes.length + (customers.length if customers else 0))
    ledger = watch.ledger
    if customers is not None:
        step(f"importing {customers.length:,} customers")
        watch.play(customers, rate=None, show=show)
        _await_end(watch, show)
    step(f"playing {changes.length:,} changes")
    imported = ledger.writes
    began_at = watch.play(changes, rate=rate, show=show)
    step("waiting until the Payments table agrees")
    _await_end(watch, show)
    step("sending two poison messages")
    dead = poison(deployment)
    step("comparing both tables, key by key")
    watch.look_at_failures()
    account = ledger.close()
    ended_at = max([began_at, *ledger.applied_at.values()])
    return report(
        account,
        imported=imported,
        played=ledger.writes - imported,
        versions=watch.publisher.publish_versions,
        rate=rate,
        seconds=(ended_at - began_at).total_seconds(),
        compared=compare(deployment, ledger.customers),
        poison=dead,
        deliveries=_deliveries(deployment, len(account.entries) + len(dead)),
    )


def report(
    account: Account,
    *,
    imported: int,
    played: int,
    versions: Sequence[int],
    rate: float | None,
    seconds: float,
    compared: tuple[int, list[Difference]],
    poison: Sequence[Mapping[str, Any]],
    deliveries: Mapping[str, int] | None,
) -> dict[str, Any]:
    """What the demo found, as one JSON object; `docs/howto/demo.md` lists its fields.

    `seconds` are from the first played change's write to the last row, `rate` is a second,
    `compared` as `compare` returns it, `poison` as `witnesses.poison` does; `deliveries` are the
    consumer's own counts by outcome, None where its log could not be read.
    """
    customers, differing = compared
    counts = {
        "changes of status lost": len(account.lost),
        "rows that differ": len(differing),
        "events that contradict the writes": len(account.contradictions),
        "poison messages not in the DLQ": sum(sent["reason"] is None for sent in poison),
    }
    problems = [f"{what}: {count:,}" for what, count in counts.items() if count]
    return {
        "good": not problems,
        "problems": problems,
        "versions": list(versions),
        "customers_imported": imported,
        "changes_played": played,
        "rate_per_second": rate,
        "status_changes": len(account.entries),
        "events_published": account.events,
        "events_published_again": account.deliveries - account.events,
        "applied": account.count(Fate.APPLIED),
        "superseded": account.count(Fate.SUPERSEDED),
        "parked": account.count(Fate.PARKED),
        "lost": len(account.lost),
        "lost_changes": [str(entry) for entry in account.lost[:EXAMPLES_MAX]],
        "contradictions": list(account.contradictions[:EXAMPLES_MAX]),
        "consumer_deliveries": deliveries,
        "poison": list(poison),
        "rows_compared": customers,
        "rows_differing": len(differing),
        "differences": differing[:EXAMPLES_MAX],
        "latency": latency(account.latencies_seconds(after_write=imported)),
        "seconds": round(seconds, 3),
        "changes_per_second": round(played / seconds, 1) if seconds else None,
    }


# Private functions


def _await_end(watch: Watch, show: Callable[[Counts], None]) -> None:
    """Wait until no change is on its way any more, or until nothing has moved for long."""
    moved_at, counts = time.monotonic(), watch.counts()
    while True:
        began = time.monotonic()
        watch.look()
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
        # Never spend most of the time on looking, or on closing a long ledger.
        time.sleep(max(_POLL_SECONDS, 2 * (time.monotonic() - began)))


def _deliveries(deployment: LocalDeployment, expected: int) -> dict[str, int] | None:
    """The consumer's own counts; its last lines may come a moment late. None: nothing to read."""
    deadline = time.monotonic() + _LOGS_WAIT_SECONDS
    while True:
        totals = sums(log_lines(deployment.target(), deployment.payments_function))
        counts = {outcome: totals[metric] for outcome, metric in CONSUMER_METRICS.items()}
        if sum(counts.values()) >= expected or time.monotonic() > deadline:
            return counts if totals else None
        time.sleep(_POLL_SECONDS)
