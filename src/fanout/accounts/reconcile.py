"""`fanout reconcile`: compare, explain, and with `--repair --execute` repair."""

import random
import time
from collections.abc import Callable, Iterator, Mapping, Sequence
from contextlib import closing
from dataclasses import dataclass, replace
from datetime import UTC, datetime
from enum import StrEnum
from functools import partial
from itertools import chain
from typing import Annotated, Any

import typer
from rich.markup import escape

from customer_events.event import NEWEST_MAJOR, CustomerStatusChanged
from customer_events.instants import to_wire
from customer_events.metrics import DRIFTED_ROWS, NAMESPACE
from fanout.accounts.backfill import (
    READ_UNITS_DEFAULT,
    OldRate,
    ReadUnits,
    read_units_limit,
    require_version,
)
from fanout.accounts.compare import (
    Difference,
    Expectation,
    StoredRow,
    find_adapter,
    find_rule,
    own_attributes,
)
from fanout.accounts.drift import (
    Comparison,
    DifferenceStore,
    Group,
    Sides,
    chunks,
    dead_letters,
    explain,
    recheck,
    stored_failures,
)
from fanout.accounts.snapshots import (
    ItemReader,
    Snapshot,
    Unreadable,
    nothing_matches,
    removal_event,
    repair_event,
    send_events,
    snapshot_event,
)
from fanout.accounts.table import AccountsTable, describe
from fanout.aws import AwsTarget
from fanout.console import ERR, OUT, print_json, table, warn, working
from fanout.contract.followed import followed_statuses
from fanout.discovery import Publisher, Subscriber, find_publisher, find_subscriber
from fanout.errors import ExitCode, Found, WrongUse
from fanout.runs.journal import done, ended, intent
from fanout.runs.ledger import State
from fanout.runs.options import Reveal, RunsDir, run_store
from fanout.runs.pace import CapacityPace, Stopping
from fanout.runs.store import Run, RunStore, find_operator
from fanout.sqs.queue import SqsQueue
from fanout.text import mask_customer

COMMAND = "reconcile"
STEP = "repair"
BATCH = 10
GRACE_DEFAULT_SECONDS = 60.0
VERIFY_MIN_SECONDS = 10.0
EXAMPLES_MAX = 100
"""How many customers are named in a document; a table names the first 20 of them."""
ROWS_MAX = 20
_POLL_SECONDS = 0.5

# Compare


@dataclass(frozen=True, slots=True, kw_only=True)
class Session:
    """What is compared, and how it is repaired."""

    target: AwsTarget
    publisher: Publisher
    subscriber: Subscriber
    sides: Sides
    pace: CapacityPace


@dataclass(frozen=True, slots=True, kw_only=True)
class Report:
    """What drifted. `at` is when it was compared; `sampled` whether only a sample was.

    `unchecked` counts rows whose attribute can't be checked, by its name. `repairs` counts how
    repairs ended, `left` is how many customers still differed after them; both are None where
    nothing was repaired.
    """

    subscriber: str
    at: datetime
    customers: int
    rows: int
    unchecked: Mapping[str, int]
    sampled: bool
    in_flight: int
    drifted: int
    groups: tuple[Group, ...]
    examples: tuple[Difference, ...]
    run_id: str | None = None
    repairs: Mapping["End", int] | None = None
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
            "customers": self.customers,
            "rows": self.rows,
            "in_flight": self.in_flight,
            "drifted": self.drifted,
            "unchecked": dict(self.unchecked),
            "groups": [group.to_document() for group in self.groups],
            "differences": [_document(difference) for difference in self.examples],
            "run_id": self.run_id,
            "repairs": {end.value: count for end, count in (self.repairs or {}).items()} or None,
            "left": self.left,
        }


def open_session(
    target: AwsTarget,
    name: str,
    *,
    rule: str | None,
    adapter: str | None,
    read_units: float | None,
    repair: bool,
) -> Session:
    """Look up both tables; nothing has been read of them yet.

    Raises:
        WrongUse: no such subscriber, or one that can't be compared (or repaired) as it is.
    """
    subscriber, publisher = find_subscriber(target, name), find_publisher(target)
    if repair:
        require_version(subscriber)
    if subscriber.table is None:
        raise WrongUse(f"{name} states no table in its SSM parameter: there is nothing to compare.")
    client = target.client("dynamodb")
    rule_function = find_rule(name, rule)
    accounts = describe(client, publisher.accounts_table, publisher.customer_id_attribute)
    return Session(
        target=target,
        publisher=publisher,
        subscriber=subscriber,
        sides=Sides(
            accounts=AccountsTable(client, accounts, ItemReader(publisher)),
            rows=find_adapter(adapter)(client, subscriber.table, own_attributes(rule_function)),
            expectation=Expectation(
                followed=followed_statuses(subscriber, publisher),
                rule=rule_function,
                newest=NEWEST_MAJOR in subscriber.versions,
            ),
        ),
        pace=CapacityPace(read_units),
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
    """Compare, wait for what is in flight, and explain what is left in `differences`."""
    sides = session.sides
    total = 2 * sample if sample else sides.accounts.facts.item_count + sides.rows.facts.item_count
    with working("comparing", total) as progress:
        comparison = Comparison(
            sides=sides,
            differences=differences,
            pace=session.pace,
            stopping=stopping,
            progress=progress,
            sample=sample,
            chance=chance,
        )
        comparison.run()
    if comparison.scanned and not comparison.customers:
        warn(nothing_matches(session.publisher, comparison.scanned))
    with working("reading differences again"):
        in_flight = recheck(
            sides,
            differences,
            grace_seconds=grace_seconds,
            stopping=stopping,
            report=lambda sentence: ERR.print(f"[dim]{sentence} …[/]"),
        )
    drifted = differences.count()
    if drifted:
        with working("looking for causes"):
            _explain(session, differences, stopping)
    return Report(
        subscriber=session.subscriber.name,
        at=datetime.now(UTC),
        customers=comparison.customers,
        rows=comparison.row_count,
        unchecked=comparison.unchecked,
        sampled=sample is not None,
        in_flight=in_flight,
        drifted=drifted,
        groups=tuple(differences.groups()),
        examples=tuple(differences.first(EXAMPLES_MAX)),
    )


def put_drifted_rows(cloudwatch: Any, count: int, *, deployment: str, subscriber: str) -> None:
    """Write one data point of the metric that an alarm watches; 0: a reconcile found nothing."""
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


def _explain(session: Session, differences: DifferenceStore, stopping: Stopping) -> None:
    target, publisher, subscriber = session.target, session.publisher, session.subscriber
    stored = stored_failures(
        target.client("s3"), publisher.failure_bucket, publisher.customer_id_attribute
    )
    dlq = SqsQueue(target.client("sqs"), subscriber.dlq_url, what=f"the DLQ of {subscriber.name}")
    explain(differences, chain(stored, dead_letters(dlq, stopping)))


# Repair drifted rows through the subscriber's own queue and guard, under rule 4


class End(StrEnum):
    """How a customer's repair ended."""

    SENT = "sent"
    AGREES = "agrees by now"
    IMPOSSIBLE = "can't be repaired"


@dataclass(frozen=True, slots=True, kw_only=True)
class Repair:
    """What to do for a customer: an event to send, or why there is none."""

    customer_id: str
    event: CustomerStatusChanged | None
    end: End
    why: str = ""


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
    send: Callable[[Sequence[CustomerStatusChanged]], object],
    run: Run,
    *,
    source: str,
    stopping: Stopping,
    progress: Callable[[int], None] = lambda _count: None,
) -> None:
    """Repair every customer of the run that is not done, by what both tables say now.

    A customer whose repair was sent by a process that died is looked at again: a repair names the
    sequence of the row that it is for, so that a second one has no effect.
    """
    left = (item.id for item in run.ledger.items(State.WAITING, State.DOING, State.DID))
    for ids in chunks(left, BATCH):
        if stopping.asked():
            break
        repairs = list(_repairs(sides, ids, source))
        events = [repair.event for repair in repairs if repair.event is not None]
        if events:
            run.record(intent(STEP, [event.customer_id for event in events]))
            send(events)
            results = [
                {"id": event.customer_id, "ok": True, "event_id": str(event.event_id)}
                for event in events
            ]
            run.record(done(STEP, results))
        run.record(
            ended({"id": one.customer_id, "end": one.end, "why": one.why} for one in repairs)
        )
        progress(len(repairs))


def repair_for(
    difference: Difference,
    account: Snapshot | Unreadable | None,
    stored: StoredRow | None,
    *,
    source: str,
    read_at: datetime,
) -> Repair:
    """What repairs a difference; `read_at` is when Accounts was read."""
    customer_id = difference.customer_id
    row = stored.row if stored else None
    event, why = None, ""
    if isinstance(account, Unreadable):
        why = f"Accounts' item can't become an event: {account.code}. Fix the item."
    elif stored is not None and row is None and stored.has_sequence:
        why = (
            "The row has a sequence, but not the guard's other attributes: it was changed by hand. "
            "Delete the row, then repair again."
        )
    elif account is None:
        event = removal_event(customer_id, source, row.sequence if row else None, read_at)
    elif row is None:
        event = snapshot_event(account, source)
    else:
        event = repair_event(account, source, row.sequence)
    end = End.SENT if event else End.IMPOSSIBLE
    return Repair(customer_id=customer_id, event=event, end=end, why=why)


def _repairs(sides: Sides, customer_ids: Sequence[str], source: str) -> Iterator[Repair]:
    rows, accounts, read_at = sides.read(customer_ids)
    for customer_id in customer_ids:
        account, stored = accounts.get(customer_id), rows.get(customer_id)
        difference = sides.expectation.compare(customer_id, account, stored)
        if difference is None:
            yield Repair(customer_id=customer_id, event=None, end=End.AGREES)
        else:
            yield repair_for(difference, account, stored, source=source, read_at=read_at)


def await_repairs(sides: Sides, run: Run, patience_seconds: float) -> int:
    """How many customers of the run still differ when patience ends, or as soon as none does."""
    ends_at = time.monotonic() + patience_seconds
    with closing(DifferenceStore()) as left:
        for ids in chunks((item.id for item in run.ledger.items()), 500):
            for difference in sides.compare(ids).values():
                left.put(difference)
        while left.count() and time.monotonic() < ends_at:
            time.sleep(_POLL_SECONDS)
            for chunk in left.chunks(500):
                ids = [difference.customer_id for difference in chunk]
                for customer_id in set(ids) - sides.compare(ids).keys():
                    left.drop(customer_id)
        return left.count()


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
    with store.create(COMMAND, subject=subject, options={}, operator=operator) as run:
        select(run, differences, now=report.at)
        run.start(operator)
        url = subscriber.queue_url
        queue = SqsQueue(target.client("sqs"), url, what=f"the queue of {subscriber.name}")
        with working("repairing", report.drifted) as progress:
            send_repairs(
                session.sides,
                partial(send_events, queue, fifo=url.endswith(".fifo")),
                run,
                source=session.publisher.source,
                stopping=stopping,
                progress=progress,
            )
        if stopping.asked():
            run.pause("interrupted")
        else:
            run.finish()
        with working("waiting until the repaired rows agree"):
            left = await_repairs(session.sides, run, max(grace_seconds, VERIFY_MIN_SECONDS))
        return replace(report, run_id=run.run_id, repairs=repair_counts(run), left=left)


def repair_counts(run: Run) -> dict[End, int]:
    """How many repairs of a run ended how."""
    counts = dict.fromkeys(End, 0)
    for tally in run.ledger.tallies():
        if tally.state is State.ENDED:
            counts[End(tally.end)] += tally.count
    return counts


# The command


def reconcile(
    context: typer.Context,
    subscriber: Annotated[str, typer.Argument(help="The subscriber, such as payments.")],
    *,
    sample: Annotated[
        int | None, typer.Option(min=1, help="Compare about this many customers and rows.")
    ] = None,
    full: Annotated[bool, typer.Option("--full", help="Compare all; the default.")] = False,
    grace_seconds: Annotated[
        float,
        typer.Option(
            "--grace-seconds", min=0, help="How long a difference stands unchanged to be drift."
        ),
    ] = GRACE_DEFAULT_SECONDS,
    read_units: ReadUnits = READ_UNITS_DEFAULT,
    rate: OldRate = None,
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
    repair: Annotated[bool, typer.Option("--repair", help="Plan to repair what drifted.")] = False,
    execute: Annotated[bool, typer.Option("--execute", help="Send the repairs.")] = False,
    metric: Annotated[
        bool, typer.Option("--metric", help="Write the number of drifted rows to CloudWatch.")
    ] = False,
    reveal: Reveal = False,
    as_json: Annotated[bool, typer.Option("--json", help="Print one JSON document.")] = False,
    runs_dir: RunsDir = None,
) -> None:
    """Compare Accounts with a subscriber's table: what drifted, since when, and why.

    Exit code 0 where every row agrees, or does after the repair; 1 where rows have drifted; 2 for a
    wrong call, 3 where AWS refuses, 130 when interrupted.
    """
    if full and sample is not None:
        raise WrongUse("--full and --sample exclude each other.")
    if execute and not repair:
        raise WrongUse("--execute is for --repair: comparing changes nothing.")
    target: AwsTarget = context.obj
    session = open_session(
        target,
        subscriber,
        rule=rule,
        adapter=adapter,
        read_units=read_units_limit(read_units, rate),
        repair=repair,
    )
    with closing(DifferenceStore()) as differences, Stopping() as stopping:
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
            cloudwatch = target.client("cloudwatch")
            put_drifted_rows(
                cloudwatch, report.drifted, deployment=target.prefix, subscriber=subscriber
            )
        if repair and execute and report.drifted:
            report = repair_drift(
                session,
                differences,
                report,
                store=run_store(target, runs_dir),
                grace_seconds=grace_seconds,
                stopping=stopping,
            )
    if not reveal:
        masked = (
            replace(one, customer_id=mask_customer(one.customer_id)) for one in report.examples
        )
        report = replace(report, examples=tuple(masked))
    _show(session, report, as_json=as_json, planned=repair and not execute)


def _show(session: Session, report: Report, *, as_json: bool, planned: bool) -> None:
    """Raises: Found where rows have drifted."""
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


def print_report(report: Report) -> None:
    """Print it for a person."""
    what = "a sample of " if report.sampled else ""
    OUT.print(
        f"[bold]{report.subscriber}[/]: compared {what}{report.customers:,} customers and "
        f"{report.rows:,} rows; {report.drifted:,} drifted, {report.in_flight:,} in flight."
    )
    for name, count in sorted(report.unchecked.items()):
        OUT.print(
            f"{escape(name)} of {count:,} rows cannot be checked: the rule reads what neither "
            "table keeps of an event, such as its reason."
        )
    if report.groups:
        shown = table("Drift", "drift", "cause", "rows", "oldest")
        for group in report.groups:
            oldest = to_wire(group.oldest) if group.oldest else "unknown"
            shown.add_row(group.drift, escape(group.cause), f"{group.count:,}", oldest)
        OUT.print(shown)
        _print_examples(report.examples[:ROWS_MAX], report.at)
    if report.repairs is not None:
        ends = ", ".join(f"{count:,} {end}" for end, count in report.repairs.items() if count)
        OUT.print(f"Repairs (run {report.run_id}): {ends or 'none'}; {report.left:,} still differ.")


def _print_examples(examples: Sequence[Difference], now: datetime) -> None:
    shown = table("Such as", "customer", "drift", "Accounts", "row", "for")
    for difference in examples:
        shown.add_row(
            escape(difference.customer_id),
            difference.drift,
            escape(difference.expected or "not there"),
            escape(difference.actual or "not there"),
            _how_long(difference, now),
        )
    OUT.print(shown)


def _how_long(difference: Difference, now: datetime) -> str:
    """`2 days, 3:04:05`."""
    since = difference.since or difference.row_of
    if since is None:
        return "unknown"
    age = str(max(now - since, now - now)).partition(".")[0]
    return age if difference.since else f"at most {age}"


def _document(difference: Difference) -> dict[str, Any]:
    return {
        "customer_id": difference.customer_id,
        "drift": difference.drift.value,
        "cause": difference.cause,
        "expected": difference.expected,
        "found": difference.actual,
        "since": difference.since and to_wire(difference.since),
        "row_of": difference.row_of and to_wire(difference.row_of),
    }
