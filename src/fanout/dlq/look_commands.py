"""`fanout dlq list` and `fanout dlq show`: what is dead, why, and whether it would succeed now."""

from datetime import UTC, datetime
from typing import Annotated

import typer

from customer_events.instants import to_wire
from fanout.aws import AwsTarget
from fanout.console import print_json, progress
from fanout.discovery import list_subscribers
from fanout.dlq import options
from fanout.dlq.diagnosis import Diagnosis, diagnose
from fanout.dlq.freeze import what_was_not_seen
from fanout.dlq.groups import Grouping
from fanout.dlq.look_tables import print_overviews, show_groups, show_one
from fanout.dlq.message import DeadMessage
from fanout.dlq.numbering import Numbering
from fanout.dlq.overview import look
from fanout.dlq.subscription import find_subscription, of_subscriber
from fanout.dlq.sweep import Sweep
from fanout.errors import Found

SCAN_MAX = 100_000


def list_queues(context: typer.Context, *, as_json: options.Json = False) -> None:
    """Show every subscriber's queue and DLQ: how full, how old, growing, and dead in how long.

    Exit code 0 where every DLQ is empty, 1 where one is not, 2 where nothing is deployed.
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
    if any(one.dlq.total for one in found):
        raise typer.Exit(1)


def show(
    context: typer.Context,
    subscriber: options.SubscriberName,
    *,
    group: options.Group = None,
    message: Annotated[
        str | None, typer.Option(help="One message, by its id or by its first delivery's.")
    ] = None,
    reveal: options.Reveal = False,
    scan_max: Annotated[
        int, typer.Option("--scan-max", min=1, help="Messages to read at most.")
    ] = SCAN_MAX,
    hold_seconds: options.HoldSeconds = options.HOLD_DEFAULT,
    as_json: options.Json = False,
) -> None:
    """Group a subscriber's dead messages by cause, or show one with its body.

    Reading hides messages for a moment and shows them again; none is taken away. Each reading
    raises a message's receive count. Exit code 0, or 1 where --group or --message finds nothing.
    """
    target: AwsTarget = context.obj
    subscription = find_subscription(target, subscriber)
    facts = subscription.dlq.facts()
    numbering = Numbering(subscription.folder, facts.arn)
    wanted = options.selection(subscription, facts.arn, group=group, message=message)
    one: tuple[DeadMessage, Diagnosis] | None = None
    with Grouping() as grouping, progress() as bar:
        task = bar.add_task("reading", total=facts.depth.total)
        with Sweep(subscription.dlq, hold_seconds=hold_seconds) as sweep:
            for page in sweep.pages():
                bar.update(task, advance=len(page))
                for dead in page:
                    diagnosis = diagnose(dead, subscription.reader)
                    grouping.add(dead, diagnosis)
                    if one is None and wanted.to_document() and wanted.matches(dead, diagnosis):
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
    show_one(one, numbers.get(one[1].cause.key, 0), reveal=reveal, as_json=as_json)
