"""Fakes of what a consumer writes to: rows, marks, the DLQ. Each keeps the real one's promises."""

from collections.abc import Callable, Mapping, Sequence
from datetime import datetime
from functools import cache
from typing import Any

import botocore.session
from botocore.exceptions import ParamValidationError
from botocore.validate import validate_parameters

from customer_events.deadline import Deadline
from customer_events.event import Change, CustomerStatusChanged
from event_consumer.every_event import Write
from event_consumer.guarded_table import UnusableAttributes, own_attributes
from event_consumer.latest_state import Written
from event_consumer.order_guard import Row, judge
from event_consumer.ports import Parking
from event_consumer.processed_events import UnusableWrites, check_writes

TableRow = dict[str, str | None]
"""A row as a test reads it: `customer_id`, `status`, `previous_status`, and the rule's own."""


class Refused(BaseException):
    """Production would retry this for ever: fix the rule or the handler. The engine lets it out."""


class RowsInMemory:
    """`GuardedRows` whose verdicts are the order guard's."""

    def __init__(self, rule: Callable[[CustomerStatusChanged], Mapping[str, str]]) -> None:
        self._rule = rule
        self._guarded: dict[str, Row] = {}
        self.rows: dict[str, TableRow] = {}

    def write(self, event: CustomerStatusChanged) -> Written:
        """See `GuardedRows.write`."""
        try:
            own = own_attributes(self._rule, event)
        except UnusableAttributes as error:
            raise Refused(str(error)) from error
        row = self._guarded.get(event.customer_id)
        if judge(row, event) is not None:
            return Written(applied=False, row=row)
        row = row_after(row, event)
        self._guarded[event.customer_id] = row
        # As DynamoDB does: an attribute that the rule does not set this time stays.
        self.rows[event.customer_id] = self.rows.get(event.customer_id, {}) | {
            "customer_id": event.customer_id,
            "status": event.status.value,
            "previous_status": event.previous_status and event.previous_status.value,
            **own,
        }
        return Written(applied=True, row=row)


class MarksInMemory:
    """`ProcessedEvents` that keeps the writes that were committed, in order."""

    def __init__(self) -> None:
        self.marked: set[str] = set()
        self.writes: list[Write] = []

    def is_processed(self, event: CustomerStatusChanged) -> bool:
        """See `ProcessedEvents.is_processed`."""
        return str(event.event_id) in self.marked

    def commit(self, event: CustomerStatusChanged, writes: Sequence[Write]) -> bool:
        """See `ProcessedEvents.commit`."""
        try:
            check_writes(writes)
            if writes:
                validate_parameters({"TransactItems": [*writes]}, _transaction())
        except (UnusableWrites, ParamValidationError) as error:
            raise Refused(str(error)) from error
        if self.is_processed(event):
            return False
        self.marked.add(str(event.event_id))
        self.writes.extend(writes)
        return True


class DlqInMemory:
    """`ParkingLot` that confirms every parking and remembers its reason."""

    def __init__(self) -> None:
        self.reasons: list[str] = []

    def park(
        self, parkings: Sequence[Parking], *, parked_at: datetime, deadline: Deadline
    ) -> dict[str, str]:
        """See `ParkingLot.park`."""
        del parked_at, deadline
        self.reasons.extend(parking.reason.code for parking in parkings)
        return {parking.message.message_id: "" for parking in parkings}


@cache
def _transaction() -> Any:
    """What botocore expects of a transaction; production's client checks against the same."""
    dynamodb = botocore.session.get_session().get_service_model("dynamodb")
    return dynamodb.operation_model("TransactWriteItems").input_shape


def row_after(row: Row | None, event: CustomerStatusChanged) -> Row:
    """The guard's part of the row once the event has been applied, as the table writes it."""
    reading = event.change is Change.SNAPSHOT
    kept = row if event.repairs is not None else None
    return Row(
        sequence=kept.sequence if kept else event.sequence,
        sequence_source=kept.sequence_source if kept else event.sequence_source,
        schema_version=event.schema_version,
        status=event.status,
        previous_status=event.previous_status,
        occurred_at=event.occurred_at,
        snapshot_at=event.occurred_at if reading else (row.snapshot_at if row else None),
    )
