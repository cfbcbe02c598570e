"""Who is blocked by whom, where a subscriber parks by customer; and how to unblock them."""

from collections.abc import Callable
from dataclasses import asdict, dataclass
from itertools import groupby
from operator import itemgetter
from typing import Annotated

import typer
from rich.markup import escape

from event_consumer.parked_groups import ParkedGroupsTable
from fanout.aws import AwsTarget
from fanout.console import OUT, Json, option, print_json, table, working
from fanout.dlq import selection as options
from fanout.dlq.replay import DlqOperation
from fanout.dlq.steps import RELEASE, RELEASED
from fanout.errors import ExitCode, Refused, WrongUse
from fanout.runs.journal import clock, ended, intent
from fanout.runs.ledger import State
from fanout.runs.operation import OPEN, Ending, Nothing, Plan, Selecting, Work, begin
from fanout.runs.options import Check, Execute, RunsDir
from fanout.runs.store import Run
from fanout.sqs.scan import HOLD_SECONDS, Sweep
from fanout.sqs.subscription import Subscription, find_subscription


@dataclass(frozen=True, slots=True, kw_only=True)
class Blocked:
    """A message group and what blocks its messages.

    `first` is the first delivery's id of the message that has to end well first; `in_dlq` whether
    the DLQ shows it; `count` how many are noted, that one among them.
    """

    message_group: str
    first: str
    in_dlq: bool
    count: int


# The operation: unblock those who wait for a message that is gone


class DlqUnblock(DlqOperation):
    """`fanout dlq blocked --unblock`: one item, the lost message.

    `lost`: what it blocks, where that was asked just now.
    """

    command = "dlq blocked"
    lost: Blocked | None = None

    def select(self, run: Run, selecting: Selecting) -> Nothing:  # noqa: ARG002 (it is one)
        """See `Operation.select`."""
        lost = self.require_lost(run.options["release"])
        run.select([{"id": lost.first, "reason": "Lost", "message_group": lost.message_group}])
        run.freeze(cut_off=clock())
        return Nothing()

    def plan(self, run: Run) -> Plan:
        """See `Operation.plan`."""
        rows = [("lost", run.options["release"]), ("because", run.options["because"])]
        if self.lost is None:
            return Plan(rows=tuple(rows))
        count = self.lost.count - 1
        rows.append(("unblocks", f"{count:,} of the message group {self.lost.message_group}"))
        return Plan(document=asdict(self.lost), rows=tuple(rows))

    def steps(self, run: Run) -> Callable[[Work], Ending]:
        """See `Operation.steps`. Raises: Refused: since it was planned, the message turned up."""
        if run.ledger.count(State.WAITING):
            self.require_lost(run.options["release"])
        notes = _notes(self.subscription)

        def unblock(_: Work) -> Ending:
            for item in list(run.ledger.items(*OPEN)):
                run.record(intent(RELEASE, [item.id]))
                notes.withdraw(str(item.facts["message_group"]), item.id)
                why = run.options["because"]
                run.record(ended([{"id": item.id, "end": RELEASED, "why": why}]))
            return Ending()

        return unblock

    def require_lost(self, name: str, hold_seconds: int = HOLD_SECONDS) -> Blocked:
        """What it blocks; asked anew in a resumed run, as what was lost then may be back by now.

        Raises: WrongUse, Refused: it blocks nobody, or it may still be somewhere.
        """
        if self.lost is not None:
            return self.lost
        subscription = self.subscription
        groups, saw_all = _read(subscription, hold_seconds)
        self.lost = next((group for group in groups if group.first == name), None)
        if self.lost is None:
            raise WrongUse(f"{name} blocks nobody: see `dlq blocked` without --unblock.")
        if self.lost.in_dlq:
            raise Refused(
                f"{name} is in the DLQ: replay it, or throw it away with "
                f"`fanout dlq discard {subscription.subscriber.name} --message {name}`."
            )
        if not saw_all or subscription.queue.facts().depth.total:
            raise Refused(
                f"{name} may be in the queue, or hidden in the DLQ by somebody who reads it: try "
                "again once the queue is empty."
            )
        return self.lost


def blocked(
    context: typer.Context,
    subscriber: options.SubscriberName,
    *,
    unblock: Annotated[
        str | None, option("Release what waits for this message, which is lost.", metavar="ID")
    ] = None,
    because: Annotated[
        str | None, option("Why; required with --unblock, and kept in the journal.")
    ] = None,
    check: Check = False,
    execute: Execute = False,
    hold: options.Hold = options.HOLD_DEFAULT,
    runs_dir: RunsDir = None,
    as_json: Json = False,
) -> None:
    """Show what waits behind a parked event; with --unblock, release what a lost one holds up.

    Exit codes: 0; with --check 1 if some wait for a message that the DLQ
    doesn't show; 3 AWS refused, or the message is not lost.
    """
    target: AwsTarget = context.obj
    subscription = find_subscription(target, subscriber)
    hold_seconds = options.hold_seconds(hold)
    if unblock is None:
        groups, _ = _read(subscription, hold_seconds)
        _show(groups, as_json=as_json)
        if check and any(not group.in_dlq for group in groups):
            raise typer.Exit(int(ExitCode.FOUND))
        return
    if not (because or "").strip():
        raise WrongUse("--because is missing: say why it is never handled, for the journal.")
    operation = DlqUnblock(target, subscription)
    operation.require_lost(unblock, hold_seconds)
    how = {"release": unblock, "because": because, "execute": execute}
    begin(operation, how, runs_dir=runs_dir, as_json=as_json)


# Private functions


def _notes(subscription: Subscription) -> ParkedGroupsTable:
    """Raises: WrongUse: the subscriber does not park by customer."""
    if subscription.notes is None:
        raise WrongUse(
            f"{subscription.subscriber.name} does not park by customer: nobody is blocked."
        )
    return subscription.notes


def _read(subscription: Subscription, hold_seconds: int) -> tuple[list[Blocked], bool]:
    """The groups that are blocked, and whether the DLQ showed all that it shows of them.

    The notes are read first: a message that is parked meanwhile is then not missed.
    """
    noted, patience_seconds = list(_notes(subscription).every()), hold_seconds + 5
    with (
        working("reading the DLQ"),
        Sweep(
            subscription.dlq, hold_seconds=hold_seconds, patience_seconds=patience_seconds
        ) as sweep,
    ):
        in_dlq = {message.first_delivery.message_id for message in sweep.messages()}
        saw_all = sweep.came_to_end
    groups = []
    for name, of_group in groupby(noted, key=itemgetter(0)):  # the notes come group by group
        first, *rest = [note.message_id for _, note in of_group]
        found, count = first in in_dlq, 1 + len(rest)
        groups.append(Blocked(message_group=name, first=first, in_dlq=found, count=count))
    return groups, saw_all


def _show(groups: list[Blocked], *, as_json: bool) -> None:
    if as_json:
        print_json({"waiting": [asdict(group) for group in groups]})
        return
    rows = table("Who is blocked by what", "message group", "noted", "first of them", "where")
    for group in groups:
        where = "in the DLQ" if group.in_dlq else "[yellow]not shown by the DLQ[/]"
        rows.add_row(escape(group.message_group), f"{group.count:,}", escape(group.first), where)
    OUT.print(rows)
