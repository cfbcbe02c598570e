"""A DLQ and a queue in memory that behave as SQS does, dead messages, and a clock to turn."""

import json
import uuid
from collections import Counter
from dataclasses import dataclass, field, replace
from datetime import UTC, datetime, timedelta
from threading import RLock

from customer_events.encoder import to_document
from customer_events.instants import to_wire
from fanout.sqs.message import DeadMessage
from fanout.sqs.queue import BATCH_MAX, Effect, QueueDepth, QueueFacts
from unit.event_consumer.consumer_samples import live

NOON = datetime(2026, 11, 23, 12, tzinfo=UTC)
ARN = "arn:aws:sqs:eu-west-1:123456789012:"


def body(number: int = 1, **changes) -> str:
    """An event's document; `changes` replace top-level fields, `data` merges."""
    customer = changes.pop("customer_id", f"customer-{number:04d}")
    document = to_document(live(number, customer_id=customer))
    document["data"] |= changes.pop("data", {})
    return json.dumps(document | changes)


def text(value: str) -> dict:
    return {"DataType": "String", "StringValue": value}


def dead(number: int = 1, document: str | None = None, **other) -> DeadMessage:
    """A message that came into the DLQ `number` seconds after noon."""
    sent_at = NOON + timedelta(seconds=number)
    made = DeadMessage(
        message_id=str(uuid.UUID(int=number)),
        receipt_handle=f"first-{number}",
        body=body(number) if document is None else document,
        sent_at=sent_at,
        first_received_at=sent_at,
        receive_count=1,
        attributes={},
    )
    return replace(made, **other)


def parked(number: int = 1, reason: str = "UnknownStatus", *, original=None, **other):
    """A message that the consumer parked."""
    note = {
        "field": "data.status",
        "expected": "another",
        "parked_at": to_wire(NOON + timedelta(seconds=number)),
        "first_received_at": to_wire(NOON - timedelta(hours=1)),
        "original_message_id": original or str(uuid.UUID(int=10**6 + number)),
        "consumer": "payments",
    }
    attributes = {"parked_reason": text(reason), "parked": text(json.dumps(note))}
    return dead(number, attributes=attributes | other.pop("attributes", {}), **other)


@dataclass
class Clock:
    """Monotonic seconds that pass only when told to, or when somebody sleeps."""

    seconds: float = 1000.0
    slept: list = field(default_factory=list)

    def __call__(self) -> float:
        return self.seconds

    def sleep(self, seconds: float) -> None:
        self.slept.append(seconds)
        self.seconds += seconds


class FakeQueue:
    """SQS's visibility, receipt handles, FIFO groups and partial failures, in memory."""

    def __init__(self, messages=(), *, clock=None, fifo=False, size_bytes_max=1_048_576):
        self.clock = clock or Clock()
        self.fifo = fifo
        self.size_bytes_max = size_bytes_max
        self.messages = {one.message_id: one for one in messages}
        self.hidden_until = Counter()
        self.handles = {}
        self.calls = Counter()
        self.sent = []
        self.refuses = set()
        self.keeps = set()
        self.broken = None
        self._serial = 0
        self._lock = RLock()

    def receive(self, *, hold_seconds, thorough):
        with self._lock:
            self.calls["receive"] += 1
            self._break("receive")
            self.clock.seconds += 1 if thorough and not self._visible() else 0
            return [self._hand_out(one, hold_seconds) for one in self._visible()[:BATCH_MAX]]

    def hide(self, receipts, *, seconds):
        self.calls["hide"] += -(-len(receipts) // BATCH_MAX)
        for one in receipts:
            if self.handles.get(one.message_id) == one.handle:
                self.hidden_until[one.message_id] = self.clock() + seconds

    def delete(self, receipts):
        with self._lock:
            return self._delete(receipts)

    def _delete(self, receipts):
        self.calls["delete"] += 1
        self._break("delete")
        effects = []
        for one in receipts:
            ok = self.handles.get(one.message_id) == one.handle and one.message_id not in self.keeps
            if ok:
                self.messages.pop(one.message_id, None)
            effects.append(Effect(message_id=one.message_id, ok=ok, why="" if ok else "Kept"))
        return effects

    def send(self, sendings):
        self.calls["send"] += 1
        effects = []
        for one in sendings:
            ok = one.message_id not in self.refuses
            if ok:
                self.sent.append(one)
            effects.append(
                Effect(
                    message_id=one.message_id,
                    ok=ok,
                    new_id=f"new-{len(self.sent)}" if ok else "",
                    why="" if ok else "Throttled",
                )
            )
        self._break("send")  # after the effect, as an answer that is lost
        return effects

    def facts(self):
        hidden = [one for one in self.messages if self.hidden_until[one] > self.clock()]
        return QueueFacts(
            arn=f"{ARN}queue" + (".fifo" if self.fifo else ""),
            fifo=self.fifo,
            retention_seconds=1_209_600,
            size_bytes_max=self.size_bytes_max,
            depth=QueueDepth(
                waiting=len(self.messages) - len(hidden), in_flight=len(hidden), delayed=0
            ),
            asked_at=NOON + timedelta(hours=1),
        )

    def hidden(self):
        return {one for one in self.messages if self.hidden_until[one] > self.clock()}

    def _visible(self):
        locked = {
            self.messages[one].group_id for one in self.hidden() if self.messages[one].group_id
        }
        return [
            one
            for one in self.messages.values()
            if self.hidden_until[one.message_id] <= self.clock()
            and not (self.fifo and one.group_id in locked)
        ]

    def _hand_out(self, message, hold_seconds):
        self._serial += 1
        handle = f"handle-{self._serial}"
        self.handles[message.message_id] = handle
        self.hidden_until[message.message_id] = self.clock() + hold_seconds
        return replace(message, receipt_handle=handle)

    def _break(self, call):
        if self.broken == call:
            raise ConnectionError(call)


class FakeConsumer:
    """Answers with the outcome that is set for a message; APPLIED otherwise."""

    def __init__(self, outcomes=None):
        self.outcomes = outcomes or {}
        self.handled = []

    def handle(self, messages):
        self.handled.extend(one.message_id for one in messages)
        outcomes = {name: self.outcomes.get(name, "APPLIED") for name in self.handled}
        return [
            {
                "message_id": one.message_id,
                "outcome": outcomes[one.message_id],
                "reason": "UnknownStatus" if outcomes[one.message_id] == "PARKED" else None,
            }
            for one in messages
        ]
