"""`fanout tail`: watch events pass, through a queue of its own that is removed at the end."""

import json
import math
import secrets
import signal
import time
from collections.abc import Iterator
from contextlib import contextmanager
from datetime import UTC, datetime
from typing import Annotated, Any

import typer
from rich.markup import escape

from customer_events.decoder import from_document
from customer_events.errors import PermanentError
from customer_events.instants import to_wire
from event_consumer.unwrap import unwrap
from fanout.aws import AwsTarget
from fanout.console import ERR, OUT, Json, option, print_json
from fanout.errors import WrongUse
from fanout.runs.options import Reveal, seconds_of
from fanout.text import mask_customer, reveal_body
from sentinel.discovery import Bus, deliveries, find_bus, find_subscriber

_TARGET = "tail"
_WAIT_SECONDS = 5
_ABANDONED_SECONDS = 3_600  # so old a queue of a tail that was killed is removed by the next one
_KEPT_SECONDS = 300
_SETTLE_SECONDS = 2.0
"""After the end of a subscription, in which a delivery under way still finds its queue: a failed
one would raise the topic's alarm."""


def tail(
    context: typer.Context,
    subscriber: Annotated[
        str | None, typer.Argument(help="Only what this subscriber's filter selects.")
    ] = None,
    *,
    length: Annotated[
        str | None, option("How long: 30s, 10m; until Ctrl-C if left out.", "--for")
    ] = None,
    reveal: Reveal = False,
    as_json: Json = False,
) -> None:
    """Watch events from now on: ids, transition, version and lag; bodies with --reveal.

    Makes its own queue and subscription (or rule) on the bus, and removes
    them at the end.

    Exit codes: 0 the time is up, 130 after Ctrl-C.
    """
    target: AwsTarget = context.obj
    if as_json and length is None:
        raise WrongUse("--json prints one document at the end: say --for how long.")
    seconds = math.inf if length is None else seconds_of(length, option="--for")
    policy = find_subscriber(target, subscriber).filter if subscriber else None
    passed: list[dict[str, Any]] = []
    with killed_as_by_ctrl_c(), listening(target, policy) as queue_url:
        ERR.print("Listening …", style="dim")
        for body in _bodies(target, queue_url, seconds):
            event = read(body, datetime.now(UTC), reveal=reveal)
            passed.append(event)
            if not as_json:
                _show(event)
    if as_json:
        print_json({"events": passed})


def read(body: str, now: datetime, *, reveal: bool) -> dict[str, Any]:
    """What is shown of an event; of one that can't be read, the reason's code."""
    try:
        document = unwrap(body)
        event = from_document(document)
    except PermanentError as error:
        shown: dict[str, Any] = {"unreadable": error.code}
    else:
        shown = {
            "occurred_at": to_wire(event.occurred_at),
            "transition": f"{event.previous_status or 'NONE'}>{event.status}",
            "lag_seconds": round(max(0.0, (now - event.occurred_at).total_seconds()), 1),
            "version": str(document["type"]).rpartition(".v")[2],
            "event_id": str(event.event_id),
            "customer": event.customer_id if reveal else mask_customer(event.customer_id),
        }
    return shown | ({"body": body} if reveal else {})


@contextmanager
def killed_as_by_ctrl_c() -> Iterator[None]:
    """A terminal that is closed and a polite kill end it as Ctrl-C does, and leave nothing."""
    numbers = (signal.SIGTERM, signal.SIGHUP)
    before = [signal.signal(number, signal.default_int_handler) for number in numbers]
    try:
        yield
    finally:
        for number, handler in zip(numbers, before, strict=True):
            signal.signal(number, handler)


@contextmanager
def listening(target: AwsTarget, policy: dict[str, Any] | None) -> Iterator[str]:
    """The URL of a queue that gets what is selected; removes what killed tails left behind."""
    bus, sqs = find_bus(target), target.client("sqs")
    pages = sqs.get_paginator("list_queues").paginate(QueueNamePrefix=f"{target.prefix}-tail-")
    for url in [url for page in pages for url in page.get("QueueUrls", [])]:
        made_at = float(_attributes(target, url)["CreatedTimestamp"])
        if time.time() - made_at > _ABANDONED_SECONDS:
            _remove(target, bus, url)
    name = f"{target.prefix}-tail-{secrets.token_hex(4)}"
    keys = {"MessageRetentionPeriod": str(_KEPT_SECONDS), "SqsManagedSseEnabled": "true"}
    url = sqs.create_queue(QueueName=name, Attributes=keys)["QueueUrl"]
    try:
        _subscribe(target, bus, url, policy)
        yield url
    finally:
        _remove(target, bus, url)


# Private functions


def _subscribe(target: AwsTarget, bus: Bus, url: str, policy: dict[str, Any] | None) -> None:
    arn, name, source = _attributes(target, url)["QueueArn"], url.rpartition("/")[2], bus.arn
    service, events = "sns", target.client("events")
    if bus.transport == "eventbridge":
        service, pattern = "events", json.dumps(policy or {"detail-type": [{"prefix": ""}]})
        source = events.put_rule(Name=name, EventBusName=bus.name, EventPattern=pattern)["RuleArn"]
    statement = {
        "Effect": "Allow",
        "Principal": {"Service": f"{service}.amazonaws.com"},
        "Action": "sqs:SendMessage",
        "Resource": arn,
        "Condition": {"ArnEquals": {"aws:SourceArn": source}},
    }
    document = json.dumps({"Version": "2012-10-17", "Statement": [statement]})
    target.client("sqs").set_queue_attributes(QueueUrl=url, Attributes={"Policy": document})
    if service == "events":
        queue = {"Id": _TARGET, "Arn": arn, "InputPath": "$.detail"}
        events.put_targets(Rule=name, EventBusName=bus.name, Targets=[queue])
        return
    attributes = {"RawMessageDelivery": "true"}
    if policy:
        attributes["FilterPolicy"] = json.dumps(policy)
    target.client("sns").subscribe(
        TopicArn=bus.arn, Protocol="sqs", Endpoint=arn, Attributes=attributes
    )


def _remove(target: AwsTarget, bus: Bus, url: str) -> None:
    """What delivers goes first, since a delivery that fails would raise an alarm."""
    for each in deliveries(target, bus, _attributes(target, url)["QueueArn"]):
        if bus.transport == "eventbridge":
            rule = {"EventBusName": bus.name}
            target.client("events").remove_targets(Rule=each, Ids=[_TARGET], **rule)
            target.client("events").delete_rule(Name=each, **rule)
        else:
            target.client("sns").unsubscribe(SubscriptionArn=each)
    time.sleep(_SETTLE_SECONDS)
    target.client("sqs").delete_queue(QueueUrl=url)


def _attributes(target: AwsTarget, url: str) -> dict[str, str]:
    answer = target.client("sqs").get_queue_attributes(QueueUrl=url, AttributeNames=["All"])
    attributes: dict[str, str] = answer["Attributes"]
    return attributes


def _bodies(target: AwsTarget, url: str, seconds: float) -> Iterator[str]:
    """Each message's body, for so long."""
    sqs, ends_at = target.client("sqs"), time.monotonic() + seconds
    while (left := ends_at - time.monotonic()) > 0:
        wait = int(max(1, min(_WAIT_SECONDS, left)))
        answer = sqs.receive_message(QueueUrl=url, MaxNumberOfMessages=10, WaitTimeSeconds=wait)
        for message in answer.get("Messages", []):
            sqs.delete_message(QueueUrl=url, ReceiptHandle=message["ReceiptHandle"])
            yield message["Body"]


def _show(event: dict[str, Any]) -> None:
    if "unreadable" in event:
        OUT.print(f"[red]not readable: {escape(event['unreadable'])}[/]")
    else:
        at, lag = event["occurred_at"][11:19], event["lag_seconds"]
        what = f"{event['customer']} {event['transition']} v{event['version']}"
        OUT.print(f"{at} [bold]{escape(what)}[/] {lag:.1f} s [dim]{event['event_id']}[/]")
    if "body" in event:
        OUT.print(reveal_body(event["body"]), markup=False)
