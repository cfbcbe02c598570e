"""A customer's state as it was read, and the event that one subscriber's queue gets of it."""

import time
from abc import abstractmethod
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass, fields
from functools import partial
from hashlib import sha256
from typing import Any, Self

from customer_events.encoder import encode
from customer_events.event import NEWEST_MAJOR, Change, CustomerStatusChanged
from customer_events.identity import snapshot_id
from customer_events.sequence import UNCOUNTED, SequenceSource
from customer_events.sequence import Sequence as EventSequence
from event_consumer.sqs_queue import batches
from fanout.aws import AwsTarget
from fanout.errors import Refused, WrongUse
from fanout.runs.operation import Operation
from fanout.sqs.queue import Sending, SqsQueue
from fanout.sqs.subscription import of_subscriber
from sentinel.discovery import Publisher, Subscriber
from sentinel.snapshots import Snapshot


def snapshot_event(
    snapshot: Snapshot, source: str, *, repairs: EventSequence | None = None
) -> CustomerStatusChanged:
    """A customer's state. With a version counter it is ordered among the live events.

    `repairs`: the sequence of the row that has drifted. Where Accounts counts higher than that, the
    state competes by its own sequence. Else it applies only if the row still has this one.
    """
    order = snapshot.sequence or UNCOUNTED
    if repairs is not None:
        repairs, order = (None, order) if order > repairs else (repairs, UNCOUNTED)
    return CustomerStatusChanged(
        event_id=snapshot_id(source, snapshot.customer_id, order, NEWEST_MAJOR, snapshot.read_at),
        source=source,
        customer_id=snapshot.customer_id,
        sequence=order,
        sequence_source=SequenceSource.STREAM if order == UNCOUNTED else SequenceSource.VERSION,
        schema_version=NEWEST_MAJOR,
        occurred_at=snapshot.read_at,
        status=snapshot.status,
        previous_status=None,
        reason=snapshot.reason,
        change=Change.SNAPSHOT,
        changed_at=snapshot.changed_at or snapshot.read_at,
        repairs=repairs,
    )


_ATTEMPTS_MAX = 6
_PAUSE_MAX_SECONDS = 5.0


def send_events(queue: SqsQueue, events: Sequence[CustomerStatusChanged], *, fifo: bool) -> None:
    """Send events to one subscriber's queue as the bus would, and again what was not confirmed.

    In tens: at most some 40 kB a call (an id of 2,048 escaped characters), far below 1 MiB. When
    this returns, SQS has confirmed each by its id.

    Raises: Refused: some are not confirmed after several attempts; the sentence says why.
    """
    for batch in batches(_sending(event, fifo=fifo) for event in events):
        left, why = batch, ""
        for attempt in range(_ATTEMPTS_MAX):
            if attempt:
                time.sleep(min(_PAUSE_MAX_SECONDS, 0.1 * 2**attempt))
            failed = {one.message_id: one.why for one in queue.send(left) if not one.ok}
            left = [sending for sending in left if sending.message_id in failed]
            if not left:
                break
            why = failed[left[0].message_id]
        else:
            raise Refused(
                f"The queue did not take {len(left)} of {len(batch)} snapshots after "
                f"{_ATTEMPTS_MAX} attempts ({why})."
            )


@dataclass(kw_only=True)
class QueueOperation(Operation):
    """Sends events about customers to the queue of one subscriber, and to nobody else's.

    A field that is also an option in a run's header is set from there in a resume.
    """

    target: AwsTarget
    publisher: Publisher
    subscriber: Subscriber

    @classmethod
    @abstractmethod
    def of(cls, target: AwsTarget, name: str, **options: Any) -> Self:
        """Look everything up. Raises: WrongUse: no such subscriber, or not as it has to be."""

    @classmethod
    def reopen(cls, target: AwsTarget, header: Mapping[str, Any]) -> Self:
        """See `Operation.reopen`. Old journals state fewer options, or none."""
        names = {field.name for field in fields(cls)}
        options = {name: value for name, value in header["options"].items() if name in names}
        operation = cls.of(target, header["subject"]["subscriber"], **options)
        if header["subject"] != operation.subject():
            raise WrongUse(
                f"Run {header['run_id']} was made for another queue, table or filter than there is "
                "now: start a new one."
            )
        return operation

    def subject(self) -> dict[str, Any]:
        """See `Operation.subject`."""
        return {
            "prefix": self.target.prefix,
            "subscriber": self.subscriber.name,
            "queue_arn": self.subscriber.queue_arn,
        }

    def queue(self) -> SqsQueue:
        """The subscriber's queue."""
        return of_subscriber(self.target, self.subscriber).queue

    def sender(self) -> Callable[[Sequence[CustomerStatusChanged]], None]:
        """Sends events to the queue; see `send_events`."""
        fifo = self.subscriber.queue_url.endswith(".fifo")
        return partial(send_events, self.queue(), fifo=fifo)


def require_version(subscriber: Subscriber) -> None:
    """Raises: WrongUse where the subscriber does not read the version that snapshots have."""
    if NEWEST_MAJOR not in subscriber.versions:
        stated = ", ".join(str(major) for major in subscriber.versions)
        raise WrongUse(
            f"{subscriber.name} reads version {stated}, and snapshots are version {NEWEST_MAJOR}: "
            f"let it read version {NEWEST_MAJOR} first."
        )


# Private functions


def _sending(event: CustomerStatusChanged, *, fifo: bool) -> Sending:
    name = str(event.event_id)
    attributes = {
        each: {"DataType": "String", "StringValue": value}
        for each, value in event.filter_attributes()
    }
    entry: dict[str, Any] = {"MessageBody": encode(event), "MessageAttributes": attributes}
    if fifo:  # the group that the publisher gives the customer's live events
        entry["MessageGroupId"] = sha256(event.customer_id.encode()).hexdigest()
        entry["MessageDeduplicationId"] = name
    return Sending(message_id=name, entry=entry)
