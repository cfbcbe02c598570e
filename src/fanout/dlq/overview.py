"""How full every subscriber's queue and DLQ are, and what is dead and why.

The age of a DLQ's oldest message comes from a few messages that are read and shown again at once,
since CloudWatch counts from the move into the DLQ while retention, on a standard queue, counts
from the first send. A live queue is never read here: that would use up attempts.
"""

from dataclasses import dataclass, field
from datetime import UTC, datetime
from itertools import islice
from typing import Annotated, Any

import typer
from rich.markup import escape

from customer_events.instants import to_wire
from fanout.aws import AwsTarget
from fanout.console import ERR, OUT, Json, option, print_facts, print_json, table, warn, working
from fanout.dlq import selection as options
from fanout.dlq.diagnosis import Cause, Diagnosis, Origin, advice, diagnose
from fanout.dlq.selection import Conditions, Numbering, dead_since, what_was_not_seen
from fanout.errors import ExitCode, Found
from fanout.runs.options import Check, Reveal
from fanout.sqs.message import DeadMessage
from fanout.sqs.queue import QueueDepth, SqsQueue, read_metric, read_oldest_age
from fanout.sqs.scan import Sweep
from fanout.sqs.subscription import Subscription, find_subscription, of_subscriber
from fanout.text import mask_body, mask_customer, moment, reveal_body, span
from sentinel.discovery import list_subscribers

SAMPLE_MAX = 50  # messages of a DLQ that are read for the oldest one's age
_SAMPLE_HOLD_SECONDS = 10


def list_queues(context: typer.Context, *, check: Check = False, as_json: Json = False) -> None:
    """List each subscriber's queue and DLQ: size, age, growth, and when messages expire.

    Exit codes: 0, or with --check 1 if a DLQ is not empty.
    """
    target: AwsTarget = context.obj
    now = datetime.now(UTC)
    cloudwatch = target.client("cloudwatch")
    overviews = [
        overview(of_subscriber(target, subscriber), cloudwatch, now=now)
        for subscriber in list_subscribers(target)
    ]
    if as_json:
        print_json({"at": to_wire(now), "subscribers": overviews})
    else:
        _print_overviews(overviews)
    if check and any(map(_dead_count, overviews)):
        raise typer.Exit(int(ExitCode.FOUND))


def overview(subscription: Subscription, cloudwatch: Any, *, now: datetime) -> dict[str, Any]:
    """One subscriber's queue and DLQ, as one JSON object.

    Ages are in seconds; None: not known (an empty queue, or no CloudWatch). `dead_in_hours` is
    when retention deletes the oldest message that was seen; `oldest_age_is_sample`: there may be an
    older one, as not all were read; `growth` is that of the last hour.

    Raises: Refused: a queue does not exist.
    """
    queue, dlq = subscription.queue.facts(), subscription.dlq.facts()
    oldest, seen = _oldest(subscription.dlq) if dlq.depth.waiting else (None, 0)
    age = None if oldest is None else max(0, int((now - oldest).total_seconds()))
    left_seconds = None if age is None else max(0, dlq.retention_seconds - age)
    return {
        "subscriber": subscription.subscriber.name,
        "fifo": dlq.fifo,
        "queue": {
            **_depth(queue.depth),
            "oldest_age_seconds": read_oldest_age(cloudwatch, queue.arn, now),
        },
        "dlq": {
            **_depth(dlq.depth),
            "oldest_age_seconds": age,
            "oldest_age_is_sample": dlq.fifo or seen < dlq.depth.total,
            "retention_seconds": dlq.retention_seconds,
            "dead_in_hours": left_seconds and round(left_seconds / 3600, 1),
            "growth": _growth(cloudwatch, dlq.arn, dlq.depth.total, now),
        },
    }


def _oldest(dlq: SqsQueue) -> tuple[datetime | None, int]:
    """The oldest send among a few messages, and how many there were."""
    with Sweep(dlq, hold_seconds=_SAMPLE_HOLD_SECONDS) as sweep:
        sent_at = [message.sent_at for message in islice(sweep.messages(), SAMPLE_MAX)]
    return min(sent_at, default=None), len(sent_at)


def _growth(cloudwatch: Any, arn: str, total: int, now: datetime) -> dict[str, Any] | None:
    points = read_metric(cloudwatch, "ApproximateNumberOfMessagesVisible", arn, now)
    if not points:
        return None
    seconds = int((now - points[0]["Timestamp"]).total_seconds())
    growth = total - int(points[0]["Maximum"])
    return {"messages": growth, "seconds": seconds, "source": "CloudWatch"}


def _depth(depth: QueueDepth) -> dict[str, int]:
    return {"visible": depth.waiting, "in_flight": depth.in_flight, "delayed": depth.delayed}


def _dead_count(overview: dict[str, Any]) -> int:
    dlq = overview["dlq"]
    return int(dlq["visible"] + dlq["in_flight"] + dlq["delayed"])


def _print_overviews(overviews: list[dict[str, Any]]) -> None:
    columns = ("subscriber", "", "messages", "in flight", "oldest", "growth", "deleted in")
    rows = table("Queues", *columns, right={2, 3})
    for queues in overviews:
        queue = queues["queue"]
        rows.add_row(
            escape(queues["subscriber"]),
            "queue",
            f"{queue['visible'] + queue['delayed']:,}",
            f"{queue['in_flight']:,}",
            _span(queue["oldest_age_seconds"]),
        )
        rows.add_row("", *_dlq_cells(queues), end_section=True)
    OUT.print(rows)


def _dlq_cells(queues: dict[str, Any]) -> list[str]:
    dlq = queues["dlq"]
    colour = "bold red" if _dead_count(queues) else "green"
    growth, age = dlq["growth"], dlq["oldest_age_seconds"]
    is_sample = dlq["oldest_age_is_sample"] and age is not None
    left = None if age is None else max(0, dlq["retention_seconds"] - age)
    return [
        "DLQ (FIFO)" if queues["fifo"] else "DLQ",
        f"[{colour}]{dlq['visible'] + dlq['delayed']:,}[/]",
        f"{dlq['in_flight']:,}",
        _span(age) + (" or more" if is_sample else ""),
        "-" if growth is None else f"{growth['messages']:+,} in {span(growth['seconds'])}",
        _span(left) + (" or less" if is_sample else ""),
    ]


def _span(seconds: int | None) -> str:
    return "-" if seconds is None else span(seconds)


# `fanout dlq show`: dead messages by cause, in a memory that hardly grows with their number


SCAN_MAX = 100_000
GROUPS_MAX = 500
REST = Cause(
    origin=Origin.SNS, code="OtherCauses", expected=f"beyond the first {GROUPS_MAX} causes"
)
EXAMPLES_MAX = 10


@dataclass(slots=True, kw_only=True)
class Group:
    """Messages of one cause; `may_succeed` are readable, `customers` holds a hash of each."""

    cause: Cause
    count: int = 0
    may_succeed: int = 0
    first_seen: datetime | None = None
    last_seen: datetime | None = None
    versions: set[int] = field(default_factory=set)
    customers: set[int] = field(default_factory=set)
    examples: list[str] = field(default_factory=list)

    def add(self, message: DeadMessage, diagnosis: Diagnosis) -> None:
        """Count one message."""
        died_at = dead_since(message)
        self.count += 1
        self.may_succeed += bool(diagnosis.may_succeed_now)
        self.first_seen = min(self.first_seen or died_at, died_at)
        self.last_seen = max(self.last_seen or died_at, died_at)
        if diagnosis.version is not None and len(self.versions) < GROUPS_MAX:
            self.versions.add(diagnosis.version)
        if diagnosis.customer_id is not None:
            self.customers.add(hash(diagnosis.customer_id))
        if len(self.examples) < EXAMPLES_MAX:
            self.examples.append(message.message_id)

    def to_document(self, number: int) -> dict[str, Any]:
        """One JSON object with every field; `number` is what a person types (`--group`)."""
        return {
            "group": number,
            "key": self.cause.key,
            "origin": self.cause.origin.value,
            "reason": self.cause.code,
            "field": self.cause.field,
            "expected": self.cause.expected,
            "count": self.count,
            "customers": len(self.customers),
            "versions": sorted(self.versions),
            "first_seen": self.first_seen and to_wire(self.first_seen),
            "last_seen": self.last_seen and to_wire(self.last_seen),
            "would_succeed_now": self.may_succeed,
            "advice": advice(self.cause.code),
            "examples": self.examples,
        }


def count_in(groups: dict[str, Group], message: DeadMessage, diagnosis: Diagnosis) -> None:
    """Count a message in the group of its cause; `groups` are by the key of that."""
    is_known = diagnosis.cause.key in groups or len(groups) < GROUPS_MAX
    cause = diagnosis.cause if is_known else REST
    groups.setdefault(cause.key, Group(cause=cause)).add(message, diagnosis)


def show(
    context: typer.Context,
    subscriber: options.SubscriberName,
    *,
    group: options.Group = None,
    message: Annotated[
        str | None, option("One message, by its id or by its first delivery's.")
    ] = None,
    reveal: Reveal = False,
    scan_max: Annotated[int, option("Messages to read at most.", min=1)] = SCAN_MAX,
    hold: options.Hold = options.HOLD_DEFAULT,
    as_json: Json = False,
) -> None:
    """Group a subscriber's dead messages by cause, or show one with its body.

    Reading hides messages for a moment and shows them again; it removes none,
    but raises their receive counts.

    Exit codes: 0, or 1 if --group or --message finds nothing.
    """
    subscription = find_subscription(context.obj, subscriber)
    facts = subscription.dlq.facts()
    wanted = Conditions(group=group, message=message).selection(subscription)
    with (
        working("reading", facts.depth.total) as advance,
        Sweep(subscription.dlq, hold_seconds=options.hold_seconds(hold)) as sweep,
    ):
        by_cause, example = dict[str, Group](), None
        for page in sweep.pages():
            advance(len(page))
            diagnosed = [(dead, diagnose(dead, subscription.reader)) for dead in page]
            for pair in diagnosed:
                count_in(by_cause, *pair)
            example = example or next((pair for pair in diagnosed if wanted.matches(*pair)), None)
            if sweep.seen >= scan_max or (message is not None and example is not None):
                break
    groups = sorted(by_cause.values(), key=lambda each: (-each.count, each.cause.key))
    numbers = Numbering(subscription.folder, facts.arn).number(shown.cause for shown in groups)
    if group is None and message is None:
        remarks = what_was_not_seen(facts, sweep.seen)
        if as_json:
            documents = [shown.to_document(numbers[shown.cause.key]) for shown in groups]
            about = {"subscriber": subscriber, "messages": sweep.seen}
            print_json({**about, "groups": documents, "remarks": remarks})
        else:
            _print_groups(f"Dead messages of {subscriber}: {sweep.seen:,}", groups, numbers)
            warn(*remarks)
        return
    if example is None:
        raise Found(f"Nothing in the DLQ of {subscriber} matches {group or message} now.")
    key = example[1].cause.key
    document = _message_document(*example, number=numbers.get(key, 0), reveal=reveal)
    if as_json:
        print_json(document)
    else:
        _print_message(document, by_cause.get(key) if group is not None else None, reveal=reveal)


_WHERE_SHOWN = 60
_VERSIONS_SHOWN = 3
_IDS_SHOWN = 3
_ORIGINS = {
    Origin.PARKED: "parked by the consumer",
    Origin.REDRIVE: "moved by SQS after its last attempt",
    Origin.EVENTBRIDGE: "not delivered by EventBridge",
    Origin.SNS: "not delivered by SNS",
}


def _print_groups(title: str, groups: list[Group], numbers: dict[str, int]) -> None:
    columns = ("group", "count", "cause", "readable", "died (UTC)")
    rows = table(title, *columns, whole={0, 1, 3, 4})
    for group in groups:
        rows.add_row(
            str(numbers[group.cause.key]),
            f"{group.count:,}",
            _cause(group.cause),
            _readable(group),
            f"{moment(group.first_seen)[5:16]}\n{moment(group.last_seen)[5:16]}",
        )
    OUT.print(rows)
    for group in groups:
        what_to_do = escape(advice(group.cause.code))
        OUT.print(f"[bold]{numbers[group.cause.key]}[/]  {what_to_do}", soft_wrap=False)
        versions = ", ".join(map(str, sorted(group.versions)[:_VERSIONS_SHOWN])) or "unknown"
        origin = _ORIGINS[group.cause.origin]
        OUT.print(
            f"   {origin}; version {versions}; {len(group.customers):,} customers", style="dim"
        )
        ids = group.examples[:_IDS_SHOWN]
        OUT.print(f"   showing {len(ids):,} of {group.count:,}, for --message ID:", style="dim")
        for message_id in ids:
            OUT.print(f"     {escape(message_id)}", style="dim")


def _print_message(document: dict[str, Any], group: Group | None, *, reveal: bool) -> None:
    """Print a message, below some of its group's where that was asked for."""
    if group is not None:
        ids = group.examples
        OUT.print(f"Group {document['group']}, showing {len(ids):,} of {group.count:,} messages:")
        OUT.print("\n".join(f"  {escape(each)}" for each in ids))
        OUT.print("The first that was read:")
    facts = {name.replace("_", " "): value for name, value in document.items() if name != "body"}
    print_facts(f"Message {facts.pop('message id')}", facts.items())
    OUT.print(document["body"], markup=False)
    if not reveal:
        ERR.print(
            "[dim]Customer ids are masked in part; fields that the contract doesn't declare show "
            "their shape only. --reveal shows them.[/]"
        )


def _cause(cause: Cause) -> str:
    where = f"{cause.field}: {cause.expected}".strip(": ")
    shown = where if len(where) <= _WHERE_SHOWN else where[:_WHERE_SHOWN] + "…"
    return f"[yellow]{escape(cause.code)}[/]" + (f"\n{escape(shown)}" if shown else "")


def _readable(group: Group) -> str:
    if group.may_succeed == group.count:
        return "[green]all[/]"
    return f"[yellow]{group.may_succeed:,}[/]" if group.may_succeed else "[red]none[/]"


def _message_document(
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
