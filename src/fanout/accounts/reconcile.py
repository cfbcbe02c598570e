"""`fanout reconcile`: compare, explain, and with `--repair --execute` mend."""

import random
import time
from collections.abc import Callable, Iterator, Mapping, Sequence
from dataclasses import dataclass, replace
from datetime import UTC, datetime
from enum import StrEnum
from itertools import chain
from typing import Annotated, Any, Protocol

import typer
from rich.markup import escape

from customer_events.event import NEWEST_MAJOR, CustomerStatusChanged
from customer_events.instants import to_wire
from customer_events.metrics import DRIFTED_ROWS, NAMESPACE
from fanout.accounts.backfill import require_version
from fanout.accounts.compare import (
    Difference,
    Expectation,
    StoredRow,
    find_adapter,
    find_rule,
    own_attributes,
)
from fanout.accounts.drift import (
    DifferenceStore,
    FirstLook,
    Group,
    Looked,
    Sides,
    chunks,
    dead_letters,
    explain,
    failures,
    settle,
)
from fanout.accounts.snapshots import (
    ItemReader,
    Reading,
    SnapshotQueue,
    Unreadable,
    nothing_matches,
    removal,
    repair,
    snapshot,
)
from fanout.accounts.table import AccountsTable, describe
from fanout.aws import AwsTarget
from fanout.console import ERR, OUT, print_json, table, working
from fanout.contract.followed import followed_statuses
from fanout.discovery import Publisher, Subscriber, find_publisher, find_subscriber
from fanout.errors import ExitCode, Found, WrongUse
from fanout.runs.journal import done, ended, intent
from fanout.runs.ledger import State
from fanout.runs.options import Reveal, RunsDir, run_store
from fanout.runs.pace import CapacityPace, Stopping
from fanout.runs.store import Run, RunStore, find_operator
from fanout.sqs.queue import SqsQueue
from fanout.text import mask_customer as mask

# The metric that an alarm watches: how many rows of a subscriber have drifted


def put_drifted_rows(cloudwatch: Any, count: int, *, deployment: str, subscriber: str) -> None:
    """Write one data point; 0 says that a reconcile ran and found nothing."""
    cloudwatch.put_metric_data(
        Namespace=NAMESPACE,
        MetricData=[
            {
                "MetricName": DRIFTED_ROWS.name,
                "Dimensions": [
                    {"Name": "deployment", "Value": deployment},
                    {"Name": "subscriber", "Value": subscriber},
                ],
                "Value": count,
                "Unit": DRIFTED_ROWS.unit,
            }
        ],
    )


# Mend drifted rows through the subscriber's own queue and guard, under rule 4


BATCH = 10
STEP = "repair"


class End(StrEnum):
    """How a customer's repair ended."""

    SENT = "sent"
    AGREES = "agrees by now"
    BEYOND = "can't be repaired"


@dataclass(frozen=True, slots=True, kw_only=True)
class Repair:
    """What is to be done for a customer: an event, or why there is none to send."""

    customer_id: str
    event: CustomerStatusChanged | None
    end: End
    why: str = ""


class Snapshots(Protocol):
    """The subscriber's queue."""

    def send(self, events: Sequence[CustomerStatusChanged]) -> None:
        """Send them; each is confirmed when this returns."""
        ...


def select(run: Run, differences: DifferenceStore, *, now: datetime) -> None:
    """Freeze which customers are to be repaired; nothing has been sent yet."""
    run.select(
        {"id": one.customer_id, "drift": one.drift.value, "cause": one.cause}
        for chunk in differences.chunks(500)
        for one in chunk
    )
    run.freeze(cut_off=now)


def send_repairs(
    sides: Sides,
    queue: Snapshots,
    run: Run,
    *,
    source: str,
    stopping: Stopping,
    progress: Callable[[int], None] = lambda _count: None,
) -> dict[End, int]:
    """Repair what the run selected; returns how many ended how."""
    counts = dict.fromkeys(End, 0)
    waiting = (one.id for one in run.ledger.items(State.WAITING, State.DOING, State.DID))
    for ids in chunks(waiting, BATCH):
        if stopping.asked():
            break
        repairs = list(_repairs(sides, ids, source))
        events = [one.event for one in repairs if one.event is not None]
        if events:
            run.record(intent(STEP, [event.customer_id for event in events]))
            queue.send(events)
            run.record(
                done(
                    STEP,
                    [
                        {"id": one.customer_id, "ok": True, "event_id": str(one.event_id)}
                        for one in events
                    ],
                )
            )
        run.record(
            ended({"id": one.customer_id, "end": one.end, "why": one.why} for one in repairs)
        )
        for one in repairs:
            counts[one.end] += 1
        progress(len(repairs))
    return counts


def repair_for(
    difference: Difference,
    account: Reading | Unreadable | None,
    stored: StoredRow | None,
    *,
    source: str,
    read_at: datetime,
) -> Repair:
    """What mends a difference; `read_at` is when Accounts was read."""
    customer_id = difference.customer_id
    if isinstance(account, Unreadable):
        why = f"Accounts' item can't become an event: {account.code}. Mend the item."
        return Repair(customer_id=customer_id, event=None, end=End.BEYOND, why=why)
    if stored is not None and stored.row is None and stored.has_sequence:
        why = (
            "The row has a sequence, but not the guard's other attributes: it was changed by hand. "
            "Delete the row, then repair again."
        )
        return Repair(customer_id=customer_id, event=None, end=End.BEYOND, why=why)
    row = stored.row if stored else None
    if account is None:
        event = removal(customer_id, source, row.sequence if row else None, read_at)
    elif row is None:
        event = snapshot(account, source)
    else:
        event = repair(account, source, row.sequence)
    return Repair(customer_id=customer_id, event=event, end=End.SENT)


def _repairs(sides: Sides, customer_ids: Sequence[str], source: str) -> Iterator[Repair]:
    rows = sides.rows.lookup(customer_ids)
    accounts, read_at = sides.accounts.lookup(customer_ids)
    for one in customer_ids:
        account, stored = accounts.get(one), rows.get(one)
        difference = sides.expectation.compare(one, account, stored)
        if difference is None:
            yield Repair(customer_id=one, event=None, end=End.AGREES)
        else:
            yield repair_for(difference, account, stored, source=source, read_at=read_at)


# What a reconcile found, for a person and for a program


EXAMPLES_MAX = 100
"""How many customers are named in a document; a table names the first 20 of them."""
ROWS_MAX = 20


@dataclass(frozen=True, slots=True, kw_only=True)
class Report:
    """The finding. `at` is when it was made; `sampled` whether only a sample was compared.

    `repairs` counts how repairs ended, `left` is how many customers still differed after them;
    both are None where nothing was repaired.
    """

    subscriber: str
    at: datetime
    looked: Looked
    sampled: bool
    in_flight: int
    drifted: int
    groups: tuple[Group, ...]
    examples: tuple[Difference, ...]
    run_id: str | None = None
    repairs: Mapping[End, int] | None = None
    left: int | None = None

    @property
    def is_good(self) -> bool:
        """Whether every row that was compared agrees now."""
        return not (self.drifted if self.left is None else self.left)

    def to_document(self) -> dict[str, Any]:
        """One JSON object; `docs/reference/reconcile.md` lists its fields."""
        return {
            "subscriber": self.subscriber,
            "at": to_wire(self.at),
            "good": self.is_good,
            "sampled": self.sampled,
            "customers": self.looked.customers,
            "rows": self.looked.rows,
            "in_flight": self.in_flight,
            "drifted": self.drifted,
            "unchecked": dict(self.looked.unchecked),
            "groups": [group.to_document() for group in self.groups],
            "differences": [_document(one) for one in self.examples],
            "run_id": self.run_id,
            "repairs": {end.value: count for end, count in (self.repairs or {}).items()} or None,
            "left": self.left,
        }


def print_report(report: Report) -> None:
    """Tell a person."""
    what = "a sample of " if report.sampled else ""
    OUT.print(
        f"[bold]{report.subscriber}[/]: compared {what}{report.looked.customers:,} customers and "
        f"{report.looked.rows:,} rows; {report.drifted:,} drifted, {report.in_flight:,} in flight."
    )
    for name, count in sorted(report.looked.unchecked.items()):
        OUT.print(
            f"{escape(name)} of {count:,} rows cannot be checked: the rule reads what neither "
            "table keeps of an event, such as its reason."
        )
    if report.groups:
        _print_groups(report.groups)
        _print_examples(report.examples[:ROWS_MAX], report.at)
    if report.repairs is not None:
        ends = ", ".join(f"{count:,} {end}" for end, count in report.repairs.items() if count)
        OUT.print(f"Repairs (run {report.run_id}): {ends or 'none'}; {report.left:,} still differ.")


def _print_groups(groups: Sequence[Group]) -> None:
    shown = table("Drift", "drift", "cause", "rows", "oldest")
    for group in groups:
        oldest = to_wire(group.oldest) if group.oldest else "unknown"
        shown.add_row(group.drift, escape(group.cause), f"{group.count:,}", oldest)
    OUT.print(shown)


def _print_examples(examples: Sequence[Difference], now: datetime) -> None:
    shown = table("Such as", "customer", "drift", "Accounts", "row", "for")
    for one in examples:
        shown.add_row(
            escape(one.customer_id),
            one.drift,
            escape(one.expected or "not there"),
            escape(one.found or "not there"),
            _how_long(one, now),
        )
    OUT.print(shown)


def _how_long(difference: Difference, now: datetime) -> str:
    if difference.since is not None:
        return _age(now, difference.since)
    if difference.row_of is not None:
        return f"at most {_age(now, difference.row_of)}"
    return "unknown"


def _age(now: datetime, then: datetime) -> str:
    """`2 days, 3:04:05`."""
    return str(max(now - then, now - now)).partition(".")[0]


def _document(difference: Difference) -> dict[str, Any]:
    return {
        "customer_id": difference.customer_id,
        "drift": difference.drift.value,
        "cause": difference.cause,
        "expected": difference.expected,
        "found": difference.found,
        "since": difference.since and to_wire(difference.since),
        "row_of": difference.row_of and to_wire(difference.row_of),
    }


# One reconcile from the first look to the last repair


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


GRACE_DEFAULT_SECONDS = 60.0
RATE_DEFAULT = 100.0


def reconcile(
    context: typer.Context,
    subscriber: Annotated[str, typer.Argument(help="The subscriber, such as payments.")],
    *,
    sample: Annotated[
        int | None, typer.Option(min=1, help="Compare about so many customers and rows.")
    ] = None,
    full: Annotated[bool, typer.Option("--full", help="Compare all; the default.")] = False,
    grace_seconds: Annotated[
        float,
        typer.Option(
            "--grace-seconds", min=0, help="How long a difference stands unchanged to be drift."
        ),
    ] = GRACE_DEFAULT_SECONDS,
    rate: Annotated[
        float, typer.Option(min=0, help="Read capacity units a second; 0: as fast as it goes.")
    ] = RATE_DEFAULT,
    rule: Annotated[
        str | None,
        typer.Option(
            metavar="MODULE:FUNCTION",
            help="The subscriber's rule, to check its own attributes; none: don't.",
        ),
    ] = None,
    adapter: Annotated[
        str | None,
        typer.Option(metavar="MODULE:FUNCTION", help="Reads a table that the kit doesn't write."),
    ] = None,
    repair: Annotated[bool, typer.Option("--repair", help="Plan to mend what drifted.")] = False,
    execute: Annotated[bool, typer.Option("--execute", help="Send the repairs.")] = False,
    metric: Annotated[
        bool, typer.Option("--metric", help="Write the number of drifted rows to CloudWatch.")
    ] = False,
    reveal: Reveal = False,
    as_json: Annotated[bool, typer.Option("--json", help="Print one JSON document.")] = False,
    runs_dir: RunsDir = None,
) -> None:
    """Compare Accounts with a subscriber's table; tell what drifted, for how long, and why.

    Exit code 0 where every row agrees, or does after the repair; 1 where rows have drifted; 2 for a
    wrong call, 3 where AWS refuses, 130 when interrupted.
    """
    if full and sample is not None:
        raise WrongUse("--full and --sample exclude each other.")
    if execute and not repair:
        raise WrongUse("--execute is for --repair: comparing changes nothing.")
    target: AwsTarget = context.obj
    session = open_session(
        target, subscriber, rule=rule, adapter=adapter, rate=rate or None, repair=repair
    )
    with DifferenceStore() as differences, Stopping() as stopping:
        report = find_drift(
            session,
            differences,
            sample=sample,
            chance=random.SystemRandom(),
            grace_seconds=grace_seconds,
            stopping=stopping,
        )
        if stopping.asked():
            raise typer.Exit(ExitCode.INTERRUPTED)
        if metric:
            put_drifted_rows(
                target.client("cloudwatch"),
                report.drifted,
                deployment=target.prefix,
                subscriber=subscriber,
            )
        if repair and execute and report.drifted:
            store = run_store(target, runs_dir)
            report = repair_drift(
                session,
                differences,
                report,
                store=store,
                grace_seconds=grace_seconds,
                stopping=stopping,
            )
    if not reveal:
        examples = (replace(one, customer_id=mask(one.customer_id)) for one in report.examples)
        report = replace(report, examples=tuple(examples))
    _tell(session, report, as_json=as_json, planned=repair and not execute)


def _tell(session: Session, report: Report, *, as_json: bool, planned: bool) -> None:
    if as_json:
        print_json(report.to_document())
    else:
        print_report(report)
        if planned and report.drifted:
            OUT.print(
                f"{report.drifted:,} repairs would go to {session.subscriber.queue_url}. Nothing "
                "was sent. Add --execute to do it."
            )
    if not report.is_good:
        left = report.drifted if report.left is None else report.left
        raise Found(f"{left:,} rows of {report.subscriber} have drifted.")
