"""How full every subscriber's queue and DLQ are, how that changes, and when messages are lost.

The age of a DLQ's oldest message comes from a few messages that are read and shown again at once,
since CloudWatch counts from the move into the DLQ while retention, on a standard queue, counts
from the first send. A live queue is never read here: that would use up attempts.
"""

import hashlib
import json
import sqlite3
from dataclasses import dataclass, field
from datetime import UTC, datetime
from pathlib import Path
from types import TracebackType
from typing import Annotated, Any, Self

import typer
from rich.markup import escape

from customer_events.instants import from_wire, to_wire
from fanout.aws import AwsTarget
from fanout.console import ERR, OUT, print_facts, print_json, progress, table, warn
from fanout.discovery import list_subscribers
from fanout.dlq import selection as options
from fanout.dlq.diagnosis import Cause, Diagnosis, Origin, advice, diagnose
from fanout.dlq.replay import what_was_not_seen
from fanout.dlq.selection import Conditions, Numbering, dead_since
from fanout.errors import ExitCode, Found
from fanout.runs.options import Check, Json, Reveal
from fanout.sqs.message import DeadMessage
from fanout.sqs.queue import DeadLetters, QueueDepth, read_metric, read_oldest_age
from fanout.sqs.scan import Sweep
from fanout.sqs.subscription import Subscription, find_subscription, of_subscriber
from fanout.text import mask_body, mask_customer, moment, reveal_body, span

SAMPLE_MAX = 50
"""Messages of a DLQ that are read for the oldest one's age."""
_LOOK_SECONDS = 10


@dataclass(frozen=True, slots=True, kw_only=True)
class Growth:
    """How many messages more (or fewer) there are than so long ago, and who remembered."""

    messages: int
    seconds: int
    source: str


@dataclass(frozen=True, slots=True, kw_only=True)
class Overview:
    """One subscriber's queue and DLQ.

    Ages are in seconds; None: not known (an empty queue, or no CloudWatch). `dead_in_seconds` is
    when retention deletes the oldest message that was seen; `age_is_sample`: there may be an older
    one, as not all were read.
    """

    subscriber: str
    fifo: bool
    queue: QueueDepth
    queue_age_seconds: int | None
    dlq: QueueDepth
    dlq_age_seconds: int | None
    age_is_sample: bool
    dead_in_seconds: int | None
    retention_seconds: int
    growth: Growth | None

    def to_document(self) -> dict[str, Any]:
        """One JSON object with every field."""
        return {
            "subscriber": self.subscriber,
            "fifo": self.fifo,
            "queue": _depth(self.queue) | {"oldest_age_seconds": self.queue_age_seconds},
            "dlq": _depth(self.dlq)
            | {
                "oldest_age_seconds": self.dlq_age_seconds,
                "oldest_age_is_sample": self.age_is_sample,
                "retention_seconds": self.retention_seconds,
                "dead_in_hours": self.dead_in_seconds and round(self.dead_in_seconds / 3600, 1),
                "growth": self.growth
                and {
                    "messages": self.growth.messages,
                    "seconds": self.growth.seconds,
                    "source": self.growth.source,
                },
            },
        }


def look(subscription: Subscription, cloudwatch: Any, *, now: datetime) -> Overview:
    """Look at one subscriber's queues.

    Raises:
        Refused: a queue does not exist.
    """
    queue, dlq = subscription.queue.facts(), subscription.dlq.facts()
    oldest, seen = _oldest(subscription.dlq) if dlq.depth.waiting else (None, 0)
    age = None if oldest is None else max(0, int((now - oldest).total_seconds()))
    memory = _Memory(subscription.folder, dlq.arn)
    growth = memory.compare(dlq.depth.total, now) or _watched_growth(
        cloudwatch, dlq.arn, dlq.depth.total, now
    )
    memory.remember(dlq.depth.total, now)
    return Overview(
        subscriber=subscription.subscriber.name,
        fifo=dlq.fifo,
        queue=queue.depth,
        queue_age_seconds=read_oldest_age(cloudwatch, queue.arn, now),
        dlq=dlq.depth,
        dlq_age_seconds=age,
        age_is_sample=dlq.fifo or seen < dlq.depth.total,
        dead_in_seconds=None if age is None else max(0, dlq.retention_seconds - age),
        retention_seconds=dlq.retention_seconds,
        growth=growth,
    )


class _Memory:
    """How full a DLQ was when this person looked last; see `Growth`."""

    def __init__(self, folder: Path, dlq_arn: str) -> None:
        name = dlq_arn.replace(":", "_").replace("/", "_")
        self._path = folder / "depths" / f"{name}.json"

    def compare(self, total: int, now: datetime) -> Growth | None:
        try:
            before = json.loads(self._path.read_text(encoding="utf-8"))
            seconds = int((now - from_wire(before["at"])).total_seconds())
            messages = total - int(before["total"])
        except (OSError, ValueError, KeyError, TypeError):
            return None
        return Growth(messages=messages, seconds=max(0, seconds), source="the last look")

    def remember(self, total: int, now: datetime) -> None:
        self._path.parent.mkdir(parents=True, exist_ok=True)
        document = {"at": to_wire(now), "total": total}
        self._path.write_text(json.dumps(document), encoding="utf-8")


def _oldest(dlq: DeadLetters) -> tuple[datetime | None, int]:
    """The oldest send among a few messages, and how many there were."""
    oldest: datetime | None = None
    seen = 0
    with Sweep(dlq, hold_seconds=_LOOK_SECONDS) as sweep:
        for page in sweep.pages():
            seen += len(page)
            oldest = min([message.sent_at for message in page] + ([oldest] if oldest else []))
            if seen >= SAMPLE_MAX:
                break
    return oldest, seen


def _watched_growth(cloudwatch: Any, arn: str, total: int, now: datetime) -> Growth | None:
    points = read_metric(cloudwatch, "ApproximateNumberOfMessagesVisible", arn, now)
    if not points:
        return None
    seconds = int((now - points[0]["Timestamp"]).total_seconds())
    return Growth(messages=total - int(points[0]["Maximum"]), seconds=seconds, source="CloudWatch")


def _depth(depth: QueueDepth) -> dict[str, int]:
    return {"visible": depth.waiting, "in_flight": depth.in_flight, "delayed": depth.delayed}


# Count dead messages by cause, in a memory that does not grow with their number


GROUPS_MAX = 500
REST = Cause(
    origin=Origin.SNS, code="OtherCauses", expected=f"beyond the first {GROUPS_MAX} causes"
)
EXAMPLES_MAX = 10


@dataclass(slots=True, kw_only=True)
class Group:
    """Messages of one cause.

    `may_succeed` counts those that can be read now; `number` is what a person types (`--group`).
    """

    cause: Cause
    number: int = 0
    count: int = 0
    may_succeed: int = 0
    first_seen: datetime | None = None
    last_seen: datetime | None = None
    versions: set[int] = field(default_factory=set)
    customers: int = 0
    examples: list[str] = field(default_factory=list)

    def to_document(self) -> dict[str, Any]:
        """One JSON object with every field."""
        return {
            "group": self.number,
            "key": self.cause.key,
            "origin": self.cause.origin.value,
            "reason": self.cause.code,
            "field": self.cause.field,
            "expected": self.cause.expected,
            "count": self.count,
            "customers": self.customers,
            "versions": sorted(self.versions),
            "first_seen": self.first_seen and to_wire(self.first_seen),
            "last_seen": self.last_seen and to_wire(self.last_seen),
            "would_succeed_now": self.may_succeed,
            "advice": advice(self.cause.code),
            "examples": self.examples,
        }


class Grouping:
    """Collects messages into groups; use it in a `with` block."""

    def __init__(self) -> None:
        self._groups: dict[str, Group] = {}
        self._base = sqlite3.connect("", isolation_level=None)
        self._base.executescript(
            "PRAGMA journal_mode = OFF; PRAGMA synchronous = OFF;"
            "CREATE TABLE hit (cause TEXT, customer BLOB, PRIMARY KEY (cause, customer))"
            " WITHOUT ROWID;"
        )

    def __enter__(self) -> Self:
        """Begin to count."""
        return self

    def __exit__(
        self,
        kind: type[BaseException] | None,
        error: BaseException | None,
        trace: TracebackType | None,
    ) -> None:
        """Remove what is on the disk."""
        self._base.close()

    def add(self, message: DeadMessage, diagnosis: Diagnosis) -> None:
        """Count one message."""
        group = self._group(diagnosis.cause)
        died_at = dead_since(message)
        group.count += 1
        group.may_succeed += bool(diagnosis.may_succeed_now)
        group.first_seen = min(group.first_seen or died_at, died_at)
        group.last_seen = max(group.last_seen or died_at, died_at)
        if diagnosis.version is not None and len(group.versions) < GROUPS_MAX:
            group.versions.add(diagnosis.version)
        if len(group.examples) < EXAMPLES_MAX:
            group.examples.append(message.message_id)
        if diagnosis.customer_id is not None:
            name = hashlib.sha256(diagnosis.customer_id.encode()).digest()[:16]
            group.customers += self._base.execute(
                "INSERT OR IGNORE INTO hit VALUES (?, ?)", (group.cause.key, name)
            ).rowcount

    def groups(self) -> list[Group]:
        """The groups, the largest first."""
        return sorted(self._groups.values(), key=lambda one: (-one.count, one.cause.key))

    # Private functions

    def _group(self, cause: Cause) -> Group:
        kept = cause if cause.key in self._groups or len(self._groups) < GROUPS_MAX else REST
        return self._groups.setdefault(kept.key, Group(cause=kept))


# How `fanout dlq list` and `show` look: tables for a person, documents for a program


_WHERE_SHOWN = 60
_VERSIONS_SHOWN = 3
_IDS_SHOWN = 3
_ORIGINS = {
    Origin.PARKED: "parked by the consumer",
    Origin.REDRIVE: "moved by SQS after its last attempt",
    Origin.EVENTBRIDGE: "not delivered by EventBridge",
    Origin.SNS: "not delivered by SNS",
}


def print_overviews(found: list[Overview]) -> None:
    """Print each subscriber's queue and DLQ."""
    rows = table(
        "Queues", "subscriber", "", "messages", "in flight", "oldest", "growth", "deleted in"
    )
    for column in (2, 3):
        rows.columns[column].justify = "right"
    for match in found:
        rows.add_row(
            escape(match.subscriber),
            "queue",
            f"{match.queue.waiting + match.queue.delayed:,}",
            f"{match.queue.in_flight:,}",
            "-" if match.queue_age_seconds is None else span(match.queue_age_seconds),
            "",
            "",
        )
        rows.add_row("", *_dlq_cells(match), end_section=True)
    OUT.print(rows)


def show_groups(
    subscriber: str, groups: list[Group], seen: int, remarks: list[str], *, as_json: bool
) -> None:
    """Print the groups, or one JSON document of them."""
    if as_json:
        documents = [one.to_document() for one in groups]
        print_json(
            {"subscriber": subscriber, "messages": seen, "groups": documents, "remarks": remarks}
        )
        return
    columns = ("group", "count", "cause", "readable", "died (UTC)")
    rows = table(f"Dead messages of {subscriber}: {seen:,}", *columns)
    for column in (0, 1, 3, 4):
        rows.columns[column].no_wrap = True
    for group in groups:
        rows.add_row(
            str(group.number),
            f"{group.count:,}",
            _cause(group.cause),
            _readable(group),
            f"{moment(group.first_seen)[5:16]}\n{moment(group.last_seen)[5:16]}",
        )
    OUT.print(rows)
    for group in groups:
        what_to_do = escape(advice(group.cause.code))
        OUT.print(f"[bold]{group.number}[/]  {what_to_do}", soft_wrap=False)
        versions = ", ".join(map(str, sorted(group.versions)[:_VERSIONS_SHOWN])) or "unknown"
        origin = _ORIGINS[group.cause.origin]
        OUT.print(f"   {origin}; version {versions}; {group.customers:,} customers", style="dim")
        ids = group.examples[:_IDS_SHOWN]
        OUT.print(f"   showing {len(ids):,} of {group.count:,}, for --message ID:", style="dim")
        for message_id in ids:
            OUT.print(f"     {escape(message_id)}", style="dim")
    for remark in remarks:
        warn(remark)


def show_ids(group: Group) -> None:
    """List messages of a group by their ids."""
    OUT.print(f"Group {group.number}, showing {len(group.examples):,} of {group.count:,} messages:")
    for message_id in group.examples:
        OUT.print(f"  {escape(message_id)}")
    OUT.print("The first that was read:")


def show_one(
    found: tuple[DeadMessage, Diagnosis], number: int, *, reveal: bool, as_json: bool
) -> None:
    """Print one message, or one JSON document of it."""
    document = _one_document(*found, number=number, reveal=reveal)
    if as_json:
        print_json(document)
        return
    facts = {name.replace("_", " "): value for name, value in document.items() if name != "body"}
    print_facts(f"Message {facts.pop('message id')}", facts.items())
    OUT.print(document["body"], markup=False)
    if not reveal:
        ERR.print(
            "[dim]Customer ids are masked in part; fields that the contract doesn't declare show "
            "their shape only. --reveal shows them.[/]"
        )


def _dlq_cells(one: Overview) -> list[str]:
    colour = "bold red" if one.dlq.total else "green"
    growth = "-"
    if one.growth is not None:
        growth = f"{one.growth.messages:+,} in {span(one.growth.seconds)}"
    age = "-" if one.dlq_age_seconds is None else span(one.dlq_age_seconds)
    left = "-" if one.dead_in_seconds is None else span(one.dead_in_seconds)
    return [
        "DLQ (FIFO)" if one.fifo else "DLQ",
        f"[{colour}]{one.dlq.waiting + one.dlq.delayed:,}[/]",
        f"{one.dlq.in_flight:,}",
        f"{age} or more" if one.age_is_sample and age != "-" else age,
        growth,
        f"{left} or less" if one.age_is_sample and left != "-" else left,
    ]


def _cause(cause: Cause) -> str:
    where = f"{cause.field}: {cause.expected}".strip(": ")
    shown = where if len(where) <= _WHERE_SHOWN else where[:_WHERE_SHOWN] + "…"
    return f"[yellow]{escape(cause.code)}[/]" + (f"\n{escape(shown)}" if shown else "")


def _readable(one: Group) -> str:
    if one.may_succeed == one.count:
        return "[green]all[/]"
    return f"[yellow]{one.may_succeed:,}[/]" if one.may_succeed else "[red]none[/]"


def _one_document(
    message: DeadMessage, diagnosis: Diagnosis, *, number: int, reveal: bool
) -> dict[str, Any]:
    parked, cause = message.parked, diagnosis.cause
    first = message.first_delivery
    customer = diagnosis.customer_id
    return {
        "message_id": message.message_id,
        "group": number,
        "put_here_by": cause.origin.value,
        "reason": cause.code,
        "field": cause.field,
        "expected": cause.expected,
        "would_succeed_now": diagnosis.may_succeed_now,
        "prospect": diagnosis.prospect,
        "customer_id": customer if reveal or customer is None else mask_customer(customer),
        "version": diagnosis.version,
        "sequence": diagnosis.event and diagnosis.event.sequence,
        "sent_at": to_wire(message.sent_at),
        "parked_at": parked and parked.parked_at and to_wire(parked.parked_at),
        "consumer": parked and parked.consumer,
        "first_message_id": first.message_id,
        "first_received_at": to_wire(first.received_at),
        "receive_count": message.receive_count,
        "message_group_id": message.group_id,
        "came_from": message.source_arn,
        "size_bytes": message.size_bytes,
        "masked": not reveal,
        "body": reveal_body(message.body) if reveal else mask_body(message.body),
    }


# `fanout dlq list` and `fanout dlq show`: what is dead, why, and whether it would succeed now


SCAN_MAX = 100_000


def list_queues(context: typer.Context, *, check: Check = False, as_json: Json = False) -> None:
    """Show every subscriber's queue and DLQ: how full, how old, growing, and deleted in how long.

    Exit code 0; with --check 1 where a DLQ is not empty; 2 where nothing is deployed.
    """
    target: AwsTarget = context.obj
    now = datetime.now(UTC)
    cloudwatch = target.client("cloudwatch")
    found = [
        look(of_subscriber(target, subscriber), cloudwatch, now=now)
        for subscriber in list_subscribers(target)
    ]
    if as_json:
        print_json({"at": to_wire(now), "subscribers": [one.to_document() for one in found]})
    else:
        print_overviews(found)
    if check and any(match.dlq.total for match in found):
        raise typer.Exit(int(ExitCode.FOUND))


def show(
    context: typer.Context,
    subscriber: options.SubscriberName,
    *,
    group: options.Group = None,
    message: Annotated[
        str | None, typer.Option(help="One message, by its id or by its first delivery's.")
    ] = None,
    reveal: Reveal = False,
    scan_max: Annotated[
        int, typer.Option("--scan-max", min=1, help="Messages to read at most.")
    ] = SCAN_MAX,
    hold: options.Hold = options.HOLD_DEFAULT,
    as_json: Json = False,
) -> None:
    """Group a subscriber's dead messages by cause, or show one with its body.

    Reading hides messages for a moment and shows them again; none is taken away. Each reading
    raises a message's receive count. Exit code 0, or 1 where --group or --message finds nothing.
    """
    target: AwsTarget = context.obj
    subscription = find_subscription(target, subscriber)
    facts = subscription.dlq.facts()
    numbering = Numbering(subscription.folder, facts.arn)
    wanted = Conditions(group=group, message=message).selection(subscription)
    conditions = bool(wanted.to_document())
    one: tuple[DeadMessage, Diagnosis] | None = None
    with Grouping() as grouping, progress() as bar:
        task = bar.add_task("reading", total=facts.depth.total)
        with Sweep(subscription.dlq, hold_seconds=options.hold_seconds(hold)) as sweep:
            for page in sweep.pages():
                bar.update(task, advance=len(page))
                for dead in page:
                    diagnosis = diagnose(dead, subscription.reader)
                    grouping.add(dead, diagnosis)
                    if one is None and conditions and wanted.matches(dead, diagnosis):
                        one = dead, diagnosis
                if sweep.seen >= scan_max or (message is not None and one is not None):
                    break
        seen = sweep.seen
        groups = grouping.groups()
    numbers = numbering.number(one.cause for one in groups)
    for counted in groups:
        counted.number = numbers[counted.cause.key]
    remarks = what_was_not_seen(facts, seen)
    if group is None and message is None:
        show_groups(subscriber, groups, seen, remarks, as_json=as_json)
        return
    if one is None:
        raise Found(f"Nothing dead in {subscriber} matches {group or message} now.")
    if group is not None and not as_json:
        show_ids(next(known for known in groups if known.cause.key == one[1].cause.key))
    show_one(one, numbers.get(one[1].cause.key, 0), reveal=reveal, as_json=as_json)
