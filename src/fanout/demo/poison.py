"""Two messages that can never succeed, and what becomes of them."""

import json
import time
from collections.abc import Iterator
from dataclasses import asdict, dataclass
from datetime import UTC, datetime
from typing import Any
from uuid import uuid4

from customer_events.encoder import to_document
from customer_events.event import (
    NEWEST_MAJOR,
    SCHEMA_BASE,
    TYPE_PREFIX,
    Change,
    CustomerStatusChanged,
    Status,
)
from customer_events.sequence import SequenceSource, sequence
from fanout.local.deployment import LocalDeployment

UNKNOWN_MAJOR = 9
WAIT_SECONDS_MAX = 120
_POLL_SECONDS = 0.2
_RECEIVE_MAX = 10
# Long enough to read the whole DLQ without meeting a message twice, and then they are back.
_LOOK_SECONDS = 2
_PAGES_MAX = 100


@dataclass(frozen=True, slots=True, kw_only=True)
class DeadMessage:
    """A message of the DLQ.

    `event_id` is None where the body is no JSON object with an id; `reason` where nothing parked
    it; `note` is the message attribute `parked`.
    """

    message_id: str
    event_id: str | None
    reason: str | None
    note: dict[str, Any]


@dataclass(frozen=True, slots=True, kw_only=True)
class Poison:
    """A poison message that was sent, and the reason it was parked for (None: not in time)."""

    what: str
    message_id: str
    reason: str | None = None
    field: str = ""
    expected: str = ""

    def to_document(self) -> dict[str, Any]:
        """One JSON object with every field."""
        return asdict(self)


def send(deployment: LocalDeployment) -> list[Poison]:
    """Send both to the payments queue, as a broken producer would."""
    bodies = {
        '{"hello"  (no JSON)': '{"hello"',
        f"a valid event of version {UNKNOWN_MAJOR}": json.dumps(event_of_unknown_version()),
    }
    sqs = deployment.client("sqs")
    return [
        Poison(
            what=what,
            message_id=sqs.send_message(QueueUrl=deployment.queue_url, MessageBody=body)[
                "MessageId"
            ],
        )
        for what, body in bodies.items()
    ]


def await_parked(deployment: LocalDeployment, sent: list[Poison]) -> list[Poison]:
    """Wait until both are in the DLQ, or for as long as is reasonable; they stay there."""
    deadline = time.monotonic() + WAIT_SECONDS_MAX
    found: dict[str, DeadMessage] = {}
    while True:
        for dead in read_dlq(deployment):
            found[str(dead.note.get("original_message_id"))] = dead
        if all(one.message_id in found for one in sent) or time.monotonic() > deadline:
            return [_seen(one, found.get(one.message_id)) for one in sent]
        time.sleep(_POLL_SECONDS)


def read_dlq(deployment: LocalDeployment) -> Iterator[DeadMessage]:
    """Look at every message of the DLQ, once each; none is taken away."""
    sqs = deployment.client("sqs")
    seen: set[str] = set()
    for _ in range(_PAGES_MAX):
        messages = sqs.receive_message(
            QueueUrl=deployment.dlq_url,
            WaitTimeSeconds=0,
            MaxNumberOfMessages=_RECEIVE_MAX,
            VisibilityTimeout=_LOOK_SECONDS,
            MessageAttributeNames=["All"],
        ).get("Messages", [])
        unseen = [message for message in messages if message["MessageId"] not in seen]
        if not unseen:
            return
        seen.update(message["MessageId"] for message in unseen)
        yield from map(_dead_message, unseen)


def event_of_unknown_version() -> dict[str, Any]:
    """A well-formed event of a version that nobody here understands yet."""
    now = datetime.now(UTC).replace(microsecond=0)
    newest = CustomerStatusChanged(
        event_id=uuid4(),
        source="urn:novapay:accounts",
        customer_id="customer-from-the-future",
        sequence=sequence(1, epoch=1),
        sequence_source=SequenceSource.STREAM,
        schema_version=NEWEST_MAJOR,
        occurred_at=now,
        status=Status.ACTIVE,
        previous_status=None,
        reason=None,
        change=Change.CREATED,
        changed_at=now,
    )
    return to_document(newest) | {
        "type": f"{TYPE_PREFIX}{UNKNOWN_MAJOR}",
        "dataschema": f"{SCHEMA_BASE}/v{UNKNOWN_MAJOR}.schema.json",
    }


# Private functions


def _seen(sent: Poison, dead: DeadMessage | None) -> Poison:
    if dead is None:
        return sent
    return Poison(
        what=sent.what,
        message_id=sent.message_id,
        reason=dead.reason,
        field=dead.note.get("field", ""),
        expected=dead.note.get("expected", ""),
    )


def _dead_message(message: dict[str, Any]) -> DeadMessage:
    attributes = message.get("MessageAttributes", {})
    body = _json_object(message["Body"])
    return DeadMessage(
        message_id=message["MessageId"],
        event_id=str(body["id"]) if "id" in body else None,
        reason=attributes.get("parked_reason", {}).get("StringValue"),
        note=_json_object(attributes.get("parked", {}).get("StringValue", "")),
    )


def _json_object(text: str) -> dict[str, Any]:
    try:
        found = json.loads(text)
    except ValueError:
        return {}
    return found if isinstance(found, dict) else {}
