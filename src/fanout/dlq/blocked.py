"""Who waits for whom, where a subscriber parks by customer; pure but for what it is handed."""

from collections.abc import Iterable, Iterator
from dataclasses import dataclass, field
from typing import Annotated, Any

import typer
from rich.markup import escape

from event_consumer.parked_groups import ParkedGroupsTable
from event_consumer.ports import Note
from fanout.aws import AwsTarget
from fanout.console import ERR, OUT, print_json, table, warn, working
from fanout.dlq import selection as options
from fanout.dlq.steps import RELEASE, RELEASED
from fanout.errors import Refused, WrongUse
from fanout.runs.journal import ended, intent
from fanout.runs.lock import Locks
from fanout.runs.options import Execute, Json, RunsDir, run_store
from fanout.runs.store import clock, find_operator
from fanout.sqs.message import DeadMessage
from fanout.sqs.scan import Sweep
from fanout.sqs.subscription import Subscription, find_subscription, notes_of, subject_of


@dataclass(frozen=True, slots=True, kw_only=True)
class Waiting:
    """A message group and what its messages wait for.

    `first` is the first delivery's id of the message that has to end well first; `in_dlq` whether
    the DLQ shows it; `count` how many are noted, that one among them.
    """

    group: str
    first: str
    in_dlq: bool
    count: int

    def to_document(self) -> dict[str, Any]:
        """One JSON object."""
        return {
            "message_group": self.group,
            "first": self.first,
            "in_dlq": self.in_dlq,
            "count": self.count,
        }


@dataclass(slots=True)
class Seen:
    """First deliveries' ids of the messages that the DLQ shows."""

    ids: set[str] = field(default_factory=set)

    def add(self, messages: Iterable[DeadMessage]) -> None:
        """These are there."""
        self.ids.update(one.first_delivery.message_id for one in messages)


def groups_that_wait(notes: Iterable[tuple[str, Note]], seen: Seen) -> Iterator[Waiting]:
    """Each group once. The notes of a group come together and in their order, as a scan does."""
    current: Waiting | None = None
    for group, note in notes:
        if current is not None and current.group == group:
            current = Waiting(
                group=group, first=current.first, in_dlq=current.in_dlq, count=current.count + 1
            )
            continue
        if current is not None:
            yield current
        in_dlq = note.message_id in seen.ids
        current = Waiting(group=group, first=note.message_id, in_dlq=in_dlq, count=1)
    if current is not None:
        yield current


# `fanout dlq waiting`: who waits behind a parked event, and freeing those who wait for nothing


COMMAND = "dlq waiting"


def waiting(
    context: typer.Context,
    subscriber: options.SubscriberName,
    *,
    release: Annotated[
        str | None,
        typer.Option(
            "--release", metavar="ID", help="Free those who wait for this message, which is gone."
        ),
    ] = None,
    because: Annotated[
        str | None, typer.Option("--reason", help="Why it will never be handled, for the journal.")
    ] = None,
    execute: Execute = False,
    hold_seconds: options.HoldSeconds = options.HOLD_DEFAULT,
    runs_dir: RunsDir = None,
    as_json: Json = False,
) -> None:
    """Show who waits behind a parked event; with --release, free those who wait for a lost one.

    Exit code 0: everybody waits for a message that is in the DLQ, or it was released; 1: some wait
    for one that the DLQ does not show; 2: wrong use; 3: refused by AWS, or it is not lost.
    """
    target: AwsTarget = context.obj
    subscription = find_subscription(target, subscriber)
    notes = notes_of(target, subscription.subscriber)
    if notes is None:
        raise WrongUse(f"{subscriber} does not park by customer: nobody waits.")
    with working("reading the DLQ"):
        found, saw_all = _look(subscription, notes, hold_seconds)
    if release is None:
        _show(found, as_json=as_json)
        if any(not one.in_dlq for one in found):
            raise typer.Exit(1)
        return
    lost = _require_lost(subscription, found, release, saw_all=saw_all)
    if not (because or "").strip():
        raise WrongUse("--reason is missing: say why it is never handled, for whoever asks later.")
    if not execute:
        warn(f"{lost.count - 1:,} wait for {lost.first}. Nothing was changed: add --execute.")
        return
    operator = find_operator(target)
    store = run_store(target, runs_dir)
    how = {"release": release, "because": because, "execute": True}
    subject = subject_of(target, subscription)
    locks = Locks(target.client("ssm"), target.prefix)
    with (
        store.create(COMMAND, subject=subject, options=how, operator=operator) as run,
        locks.hold(subscriber, operator=operator, run_id=run.run_id, tell=warn),
    ):
        run.select([{"id": lost.first, "reason": "Lost", "message_group": lost.group}])
        run.freeze(cut_off=clock())
        run.start(operator)
        run.record(intent(RELEASE, [lost.first]))
        notes.withdraw(lost.group, lost.first)
        run.record(ended([{"id": lost.first, "end": RELEASED, "why": because}]))
        run.finish()
    ERR.print(escape(f"Nobody waits for {lost.first} any more; replay those behind it."))
    if as_json:
        print_json(lost.to_document() | {"run_id": run.run_id})


def _look(
    subscription: Subscription, notes: ParkedGroupsTable, hold_seconds: int
) -> tuple[list[Waiting], bool]:
    """The groups that wait, and whether the DLQ showed all that it shows of them.

    The notes are read first: a message that is parked meanwhile is then not missed.
    """
    noted = list(notes.every())
    seen = Seen()
    with Sweep(
        subscription.dlq, hold_seconds=hold_seconds, patience_seconds=hold_seconds + 5
    ) as sweep:
        for page in sweep.pages():
            seen.add(page)
        saw_all = sweep.came_to_end
    return list(groups_that_wait(noted, seen)), saw_all


def _require_lost(
    subscription: Subscription, found: list[Waiting], name: str, *, saw_all: bool
) -> Waiting:
    """Raises: WrongUse, Refused: nobody waits for it, or it may still be somewhere."""
    for one in found:
        if one.first != name:
            continue
        if one.in_dlq:
            raise Refused(
                f"{name} is in the DLQ: replay it, or throw it away with "
                f"`fanout dlq discard {subscription.subscriber.name} --message {name}`."
            )
        if not saw_all or subscription.queue.facts().depth.total:
            raise Refused(
                f"{name} may be in the queue, or hidden in the DLQ by somebody who reads it: try "
                "again once the queue is empty."
            )
        return one
    raise WrongUse(f"Nobody's first is {name}: see `dlq waiting` without --release.")


def _show(found: list[Waiting], *, as_json: bool) -> None:
    if as_json:
        print_json({"waiting": [one.to_document() for one in found]})
        return
    rows = table("Who waits for what", "message group", "noted", "first of them", "where")
    for one in found:
        where = "in the DLQ" if one.in_dlq else "[yellow]not shown by the DLQ[/]"
        rows.add_row(escape(one.group), f"{one.count:,}", escape(one.first), where)
    OUT.print(rows)
