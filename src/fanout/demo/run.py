"""Play changes through a local deployment, wait until they have all ended, and report."""

import time
from collections.abc import Iterator
from concurrent.futures import ThreadPoolExecutor
from contextlib import contextmanager
from dataclasses import dataclass
from datetime import datetime
from typing import Protocol

from fanout.demo import own_metrics, poison
from fanout.demo.account import Account
from fanout.demo.changes_file import ChangesFile
from fanout.demo.percentiles import latency
from fanout.demo.player import Player
from fanout.demo.report import CONSUMER_METRICS, Played, Report
from fanout.demo.tables import Comparison, compare_tables
from fanout.demo.watch import Counts, Watch
from fanout.local.deployment import LocalDeployment

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


# Private functions


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
