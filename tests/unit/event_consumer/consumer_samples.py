"""Events, messages and fakes for the tests of the consumers."""

import json
from collections.abc import Callable
from collections.abc import Sequence as Ordered
from dataclasses import replace
from datetime import UTC, datetime, timedelta
from types import SimpleNamespace
from typing import Any

from customer_events.deadline import UNLIMITED, Deadline, Deadlines
from customer_events.encoder import encode
from customer_events.event import Change, CustomerStatusChanged, Status
from customer_events.identity import event_id, snapshot_id
from customer_events.sequence import UNCOUNTED, Sequence, SequenceSource, sequence
from event_consumer.consume_batch import BatchConsumer
from event_consumer.failures import FailureTracker
from event_consumer.latest_state import Written
from event_consumer.messages import Message
from event_consumer.order_guard import Row, judge
from event_consumer.outcomes import APPLIED, Delivery, Handled
from event_consumer.park_by_customer import ParkByCustomer
from event_consumer.ports import Parking
from event_consumer.sqs_handler import SqsHandler
from event_consumer.testing.memory import row_after

NOON = datetime(2026, 11, 23, 12, tzinfo=UTC)
SOURCE = "urn:novapay:accounts"
REGION = "eu-west-1"
QUEUE_ARN = "arn:aws:sqs:eu-west-1:123456789012:fanout-payments"
QUEUE_URL = "https://sqs.eu-west-1.amazonaws.com/123456789012/fanout-payments"
DLQ_URL = f"{QUEUE_URL}-dlq"
ENVIRONMENT = {
    "CONSUMER_NAME": "payments",
    "DEPLOYMENT": "fanout",
    "QUEUE_URL": QUEUE_URL,
    "DLQ_URL": DLQ_URL,
    "TABLE_NAME": "fanout-payments",
}
HOSTILE_NAMES = (
    *("version", "epoch", "removed", "repairs", "latest_reading", "latest_stored", "own0", "own1"),
    *("name", "SET", "and", "Status", "risk-level", "risk.level", "risk level", "level[0]"),
    *("#status", ":sequence", "#own0", ":own0", "1st", "größe", "🙂", " ", "a,b = c", "x" * 5000),
)
"""What a rule may call its attributes: placeholders of the guard, words and signs of DynamoDB."""


def at(seconds: float) -> datetime:
    """That many seconds after noon."""
    return NOON + timedelta(seconds=seconds)


def live(
    number: int,
    status: Status = Status.ACTIVE,
    *,
    seconds: float | None = None,
    epoch: int = 1,
    customer_id: str = "c-1",
    **other: Any,
) -> CustomerStatusChanged:
    """A live event; its time is `number` minutes after noon, unless told otherwise."""
    when = at(number * 60 if seconds is None else seconds)
    major = other.pop("schema_version", 2)
    order = sequence(number, epoch=epoch)
    event = CustomerStatusChanged(
        event_id=event_id(SOURCE, customer_id, order, major),
        source=SOURCE,
        customer_id=customer_id,
        sequence=order,
        sequence_source=SequenceSource.STREAM,
        schema_version=major,
        occurred_at=when,
        status=status,
        previous_status=Status.PENDING,
        reason=None,
        change=Change.CHANGED,
        changed_at=when,
    )
    return replace(event, **other)


def snapshot(
    status: Status = Status.ACTIVE,
    *,
    seconds: float,
    order: Sequence = UNCOUNTED,
    customer_id: str = "c-1",
    **other: Any,
) -> CustomerStatusChanged:
    """A state read from the Accounts table that many seconds after noon."""
    read = {
        "event_id": snapshot_id(SOURCE, customer_id, order, 2, at(seconds)),
        "sequence": order,
        "previous_status": None,
        "change": Change.SNAPSHOT,
    }
    return live(0, status, seconds=seconds, customer_id=customer_id, **(read | other))


def repair(
    of: CustomerStatusChanged, status: Status, *, seconds: float, **other: Any
) -> CustomerStatusChanged:
    """A reading that mends the row which the event `of` left."""
    return snapshot(
        status,
        seconds=seconds,
        order=of.sequence,
        customer_id=of.customer_id,
        repairs=of.sequence,
        sequence_source=of.sequence_source,
        **other,
    )


def message(number: int = 1, body: str = "{}", **other: Any) -> Message:
    """A message of a standard queue, as a consumer reads it."""
    made = Message(
        message_id=message_id(number),
        receipt_handle=f"receipt-{number}",
        body=body,
        receive_count=1,
        first_received_at=NOON,
        group_id=None,
        fifo=False,
        trace_header=None,
        attributes={},
    )
    return replace(made, **other)


def message_id(number: int) -> str:
    return f"00000000-0000-4000-8000-{number:012}"


def record(number: int, body: Any, **other: Any) -> dict[str, Any]:
    """An SQS record as Lambda hands it over; `body` may be an event, a JSON value or text."""
    if isinstance(body, CustomerStatusChanged):
        body = encode(body)
    made: dict[str, Any] = {
        "messageId": message_id(number),
        "receiptHandle": f"receipt-{number}",
        "body": body if isinstance(body, str) else json.dumps(body),
        "attributes": {
            "ApproximateReceiveCount": "1",
            "SentTimestamp": "1795435200000",
            "SenderId": "AIDAIENQZJOLO23YVJ4VO",
            "ApproximateFirstReceiveTimestamp": "1795435200123",
        },
        "messageAttributes": {},
        "md5OfBody": "e4e68fb7bd0e697a0ae8f1bb342846b3",
        "eventSource": "aws:sqs",
        "eventSourceARN": QUEUE_ARN,
        "awsRegion": REGION,
    }
    return made | other


def text_attribute(value: str) -> dict[str, Any]:
    """A message attribute in Lambda's shape."""
    return {
        "stringValue": value,
        "stringListValues": [],
        "binaryListValues": [],
        "dataType": "String",
    }


class RowsInMemory:
    """`GuardedRows` by `order_guard.judge` alone; `faults` are raised, one for each write."""

    def __init__(self, faults: dict[Any, list[Exception]] | None = None) -> None:
        self.rows: dict[str, Row] = {}
        self.writes: list[CustomerStatusChanged] = []
        self._faults = faults or {}

    def write(self, event: CustomerStatusChanged) -> Written:
        self.writes.append(event)
        faults = self._faults.get(event.event_id) or self._faults.get(event.customer_id)
        if faults:
            raise faults.pop(0)
        row = self.rows.get(event.customer_id)
        if judge(row, event) is not None:
            return Written(applied=False, row=row)
        self.rows[event.customer_id] = row_after(row, event)
        return Written(applied=True, row=self.rows[event.customer_id])


class ParkingLotInMemory:
    """Parks everything but the messages in `refused`; raises `fault` where there is one."""

    def __init__(self, *, refused: Ordered[str] = (), fault: Exception | None = None) -> None:
        self.parked: list[Parking] = []
        self.parked_at: list[datetime] = []
        self._refused = refused
        self._fault = fault

    def park(
        self, parkings: Ordered[Parking], *, parked_at: datetime, deadline: Deadline
    ) -> dict[str, str]:
        if self._fault:
            raise self._fault
        if deadline.is_over():
            return {}
        kept = [one for one in parkings if one.message.message_id not in self._refused]
        self.parked.extend(kept)
        self.parked_at.append(parked_at)
        return {one.message.message_id: "" for one in kept}


class RedeliveryInMemory:
    """Remembers what was delayed; raises `fault` where there is one."""

    def __init__(self, fault: Exception | None = None) -> None:
        self.delayed: list[Message] = []
        self.acknowledged: list[Message] = []
        self._fault = fault

    def delay(self, messages: Ordered[Message], deadline: Deadline) -> None:
        if self._fault:
            raise self._fault
        if not deadline.is_over():
            self.delayed.extend(messages)

    def acknowledge(self, messages: Ordered[Message], deadline: Deadline) -> None:
        if self._fault:
            raise self._fault
        if not deadline.is_over():
            self.acknowledged.extend(messages)


class SqsInMemory:
    """As much of an SQS client as a consumer uses: it takes everything, and remembers it.

    `before` is called at each call; what it raises is the call's error.
    """

    def __init__(self, before: Callable[[], object] = lambda: None) -> None:
        self.parked: list[dict[str, Any]] = []
        self.delayed: list[dict[str, Any]] = []
        self.calls: list[list[dict[str, Any]]] = []
        self._before = before

    def send_message_batch(self, **request: Any) -> dict[str, Any]:
        assert request["QueueUrl"] == DLQ_URL
        return self._take(self.parked, request["Entries"])

    def change_message_visibility_batch(self, **request: Any) -> dict[str, Any]:
        assert request["QueueUrl"] == QUEUE_URL
        return self._take(self.delayed, request["Entries"])

    @property
    def reasons(self) -> list[str]:
        """Why each message was parked."""
        return [one["MessageAttributes"]["parked_reason"]["StringValue"] for one in self.parked]

    def _take(self, taken: list[dict[str, Any]], entries: list[dict[str, Any]]) -> dict[str, Any]:
        self.calls.append(entries)
        self._before()
        taken += entries
        return {"Successful": [{"Id": one["Id"]} for one in entries]}


class Silence:
    """Stands for the reporter, and keeps what it was given."""

    def __init__(self) -> None:
        self.deliveries: list[Delivery] = []

    def report(self, deliveries: Ordered[Delivery], **_: Any) -> None:
        self.deliveries.extend(deliveries)


class FakeClock:
    """Stands still until it is moved."""

    def __init__(self) -> None:
        self.seconds = 1000.0

    def monotonic(self) -> float:
        return self.seconds

    def pass_seconds(self, seconds: float) -> None:
        self.seconds += seconds

    def deadline(self, seconds: float) -> Deadline:
        return Deadline(ends_at=self.seconds + seconds, clock=self)


def lambda_context(seconds: float = 30.0) -> Any:
    """As much of Lambda's context as a consumer uses."""
    return SimpleNamespace(
        aws_request_id="request-1", get_remaining_time_in_millis=lambda: int(seconds * 1000)
    )


UNHURRIED = Deadlines(work=UNLIMITED, parking=UNLIMITED)


class AppliesAll:
    """An event handler that applies everything, and remembers it."""

    def __init__(self) -> None:
        self.events: list[Any] = []

    def handle(self, events: Ordered[Any], deadline: Deadline) -> list[Handled]:
        self.events += events
        return [APPLIED] * len(events)


class Answers:
    """An event handler with fixed answers."""

    def __init__(self, answers: Any) -> None:
        self._answers = answers

    def handle(self, events: Ordered[CustomerStatusChanged], deadline: Deadline) -> Any:
        if isinstance(self._answers, Exception):
            raise self._answers
        return self._answers


def outcomes(answers: Ordered[Handled]) -> list[str]:
    return [str(one.outcome) for one in answers]


class Consumption:
    """A consumer on fakes; `groups` are the notes of one that parks by customer."""

    def __init__(self, handler: Any, *, groups: Any = None, **parts: Any) -> None:
        self.lot = parts.get("lot") or ParkingLotInMemory()
        self.redelivery = parts.get("redelivery") or RedeliveryInMemory()
        self.tracker = parts.get("tracker") or FailureTracker(receives_max=240)
        consumer = BatchConsumer(handler=handler, parking_lot=self.lot, tracker=self.tracker)
        self.consumer = ParkByCustomer(consumer=consumer, groups=groups) if groups else consumer
        self.handler = SqsHandler(
            consumer=self.consumer,
            redelivery=self.redelivery,
            reporter=Silence(),
            receives_max=240,
            clock=FakeClock(),
            now=lambda: NOON,
        )

    def consume(
        self, messages: Ordered[Message], deadlines: Deadlines = UNHURRIED
    ) -> list[Delivery]:
        return self.handler._consume(messages, deadlines)


def failures(deliveries: Ordered[Delivery]) -> list[str]:
    """The ids of the messages that come back."""
    return [one.message.message_id for one in deliveries if one.comes_back]
