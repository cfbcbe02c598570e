"""`fanout backfill`: send today's state of every customer to one subscriber's queue."""

import base64
import json
from collections import Counter
from collections.abc import Callable, Iterator, Mapping, Sequence
from concurrent.futures import ThreadPoolExecutor
from dataclasses import asdict, dataclass, field, replace
from datetime import UTC, datetime, timedelta
from functools import partial, reduce
from threading import Lock
from typing import Annotated, Any, ClassVar, Self

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
from fanout.console import ERR, warn
from fanout.contract.followed import followed_statuses
from fanout.discovery import Bus, Publisher, Subscriber, find_bus, find_publisher, find_subscriber
from fanout.errors import WrongUse
from fanout.runs import operation as engine
from fanout.runs.journal import done, ended, intent
from fanout.runs.ledger import State
from fanout.runs.operation import Ending, Nothing, Operation, Plan, Selecting, Words, Work
from fanout.runs.options import Execute, JournalCopy, Json, Reveal, RunsDir, run_store
from fanout.runs.pace import DepthBound, Pace, Stopping
from fanout.runs.store import Run
from fanout.sqs.queue import SqsQueue, answered_at
from fanout.sqs.subscription import deliveries
from fanout.text import mask_customer

COMMAND = "backfill"
STEP = "page"
SCANNED = "scanned"
EXAMPLES_MAX = 10
SEGMENTS_DEFAULT = 4
SEGMENTS_MAX = 64
READ_UNITS_DEFAULT = 100.0
PAGE_SIZE_DEFAULT = 500
DEPTH_MAX_DEFAULT = 10_000
UNIT_BYTES = 4096
"""One strongly consistent read of up to 4 KB consumes one read capacity unit."""
FILTER_DELAY = timedelta(minutes=15)
"""SNS applies a new or changed filter policy within 15 minutes.

Source: Amazon SNS developer guide, "Amazon SNS subscription filter policies".
"""

# How far each segment of a scan is, in the run's journal: a resume goes on from there


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


@dataclass(frozen=True, slots=True, kw_only=True)
class Position:
    """How far a segment is: the key that its next page begins after; `finished`: at its end."""

    segment: int
    next_key: Item | None = None
    finished: bool = False
    tally: Tally = Tally()

    @property
    def item_id(self) -> str:
        """The segment's id in the journal."""
        return f"segment-{self.segment:04}"

    def after(self, next_key: Item | None, tally: Tally) -> "Position":
        """The position one more page on."""
        return replace(
            self, next_key=next_key, finished=next_key is None, tally=self.tally.plus(tally)
        )


def select_segments(run: Run, segments: int) -> None:
    """Say which segments there are; nothing has been read yet."""
    run.select({"id": Position(segment=n).item_id, "segment": n} for n in range(segments))
    run.freeze(cut_off=datetime.now(UTC))


def positions(run: Run) -> list[Position]:
    """How far each segment is."""
    result = []
    for item in run.ledger.items():
        position = Position(segment=item.facts["segment"], finished=item.state is State.ENDED)
        if "scanned" in item.detail:
            tally = {name: item.detail[name] for name in Tally.__dataclass_fields__}
            position = replace(
                position,
                next_key=_key_from(item.detail["next_key"]),
                tally=Tally(**{**tally, "examples": tuple(tally["examples"])}),
            )
        result.append(position)
    return result


def total(run: Run) -> Tally:
    """What became of all items so far."""
    return reduce(Tally.plus, (position.tally for position in positions(run)), Tally())


@dataclass(kw_only=True)
class Seeding:
    """One scan of the whole table, in as many threads as there are segments.

    Args:
        accounts: the table.
        send: sends events; each is confirmed when it returns.
        run: has the segments as its items.
        source: the producer's URI.
        followed: the statuses whose customers are sent.
        page_size: items of a page.
        pace: shared by the segments.
        bound: on the queue, shared by the segments.
        stopping: asked before each page.
        progress: called after each page with how many items have been scanned in all.
    """

    accounts: AccountsTable
    send: Callable[[Sequence[CustomerStatusChanged]], object]
    run: Run
    source: str
    followed: frozenset[Status]
    page_size: int
    pace: Pace
    bound: DepthBound
    stopping: Stopping
    progress: Callable[[int], object]
    journal_lock: Lock = field(default_factory=Lock)

    def scan(self) -> None:
        """Scan to the end, or until asked to stop.

        Raises:
            Exception: of the first segment that failed; the others stop after their page.
        """
        begun = positions(self.run)
        with ThreadPoolExecutor(len(begun), thread_name_prefix="segment") as pool:
            scans = [pool.submit(self._scan, position, len(begun)) for position in begun]
        for scan in scans:
            scan.result()

    # Private functions

    def _scan(self, position: Position, segments: int) -> None:
        try:
            while not position.finished and self._may_continue():
                position = self._next_page(position, segments)
        except BaseException:
            self.stopping.ask()
            raise

    def _may_continue(self) -> bool:
        self.pace.take()
        return self.bound.wait(self.stopping)

    def _next_page(self, position: Position, segments: int) -> Position:
        page = self.accounts.page(
            position.segment, segments, start=position.next_key, limit=self.page_size
        )
        self.pace.spent(page.units)
        with self.journal_lock:
            self.run.record(intent(STEP, [position.item_id]))
        tally = self._send(page)
        self.bound.page_sent(tally.sent)
        reached = position.after(page.next_key, tally)
        self._record(reached)
        return reached

    def _send(self, page: Page) -> Tally:
        snapshots = [one for one in page.customers if isinstance(one, Snapshot)]
        unreadable = [one for one in page.customers if isinstance(one, Unreadable)]
        followed = [one for one in snapshots if one.status in self.followed]
        self.send([snapshot_event(one, self.source) for one in followed])
        return Tally(
            scanned=page.scanned,
            sent=len(followed),
            not_followed=len(snapshots) - len(followed),
            unreadable=Counter(one.code for one in unreadable),
            examples=tuple(f"{one.customer_id}: {one.code}" for one in unreadable)[:EXAMPLES_MAX],
        )

    def _record(self, position: Position) -> None:
        """Every snapshot up to here has been confirmed."""
        facts = {
            "id": position.item_id,
            "next_key": _key_to(position.next_key),
            **asdict(position.tally),
        }
        entries = [done(STEP, [{"ok": True, **facts}])]
        if position.finished:
            entries.append(ended([{"end": SCANNED, **facts}]))
        with self.journal_lock:
            self.run.record(*entries)
            self.progress(total(self.run).scanned)


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
        try:
            since = datetime.fromisoformat(subscriber.since)
        except ValueError:
            raise WrongUse(
                f"{name}: since is {subscriber.since!r}; expected an RFC 3339 instant."
            ) from None
        changed_at = max(changed_at, since if since.tzinfo else since.replace(tzinfo=UTC))
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
    if (subscriber.filter or None) not in filters:
        raise WrongUse(
            f"The subscription of {subscriber.name} has another filter than its SSM parameter "
            f"states: {json.dumps(filters[0])}. Deploy the subscriber again."
        )


def _filters(target: AwsTarget, bus: Bus, queue_arn: str) -> Iterator[Mapping[str, Any] | None]:
    """The filter of each way from the bus to the queue; None: everything passes."""
    for name in deliveries(target, bus, queue_arn):
        if bus.transport == "eventbridge":
            rule = target.client("events").describe_rule(Name=name, EventBusName=bus.name)
            if rule.get("State", "ENABLED") == "ENABLED":
                yield json.loads(rule["EventPattern"])
        else:
            answer = target.client("sns").get_subscription_attributes(SubscriptionArn=name)
            policy = answer["Attributes"].get("FilterPolicy")
            yield json.loads(policy) if policy else None


def require_version(subscriber: Subscriber) -> None:
    """Raises: WrongUse where the subscriber does not read the version that snapshots have."""
    if NEWEST_MAJOR not in subscriber.versions:
        stated = ", ".join(str(major) for major in subscriber.versions)
        raise WrongUse(
            f"{subscriber.name} reads version {stated}, and snapshots are version {NEWEST_MAJOR}: "
            f"let it read version {NEWEST_MAJOR} first."
        )


# The operation


@dataclass(kw_only=True)
class Backfill(Operation):
    """Send snapshots of what one subscriber follows; its items are the segments of the table.

    `read_units` and `depth_max` None: no limit. `tally` is what became of the items, once the
    steps have ended.
    """

    command: ClassVar[str] = COMMAND
    words: ClassVar[Words] = Words(
        good=frozenset({SCANNED}),
        meanings={SCANNED: "read to its end, and each snapshot confirmed by the queue"},
        item="segment",
        twice="the order guard keeps the later snapshot",
    )

    target: AwsTarget
    publisher: Publisher
    subscriber: Subscriber
    accounts: TableFacts
    followed: frozenset[Status]
    change: SubscriptionChange
    segments: int = SEGMENTS_DEFAULT
    page_size: int = PAGE_SIZE_DEFAULT
    read_units: float | None = READ_UNITS_DEFAULT
    depth_max: int | None = DEPTH_MAX_DEFAULT
    wait: bool = True
    reveal: bool = False
    tally: Tally = Tally()
    finished: bool = False

    @classmethod
    def of(cls, target: AwsTarget, name: str, **options: Any) -> Self:
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
        return cls(
            target=target,
            publisher=publisher,
            subscriber=subscriber,
            accounts=describe(client, publisher.accounts_table, publisher.customer_id_attribute),
            followed=followed,
            change=last_change(target, subscriber),
            **options,
        )

    @classmethod
    def reopen(cls, target: AwsTarget, header: Mapping[str, Any]) -> Self:
        """See `Operation.reopen`. Old journals state `segments` alone."""
        names = ("segments", "page_size", "read_units", "depth_max", "wait", "reveal")
        options = {name: header["options"][name] for name in names if name in header["options"]}
        operation = cls.of(target, header["subject"]["subscriber"], **options)
        if header["subject"] != operation.subject():
            raise WrongUse(
                f"Run {header['run_id']} was made for another queue, table or filter than there is "
                "now: start a new one."
            )
        return operation

    def subject(self) -> Mapping[str, Any]:
        """See `Operation.subject`."""
        return {
            "prefix": self.target.prefix,
            "subscriber": self.subscriber.name,
            "queue_arn": self.subscriber.queue_arn,
            "accounts_table": self.accounts.name,
            "followed": sorted(self.followed),
        }

    def select(self, run: Run, selecting: Selecting) -> Nothing:  # noqa: ARG002 (nothing is read)
        """See `Operation.select`."""
        select_segments(run, self.segments)
        return Nothing()

    def plan(self, run: Run) -> Plan:  # noqa: ARG002 (all segments are alike)
        """See `Operation.plan`; `docs/howto/seed-a-subscriber.md` lists the document's fields."""
        seconds = self._scan_seconds()
        wait_seconds = self.change.seconds_left if self.wait else 0.0
        risk = self._risk()
        everybody = self.followed == frozenset(Status)
        who = "every customer" if everybody else f"customers that are {', '.join(self._statuses)}"
        rate = f"{self.read_units:g} read units/s" if self.read_units else "no limit"
        about = f", about {_duration(seconds)}" if seconds is not None else ""
        rows = [
            ("to", f"{self.subscriber.queue_url} (this queue only)"),
            ("from", f"{self.accounts.name}, about {self.accounts.item_count:,} items"),
            ("what", f"v{NEWEST_MAJOR} snapshots of {who}"),
            ("how", f"{self.segments} segments, consistent reads, {rate}{about}"),
        ]
        if self.depth_max is not None:
            rows.append(
                ("pauses", f"while more than {self.depth_max:,} messages wait in the queue")
            )
        if wait_seconds:
            rows.append(("waits", f"{_duration(wait_seconds)}: the subscription is that new"))
        document = {
            "executed": False,
            "subscriber": self.subscriber.name,
            "queue_arn": self.subscriber.queue_arn,
            "accounts_table": self.accounts.name,
            "followed": self._statuses,
            "customers_about": self.accounts.item_count,
            "size_bytes_about": self.accounts.size_bytes,
            "segments": self.segments,
            "page_size": self.page_size,
            "units_per_second": self.read_units,
            "depth_max": self.depth_max,
            "scan_seconds_about": seconds,
            "wait_seconds": wait_seconds,
            "risk": risk,
        }
        return Plan(document=document, rows=tuple(rows), remarks=(risk,) if risk else ())

    def steps(self, run: Run) -> Callable[[Work], Ending]:
        """See `Operation.steps`."""
        return partial(self._seed, run)

    def results(self) -> Mapping[str, Any]:
        """See `Operation.results`."""
        return {"executed": True, "finished": self.finished, **asdict(self.tally)}

    # Private functions

    @property
    def _statuses(self) -> list[str]:
        return sorted(self.followed)

    def _scan_seconds(self) -> float | None:
        """How long the scan takes, by the table's size; None without a limit."""
        if self.read_units is None:
            return None
        return self.accounts.size_bytes / UNIT_BYTES / self.read_units

    def _risk(self) -> str | None:
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

    def _seed(self, run: Run, work: Work) -> Ending:
        """Wait until the subscription is in force, scan, and say what became of the items."""
        if self.wait:
            work.stopping.wait(self.change.seconds_left)
        url, name = self.subscriber.queue_url, self.subscriber.name
        queue = SqsQueue(self.target.client("sqs"), url, what=f"the queue of {name}")
        client = self.target.client("dynamodb")
        Seeding(
            accounts=AccountsTable(client, self.accounts, ItemReader(self.publisher)),
            send=partial(send_events, queue, fifo=url.endswith(".fifo")),
            run=run,
            source=self.publisher.source,
            followed=self.followed,
            page_size=self.page_size,
            pace=Pace(self.read_units, wait=work.stopping.wait),
            bound=self._depth_bound(queue),
            stopping=work.stopping,
            progress=lambda scanned: work.progress(scanned, total=self.accounts.item_count),
        ).scan()
        tally = total(run)
        self.finished = all(position.finished for position in positions(run))
        if not self.reveal:
            tally = replace(tally, examples=tuple(map(_masked, tally.examples)))
        self.tally = tally
        work.say(
            f"{tally.sent:,} snapshots sent of {tally.scanned:,} items; "
            f"skipped {tally.not_followed:,}: {name} does not subscribe to their status."
        )
        return Ending(sentence=self._complaint(tally) if self.finished else "")

    def _complaint(self, tally: Tally) -> str:
        """What is wrong with the items of Accounts; "" where nothing is."""
        if tally.unreadable:
            counts = ", ".join(f"{count:,} {code}" for code, count in tally.unreadable.items())
            return (
                "Items of Accounts that can't become a snapshot, as they can't become an event: "
                f"{counts}; such as {'; '.join(tally.examples[:3])}."
            )
        if tally.scanned and not (tally.sent or tally.not_followed):
            return nothing_matches(self.publisher, tally.scanned)
        return ""

    def _depth_bound(self, queue: SqsQueue) -> DepthBound:
        def waiting() -> int:
            depth = queue.facts().depth
            return depth.waiting + depth.delayed

        def holding(depth: int) -> None:
            ERR.print(
                f"{depth:,} messages wait in the queue: pausing whenever it is more than "
                f"{self.depth_max:,}, so that live changes get their turn."
            )

        return DepthBound(waiting, self.depth_max, page_size=self.page_size, holding=holding)


def _masked(example: str) -> str:
    customer_id, _, code = example.rpartition(": ")
    return f"{mask_customer(customer_id)}: {code}"


def _duration(seconds: float) -> str:
    """`0:14:30`."""
    return str(timedelta(seconds=max(1, round(seconds))))


# The command


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
    resume: Annotated[str | None, typer.Option(metavar="RUN", hidden=True)] = None,
    execute: Execute = False,
    reveal: Reveal = False,
    journal: JournalCopy = None,
    as_json: Json = False,
    runs_dir: RunsDir = None,
) -> None:
    """Send today's state of every customer to one subscriber's queue, and to nobody else's.

    Exit code 0 when done, 1 where items of Accounts can't be read as a customer, 2 for a wrong
    call, 3 where AWS refuses, 130 when interrupted; `fanout runs resume` does what is left.
    """
    target: AwsTarget = context.obj
    if resume is not None:
        _resume(target, subscriber, resume, runs_dir, execute=execute, as_json=as_json)
        return
    options: dict[str, Any] = {
        "segments": segments,
        "page_size": page_size,
        "read_units": read_units_limit(read_units, rate),
        "depth_max": max_depth or None,
        "wait": not no_wait,
        "reveal": reveal,
    }
    operation = Backfill.of(target, subscriber, **options)
    options |= {"journal": journal, "execute": execute}
    engine.begin(target, operation, options, runs_dir=runs_dir, as_json=as_json)


def _resume(
    target: AwsTarget,
    subscriber: str,
    name: str,
    runs_dir: RunsDir,
    *,
    execute: bool,
    as_json: bool,
) -> None:
    """`--resume RUN`, the old spelling of `fanout runs resume RUN`, for one release."""
    warn("`fanout backfill --resume` is `fanout runs resume` now, and goes with the next release.")
    store = run_store(target, runs_dir)
    stored = store.find(name, of=COMMAND)
    if stored.fields["subject"]["subscriber"] != subscriber:
        raise WrongUse(f"Run {name!r} is no backfill of {subscriber}: name one that is.")
    engine.resume(target, Backfill, store, stored.run_id, execute=execute, as_json=as_json)
