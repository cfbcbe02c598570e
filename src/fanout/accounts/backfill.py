"""`fanout backfill`: the plan, and with `--execute` the scan."""

import base64
import json
import time
from collections import Counter
from collections.abc import Callable, Iterator, Mapping, Sequence
from concurrent.futures import ThreadPoolExecutor
from dataclasses import dataclass, field, replace
from datetime import UTC, datetime, timedelta
from functools import partial, reduce
from threading import Lock
from typing import Annotated, Any

import typer

from customer_events.event import NEWEST_MAJOR, CustomerStatusChanged, Status
from customer_events.instants import to_wire
from fanout.accounts.snapshots import (
    Item,
    ItemReader,
    Snapshot,
    Unreadable,
    nothing_matches,
    send_events,
    snapshot_event,
)
from fanout.accounts.table import AccountsTable, Page, TableFacts, describe
from fanout.aws import AwsTarget
from fanout.console import ERR, OUT, print_json, progress, warn
from fanout.contract.followed import followed_statuses
from fanout.discovery import Bus, Publisher, Subscriber, find_bus, find_publisher, find_subscriber
from fanout.errors import ExitCode, Found, WrongUse
from fanout.runs.journal import done, ended, intent
from fanout.runs.ledger import State
from fanout.runs.options import Reveal, RunsDir, run_store
from fanout.runs.pace import CapacityPace, DepthBound, Stopping
from fanout.runs.store import Run, RunStore, find_operator
from fanout.sqs.queue import SqsQueue, answered_at
from fanout.sqs.subscription import deliveries
from fanout.text import mask_customer as mask

# How far each segment of a scan is, in the run's journal: what a resume goes on from


STEP = "page"
SCANNED = "scanned"
EXAMPLES_MAX = 10


@dataclass(frozen=True, slots=True, kw_only=True)
class Tally:
    """What became of the items of a scan so far.

    `scanned` items, of which `sent` as snapshots and `not_followed` because the subscriber's filter
    does not follow their status; `unreadable` counts by reason code those that can't become an
    event, and `examples` names some of these.
    """

    scanned: int = 0
    sent: int = 0
    not_followed: int = 0
    unreadable: Mapping[str, int] = field(default_factory=dict)
    examples: tuple[str, ...] = ()

    def plus(self, other: "Tally") -> "Tally":
        """Both together."""
        counts = Counter(self.unreadable) + Counter(other.unreadable)
        return Tally(
            scanned=self.scanned + other.scanned,
            sent=self.sent + other.sent,
            not_followed=self.not_followed + other.not_followed,
            unreadable=dict(sorted(counts.items())),
            examples=(*self.examples, *other.examples)[:EXAMPLES_MAX],
        )

    def to_document(self) -> dict[str, Any]:
        """One JSON object."""
        return {
            "scanned": self.scanned,
            "sent": self.sent,
            "not_followed": self.not_followed,
            "unreadable": dict(self.unreadable),
            "examples": list(self.examples),
        }

    @classmethod
    def from_document(cls, document: Mapping[str, Any]) -> "Tally":
        """Read what `to_document` wrote; other fields are left alone."""
        return cls(
            scanned=document["scanned"],
            sent=document["sent"],
            not_followed=document["not_followed"],
            unreadable=document["unreadable"],
            examples=tuple(document["examples"]),
        )


@dataclass(frozen=True, slots=True, kw_only=True)
class Position:
    """How far a segment is: the key that its next page begins after; `finished`: at its end."""

    segment: int
    next_key: Item | None = None
    finished: bool = False
    tally: Tally = Tally()

    def after(self, next_key: Item | None, tally: Tally) -> "Position":
        """The position one more page on."""
        return replace(
            self, next_key=next_key, finished=next_key is None, tally=self.tally.plus(tally)
        )


class Checkpoints:
    """The positions of all segments; safe for the threads of one process."""

    def __init__(self, run: Run) -> None:
        self._run = run
        self._lock = Lock()

    def create(self, segments: int, *, now: datetime) -> None:
        """Say which segments there are; nothing has been read yet."""
        self._run.select({"id": _name(one), "segment": one} for one in range(segments))
        self._run.freeze(cut_off=now)

    def positions(self) -> list[Position]:
        """Where each segment is."""
        with self._lock:
            items = list(self._run.ledger.items())
        positions = []
        for item in items:
            known = item.detail if "scanned" in item.detail else None
            positions.append(
                Position(
                    segment=item.facts["segment"],
                    next_key=_key_from(known["next_key"]) if known else None,
                    finished=item.state is State.ENDED,
                    tally=Tally.from_document(known) if known else Tally(),
                )
            )
        return positions

    def begin(self, position: Position) -> None:
        """The next page of this segment is about to be sent."""
        with self._lock:
            self._run.record(intent(STEP, [_name(position.segment)]))

    def reached(self, position: Position) -> None:
        """Every snapshot up to here has been confirmed."""
        name = _name(position.segment)
        facts = {
            "id": name,
            "next_key": _key_to(position.next_key),
            **position.tally.to_document(),
        }
        entries = [done(STEP, [{"ok": True, **facts}])]
        if position.finished:
            entries.append(ended([{"end": SCANNED, **facts}]))
        with self._lock:
            self._run.record(*entries)


def _name(segment: int) -> str:
    return f"segment-{segment:04}"


def _key_to(key: Item | None) -> dict[str, Any] | None:
    """A key in JSON, which has no bytes."""
    if key is None:
        return None
    return {
        name: {"B64": base64.b64encode(value["B"]).decode()} if "B" in value else dict(value)
        for name, value in key.items()
    }


def _key_from(document: Mapping[str, Any] | None) -> Item | None:
    if document is None:
        return None
    return {
        name: {"B": base64.b64decode(value["B64"])} if "B64" in value else dict(value)
        for name, value in document.items()
    }


# Is the subscriber subscribed with the filter that it states, and since when is that in force?


FILTER_DELAY = timedelta(minutes=15)
"""SNS applies a new or changed filter policy within 15 minutes.

Source: Amazon SNS developer guide, "Amazon SNS subscription filter policies".
"""


@dataclass(frozen=True, slots=True, kw_only=True)
class SubscriptionChange:
    """When the subscription last changed, and how long it still takes to be in force."""

    changed_at: datetime
    asked_at: datetime

    @property
    def seconds_left(self) -> float:
        """0 where it is in force."""
        return max(0.0, (self.changed_at + FILTER_DELAY - self.asked_at).total_seconds())


def last_change(target: AwsTarget, subscriber: Subscriber) -> SubscriptionChange:
    """How long ago the subscription or its filter changed, all by AWS's clock.

    Deploying a change writes the subscriber's SSM parameter again, since it holds the filter: its
    time counts, or `since`, whichever is later.
    """
    name = f"/{target.prefix}/subscribers/{subscriber.name}"
    answer = target.client("ssm").get_parameter(Name=name)
    changed_at: datetime = answer["Parameter"]["LastModifiedDate"]
    if subscriber.since:
        changed_at = max(changed_at, _instant(subscriber.since, name))
    return SubscriptionChange(changed_at=changed_at, asked_at=answered_at(answer))


def require_subscribed(target: AwsTarget, bus: Bus, subscriber: Subscriber) -> None:
    """See that live changes come to the queue, by the filter that its parameter states.

    Raises:
        WrongUse: nothing on the bus delivers to the queue, or by another filter.
    """
    filters = list(_filters(target, bus, subscriber.queue_arn))
    if not filters:
        raise WrongUse(
            f"Nothing on {bus.arn} delivers to {subscriber.queue_arn}: a change that happens "
            "during the scan would be missed. Subscribe it first."
        )
    stated = subscriber.filter or None
    if stated not in filters:
        raise WrongUse(
            f"The subscription of {subscriber.name} has another filter than its SSM parameter "
            f"states: {json.dumps(filters[0])}. Deploy the subscriber again."
        )


def _filters(target: AwsTarget, bus: Bus, queue_arn: str) -> Iterator[Mapping[str, Any] | None]:
    """The filter of each way from the bus to the queue; None: everything passes."""
    for name in deliveries(target, bus, queue_arn):
        if bus.transport == "eventbridge":
            rule = target.client("events").describe_rule(Name=name, EventBusName=bus.arn)
            if rule.get("State", "ENABLED") == "ENABLED":
                yield json.loads(rule["EventPattern"])
        else:
            answer = target.client("sns").get_subscription_attributes(SubscriptionArn=name)
            policy = answer["Attributes"].get("FilterPolicy")
            yield json.loads(policy) if policy else None


def _instant(text: str, name: str) -> datetime:
    try:
        found = datetime.fromisoformat(text)
    except ValueError:
        raise WrongUse(f"{name}: since is {text!r}; expected an RFC 3339 instant.") from None
    return found if found.tzinfo else found.replace(tzinfo=UTC)


# What a backfill is going to do, told before it does anything


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
    change: SubscriptionChange
    segments: int
    page_size: int
    units_per_second: float | None
    depth_max: int | None
    wait: bool

    @property
    def wait_seconds(self) -> float:
        """How long to wait before the scan."""
        return self.change.seconds_left if self.wait else 0.0

    @property
    def scan_seconds(self) -> float | None:
        """How long the scan takes at this rate, by the table's size; None without a rate."""
        if self.units_per_second is None:
            return None
        return self.accounts.size_bytes / UNIT_BYTES / self.units_per_second

    @property
    def risk(self) -> str | None:
        """What not to wait risks; None where there is nothing to wait for."""
        left = self.change.seconds_left
        if self.wait or not left:
            return None
        return (
            f"The subscription or its filter changed at {to_wire(self.change.changed_at)}, and "
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
        change=last_change(target, subscriber),
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


def _statuses(followed: frozenset[Status]) -> str:
    if followed == frozenset(Status):
        return "every customer"
    return f"customers that are {', '.join(sorted(followed))}"


def _duration(seconds: float) -> str:
    """`0:14:30`."""
    return str(timedelta(seconds=max(1, round(seconds))))


@dataclass(frozen=True, slots=True, kw_only=True)
class Scope:
    """What is sent, and as whose: the statuses that are followed, and the producer's source."""

    source: str
    followed: frozenset[Status]
    page_size: int


@dataclass(kw_only=True)
class Seeding:
    """One scan of the whole table, in as many threads as there are segments.

    Args:
        accounts: the table.
        send: sends events; each is confirmed when it returns.
        checkpoints: how far each segment is, and where that is kept.
        scope: what is sent.
        pace: shared by the segments.
        bound: on the queue, shared by the segments.
        stopping: asked before each page.
        progress: called with how many items a page had.
    """

    accounts: AccountsTable
    send: Callable[[Sequence[CustomerStatusChanged]], object]
    checkpoints: Checkpoints
    scope: Scope
    pace: CapacityPace
    bound: DepthBound
    stopping: Stopping
    progress: Callable[[int], object]

    def run(self) -> Tally:
        """Scan to the end, or until asked to stop; returns what became of all items so far.

        Raises:
            Exception: of the first segment that failed; the others stop after their page.
        """
        positions = self.checkpoints.positions()
        with ThreadPoolExecutor(len(positions), thread_name_prefix="segment") as pool:
            scans = [pool.submit(self._scan, position, len(positions)) for position in positions]
        return reduce(Tally.plus, (one.result().tally for one in scans), Tally())

    # Private functions

    def _scan(self, position: Position, segments: int) -> Position:
        try:
            while not position.finished and self._may_go_on():
                position = self._next_page(position, segments)
        except BaseException:
            self.stopping.ask()
            raise
        return position

    def _may_go_on(self) -> bool:
        return self.pace.wait(self.stopping) and self.bound.wait(self.stopping)

    def _next_page(self, position: Position, segments: int) -> Position:
        page = self.accounts.page(
            position.segment, segments, start=position.next_key, limit=self.scope.page_size
        )
        self.pace.spent(page.units)
        self.checkpoints.begin(position)
        tally = self._send(page)
        self.bound.page_sent(tally.sent)
        reached = position.after(page.next_key, tally)
        self.checkpoints.reached(reached)
        self.progress(page.scanned)
        return reached

    def _send(self, page: Page) -> Tally:
        snapshots = [one for one in page.customers if isinstance(one, Snapshot)]
        unreadable = [one for one in page.customers if isinstance(one, Unreadable)]
        followed = [one for one in snapshots if one.status in self.scope.followed]
        self.send([snapshot_event(one, self.scope.source) for one in followed])
        return Tally(
            scanned=page.scanned,
            sent=len(followed),
            not_followed=len(snapshots) - len(followed),
            unreadable=Counter(one.code for one in unreadable),
            examples=tuple(f"{one.customer_id}: {one.code}" for one in unreadable)[:EXAMPLES_MAX],
        )


COMMAND = "backfill"
SEGMENTS_DEFAULT = 4
SEGMENTS_MAX = 64
READ_UNITS_DEFAULT = 100.0
PAGE_SIZE_DEFAULT = 500
DEPTH_MAX_DEFAULT = 10_000


ReadUnits = Annotated[
    float,
    typer.Option("--read-units", min=0, help="Read capacity units a second; 0: no limit."),
]
OldRate = Annotated[float | None, typer.Option("--rate", min=0, hidden=True)]


def read_units_limit(read_units: float, rate: float | None) -> float | None:
    """The limit of read capacity, None: no limit; `--rate` is its old name for one release."""
    if rate is not None:
        warn("`--rate` is `--read-units` here now; the old name goes with the next release.")
        read_units = rate
    return read_units or None


def backfill(
    context: typer.Context,
    subscriber: Annotated[str, typer.Argument(help="The subscriber, such as payments.")],
    *,
    segments: Annotated[
        int, typer.Option(min=1, max=SEGMENTS_MAX, help="Parts of the table, read side by side.")
    ] = SEGMENTS_DEFAULT,
    read_units: ReadUnits = READ_UNITS_DEFAULT,
    rate: OldRate = None,
    page_size: Annotated[
        int, typer.Option(min=1, max=10_000, help="Items read at a time; a kill repeats this many.")
    ] = PAGE_SIZE_DEFAULT,
    max_depth: Annotated[
        int,
        typer.Option(
            min=0, help="Pause while more messages than this wait in the queue; 0: never."
        ),
    ] = DEPTH_MAX_DEFAULT,
    no_wait: Annotated[
        bool, typer.Option("--no-wait", help="Don't wait for a new subscription to be in force.")
    ] = False,
    resume: Annotated[
        str | None, typer.Option(metavar="RUN", help="Go on with a run: its id, or `last`.")
    ] = None,
    execute: Annotated[bool, typer.Option("--execute", help="Do it; else only the plan.")] = False,
    reveal: Reveal = False,
    as_json: Annotated[bool, typer.Option("--json", help="Print one JSON document.")] = False,
    runs_dir: RunsDir = None,
) -> None:
    """Send today's state of every customer to one subscriber's queue, and to nobody else's.

    Exit code 0 when done, 1 where items of Accounts can't be read as a customer, 2 for a wrong
    call, 3 where AWS refuses, 130 when interrupted; what is left is then done with --resume.
    """
    target: AwsTarget = context.obj
    store = run_store(target, runs_dir)
    if resume is not None:
        segments = _segments_of(store, resume)
    plan = make_plan(
        target,
        subscriber,
        segments=segments,
        page_size=page_size,
        units_per_second=read_units_limit(read_units, rate),
        depth_max=max_depth or None,
        wait=not no_wait,
    )
    if not as_json:
        print_plan(plan)
    if not execute:
        _stop_at_plan(plan, as_json=as_json)
        return
    with _run(target, store, plan, resume) as run, Stopping() as stopping:
        if not _await_filter(plan, stopping):
            raise typer.Exit(ExitCode.INTERRUPTED)
        tally, finished = _seed(target, plan, run, stopping)
        run_id = run.run_id
    if not reveal:
        named = (one.rpartition(": ") for one in tally.examples)
        tally = replace(tally, examples=tuple(f"{mask(one)}: {code}" for one, _, code in named))
    _show(tally, plan.subscriber.name, run_id=run_id, finished=finished, as_json=as_json)
    if tally.scanned and not (tally.sent or tally.not_followed):
        raise Found(nothing_matches(plan.publisher, tally.scanned))


def _stop_at_plan(plan: Plan, *, as_json: bool) -> None:
    if as_json:
        print_json({"executed": False, **plan.to_document()})
    else:
        OUT.print("Nothing was sent. Add --execute to do it.")


def _segments_of(store: RunStore, name: str) -> int:
    header = store.find(name).header
    found = header.fields if header is not None else {}
    if found.get("command") != COMMAND:
        raise WrongUse(f"Run {name!r} is no backfill: name one that is.")
    return int(found["options"]["segments"])


def _run(target: AwsTarget, store: RunStore, plan: Plan, resume: str | None) -> Run:
    """A new run, or the one to go on with; its segments are known when this returns."""
    operator = find_operator(target)
    subject = {"prefix": target.prefix, **plan.subject()}
    if resume is None:
        run = store.create(
            COMMAND, subject=subject, options={"segments": plan.segments}, operator=operator
        )
    else:
        run = store.open(resume)
        if run.header["subject"] != subject:
            run.close()
            raise WrongUse(
                f"Run {run.run_id} was made for another queue, table or filter than there is now: "
                "start a new one, without --resume."
            )
    if not run.is_frozen:
        Checkpoints(run).create(plan.segments, now=datetime.now(UTC))
    run.start(operator)
    ERR.print(f"[dim]run {run.run_id}[/]")
    return run


def _await_filter(plan: Plan, stopping: Stopping) -> bool:
    """Wait until the subscription is in force; False where asked to stop."""
    end = time.monotonic() + plan.wait_seconds
    with progress() as bars:
        task = bars.add_task("waiting", total=round(plan.wait_seconds))
        while not stopping.asked() and (left := end - time.monotonic()) > 0:
            bars.update(task, completed=round(plan.wait_seconds - left))
            stopping.wait(min(1.0, left))
    return not stopping.asked()


def _seed(target: AwsTarget, plan: Plan, run: Run, stopping: Stopping) -> tuple[Tally, bool]:
    """Scan; returns what became of the items, and whether it is all of them."""
    url, name = plan.subscriber.queue_url, plan.subscriber.name
    checkpoints = Checkpoints(run)
    queue = SqsQueue(target.client("sqs"), url, what=f"the queue of {name}")
    with progress() as bars:
        done = sum(position.tally.scanned for position in checkpoints.positions())
        task = bars.add_task("customers", total=plan.accounts.item_count, completed=done)
        seeding = Seeding(
            accounts=AccountsTable(target.client("dynamodb"), plan.accounts, plan.reader),
            send=partial(send_events, queue, fifo=url.endswith(".fifo")),
            checkpoints=checkpoints,
            scope=Scope(
                source=plan.publisher.source, followed=plan.followed, page_size=plan.page_size
            ),
            pace=CapacityPace(plan.units_per_second),
            bound=_depth_bound(queue, plan),
            stopping=stopping,
            progress=lambda count: bars.advance(task, count),
        )
        try:
            tally = seeding.run()
        except BaseException as error:
            run.pause(type(error).__name__)
            ERR.print(f"Go on with: fanout backfill {name} --execute --resume {run.run_id}")
            raise
    finished = all(position.finished for position in checkpoints.positions())
    if finished:
        run.finish()
    else:
        run.pause("interrupted")
    return tally, finished


def _depth_bound(queue: SqsQueue, plan: Plan) -> DepthBound:
    def waiting() -> int:
        depth = queue.facts().depth
        return depth.waiting + depth.delayed

    def holding(depth: int) -> None:
        ERR.print(
            f"{depth:,} messages wait in the queue: pausing whenever it is more than "
            f"{plan.depth_max:,}, so that live changes get their turn."
        )

    return DepthBound(waiting, plan.depth_max, page_size=plan.page_size, holding=holding)


def _show(tally: Tally, name: str, *, run_id: str, finished: bool, as_json: bool) -> None:
    document: dict[str, Any] = {"executed": True, "run_id": run_id, "finished": finished}
    if as_json:
        print_json({**document, **tally.to_document()})
    else:
        OUT.print(
            f"{tally.sent:,} snapshots sent of {tally.scanned:,} items; "
            f"skipped {tally.not_followed:,}: {name} does not subscribe to their status."
        )
    if not finished:
        ERR.print(f"Stopped. Go on with: --execute --resume {run_id}")
        raise typer.Exit(ExitCode.INTERRUPTED)
    if tally.unreadable:
        counts = ", ".join(f"{count:,} {code}" for code, count in tally.unreadable.items())
        raise Found(
            f"Items of Accounts that can't become a snapshot, as they can't become an event: "
            f"{counts}; such as {'; '.join(tally.examples[:3])}."
        )
