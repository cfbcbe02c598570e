"""`fanout reconcile`: compare, explain, and with `--repair --execute` repair."""

import pkgutil
import time
from collections import Counter
from collections.abc import Callable, Iterable, Iterator, Mapping, Sequence
from contextlib import closing
from dataclasses import dataclass, field, replace
from datetime import UTC, datetime
from enum import StrEnum
from functools import partial
from importlib.util import find_spec
from itertools import islice
from pathlib import Path
from typing import Annotated, Any, ClassVar, NamedTuple, Self

import typer
from rich.markup import escape

from customer_events.event import NEWEST_MAJOR, CustomerStatusChanged, Status
from customer_events.instants import from_wire, to_wire
from customer_events.metrics import DRIFTED_ROWS, NAMESPACE
from fanout.accounts.backfill import READ_UNITS_DEFAULT, OldRate, ReadUnits, read_units_limit
from fanout.accounts.snapshots import QueueOperation, require_version, snapshot_event
from fanout.aws import AwsTarget
from fanout.console import ERR, OUT, Json, option, print_json, table, warn, working
from fanout.dlq.diagnosis import diagnose
from fanout.errors import ExitCode, Found, WrongUse
from fanout.failures.records import Kind, customer_of
from fanout.failures.store import ObjectStore
from fanout.runs.journal import done, ended, intent
from fanout.runs.ledger import State
from fanout.runs.operation import Ending, Nothing, Plan, Selecting, Words, Work, perform
from fanout.runs.options import Reveal, RunsDir, run_store
from fanout.runs.pace import Stopping
from fanout.runs.store import Run, find_operator
from fanout.sqs.queue import SqsQueue
from fanout.sqs.scan import Sweep
from fanout.sqs.subscription import of_subscriber
from fanout.text import mask_customer, span
from publisher.stream_records import StreamRecord
from sentinel.compare import (
    Drift,
    Expectation,
    Rule,
    StoredRow,
    SubscriberRows,
    guarded_table_rows,
    own_attributes,
)
from sentinel.contract.followed import followed_statuses
from sentinel.discovery import find_publisher, find_subscriber
from sentinel.drift import Comparison, DifferenceStore, Sides, chunks, recheck
from sentinel.pace import Pace
from sentinel.snapshots import Snapshot, Unreadable, nothing_matches
from sentinel.table import KEYS_MAX, find_accounts

COMMAND = "reconcile"
STEP = "repair"
BATCH = 10
GRACE_DEFAULT_SECONDS = 60.0
VERIFY_MIN_SECONDS = 10.0
EXAMPLES_MAX = 100  # how many customers are named in a document; a table names the first 20 of them
ROWS_MAX = 20
_POLL_SECONDS = 0.5

# What a subscriber brings to the comparison: its business rule, and the adapter of its table

RowsFactory = Callable[[Any, str, Sequence[str]], SubscriberRows]
"""Makes an adapter of a boto3 DynamoDB client, the table's name and the rule's attributes."""

KNOWN = {"payments": "payments_consumer.standing:attributes"}
"""Where the rule of a subscriber is that is built here."""


def find_rule(subscriber: str, named: str | None) -> Rule | None:
    """The rule that `named` names as MODULE:FUNCTION, or else the one that is known, if any.

    Known are those above, and those that `fanout subscribers new` has written. A rule is a function
    of its event alone. It is asked with what the row and Accounts keep; what it makes of anything
    else can't be checked, and is reported so.

    Raises: WrongUse: there is no such function.
    """
    path = named or KNOWN.get(subscriber)
    if path is None:
        package = f"{subscriber.replace('-', '_')}_consumer"
        if find_spec(package) and find_spec(f"{package}.rule"):
            path = f"{package}.rule:attributes"
    rule: Rule | None = None if path in {None, "none"} else _function("--rule", path)
    return rule


def find_adapter(named: str | None) -> RowsFactory:
    """The factory that is named; else that of the kit's tables. Raises: WrongUse: there is none."""
    factory: RowsFactory = _function("--adapter", named) if named else guarded_table_rows
    return factory


def _function(option: str, path: str) -> Any:
    try:
        function = pkgutil.resolve_name(path)
    except (ImportError, AttributeError, ValueError) as error:
        raise WrongUse(
            f"{option} {path!r}: expected MODULE:FUNCTION, such as {KNOWN['payments']} ({error})."
        ) from None
    if not callable(function):
        raise WrongUse(f"{option} {path!r} names no function.")
    return function


# Why a change did not arrive: what the failure store and the DLQ hold explains a difference

MESSAGES_MAX = 100_000
OBJECTS_MAX = 10_000  # how many objects of each kind are read at most, the earliest keys first
_BY = {Kind.PARKED: "parked by the publisher", Kind.BATCH: "given up by the stream mapping"}
_NOT_THE_BUS = frozenset({Drift.CHANGED_BY_HAND, Drift.AHEAD})
"""Kinds that no undelivered event explains."""


class Failure(NamedTuple):
    """A change of a customer that did not arrive, and why; `since`: when it occurred."""

    customer_id: str
    cause: str
    since: str | None


def explain(differences: DifferenceStore, failures: Iterable[Failure]) -> None:
    """Note the cause of each difference that a failure explains; the newest failure counts."""
    for failure in failures:
        known = differences.get(failure.customer_id)
        if known is None or known.drift in _NOT_THE_BUS:
            continue
        if not (known.cause and known.since and failure.since and failure.since < known.since):
            since = known.since or failure.since
            differences.put(replace(known, cause=failure.cause, since=since))


def stored_failures(s3: Any, bucket: str, id_attribute: str) -> Iterator[Failure]:
    """Every change in the publisher's failure store."""
    for failure in ObjectStore(s3, bucket).failures(most=OBJECTS_MAX):
        cause = f"{_BY[failure.kind]}: {failure.reason}"
        for record in failure.records or ():
            customer_id = customer_of(record, id_attribute)
            if customer_id is not None:
                at = StreamRecord(record).created_at
                yield Failure(customer_id, cause, to_wire(at) if at else None)


def dead_letters(queue: SqsQueue, stopping: Stopping) -> Iterator[Failure]:
    """Every message in the DLQ. They are hidden from others for some seconds, and kept."""
    with Sweep(queue, stop=stopping.asked) as sweep:
        for message in islice(sweep.messages(), MESSAGES_MAX):
            seen = diagnose(message)
            if seen.customer_id is not None:
                cause = f"in the DLQ: {seen.cause.code} ({seen.cause.origin})"
                since = to_wire(seen.event.occurred_at) if seen.event else None
                yield Failure(seen.customer_id, cause, since)


# What repairs a row: an event through the subscriber's own queue and guard, under rule 4


class End(StrEnum):
    """How a customer's repair ended."""

    SENT = "sent"
    AGREES = "agrees by now"
    IMPOSSIBLE = "can't be repaired"


class Repair(NamedTuple):
    """What to do for a customer: an event to send, or why there is none."""

    customer_id: str
    end: End
    event: CustomerStatusChanged | None = None
    why: str = ""


def repair_for(
    customer_id: str,
    account: Snapshot | Unreadable | None,
    stored: StoredRow | None,
    *,
    source: str,
    read_at: datetime,
) -> Repair:
    """What repairs a row that differs; `read_at` is when Accounts was read."""
    row = stored.row if stored else None
    if isinstance(account, Unreadable):
        why = f"Accounts' item can't become an event: {account.code}. Fix the item."
        return Repair(customer_id, End.IMPOSSIBLE, why=why)
    if stored is not None and row is None and stored.has_sequence:
        why = (
            "The row has a sequence, but not the guard's other attributes: it was changed by hand. "
            "Delete the row, then repair again."
        )
        return Repair(customer_id, End.IMPOSSIBLE, why=why)
    gone = Snapshot(customer_id=customer_id, status=Status.REMOVED, read_at=read_at)
    event = snapshot_event(account or gone, source, repairs=row.sequence if row else None)
    return Repair(customer_id, End.SENT, event)


def repairs(sides: Sides, customer_ids: Sequence[str], source: str) -> Iterator[Repair]:
    """Read these customers (at most 100) on both sides now, and say what repairs each."""
    rows, accounts, read_at = sides.read(customer_ids)
    for customer_id in customer_ids:
        account, stored = accounts.get(customer_id), rows.get(customer_id)
        if sides.expectation.compare(customer_id, account, stored) is None:
            yield Repair(customer_id, End.AGREES)
        else:
            yield repair_for(customer_id, account, stored, source=source, read_at=read_at)


def send_repairs(operation: "Reconcile", run: Run, work: Work) -> None:
    """Repair every customer of the run that is not done, by what both tables say now.

    A customer whose repair was sent by a process that died is looked at again: a repair names the
    sequence of the row that it is for, so that a second one has no effect.
    """
    send, source = operation.sender(), operation.publisher.source
    left = (item.id for item in run.ledger.items(State.WAITING, State.DOING, State.DID))
    count = 0
    for ids in chunks(left, BATCH):
        if work.stop():
            break
        batch = list(repairs(operation.sides, ids, source))
        events = [repair.event for repair in batch if repair.event is not None]
        if events:
            run.record(intent(STEP, [event.customer_id for event in events]))
            send(events)
            results = [
                {"id": event.customer_id, "ok": True, "event_id": str(event.event_id)}
                for event in events
            ]
            run.record(done(STEP, results))
        run.record(ended({"id": one.customer_id, "end": one.end, "why": one.why} for one in batch))
        count += len(batch)
        work.progress(count)


def still_differing(
    sides: Sides, run: Run, patience_seconds: float, stopping: Stopping
) -> int | None:
    """How many customers of the run differ in the end; None: asked to stop before."""
    ends_at = time.monotonic() + patience_seconds
    left = 0
    for ids in chunks((item.id for item in run.ledger.items()), KEYS_MAX):
        while (differing := sides.compare(ids)) and time.monotonic() < ends_at:
            stopping.wait(_POLL_SECONDS)
            if stopping.asked():
                return None
        left += len(differing)
    return left


@dataclass(kw_only=True)
class Reconcile(QueueOperation):
    """Compare both tables; as an operation, repair the customers of a run.

    `rule` and `adapter` are as their options. `differences` are what a new run is to repair;
    `ends` and `left` are how the repairs ended and how many customers still differ, once the steps
    have ended (`left` None: nobody has looked).
    """

    command: ClassVar[str] = COMMAND
    words: ClassVar[Words] = Words(
        good=frozenset({End.SENT, End.AGREES}),
        meanings={
            End.SENT: "a repair was sent to the subscriber's queue",
            End.AGREES: "nothing to repair any more",
            End.IMPOSSIBLE: "no event can repair it: fix the item, or delete the row by hand",
        },
        item="customer",
        twice="the second repair has no effect",
    )

    sides: Sides
    rule: str | None = None
    adapter: str | None = None
    read_units: float | None = READ_UNITS_DEFAULT
    grace_seconds: float = GRACE_DEFAULT_SECONDS
    differences: DifferenceStore | None = None
    ends: Mapping[str, int] = field(default_factory=dict)
    left: int | None = None

    @classmethod
    def of(
        cls,
        target: AwsTarget,
        name: str,
        *,
        repair: bool = True,
        rule: str | None = None,
        adapter: str | None = None,
        **options: Any,
    ) -> Self:
        """Look up both tables. Raises: WrongUse: it can't be compared (or repaired) as it is."""
        subscriber, publisher = find_subscriber(target, name), find_publisher(target)
        if repair:
            require_version(subscriber)
        if subscriber.table is None:
            raise WrongUse(
                f"{name} states no table in its SSM parameter: there is nothing to compare."
            )
        followed = followed_statuses(subscriber, publisher)
        function, table_of = find_rule(name, rule), find_adapter(adapter)
        own = own_attributes(function)
        sides = Sides(
            accounts=find_accounts(target, publisher),
            rows=table_of(target.client("dynamodb"), subscriber.table, own),
            expectation=Expectation(
                followed=followed, rule=function, newest=NEWEST_MAJOR in subscriber.versions
            ),
        )
        return cls(
            target=target,
            publisher=publisher,
            subscriber=subscriber,
            sides=sides,
            rule=rule,
            adapter=adapter,
            **options,
        )

    def subject(self) -> dict[str, Any]:
        """See `Operation.subject`."""
        return super().subject() | {"table": self.subscriber.table}

    def select(self, run: Run, selecting: Selecting) -> Nothing:  # noqa: ARG002 (it was compared)
        """See `Operation.select`. Raises: WrongUse: a killed process had not noted what differs."""
        if self.differences is None:
            raise WrongUse(
                f"{run.run_id} was killed before anything was repaired: run "
                f"`fanout reconcile {self.subscriber.name} --repair --execute` again."
            )
        run.select(
            {"id": each.customer_id, "drift": each.drift.value, "cause": each.cause}
            for chunk in self.differences.chunks(500)
            for each in chunk
        )
        run.freeze(cut_off=datetime.now(UTC))
        return Nothing()

    def plan(self, run: Run) -> Plan:  # noqa: ARG002 (every repair is alike)
        """See `Operation.plan`."""
        return Plan(rows=(("to", f"{self.subscriber.queue_url} (this queue only)"),))

    def steps(self, run: Run) -> Callable[[Work], Ending]:
        """See `Operation.steps`."""
        return partial(self._repair, run)

    def results(self) -> Mapping[str, Any]:
        """See `Operation.results`."""
        return {"repairs": dict(self.ends), "left": self.left}

    def find_drift(
        self, differences: DifferenceStore, *, sample: int | None, stopping: Stopping
    ) -> dict[str, Any]:
        """Compare, wait for what is in flight, and explain the rest; the JSON document."""
        sides = self.sides
        items = sides.accounts.facts.item_count + sides.rows.facts.item_count
        with working("comparing", 2 * sample if sample else items) as progress:
            comparison = Comparison(
                sides=sides,
                differences=differences,
                pace=Pace(self.read_units, wait=stopping.wait),
                stopping=stopping,
                progress=progress,
                sample=sample,
            )
            comparison.run()
        if comparison.scanned and not comparison.customers:
            warn(nothing_matches(self.publisher, comparison.scanned))
        with working("reading differences again"):
            in_flight = recheck(
                sides,
                differences,
                grace_seconds=self.grace_seconds,
                stopping=stopping,
                report=lambda sentence: ERR.print(f"[dim]{sentence} …[/]"),
            )
        if differences.count():
            with working("looking for causes"):
                explain(differences, self._failures(stopping))
        return self._report(comparison, differences, in_flight)

    # Private functions

    def _report(
        self, comparison: Comparison, differences: DifferenceStore, in_flight: int
    ) -> dict[str, Any]:
        drifted = differences.count()
        examples = next(differences.chunks(EXAMPLES_MAX), [])
        return {
            "subscriber": self.subscriber.name,
            "at": to_wire(datetime.now(UTC)),
            "good": not drifted,
            "sampled": comparison.sample is not None,
            "customers": comparison.customers,
            "rows": comparison.row_count,
            "in_flight": in_flight,
            "drifted": drifted,
            "unchecked": dict(comparison.unchecked),
            "groups": differences.groups(),
            "differences": [difference.to_document() for difference in examples],
            "run_id": None,
            "repairs": None,
            "left": None,
        }

    def _failures(self, stopping: Stopping) -> Iterator[Failure]:
        bucket, key = self.publisher.failure_bucket, self.publisher.customer_id_attribute
        yield from stored_failures(self.target.client("s3"), bucket, key)
        yield from dead_letters(of_subscriber(self.target, self.subscriber).dlq, stopping)

    def _repair(self, run: Run, work: Work) -> Ending:
        send_repairs(self, run, work)
        self.ends = Counter(dict.fromkeys(map(str, End), 0))
        self.ends.update(run.ledger.ends())
        if not work.stop():
            work.say("Waiting until the repaired rows agree.")
            patience_seconds = max(self.grace_seconds, VERIFY_MIN_SECONDS)
            self.left = still_differing(self.sides, run, patience_seconds, work.stopping)
        if self.left is None:
            return Ending(left=run.ledger.count(State.ENDED))  # repaired, not known to agree
        drifted = f"{self.left:,} rows of {self.subscriber.name} have drifted."
        return Ending(sentence=drifted if self.left else "")


def reconcile(
    context: typer.Context,
    subscriber: Annotated[str, typer.Argument(help="The subscriber, such as payments.")],
    *,
    sample: Annotated[
        int | None, option("Compare about this many customers and rows.", min=1)
    ] = None,
    full: Annotated[bool, option("Compare all of them; the default.", "--full")] = False,
    grace_seconds: Annotated[
        float, option("How long a difference must last unchanged to count as drift.", min=0)
    ] = GRACE_DEFAULT_SECONDS,
    read_units: ReadUnits = READ_UNITS_DEFAULT,
    rate: OldRate = None,
    rule: Annotated[
        str | None,
        option(
            "The subscriber's rule, to check its own attributes too; `none`: don't.",
            metavar="MODULE:FUNCTION",
        ),
    ] = None,
    adapter: Annotated[
        str | None,
        option("Reads a table that the consumer kit doesn't write.", metavar="MODULE:FUNCTION"),
    ] = None,
    repair: Annotated[bool, option("Plan a repair of what drifted.", "--repair")] = False,
    execute: Annotated[bool, option("Send the repairs.", "--execute")] = False,
    metric: Annotated[
        bool, option("Write the number of drifted rows to CloudWatch.", "--metric")
    ] = False,
    reveal: Reveal = False,
    as_json: Json = False,
    runs_dir: RunsDir = None,
) -> None:
    """Compare Accounts with a subscriber's table: what differs, since when, and why.

    Exit codes: 0 every row agrees, or agrees after the repair; 1 rows have
    drifted. `fanout runs resume` resumes a repair.
    """
    if full and sample is not None:
        raise WrongUse("--full and --sample exclude each other.")
    if execute and not repair:
        raise WrongUse("--execute is for --repair: comparing changes nothing.")
    target: AwsTarget = context.obj
    operation = Reconcile.of(
        target,
        subscriber,
        repair=repair,
        rule=rule,
        adapter=adapter,
        read_units=read_units_limit(read_units, rate),
        grace_seconds=grace_seconds,
    )
    with closing(DifferenceStore()) as differences:
        with Stopping() as stopping:
            report = operation.find_drift(differences, sample=sample, stopping=stopping)
            if stopping.asked():
                raise typer.Exit(ExitCode.INTERRUPTED)
        if metric:
            cloudwatch, count = target.client("cloudwatch"), report["drifted"]
            put_drifted_rows(cloudwatch, count, deployment=target.prefix, subscriber=subscriber)
        if repair and execute and report["drifted"]:
            operation.differences = differences
            report |= repair_drift(operation, runs_dir)
    if not reveal:
        for difference in report["differences"]:
            difference["customer_id"] = mask_customer(difference["customer_id"])
    if as_json:
        print_json(report)
    else:
        print_report(report)
        if repair and not execute and report["drifted"]:
            OUT.print(
                f"{report['drifted']:,} repairs would go to {operation.subscriber.queue_url}. "
                "Nothing was sent. Add --execute to do it."
            )
    _conclude(report)


def repair_drift(operation: Reconcile, runs_dir: Path | None) -> dict[str, Any]:
    """Repair `operation.differences` in a run of its own; returns what it adds to the report."""
    target = operation.target
    operator = find_operator(target)
    options = {name: getattr(operation, name) for name in ("rule", "adapter", "grace_seconds")}
    run = run_store(target, runs_dir).create(
        COMMAND, subject=operation.subject(), options=options | {"execute": True}, operator=operator
    )
    with run:
        operation.select(run, Selecting())
        perform(operation, run, operator)
        return {"good": operation.left == 0, "run_id": run.run_id, **operation.results()}


def _conclude(report: Mapping[str, Any]) -> None:
    """Raises: Found where rows have drifted; typer.Exit where the repair was interrupted."""
    if report["good"]:
        return
    if report["run_id"] and report["left"] is None:
        ERR.print(f"Interrupted. To resume: [bold]fanout runs resume {report['run_id']}[/]")
        raise typer.Exit(ExitCode.INTERRUPTED)
    left = report["drifted"] if report["left"] is None else report["left"]
    raise Found(f"{left:,} rows of {report['subscriber']} have drifted.")


def put_drifted_rows(cloudwatch: Any, count: int, *, deployment: str, subscriber: str) -> None:
    """Write one data point of the metric that an alarm watches; 0: a reconcile found nothing."""
    of = {"deployment": deployment, "subscriber": subscriber}
    data = {
        "MetricName": DRIFTED_ROWS.name,
        "Dimensions": [{"Name": name, "Value": value} for name, value in of.items()],
        "Value": count,
        "Unit": DRIFTED_ROWS.unit,
    }
    cloudwatch.put_metric_data(Namespace=NAMESPACE, MetricData=[data])


def print_report(report: Mapping[str, Any]) -> None:
    """Print the document for a person."""
    what = "a sample of " if report["sampled"] else ""
    OUT.print(
        f"[bold]{report['subscriber']}[/]: compared {what}{report['customers']:,} customers "
        f"and {report['rows']:,} rows; {report['drifted']:,} drifted, "
        f"{report['in_flight']:,} in flight."
    )
    for name, count in sorted(report["unchecked"].items()):
        OUT.print(
            f"{escape(name)} of {count:,} rows cannot be checked: the rule reads what neither "
            "table keeps of an event, such as its reason."
        )
    if report["groups"]:
        groups = table("Drift", "drift", "cause", "rows", "oldest")
        for group in report["groups"]:
            oldest = group["oldest"] or "unknown"
            groups.add_row(group["drift"], escape(group["cause"]), f"{group['count']:,}", oldest)
        OUT.print(groups)
        examples = table("Such as", "customer", "drift", "Accounts", "row", "for")
        now = from_wire(report["at"])
        for difference in report["differences"][:ROWS_MAX]:
            expected, found = (
                escape(difference[side] or "not there") for side in ("expected", "found")
            )
            since = difference["since"] or difference["row_of"]
            age = span((now - from_wire(since)).total_seconds()) if since else "unknown"
            at_most = "at most " if since and not difference["since"] else ""
            customer = escape(difference["customer_id"])
            examples.add_row(customer, difference["drift"], expected, found, f"{at_most}{age}")
        OUT.print(examples)
    if report["repairs"] is not None:
        ends = ", ".join(f"{count:,} {end}" for end, count in report["repairs"].items() if count)
        left = "" if report["left"] is None else f"; {report['left']:,} still differ"
        OUT.print(f"Repairs (run {report['run_id']}): {ends or 'none'}{left}.")
