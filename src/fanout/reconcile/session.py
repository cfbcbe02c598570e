"""One reconcile from the first look to the last repair."""

import random
import time
from dataclasses import dataclass, replace
from datetime import UTC, datetime
from itertools import chain

from customer_events.event import NEWEST_MAJOR
from fanout.aws import AwsTarget
from fanout.backfill.accounts_table import AccountsTable, describe
from fanout.backfill.followed_statuses import followed_statuses
from fanout.backfill.pace import CapacityPace
from fanout.backfill.plan import require_version
from fanout.backfill.reading import ItemReader, nothing_matches
from fanout.backfill.snapshot_queue import SnapshotQueue
from fanout.console import ERR, working
from fanout.discovery import Publisher, Subscriber, find_publisher, find_subscriber
from fanout.dlq.sqs_queues import SqsQueue
from fanout.dlq.stopping import Stopping
from fanout.errors import WrongUse
from fanout.reconcile.causes import dead_letters, explain
from fanout.reconcile.comparison import Expectation, own_attributes
from fanout.reconcile.difference_store import DifferenceStore
from fanout.reconcile.failure_objects import failures
from fanout.reconcile.first_look import FirstLook, Sides
from fanout.reconcile.repair import select, send_repairs
from fanout.reconcile.report import EXAMPLES_MAX, Report
from fanout.reconcile.rules import find_adapter, find_rule
from fanout.reconcile.settling import settle
from fanout.runs.operator import find_operator
from fanout.runs.store import RunStore

COMMAND = "reconcile"
VERIFY_MIN_SECONDS = 10.0
_POLL_SECONDS = 0.5


@dataclass(frozen=True, slots=True, kw_only=True)
class Session:
    """What is compared, and with what it is mended."""

    target: AwsTarget
    publisher: Publisher
    subscriber: Subscriber
    sides: Sides
    pace: CapacityPace


def open_session(
    target: AwsTarget,
    name: str,
    *,
    rule: str | None,
    adapter: str | None,
    rate: float | None,
    repair: bool,
) -> Session:
    """Find both tables; nothing has been read of them yet.

    Raises:
        WrongUse: no such subscriber, or one that can't be compared (or repaired) as it is.
    """
    subscriber, publisher = find_subscriber(target, name), find_publisher(target)
    if repair:
        require_version(subscriber)
    if subscriber.table is None:
        raise WrongUse(f"{name} states no table in its SSM parameter: there is nothing to compare.")
    client = target.client("dynamodb")
    found = find_rule(name, rule)
    accounts = describe(client, publisher.accounts_table, publisher.customer_id_attribute)
    return Session(
        target=target,
        publisher=publisher,
        subscriber=subscriber,
        sides=Sides(
            accounts=AccountsTable(client, accounts, ItemReader(publisher)),
            rows=find_adapter(adapter)(client, subscriber.table, own_attributes(found)),
            expectation=Expectation(
                followed=followed_statuses(subscriber, publisher),
                rule=found,
                newest=NEWEST_MAJOR in subscriber.versions,
            ),
        ),
        pace=CapacityPace(rate),
    )


def find_drift(
    session: Session,
    differences: DifferenceStore,
    *,
    sample: int | None,
    chance: random.Random,
    grace_seconds: float,
    stopping: Stopping,
) -> Report:
    """Compare, wait for what is in flight, and explain what is left."""
    sides = session.sides
    total = 2 * sample if sample else sides.accounts.facts.item_count + sides.rows.facts.item_count
    with working("comparing", total) as compared:
        looked = FirstLook(
            sides,
            differences,
            pace=session.pace,
            stopping=stopping,
            progress=compared,
            sample=sample,
            chance=chance,
        ).run()
    if looked.scanned and not looked.customers:
        ERR.print(nothing_matches(session.publisher, looked.scanned), style="yellow", markup=False)
    with working("reading differences again"):
        settled = settle(
            sides,
            differences,
            grace_seconds=grace_seconds,
            stopping=stopping,
            tell=lambda sentence: ERR.print(f"[dim]{sentence} …[/]"),
        )
    if settled.drifted:
        with working("looking for causes"):
            _explain(session, differences, stopping)
    return Report(
        subscriber=session.subscriber.name,
        at=datetime.now(UTC),
        looked=looked,
        sampled=sample is not None,
        in_flight=settled.in_flight,
        drifted=settled.drifted,
        groups=tuple(differences.groups()),
        examples=tuple(differences.first(EXAMPLES_MAX)),
    )


def repair_drift(
    session: Session,
    differences: DifferenceStore,
    report: Report,
    *,
    store: RunStore,
    grace_seconds: float,
    stopping: Stopping,
) -> Report:
    """Send a repair for every difference, and see what became of them."""
    subscriber, target = session.subscriber, session.target
    operator = find_operator(target)
    subject = {
        "prefix": target.prefix,
        "subscriber": subscriber.name,
        "queue_arn": subscriber.queue_arn,
        "table": subscriber.table,
    }
    with (
        store.create(COMMAND, subject=subject, options={}, operator=operator) as run,
        working("repairing", report.drifted) as repaired,
    ):
        select(run, differences, now=report.at)
        run.start(operator)
        url = subscriber.queue_url
        queue = SqsQueue(target.client("sqs"), url, what=f"the queue of {subscriber.name}")
        counts = send_repairs(
            session.sides,
            SnapshotQueue(queue, fifo=url.endswith(".fifo")),
            run,
            source=session.publisher.source,
            stopping=stopping,
            progress=repaired,
        )
        if stopping.asked():
            run.pause("interrupted")
        else:
            run.finish()
        run_id = run.run_id
    patience_seconds = max(grace_seconds, VERIFY_MIN_SECONDS)
    with working("waiting until the repaired rows agree"):
        left = _await_repairs(session.sides, differences, patience_seconds)
    return replace(report, run_id=run_id, repairs=counts, left=left)


# Private functions


def _explain(session: Session, differences: DifferenceStore, stopping: Stopping) -> None:
    target, publisher = session.target, session.publisher
    store = failures(target.client("s3"), publisher.failure_bucket, publisher.customer_id_attribute)
    name, url = session.subscriber.name, session.subscriber.dlq_url
    dlq = SqsQueue(target.client("sqs"), url, what=f"the DLQ of {name}")
    explain(differences, chain(store, dead_letters(dlq, stopping)))


def _await_repairs(sides: Sides, differences: DifferenceStore, patience_seconds: float) -> int:
    """How many customers still differ when patience ends, or as soon as none does."""
    end = time.monotonic() + patience_seconds
    while True:
        for chunk in differences.chunks(500):
            found = sides.compare([one.customer_id for one in chunk])
            for one in chunk:
                if one.customer_id not in found:
                    differences.drop(one.customer_id)
        if not (left := differences.count()) or time.monotonic() >= end:
            return left
        time.sleep(_POLL_SECONDS)
