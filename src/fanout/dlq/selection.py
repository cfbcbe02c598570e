"""Which messages a command is about.

Every condition must hold. Ages count from when the message came into the DLQ, as far as it tells.
"""

import json
import os
from collections.abc import Iterable, Mapping
from dataclasses import dataclass
from datetime import UTC, datetime
from pathlib import Path
from typing import Annotated, Any, Self

import jmespath
import typer
from jmespath.exceptions import JMESPathError

from customer_events.instants import from_wire, to_wire
from fanout.dlq.diagnosis import Cause, Diagnosis
from fanout.errors import WrongUse
from fanout.sqs.message import DeadMessage
from fanout.sqs.scan import HOLD_SECONDS, HOLD_SECONDS_MIN
from fanout.sqs.subscription import Subscription
from fanout.text import instant_or_age


@dataclass(frozen=True, slots=True, kw_only=True)
class Selection:
    """Conditions on a dead message; None: does not matter.

    `cause` is a `Cause.key`; `before` and `after` bound when it came into the DLQ; `where` is a
    JMESPath expression on `facts`, which selects where it is neither null, false nor empty; as in
    JMESPath, 0 is true.
    """

    cause: str | None = None
    customer: str | None = None
    reason: str | None = None
    version: int | None = None
    before: datetime | None = None
    after: datetime | None = None
    where: str | None = None
    message_id: str | None = None

    def __post_init__(self) -> None:
        """Raises: WrongUse where `where` is no JMESPath expression."""
        if self.where is not None:
            try:
                jmespath.compile(self.where)
            except JMESPathError as error:
                raise WrongUse(
                    f"--where {self.where!r} is no JMESPath expression: {error}"
                ) from None

    def matches(self, message: DeadMessage, diagnosis: Diagnosis) -> bool:
        """Whether a message is meant."""
        died_at = dead_since(message)
        return (
            (self.cause is None or diagnosis.cause.key == self.cause)
            and (self.customer is None or diagnosis.customer_id == self.customer)
            and (self.reason is None or diagnosis.cause.code == self.reason)
            and (self.version is None or diagnosis.version == self.version)
            and (self.before is None or died_at < self.before)
            and (self.after is None or died_at > self.after)
            and (self.message_id is None or self.message_id in _ids(message))
            and (self.where is None or _is_true(self.where, facts(message, diagnosis)))
        )

    def to_document(self) -> dict[str, Any]:
        """The conditions that were set, as a journal keeps them."""
        document = {
            "cause": self.cause,
            "customer": self.customer,
            "reason": self.reason,
            "version": self.version,
            "before": self.before and to_wire(self.before),
            "after": self.after and to_wire(self.after),
            "where": self.where,
            "message_id": self.message_id,
        }
        return {name: value for name, value in document.items() if value is not None}

    @classmethod
    def from_document(cls, document: Mapping[str, Any]) -> Self:
        """Read what `to_document` wrote."""
        fields = dict(document)
        for name in ("before", "after"):
            if name in fields:
                fields[name] = from_wire(fields[name])
        return cls(**fields)


def facts(message: DeadMessage, diagnosis: Diagnosis) -> dict[str, Any]:
    """What a JMESPath expression sees of a message.

    `body` is the event's document (null where there is none), `attributes` the message attributes
    that are text; the others are named as everywhere.
    """
    cause = diagnosis.cause
    return {
        "message_id": message.message_id,
        "group_id": message.group_id,
        "sent_at": to_wire(message.sent_at),
        "receive_count": message.receive_count,
        "origin": cause.origin.value,
        "reason": cause.code,
        "field": cause.field,
        "expected": cause.expected,
        "customer_id": diagnosis.customer_id,
        "version": diagnosis.version,
        "would_succeed": diagnosis.may_succeed_now,
        "attributes": {name: one.get("StringValue") for name, one in message.attributes.items()},
        "body": diagnosis.document,
    }


def dead_since(message: DeadMessage) -> datetime:
    """When it died, as nearly as it tells: when it was parked, or else when it was sent."""
    parked = message.parked
    return (parked and parked.parked_at) or message.sent_at


def _ids(message: DeadMessage) -> tuple[str, str]:
    return message.message_id, message.first_delivery.message_id


def _is_true(expression: str, found: dict[str, Any]) -> bool:
    """Raises: WrongUse where the expression fails on this message (a wrong type, say)."""
    try:
        answer = jmespath.search(expression, json.loads(json.dumps(found)))
    except JMESPathError as error:
        raise WrongUse(f"--where {expression!r} fails on {found['message_id']}: {error}") from None
    return answer is not None and answer is not False and answer not in ("", [], {})


# Give each cause a number that stays the same, however the groups grow and shrink


class Numbering:
    """Numbers of causes, kept in a file.

    Args:
        folder: where this person's state for the deployment is.
        dlq_arn: the DLQ.
    """

    def __init__(self, folder: Path, dlq_arn: str) -> None:
        name = dlq_arn.replace(":", "_").replace("/", "_")
        self._path = folder / "groups" / f"{name}.json"
        self._numbers = self._read()

    def number(self, causes: Iterable[Cause]) -> dict[str, int]:
        """The number of each cause by its key; new ones get the next."""
        keys = [cause.key for cause in causes]
        new = [key for key in keys if key not in self._numbers]
        for key in new:
            self._numbers[key] = max(self._numbers.values(), default=0) + 1
        if new:
            self._write()
        return {key: self._numbers[key] for key in keys}

    def key_of(self, group: str) -> str:
        """The key of a cause by its number, or by the key itself.

        Raises:
            WrongUse: no cause has this number here.
        """
        keys = {str(number): key for key, number in self._numbers.items()}
        if group in keys:
            return keys[group]
        if len(group) == 8 and all(one in "0123456789abcdef" for one in group):  # noqa: PLR2004 (Cause.key)
            return group
        known = ", ".join(sorted(keys, key=int)) or "none yet"
        raise WrongUse(
            f"No group {group!r}; known on this machine: {known}. `fanout dlq show` numbers them."
        )

    # Private functions

    def _read(self) -> dict[str, int]:
        try:
            found = json.loads(self._path.read_text(encoding="utf-8"))
        except (OSError, ValueError):
            return {}
        return {str(key): int(number) for key, number in found.items()}

    def _write(self) -> None:
        self._path.parent.mkdir(parents=True, exist_ok=True)
        new = self._path.with_suffix(f".{os.getpid()}.new")
        new.write_text(json.dumps(self._numbers), encoding="utf-8")
        new.replace(self._path)


# Options that several `dlq` commands take, and what they mean


SubscriberName = Annotated[str, typer.Argument(help="The subscriber, such as payments.")]
Group = Annotated[
    str | None, typer.Option(help="Only this group: its number in `dlq show`, or its key.")
]
Customer = Annotated[str | None, typer.Option(help="Only this customer's messages.")]
Reason = Annotated[str | None, typer.Option(help="Only this reason, such as SchemaViolation.")]
OlderThan = Annotated[
    str | None, typer.Option(help="Only what died before: 30m, 12h, 7d, or an instant.")
]
NewerThan = Annotated[
    str | None, typer.Option(help="Only what died since: 30m, 12h, 7d, or an instant.")
]
Version = Annotated[int | None, typer.Option(min=1, help="Only events of this major version.")]
Where = Annotated[
    str | None,
    typer.Option(
        metavar="JMESPATH",
        help="Only where this holds, such as \"body.data.status == 'CLOSED'\". It sees body, "
        "attributes, reason, field, customer_id, version, origin, sent_at and receive_count.",
    ),
]
HoldSeconds = Annotated[
    int,
    typer.Option(
        "--hold-seconds",
        min=HOLD_SECONDS_MIN,
        max=60,
        help="How long a message stays hidden if this command is killed.",
    ),
]
HOLD_DEFAULT = HOLD_SECONDS
MessageId = Annotated[
    str | None, typer.Option("--message", help="Only this message, by an id of it.")
]
CauseCode = Annotated[
    str | None, typer.Option("--cause", help="Only this cause's code, such as NotJson.")
]
Limit = Annotated[int | None, typer.Option(min=1, help="Select so many at most.")]
Canary = Annotated[int, typer.Option(min=0, help="Do so many first, and see.")]
Rate = Annotated[
    float | None, typer.Option(min=0.01, help="Messages a second; as fast as it goes if not.")
]
WatchSeconds = Annotated[
    float,
    typer.Option(
        "--watch-seconds",
        min=0,
        help="Through queue: how long to watch for what comes back, each time.",
    ),
]
FAILURE_RATE_MAX = 0.1


def selection(
    subscription: Subscription,
    dlq_arn: str,
    *,
    group: str | None = None,
    customer: str | None = None,
    reason: str | None = None,
    older_than: str | None = None,
    newer_than: str | None = None,
    version: int | None = None,
    where: str | None = None,
    message: str | None = None,
) -> Selection:
    """The conditions that the options state.

    Raises:
        WrongUse: an option can't be read, or names a group that is not known here.
    """
    now = datetime.now(UTC)
    return Selection(
        cause=group and Numbering(subscription.folder, dlq_arn).key_of(group),
        customer=customer,
        reason=reason,
        version=version,
        before=(older_than and instant_or_age(older_than, now=now, option="--older-than")) or None,
        after=(newer_than and instant_or_age(newer_than, now=now, option="--newer-than")) or None,
        where=where,
        message_id=message,
    )
