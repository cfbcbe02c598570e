"""Which messages a command is about.

Every condition must hold. Ages count from when the message came into the DLQ, if that is known.
"""

import inspect
import json
import os
from collections.abc import Callable, Iterable, Mapping
from contextlib import suppress
from dataclasses import asdict, dataclass, fields, is_dataclass
from datetime import UTC, datetime
from functools import wraps
from pathlib import Path
from typing import Annotated, Any, Self

import jmespath
import typer
from jmespath.exceptions import JMESPathError

from customer_events.instants import from_wire, to_wire
from fanout.console import Json, option
from fanout.dlq.diagnosis import Cause, Diagnosis
from fanout.errors import WrongUse
from fanout.runs.options import Execute, RunsDir, renamed, seconds_of
from fanout.sqs.message import DeadMessage
from fanout.sqs.queue import QueueFacts
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
        try:
            jmespath.compile("@" if self.where is None else self.where)
        except JMESPathError as error:
            raise WrongUse(f"--where {self.where!r} is no JMESPath expression: {error}") from None

    def matches(self, message: DeadMessage, diagnosis: Diagnosis) -> bool:
        """Whether a message is meant."""
        died_at = dead_since(message)
        return (
            self.cause in {None, diagnosis.cause.key}
            and self.customer in {None, diagnosis.customer_id}
            and self.reason in {None, diagnosis.cause.code}
            and self.version in {None, diagnosis.version}
            and (self.before is None or died_at < self.before)
            and (self.after is None or died_at > self.after)
            and self.message_id in {None, message.message_id, message.first_delivery.message_id}
            and (self.where is None or _is_true(self.where, facts(message, diagnosis)))
        )

    def to_document(self) -> dict[str, Any]:
        """The conditions that were set, as a journal keeps them."""
        return {
            name: to_wire(value) if isinstance(value, datetime) else value
            for name, value in asdict(self).items()
            if value is not None
        }

    @classmethod
    def from_document(cls, document: Mapping[str, Any]) -> Self:
        """Read what `to_document` wrote."""
        # A condition of a later version raises: left out, it would select more than was meant.
        names = document.keys() & {"before", "after"}
        instants = {name: from_wire(document[name]) for name in names}
        return cls(**{**document, **instants})


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
        "attributes": {
            name: value.get("StringValue") for name, value in message.attributes.items()
        },
        "body": diagnosis.document,
    }


def dead_since(message: DeadMessage) -> datetime:
    """When it died, as nearly as is known: when it was parked, or else when it was sent."""
    parked = message.parked
    return (parked and parked.parked_at) or message.sent_at


def what_was_not_seen(facts: QueueFacts, seen: int) -> list[str]:
    """Sentences for what a reading of the DLQ may have left out."""
    remarks = []
    if facts.fifo:
        remarks.append(
            "This DLQ is FIFO: SQS shows only the first messages of each message group until "
            "they are gone; later ones of the same customers are behind them."
        )
    if facts.depth.in_flight:
        remarks.append(
            f"{facts.depth.in_flight:,} are hidden just now: somebody else is reading them, or was "
            "killed while reading; they show up within a minute of that."
        )
    if facts.depth.waiting > seen and not facts.fifo:
        remarks.append(
            f"{seen:,} of about {facts.depth.waiting:,} were read; SQS hides at most 120,000 of a "
            "queue at a time, and its own count is approximate. Repeat the command for the rest."
        )
    return remarks


def _is_true(expression: str, facts: dict[str, Any]) -> bool:
    """Raises: WrongUse where the expression fails on this message (a wrong type, say)."""
    try:
        answer = jmespath.search(expression, json.loads(json.dumps(facts)))
    except JMESPathError as error:
        raise WrongUse(f"--where {expression!r} fails on {facts['message_id']}: {error}") from None
    return answer is not None and answer is not False and answer not in ("", [], {})


# Give each cause a number that stays the same, however the groups grow and shrink


class Numbering:
    """Numbers of a DLQ's causes, in a file of this person's state for the deployment."""

    def __init__(self, folder: Path, dlq_arn: str) -> None:
        name = dlq_arn.replace(":", "_").replace("/", "_")
        self._path = folder / "groups" / f"{name}.json"
        self._numbers: dict[str, int] = {}
        with suppress(OSError, ValueError):
            self._numbers = json.loads(self._path.read_text(encoding="utf-8"))

    def number(self, causes: Iterable[Cause]) -> dict[str, int]:
        """The number of each cause by its key; new ones get the next."""
        keys = [cause.key for cause in causes]
        new = [key for key in keys if key not in self._numbers]
        for key in new:
            self._numbers[key] = max(self._numbers.values(), default=0) + 1
        if new:
            self._path.parent.mkdir(parents=True, exist_ok=True)
            written = self._path.with_suffix(f".{os.getpid()}.new")
            written.write_text(json.dumps(self._numbers), encoding="utf-8")
            written.replace(self._path)
        return {key: self._numbers[key] for key in keys}

    def key_of(self, group: str) -> str:
        """A cause's key by its number, or by the key itself. Raises: WrongUse: none has it here."""
        keys = {str(number): key for key, number in self._numbers.items()}
        if group in keys:
            return keys[group]
        if len(group) == 8 and set(group) <= set("0123456789abcdef"):  # noqa: PLR2004 (Cause.key)
            return group
        known = ", ".join(sorted(keys, key=int)) or "none yet"
        raise WrongUse(
            f"No group {group!r}; known on this machine: {known}. `fanout dlq show` numbers them."
        )


# Options that several `dlq` commands take, and what they mean


SubscriberName = Annotated[str, typer.Argument(help="The subscriber, such as payments.")]
Group = Annotated[str | None, option("Only this group: its number in `dlq show`, or its key.")]
Hold = Annotated[
    str,
    option(
        "How long a message stays hidden if this command is killed: 5s to 60s.",
        "--hold",
        "--hold-seconds",
    ),
]
HOLD_DEFAULT = f"{HOLD_SECONDS}s"
HOLD_SECONDS_MAX = 60
Canary = Annotated[int, option("Do this many first, then check.", min=0)]
Watch = Annotated[
    str,
    option(
        "Through queue: how long to watch for messages that come back, such as 15s.",
        "--watch",
        "--watch-seconds",
    ),
]
FAILURE_RATE_MAX = 0.1


def hold_seconds(text: str) -> int:
    """The value of `--hold`. Raises: WrongUse: it is no duration, too short or too long."""
    seconds = int(seconds_of(text, option="--hold"))
    if not HOLD_SECONDS_MIN <= seconds <= HOLD_SECONDS_MAX:
        raise WrongUse(f"--hold {text!r}: expected {HOLD_SECONDS_MIN}s to {HOLD_SECONDS_MAX}s.")
    return seconds


@dataclass(frozen=True, slots=True, kw_only=True)
class Conditions:
    """The options that say which messages, as they were typed."""

    group: Group = None
    customer: Annotated[str | None, option("Only this customer's messages.")] = None
    where_reason: Annotated[str | None, option("Only this reason, such as SchemaViolation.")] = None
    older_than: Annotated[
        str | None, option("Only what died before: 30m, 12h, 7d, or an instant.")
    ] = None
    newer_than: Annotated[
        str | None, option("Only what died since: 30m, 12h, 7d, or an instant.")
    ] = None
    version: Annotated[int | None, option("Only events of this major version.", min=1)] = None
    where: Annotated[
        str | None,
        option(
            "Only if this is true, such as \"body.data.status == 'CLOSED'\". It sees body, "
            "attributes, reason, field, customer_id, version, origin, sent_at and receive_count.",
            metavar="JMESPATH",
        ),
    ] = None
    message: Annotated[
        str | None, option("Only this message, by its id or its first delivery's.")
    ] = None
    old_reason: Annotated[str | None, typer.Option("--reason", hidden=True)] = None

    def selection(self, subscription: Subscription) -> Selection:
        """What they mean. Raises: WrongUse: an option can't be read, or no such group is known."""
        old = "--cause" if isinstance(self, DiscardConditions) else "--reason"
        now = datetime.now(UTC)
        older, newer = self.older_than, self.newer_than
        numbering = Numbering(subscription.folder, subscription.subscriber.dlq_arn)
        return Selection(
            cause=numbering.key_of(self.group) if self.group else None,
            customer=self.customer,
            reason=renamed(old, self.old_reason, "--where-reason", self.where_reason),
            version=self.version,
            before=instant_or_age(older, now=now, option="--older-than") if older else None,
            after=instant_or_age(newer, now=now, option="--newer-than") if newer else None,
            where=self.where,
            message_id=self.message,
        )


@dataclass(frozen=True, slots=True, kw_only=True)
class DiscardConditions(Conditions):
    """Those of a discard, whose `--reason` had another meaning."""

    old_reason: Annotated[str | None, typer.Option("--cause", hidden=True)] = None


@dataclass(frozen=True, slots=True, kw_only=True)
class RunOptions:
    """The options of a command that does something with what is selected."""

    limit: Annotated[int | None, option("Select at most this many.", min=1)] = None
    rate: Annotated[float | None, option("Messages a second; no limit if left out.", min=0.01)] = (
        None
    )
    hold: Hold = HOLD_DEFAULT
    execute: Execute = False
    runs_dir: RunsDir = None
    as_json: Json = False

    def to_document(
        self,
        selection: Selection,
        *,
        canary: int = 0,
        watch: str = "0s",
        failure_rate_max: float = FAILURE_RATE_MAX,
    ) -> dict[str, Any]:
        """As a journal keeps them. Raises: WrongUse: a duration can't be read."""
        return {
            "selection": selection.to_document(),
            "limit": self.limit,
            "canary": canary,
            "rate": self.rate,
            "failure_rate_max": failure_rate_max,
            "watch_seconds": seconds_of(watch, option="--watch"),
            "hold_seconds": hold_seconds(self.hold),
            "execute": self.execute,
        }


def with_options(command: Callable[..., None]) -> Callable[..., None]:
    """Give a command the fields of the dataclasses among its parameters as options of its own."""
    own = inspect.signature(command).parameters
    groups: dict[str, Any] = {
        name: each.annotation for name, each in own.items() if is_dataclass(each.annotation)
    }
    parameters: list[inspect.Parameter] = []
    for name, each in own.items():
        group = inspect.signature(groups[name]).parameters.values() if name in groups else [each]
        parameters += group

    @wraps(command)
    def decorated(*arguments: Any, **given: Any) -> None:
        for name, group in groups.items():
            given[name] = group(**{each.name: given.pop(each.name) for each in fields(group)})
        command(*arguments, **given)

    decorated.__signature__ = inspect.Signature(parameters)  # type: ignore[attr-defined] # for typer
    decorated.__annotations__ = {each.name: each.annotation for each in parameters}
    return decorated
