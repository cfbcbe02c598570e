"""The order guard in DynamoDB: one conditional write, never a read and then a write.

Where the condition fails, DynamoDB sends the stored row back with the refusal
(`ReturnValuesOnConditionCheckFailure`), and the verdict is made of it.
"""

from collections.abc import Callable, Mapping
from contextlib import suppress
from dataclasses import dataclass
from datetime import UTC, datetime, timedelta
from typing import Any

from botocore.exceptions import ClientError

from customer_events.errors import OrderContradiction
from customer_events.event import Change, CustomerStatusChanged, Status
from customer_events.instants import from_wire, sortable
from customer_events.sequence import SequenceSource, epoch_prefix, parse
from event_consumer.latest_state import Written
from event_consumer.order_guard import (
    CLOCK_TOLERANCE,
    Kind,
    Row,
    kind,
    latest_stored_allowance,
)

Attributes = Mapping[str, str]
"""A subscriber's own attributes of a row, all text."""

_GUARD_ATTRIBUTES_TEXT = """
customer_id status previous_status status_changed_at sequence sequence_source event_id
schema_version traceparent occurred_at applied_at snapshot_at
"""
GUARD_ATTRIBUTES = frozenset(_GUARD_ATTRIBUTES_TEXT.split())
"""What the guard writes itself; a rule that wrote one of these would break the order."""

OWN_MAX = 150
"""A rule's attributes for one event, at most: DynamoDB takes expressions of up to 4 KB."""
OWN_SIZE_MAX_BYTES = 400_000
"""Names and values together: DynamoDB's 400 KB (409,600 bytes) less room for the guard's own."""


class UnusableAttributes(ValueError):
    """A rule gave attributes that can't be stored: fix the rule; its events are retried till then.

    It names the attribute and the type at fault, never a value.
    """


_ABSENT = "attribute_not_exists(#sequence)"
_NEWER = "(#sequence < :sequence OR (#sequence = :sequence AND #schema_version < :schema_version))"
_IN_EPOCH = "begins_with(#sequence, :epoch)"
_SAME_COUNTER = f"({_IN_EPOCH} AND #sequence_source = :sequence_source)"
_NOT_BACKWARDS = f"(NOT {_IN_EPOCH} AND #occurred_at <= :latest_stored)"
_AFTER_SNAPSHOT = (
    "((#sequence_source = :version AND #status <> :removed) OR attribute_not_exists(#snapshot_at)"
    " OR #occurred_at <> #snapshot_at OR #snapshot_at <= :latest_stored)"
)
_READ_LATER = "(attribute_not_exists(#snapshot_at) OR #snapshot_at < :snapshot_at)"


@dataclass(frozen=True, slots=True, kw_only=True)
class GuardedWrite:
    """What an event changes in its row, and the condition under which it may.

    `assigned` are the guard's attributes and `own` the rule's, each as DynamoDB holds it;
    `condition` is a condition expression, whose `operands` have names of their own (`:epoch`), or
    that of an assigned attribute. An UpdateItem and a PartiQL statement are made of the same.
    """

    customer_id: str
    assigned: dict[str, dict[str, Any]]
    own: dict[str, dict[str, Any]]
    condition: str
    operands: dict[str, dict[str, Any]]


class GuardedTable:
    """`GuardedRows` on a DynamoDB table whose partition key is `customer_id`.

    Args:
        client: a botocore DynamoDB client; its pool should hold a connection for each writer.
        table_name: the subscriber's table.
        rule: the subscriber's business rule: its own attributes for an event.
        clock: the time now, in UTC, for `applied_at` alone; no verdict depends on it.
        tolerance: see `order_guard.CLOCK_TOLERANCE`.
    """

    def __init__(
        self,
        client: Any,
        table_name: str,
        *,
        rule: Callable[[CustomerStatusChanged], Attributes],
        clock: Callable[[], datetime] = lambda: datetime.now(UTC),
        tolerance: timedelta = CLOCK_TOLERANCE,
    ) -> None:
        self._client = client
        self._table_name = table_name
        self._rule = rule
        self._clock = clock
        self._tolerance = tolerance

    def prepare(self, event: CustomerStatusChanged) -> GuardedWrite:
        """Call the rule, and put together what its event writes.

        Raises:
            Exception: the rule's own, or `UnusableAttributes`.
        """
        assigned = self._assigned(event)
        own = own_attributes(self._rule, event)
        condition, operands = _condition(event, self._tolerance)
        return GuardedWrite(
            customer_id=event.customer_id,
            assigned=assigned,
            own={name: {"S": value} for name, value in own.items()},
            condition=condition,
            operands={f":{name}": value for name, value in assigned.items()} | operands,
        )

    def write(self, event: CustomerStatusChanged) -> Written:
        """See `GuardedRows.write`."""
        return self.store(self.prepare(event))

    def store(self, change: GuardedWrite) -> Written:
        """Write what was prepared, as `write` does."""
        # Named by position: whatever the rule calls them, they can't meet the guard's placeholders.
        names = {f"#own{index}": name for index, name in enumerate(change.own)}
        values = {f":own{index}": value for index, value in enumerate(change.own.values())}
        placeholders = [*change.assigned, *(name[1:] for name in names)]
        text = f"SET {', '.join(f'#{name} = :{name}' for name in placeholders)}"
        try:
            answer = self._client.update_item(
                TableName=self._table_name,
                Key={"customer_id": {"S": change.customer_id}},
                UpdateExpression=text,
                ConditionExpression=change.condition,
                ExpressionAttributeNames=_names(f"{text} {change.condition}") | names,
                ExpressionAttributeValues=values | change.operands,
                ReturnValues="ALL_NEW",
                ReturnValuesOnConditionCheckFailure="ALL_OLD",
            )
        except ClientError as error:
            if error.response["Error"]["Code"] != "ConditionalCheckFailedException":
                raise
            return refused(error.response.get("Item"))
        return applied(answer["Attributes"])

    def _assigned(self, event: CustomerStatusChanged) -> dict[str, dict[str, Any]]:
        assigned: dict[str, dict[str, Any]] = {
            "status": {"S": event.status.value},
            "previous_status": _text_or_null(event.previous_status),
            "status_changed_at": {"S": sortable(event.changed_at)},
            "event_id": {"S": str(event.event_id)},
            "schema_version": {"N": str(event.schema_version)},
            "traceparent": _text_or_null(event.traceparent),
            "occurred_at": {"S": sortable(event.occurred_at)},
            "applied_at": {"S": sortable(self._clock())},
        }
        if event.change is Change.SNAPSHOT:
            assigned["snapshot_at"] = {"S": sortable(event.occurred_at)}
        if event.repairs is None:  # a repair keeps the row's place among the changes
            assigned["sequence"] = {"S": event.sequence}
            assigned["sequence_source"] = {"S": event.sequence_source.value}
        return assigned


def own_attributes(
    rule: Callable[[CustomerStatusChanged], Attributes], event: CustomerStatusChanged
) -> dict[str, str]:
    """A rule's attributes for an event; checked here, as the client does not check what it sends.

    Raises:
        UnusableAttributes: DynamoDB or the guard would refuse them.
    """
    own = rule(event)
    if not isinstance(own, Mapping):
        raise UnusableAttributes(f"expected a mapping of names to text, not {type(own).__name__}")
    for name, value in own.items():
        if not isinstance(name, str) or not name or not isinstance(value, str):
            raise UnusableAttributes(f"expected text, not {name!r} with {type(value).__name__}")
        if name in GUARD_ATTRIBUTES:
            raise UnusableAttributes(f"expected another name than {name}, which is the guard's")
    try:
        size_bytes = sum(len(text.encode()) for pair in own.items() for text in pair)
    except UnicodeEncodeError:
        raise UnusableAttributes("expected text that UTF-8 can carry") from None
    if size_bytes > OWN_SIZE_MAX_BYTES or len(own) > OWN_MAX:
        raise UnusableAttributes(
            f"expected {OWN_MAX} attributes and {OWN_SIZE_MAX_BYTES} B at most"
        )
    return dict(own)


def read_row(item: Mapping[str, Mapping[str, Any]]) -> Row:
    """Read what the guard needs from a row as DynamoDB's low-level client returns it.

    Raises:
        OrderContradiction: the row lacks one of the guard's attributes, or holds nonsense: it was
            changed by hand. Fix the row, then replay.
    """
    try:
        previous, snapshot_at = item.get("previous_status", {}), item.get("snapshot_at")
        return Row(
            sequence=parse(item["sequence"]["S"]),
            sequence_source=SequenceSource(item["sequence_source"]["S"]),
            schema_version=int(item["schema_version"]["N"]),
            status=Status(item["status"]["S"]),
            previous_status=Status(previous["S"]) if "S" in previous else None,
            occurred_at=from_wire(item["occurred_at"]["S"]),
            snapshot_at=from_wire(snapshot_at["S"]) if snapshot_at else None,
        )
    except (KeyError, ValueError):
        raise OrderContradiction(
            "expected a stored row with the guard's attributes", field="sequence"
        ) from None


def applied(item: Mapping[str, Mapping[str, Any]]) -> Written:
    """The event was written, and the row is this now."""
    row: Row | None = None
    with suppress(OrderContradiction):  # changed by hand: what was written stays written
        row = read_row(item)
    return Written(applied=True, row=row)


def refused(item: Any) -> Written:
    """The condition did not hold for this row; None where there is none.

    Raises:
        OrderContradiction: see `read_row`.
    """
    return Written(applied=False, row=read_row(item) if item else None)


# Private functions


def _condition(
    event: CustomerStatusChanged, tolerance: timedelta
) -> tuple[str, dict[str, dict[str, str]]]:
    """When the event applies: the same rules as `order_guard.judge`, for DynamoDB to evaluate."""
    which = kind(event)
    if which is Kind.REPAIR:
        return f"#sequence = :repairs AND {_READ_LATER}", {":repairs": {"S": str(event.repairs)}}
    if which is Kind.SNAPSHOT:
        return f"{_ABSENT} OR (#sequence = :sequence AND {_READ_LATER})", {}
    latest_stored = _later(event.occurred_at, latest_stored_allowance(event, tolerance))
    operands = {
        ":epoch": {"S": epoch_prefix(event.sequence)},
        ":version": {"S": SequenceSource.VERSION.value},
        ":removed": {"S": Status.REMOVED.value},
        ":latest_stored": {"S": sortable(latest_stored)},
    }
    other_epoch = f"NOT {_IN_EPOCH}" if event.change is Change.SNAPSHOT else _NOT_BACKWARDS
    in_order = f"{_NEWER} AND ({_SAME_COUNTER} OR {other_epoch})"
    return f"{_ABSENT} OR ({in_order} AND {_AFTER_SNAPSHOT})", operands


def _later(instant: datetime, tolerance: timedelta) -> datetime:
    latest = datetime.max.replace(tzinfo=UTC)
    return instant + tolerance if instant <= latest - tolerance else latest


def _names(expression: str) -> dict[str, str]:
    """A placeholder for each attribute that the expression names (some are reserved words)."""
    tokens = expression.replace("(", " ").replace(")", " ").replace(",", " ").split()
    return {token: token[1:] for token in tokens if token.startswith("#")}


def _text_or_null(value: str | None) -> dict[str, Any]:
    return {"NULL": True} if value is None else {"S": str(value)}
