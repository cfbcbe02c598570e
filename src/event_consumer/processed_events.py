"""Marks of processed events in DynamoDB: one item for each event, written once and kept."""

from collections.abc import Callable, Sequence
from datetime import UTC, datetime
from typing import Any

from botocore.exceptions import ClientError

from customer_events.event import CustomerStatusChanged
from customer_events.instants import sortable
from event_consumer.every_event import Write

WRITES_MAX = 99
"""Writes that an event may bring: DynamoDB's 100 of a transaction less the mark."""
_UNMARKED = "attribute_not_exists(event_id)"
_REFUSED = "ConditionalCheckFailed"


class UnusableWrites(ValueError):
    """A handler gave writes that no transaction takes: fix it; its events are retried till then."""


class ProcessedEventsTable:
    """`ProcessedEvents` on a DynamoDB table whose partition key is `event_id`.

    Args:
        clock: the time now, in UTC, for `processed_at` alone; nothing depends on it.
    """

    def __init__(
        self,
        client: Any,
        table_name: str,
        *,
        clock: Callable[[], datetime] = lambda: datetime.now(UTC),
    ) -> None:
        self._client = client
        self._table_name = table_name
        self._clock = clock

    def is_processed(self, event: CustomerStatusChanged) -> bool:
        """See `ProcessedEvents.is_processed`. Consistent: a mark of a moment ago is seen."""
        answer = self._client.get_item(
            TableName=self._table_name,
            Key={"event_id": {"S": str(event.event_id)}},
            ConsistentRead=True,
            ProjectionExpression="event_id",
        )
        return "Item" in answer

    def commit(self, event: CustomerStatusChanged, writes: Sequence[Write]) -> bool:
        """See `ProcessedEvents.commit`.

        Raises:
            UnusableWrites: more writes than a transaction takes.
            ParamValidationError: a write is none that DynamoDB knows.
            ClientError: throttled, or a condition of the event's own writes refused them.
        """
        check_writes(writes)
        mark = {
            "TableName": self._table_name,
            "Item": self._mark(event),
            "ConditionExpression": _UNMARKED,
        }
        try:
            if writes:
                self._client.transact_write_items(TransactItems=[{"Put": mark}, *writes])
            else:
                self._client.put_item(**mark)
        except ClientError as error:
            if _is_marked(error):
                return False
            raise
        return True

    def _mark(self, event: CustomerStatusChanged) -> dict[str, dict[str, str]]:
        return {
            "event_id": {"S": str(event.event_id)},
            "customer_id": {"S": event.customer_id},
            "sequence": {"S": event.sequence},
            "occurred_at": {"S": sortable(event.occurred_at)},
            "processed_at": {"S": sortable(self._clock())},
        }


def check_writes(writes: Sequence[Write]) -> None:
    """Raises: UnusableWrites where there are more than a transaction takes."""
    if len(writes) > WRITES_MAX:
        raise UnusableWrites(f"expected at most {WRITES_MAX} writes for an event")


# Private functions


def _is_marked(error: ClientError) -> bool:
    """Whether the mark itself was refused; in a transaction it stands first."""
    answer: Any = error.response
    if answer["Error"]["Code"] == "TransactionCanceledException":
        reasons = answer.get("CancellationReasons") or [{}]
        return bool(reasons[0].get("Code") == _REFUSED)
    return bool(answer["Error"]["Code"] == "ConditionalCheckFailedException")
