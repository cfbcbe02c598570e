"""`fanout backfill`: send today's state of every customer to one subscriber's queue."""

import base64
from collections import Counter
from collections.abc import Callable, Mapping
from concurrent.futures import ThreadPoolExecutor
from dataclasses import asdict, dataclass, field, replace
from datetime import UTC, datetime
from functools import partial, reduce
from threading import Lock
from typing import Annotated, Any, ClassVar, Self

import typer
from pydantic import TypeAdapter

from customer_events.event import NEWEST_MAJOR, Status
from customer_events.instants import to_wire
from fanout.accounts.snapshots import QueueOperation, require_version, snapshot_event
from fanout.aws import AwsTarget
from fanout.console import ERR, Json, option, warn
from fanout.errors import WrongUse
from fanout.runs import operation as engine
from fanout.runs.journal import done, ended, intent
from fanout.runs.ledger import State
from fanout.runs.operation import Ending, Nothing, Plan, Selecting, Words, Work
from fanout.runs.options import Execute, Reveal, RunsDir, run_store
from fanout.runs.pace import DepthBound
from fanout.runs.store import Run
from fanout.sqs.queue import answered_at
from fanout.text import mask_customer, span
from sentinel.contract.followed import followed_statuses
from sentinel.discovery import Bus, Subscriber, find_bus, find_publisher, find_subscriber
from sentinel.examination import Examination
from sentinel.findings import Severity
from sentinel.pace import Pace
from sentinel.rules import check_deliveries
from sentinel.snapshots import Item, Snapshot, Unreadable, nothing_matches
from sentinel.table import UNIT_BYTES, AccountsTable, Page, find_accounts

COMMAND = "backfill"
STEP = "page"
SCANNED = "scanned"
EXAMPLES_MAX = 10
SEGMENTS_DEFAULT = 4
SEGMENTS_MAX = 64
READ_UNITS_DEFAULT = 100.0
PAGE_SIZE_DEFAULT = 500
DEPTH_MAX_DEFAULT = 10_000
FILTER_DELAY_SECONDS = 900.0
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


_TALLY = TypeAdapter(Tally)


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
    return [
        Position(
            segment=item.facts["segment"],
            next_key=_key_from(item.detail.get("next_key")),
            finished=item.state is State.ENDED,
            tally=_TALLY.validate_python(item.detail),
        )
        for item in run.ledger.items()
    ]


def total(run: Run) -> Tally:
    """What became of all items so far."""
    return reduce(Tally.plus, (position.tally for position in positions(run)), Tally())


@dataclass(kw_only=True)
class Seeding:
    """One scan of the whole table, in as many threads as the run has segments.

    Its pace and its bound are shared by the segments.
    """

    operation: "Backfill"
    run: Run
    work: Work
    journal_lock: Lock = field(default_factory=Lock)

    def __post_init__(self) -> None:
        self.bound, self.send = self.operation.depth_bound(), self.operation.sender()
        self.pace = Pace(self.operation.read_units, wait=self.work.stopping.wait)

    def scan(self) -> None:
        """Scan to the end, or until asked to stop. Raises: of the first segment that failed."""
        begun = positions(self.run)
        with ThreadPoolExecutor(len(begun), thread_name_prefix="segment") as pool:
            scans = [pool.submit(self._scan, position, len(begun)) for position in begun]
        for scan in scans:
            scan.result()

    # Private functions

    def _scan(self, position: Position, segments: int) -> None:
        stopping = self.work.stopping
        try:
            while not position.finished:
                self.pace.take()
                if not self.bound.wait(stopping):
                    break
                position = self._next_page(position, segments)
        except BaseException:
            stopping.ask()
            raise

    def _next_page(self, position: Position, segments: int) -> Position:
        operation = self.operation
        page = operation.accounts.page(
            position.segment, segments, start=position.next_key, limit=operation.page_size
        )
        self.pace.spent(page.units)
        with self.journal_lock:
            self.run.record(intent(STEP, [position.item_id]))
        tally = self._send(page)
        self.bound.page_sent(tally.sent)
        reached = position.after(page.next_key, tally)
        self._record(reached)
        return reached

    def _send(self, page: Page[Snapshot | Unreadable]) -> Tally:
        snapshots = [each for each in page.records if isinstance(each, Snapshot)]
        unreadable = [each for each in page.records if isinstance(each, Unreadable)]
        followed = [each for each in snapshots if each.status in self.operation.followed]
        self.send([snapshot_event(each, self.operation.publisher.source) for each in followed])
        return Tally(
            scanned=page.scanned,
            sent=len(followed),
            not_followed=len(snapshots) - len(followed),
            unreadable=Counter(each.code for each in unreadable),
            examples=tuple(f"{each.customer_id}: {each.code}" for each in unreadable),
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
            about = self.operation.accounts.facts.item_count
            self.work.progress(total(self.run).scanned, total=about)


def _key_to(key: Item | None) -> Item | None:
    """A key in JSON, which has no bytes."""
    return key and {
        name: {"B64": base64.b64encode(value["B"]).decode()} if "B" in value else value
        for name, value in key.items()
    }


def _key_from(key: Item | None) -> Item | None:
    return key and {
        name: {"B": base64.b64decode(value["B64"])} if "B64" in value else value
        for name, value in key.items()
    }


# Is the subscriber subscribed with the filter that it states, and since when is that in force?


def changed_at(target: AwsTarget, subscriber: Subscriber) -> tuple[datetime, float]:
    """When the subscription or its filter last changed, and how many seconds ago, by AWS's clock.

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
    return changed_at, (answered_at(answer) - changed_at).total_seconds()


def require_subscribed(target: AwsTarget, bus: Bus, subscriber: Subscriber) -> None:
    """Raises: WrongUse: nothing delivers to the queue, or by another filter than it states."""
    for each in check_deliveries(subscriber, Examination(target, bus).deliveries(subscriber)):
        if each.severity is Severity.WRONG:
            raise WrongUse(f"{subscriber.name}: {each.what} {each.harm} {each.fix}")


@dataclass(kw_only=True)
class Backfill(QueueOperation):
    """Send snapshots of what one subscriber follows; its items are the segments of the table.

    `changed_at` is when the subscription or its filter changed; that may take `unsure_seconds` more
    to be in force. `read_units` and `depth_max` None: no limit. `tally` is what became of the
    items, and `finished` whether all were read, once the steps have ended.
    """

    command: ClassVar[str] = COMMAND
    words: ClassVar[Words] = Words(
        good=frozenset({SCANNED}),
        meanings={SCANNED: "read to its end, and each snapshot confirmed by the queue"},
        item="segment",
        twice="the order guard keeps the later snapshot",
    )

    accounts: AccountsTable
    followed: frozenset[Status]
    changed_at: datetime
    unsure_seconds: float
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
        """Look at everything and change nothing. Raises: WrongUse: it can't be seeded as it is."""
        subscriber = find_subscriber(target, name)
        publisher, bus = find_publisher(target), find_bus(target)
        require_version(subscriber)
        followed = followed_statuses(subscriber, publisher)
        require_subscribed(target, bus, subscriber)
        at, seconds_ago = changed_at(target, subscriber)
        return cls(
            target=target,
            publisher=publisher,
            subscriber=subscriber,
            accounts=find_accounts(target, publisher),
            followed=followed,
            changed_at=at,
            unsure_seconds=max(0.0, FILTER_DELAY_SECONDS - seconds_ago),
            **options,
        )

    def subject(self) -> dict[str, Any]:
        """See `Operation.subject`."""
        return super().subject() | {
            "accounts_table": self.accounts.facts.name,
            "followed": sorted(self.followed),
        }

    def select(self, run: Run, selecting: Selecting) -> Nothing:  # noqa: ARG002 (nothing is read)
        """See `Operation.select`."""
        select_segments(run, self.segments)
        return Nothing()

    def plan(self, run: Run) -> Plan:  # noqa: ARG002 (all segments are alike)
        """See `Operation.plan`."""
        facts, risk = self.accounts.facts, self._risk()
        seconds = self.read_units and facts.size_bytes / UNIT_BYTES / self.read_units
        wait_seconds = self.unsure_seconds if self.wait else 0.0
        some = f"customers that are {', '.join(sorted(self.followed))}"
        who = "every customer" if self.followed == frozenset(Status) else some
        rate = f"{self.read_units:g} read units/s" if self.read_units else "no limit"
        about = "" if seconds is None else f", about {span(seconds)}"
        pauses = waits = ""
        if self.depth_max is not None:
            pauses = f"while more than {self.depth_max:,} messages wait in the queue"
        if wait_seconds:
            waits = f"{span(wait_seconds)}: the subscription is that new"
        rows = (
            ("to", f"{self.subscriber.queue_url} (this queue only)"),
            ("from", f"{facts.name}, about {facts.item_count:,} items"),
            ("what", f"v{NEWEST_MAJOR} snapshots of {who}"),
            ("how", f"{self.segments} segments, consistent reads, {rate}{about}"),
            ("pauses", pauses),
            ("waits", waits),
        )
        document = {
            "executed": False,
            "customers_about": facts.item_count,
            "size_bytes_about": facts.size_bytes,
            "scan_seconds_about": seconds,
            "wait_seconds": wait_seconds,
            "risk": risk,
        }
        return Plan(document=document, rows=rows, remarks=(risk,) if risk else ())

    def steps(self, run: Run) -> Callable[[Work], Ending]:
        """See `Operation.steps`."""
        return partial(self._seed, run)

    def results(self) -> Mapping[str, Any]:
        """See `Operation.results`."""
        return {"executed": True, "finished": self.finished, **asdict(self.tally)}

    def depth_bound(self) -> DepthBound:
        """What keeps the queue short enough that live changes get their turn."""
        queue = self.queue()

        def waiting() -> int:
            depth = queue.facts().depth
            return depth.waiting + depth.delayed

        def holding(depth: int) -> None:
            ERR.print(
                f"{depth:,} messages wait in the queue: pausing whenever it is more than "
                f"{self.depth_max:,}, so that live changes get their turn."
            )

        return DepthBound(
            look=waiting, depth_max=self.depth_max, page_size=self.page_size, holding=holding
        )

    # Private functions

    def _risk(self) -> str | None:
        """What not to wait risks; None where there is nothing to wait for."""
        if self.wait or not self.unsure_seconds:
            return None
        return (
            f"The subscription or its filter changed at {to_wire(self.changed_at)}, and may not be "
            f"in force everywhere for {span(self.unsure_seconds)}. A change that happens until "
            "then, after its customer was read, can be missed: its row stays as it was read. "
            "`fanout reconcile` finds such rows."
        )

    def _seed(self, run: Run, work: Work) -> Ending:
        """Wait until the subscription is in force, scan, and say what became of the items."""
        if self.wait:
            work.stopping.wait(self.unsure_seconds)
        Seeding(operation=self, run=run, work=work).scan()
        tally = total(run)
        self.finished = all(position.finished for position in positions(run))
        if not self.reveal:
            tally = replace(tally, examples=tuple(map(_masked, tally.examples)))
        self.tally = tally
        work.say(
            f"{tally.sent:,} snapshots sent of {tally.scanned:,} items; "
            f"skipped {tally.not_followed:,}: {self.subscriber.name} does not subscribe to their "
            "status."
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


def _masked(example: str) -> str:
    customer_id, _, code = example.rpartition(": ")
    return f"{mask_customer(customer_id)}: {code}"


ReadUnits = Annotated[float, option("Read capacity units a second; 0: no limit.", min=0)]
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
        int, option("Parts of the table that are read in parallel.", min=1, max=SEGMENTS_MAX)
    ] = SEGMENTS_DEFAULT,
    read_units: ReadUnits = READ_UNITS_DEFAULT,
    rate: OldRate = None,
    page_size: Annotated[
        int, option("Items read at a time; a resume repeats this many.", min=1, max=10_000)
    ] = PAGE_SIZE_DEFAULT,
    max_depth: Annotated[
        int, option("Pause while more messages than this wait in the queue; 0: never.", min=0)
    ] = DEPTH_MAX_DEFAULT,
    no_wait: Annotated[
        bool, option("Don't wait until a new subscription is effective.", "--no-wait")
    ] = False,
    resume: Annotated[str | None, typer.Option(metavar="RUN", hidden=True)] = None,
    execute: Execute = False,
    reveal: Reveal = False,
    as_json: Json = False,
    runs_dir: RunsDir = None,
) -> None:
    """Send today's state of every customer to one subscriber's queue, and to no other.

    Exit codes: 0 done (or only the plan was shown), 1 some items of Accounts
    can't be read as a customer. `fanout runs resume` continues it.
    """
    target: AwsTarget = context.obj
    if resume is not None:
        warn(
            "`fanout backfill --resume` is `fanout runs resume` now: it goes with the next release."
        )
        store = run_store(target, runs_dir)
        stored = store.find(resume, of=COMMAND)
        if stored.header.fields["subject"]["subscriber"] != subscriber:
            raise WrongUse(f"Run {resume!r} is no backfill of {subscriber}: name one that is.")
        engine.resume(target, Backfill, store, stored.run_id, execute=execute, as_json=as_json)
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
    engine.begin(operation, options | {"execute": execute}, runs_dir=runs_dir, as_json=as_json)
