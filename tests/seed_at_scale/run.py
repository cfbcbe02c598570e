"""Seed a subscriber with very many customers on the embedded AWS, while they change."""

import time
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any

from e2e.fanout_command import Fanout
from e2e.second_subscriber import SecondSubscriber, subscribed
from e2e.traffic import Traffic
from fanout.local import runtime
from fanout.sqs.queue import read_depth
from long_run import Report
from seed_at_scale.backfill import Backfill, Seeded
from seed_at_scale.bystander import Bystander
from seed_at_scale.fill import fill
from seed_at_scale.watching import Settings, Show, looks, poller_report

NAME = "fraud"
_QUIET_LOOKS = 4
_GROWTH_MAX = 1.1
_NAMES_MAX = 5
_MIB = 2**20


def run(settings: Settings, folder: Path, show: Show) -> Report:
    """Deploy, write the customers, seed, kill, resume, compare.

    Args:
        folder: an empty one for state and journals.
    """
    with runtime.running(folder / "state") as deployment:
        bystander = Bystander(deployment)
        traffic = Traffic(deployment, "c", settings.customers, seed=1)
        show("writing the customers")
        filled_seconds, _ = _timed(lambda: fill(deployment, traffic, bystander))
        fanout = Fanout(deployment=deployment, state=folder / "home", is_process=True)
        with subscribed(deployment, NAME) as subscriber:
            backfill = Backfill(settings, fanout, subscriber, folder=folder)
            pause = 1 / settings.changes_per_second
            with bystander.looking(), traffic.flowing(pause_seconds=pause):
                seeded_seconds, seeded = _timed(lambda: backfill.killed_and_resumed(show))
            _await_quiet(deployment, subscriber, show)
            show("comparing")
            found = fanout(
                *("reconcile", NAME, "--read-units", "0", "--grace-seconds", "2"), timeout=3_600
            )
            truth, rows = traffic.truth(), subscriber.rows()
            dead = read_depth(subscriber.client("sqs"), subscriber.dlq_url).waiting
    figures = {
        "customers": settings.customers,
        "live changes while it was seeded": traffic.written,
        "customers read, the killed run's included": seeded.read,
        "snapshots sent": seeded.sent,
        "seconds to write the customers": filled_seconds,
        "seconds to seed": seeded_seconds,
        "most messages in the queue": seeded.deepest,
        "most memory before the kill, MiB": seeded.killed.peak_bytes / _MIB,
        "most memory after it, MiB": seeded.resumed.peak_bytes / _MIB,
        "  second half over first half": seeded.resumed.growth,
        **{f"in Payments' queue: {kind}": count for kind, count in bystander.changes.items()},
        "rows": len(rows),
        "  by live changes alone": sum("snapshot_at" not in row for row in rows.values()),
        "  drifted, says reconcile": found["drifted"],
    }
    broken = (
        *_wrong_rows(truth, rows),
        *_broken(settings, seeded, bystander, dead=dead, drifted=found["drifted"]),
    )
    return Report(title="A seed at scale", figures=figures, broken=broken)


# Private functions


def _timed(work: Callable[[], Any]) -> tuple[float, Any]:
    began = time.monotonic()
    result = work()
    return time.monotonic() - began, result


def _await_quiet(deployment: Any, subscriber: SecondSubscriber, show: Show) -> None:
    """Wait until every change and every snapshot has arrived."""

    def under_way() -> int:
        report = poller_report(deployment)
        return subscriber.depth() + report["pending_records"] + (not report["is_caught_up"])

    quiet = 0
    for count in looks(under_way):
        show(f"settling: {count:,} under way")
        quiet = quiet + 1 if not count else 0
        if quiet == _QUIET_LOOKS:
            return


def _wrong_rows(truth: dict[str, str], rows: dict[str, Any]) -> Iterator[str]:
    """Every customer has its row, and a row without a customer says so."""
    differing = sorted(
        one
        for one in truth.keys() | rows.keys()
        if rows.get(one, {"status": {"S": "REMOVED"}})["status"]["S"] != truth.get(one, "REMOVED")
    )
    if differing:
        names = ", ".join(differing[:_NAMES_MAX])
        yield f"{len(differing):,} rows differ from Accounts, such as {names}"


def _broken(
    settings: Settings, seeded: Seeded, bystander: Bystander, *, dead: int, drifted: int
) -> Iterator[str]:
    if bystander.changes["snapshot"]:
        yield f"{bystander.changes['snapshot']:,} snapshots came into Payments' queue"
    if not bystander.changes:
        yield "Payments' queue got no live change either, so that it shows nothing"
    if drifted:
        yield f"reconcile finds {drifted:,} rows drifted"
    if dead:
        yield f"{dead:,} messages lie in the DLQ"
    if seeded.resumed.growth > _GROWTH_MAX:
        yield f"the command's memory grew by a factor of {seeded.resumed.growth:.2f}"
    if seeded.deepest > settings.depth_max + 2 * settings.page_size:
        yield f"{seeded.deepest:,} messages waited, and at most {settings.depth_max:,} may"
