"""A subscriber's queues, ready to be worked with."""

from dataclasses import dataclass
from functools import partial
from pathlib import Path

from customer_events.decoder import from_document
from customer_events.event import EVENT_NAME
from customer_events.registry import load
from event_consumer.consume_batch import Reader
from event_consumer.parked_groups import ParkedGroupsTable
from fanout.aws import AwsTarget
from fanout.sqs.queue import SqsQueue
from sentinel.discovery import Subscriber, find_subscriber


@dataclass(frozen=True, slots=True, kw_only=True)
class Subscription:
    """A subscriber with its queues, its `reader`, and the `folder` of this person's state.

    `notes`: of what is parked, where a customer's events wait behind it.
    """

    subscriber: Subscriber
    queue: SqsQueue
    dlq: SqsQueue
    folder: Path
    reader: Reader
    notes: ParkedGroupsTable | None = None


def find_subscription(target: AwsTarget, name: str) -> Subscription:
    """Raises: WrongUse where the deployment has no such subscriber; names those that it has."""
    return of_subscriber(target, find_subscriber(target, name))


def of_subscriber(target: AwsTarget, subscriber: Subscriber) -> Subscription:
    """The queues of a subscriber that discovery found."""
    sqs, name = target.client("sqs"), subscriber.name
    notes_table = subscriber.parked_groups_table
    return Subscription(
        subscriber=subscriber,
        queue=SqsQueue(sqs, subscriber.queue_url, what=f"the queue of {name}"),
        dlq=SqsQueue(sqs, subscriber.dlq_url, what=f"the DLQ of {name}"),
        folder=target.state_folder,
        notes=ParkedGroupsTable(target.client("dynamodb"), notes_table) if notes_table else None,
        reader=partial(from_document, status_map=load(EVENT_NAME).status_map(name)),
    )
