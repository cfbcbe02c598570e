"""What takeover protection keeps: when a customer's e-mail address last changed.

Each event is one conditional write, so neither a replay nor another order moves a row backwards.
"""

from collections.abc import Sequence
from typing import Any

from customer_events.deadline import Deadline
from customer_events.instants import sortable
from customer_events.sequence import epoch_prefix
from event_consumer.failures import failed
from event_consumer.other_events.customer_email_changed import CustomerEmailChanged
from event_consumer.outcomes import APPLIED, DUPLICATE, OUT_OF_TIME, STALE, Handled

_SET = "SET #sequence = :sequence, #changed_at = :changed_at, #change = :change"
_NEWER = (
    "attribute_not_exists(#sequence) OR (#sequence < :sequence"
    " AND (begins_with(#sequence, :epoch) OR #changed_at <= :changed_at))"
)
"""By sequence; a new epoch may begin with changes of yesterday, so there the time counts too."""
_NAMES = {"#sequence": "sequence", "#changed_at": "email_changed_at", "#change": "email_change"}


class EmailChanges:
    """An `EventHandler` on a table whose partition key is `customer_id`."""

    def __init__(self, client: Any, table_name: str) -> None:
        self._client = client
        self._table_name = table_name

    def handle(self, events: Sequence[CustomerEmailChanged], deadline: Deadline) -> list[Handled]:
        """Answer each event, in the order given."""
        return [OUT_OF_TIME if deadline.is_over() else self._write(event) for event in events]

    # Private functions

    def _write(self, event: CustomerEmailChanged) -> Handled:
        values = {
            ":sequence": event.sequence,
            ":epoch": epoch_prefix(event.sequence),
            ":changed_at": sortable(event.occurred_at),
            ":change": event.change.value,
        }
        try:
            self._client.update_item(
                TableName=self._table_name,
                Key={"customer_id": {"S": event.customer_id}},
                UpdateExpression=_SET,
                ConditionExpression=_NEWER,
                ExpressionAttributeNames=_NAMES,
                ExpressionAttributeValues={name: {"S": text} for name, text in values.items()},
                ReturnValuesOnConditionCheckFailure="ALL_OLD",
            )
        except self._client.exceptions.ConditionalCheckFailedException as error:
            stored = error.response["Item"]["sequence"]["S"]
            return DUPLICATE if stored == event.sequence else STALE
        except Exception as error:  # noqa: BLE001 (one event's failure is its own)
            return failed(error)
        return APPLIED
