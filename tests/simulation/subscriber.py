"""One subscriber: its queue, its DLQ, its table, and what it asked for."""

from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any

from simulation.bus import FilterPolicy
from simulation.queues import Queue
from simulation.tables import RowsClient
from simulation.truth import Change, Fact, Truth

FROM_OR_TO_ACTIVE: FilterPolicy = {
    "schema_version": ["2"],
    "transition": [{"prefix": "ACTIVE>"}, {"suffix": ">ACTIVE"}],
}
PATTERN_FROM_OR_TO_ACTIVE: FilterPolicy = {
    "detail-type": ["CustomerStatusChanged"],
    "detail": {
        "type": ["novapay.accounts.CustomerStatusChanged.v2"],
        "$or": [
            {"data": {"status": ["ACTIVE"]}},
            {"data": {"previous_status": ["ACTIVE"]}},
        ],
    },
}
"""The same for a rule of an EventBridge bus."""


@dataclass(slots=True, kw_only=True)
class Subscriber:
    name: str
    queue: Queue
    dlq: Queue
    client: RowsClient
    policy: FilterPolicy | None
    raw: bool

    @property
    def rows(self) -> Mapping[str, Mapping[str, Any]]:
        return self.client.rows

    def wants(self, change: Change, major: int) -> bool:
        """What its filter promises it, said apart from the filter."""
        if self.policy is None:
            return True
        return major == 2 and "ACTIVE" in {change.status, change.previous}

    def fact_of_row(self, customer: str, truth: Truth) -> Fact | None:
        row = self.client.rows.get(customer)
        return truth.fact_of_row(row) if row else None

    def still_has(self, body: str) -> bool:
        """In its DLQ, or once more in its queue: where an operator may have moved it back to."""
        return any(one.body == body for one in self.dlq.messages.values()) or any(
            one.body == body for one in self.queue.messages.values()
        )
