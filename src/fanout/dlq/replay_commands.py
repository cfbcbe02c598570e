"""`fanout dlq replay`: freeze a selection, show the plan, and, with --execute, carry it out."""

from typing import Annotated, Any, Literal

import typer
from rich.markup import escape

from fanout.aws import AwsTarget
from fanout.console import ERR, print_json
from fanout.dlq import options
from fanout.dlq.carrying_out import carry_out, plan_document, select, show_plan, tell_result
from fanout.dlq.movers import CONSUMER
from fanout.dlq.subscription import Subscription, find_subscription
from fanout.errors import WrongUse
from fanout.runs.operator import find_operator
from fanout.runs.s3_copy import copy_for
from fanout.runs.store import RunStore

COMMAND = "dlq replay"


def replay(
    context: typer.Context,
    subscriber: options.SubscriberName,
    *,
    through: Annotated[
        Literal["queue", "consumer"],
        typer.Option(
            help="queue: send to the subscriber's queue. consumer: hand to its function, and get "
            "the true outcome of each message."
        ),
    ] = "queue",
    group: options.Group = None,
    customer: options.Customer = None,
    reason: options.Reason = None,
    older_than: options.OlderThan = None,
    newer_than: options.NewerThan = None,
    version: options.Version = None,
    where: options.Where = None,
    message: options.MessageId = None,
    limit: options.Limit = None,
    canary: options.Canary = 0,
    rate: options.Rate = None,
    failure_rate_max: Annotated[
        float, typer.Option(min=0, max=1, help="Stop when more than this part of them fails.")
    ] = options.FAILURE_RATE_MAX,
    watch_seconds: options.WatchSeconds = 15,
    even_if_unreadable: Annotated[
        bool,
        typer.Option(
            "--even-if-unreadable",
            help="Also what this version's contract can't read, for a consumer that is newer.",
        ),
    ] = False,
    hold_seconds: options.HoldSeconds = options.HOLD_DEFAULT,
    execute: options.Execute = False,
    runs_dir: options.RunsDir = None,
    journal: options.JournalCopy = None,
    as_json: options.Json = False,
) -> None:
    """Bring dead messages back: plan first, and with --execute do it.

    The selection is frozen in a journal before anything moves; what dies later is not in it.
    Exit code 0: all selected ended well (or the plan was shown); 1: some did not, or are left;
    2: wrong use; 3: refused by AWS, or another operator is at it; 130: interrupted, safely.
    """
    target: AwsTarget = context.obj
    subscription = find_subscription(target, subscriber)
    facts = subscription.dlq.facts()
    wanted = options.selection(
        subscription,
        facts.arn,
        group=group,
        customer=customer,
        reason=reason,
        older_than=older_than,
        newer_than=newer_than,
        version=version,
        where=where,
        message=message,
    )
    if through == CONSUMER and subscription.subscriber.function_name is None:
        raise WrongUse(f"{subscriber} names no function in its SSM parameter: use --through queue.")
    how = {
        "through": through,
        "selection": wanted.to_document(),
        "limit": limit,
        "canary": canary,
        "rate": rate,
        "failure_rate_max": failure_rate_max,
        "watch_seconds": watch_seconds,
        "even_if_unreadable": even_if_unreadable,
        "hold_seconds": hold_seconds,
        "journal": journal,
        "execute": execute,
    }
    store = options.run_store(target, runs_dir)
    make_run(target, subscription, store, COMMAND, how, as_json=as_json)


def warn(sentence: str) -> None:
    """Say on standard error what is not as it should be, and goes on."""
    ERR.print(f"[yellow]{escape(sentence)}[/]")


def make_run(
    target: AwsTarget,
    subscription: Subscription,
    store: RunStore,
    command: str,
    how: dict[str, Any],
    *,
    as_json: bool,
) -> None:
    """Make the run, show its plan, and carry it out if that is wanted."""
    operator = find_operator(target)
    subject = subject_of(target, subscription)
    copy_to = copy_for(target, how["journal"], warn)
    run = store.create(command, subject=subject, options=how, operator=operator, copy_to=copy_to)
    with run:
        select(subscription, run, as_json=as_json)
        plan = plan_document(run)
        if not as_json:
            show_plan(plan, execute=how["execute"])
        if not how["execute"]:
            if as_json:
                print_json(plan)
            return
        result = carry_out(target, subscription, run, operator)
    tell_result(result, run.run_id, store, as_json=as_json)


def subject_of(target: AwsTarget, subscription: Subscription) -> dict[str, Any]:
    """What a run works on; a resume checks it."""
    subscriber = subscription.subscriber
    return {
        "prefix": target.prefix,
        "subscriber": subscriber.name,
        "queue_arn": subscriber.queue_arn,
        "dlq_arn": subscriber.dlq_arn,
        "function_name": subscriber.function_name,
    }
