"""What became of one batch: written once, by the use case, and read by handlers and reporter."""

from collections import Counter
from collections.abc import Sequence
from dataclasses import dataclass, field

from publisher.reasons import BadRecord
from publisher.stream_records import StreamRecord


@dataclass(slots=True, kw_only=True)
class BatchResult:
    """What became of a batch, by each record's index in it.

    `parked` holds reasons, `failed` error codes. `eventful` holds the indexes of the records that
    gave events; a record that is in none of the three was ignored. `held`: how many failed since
    the deployment is suspected, not the records. `status_read`: whether any of them had a status.
    `unexpected` says where an exception that nobody foresaw was raised. `traces`: the W3C trace
    contexts of the transitions that have one.
    """

    records: Sequence[StreamRecord] = ()
    transitions: int = 0
    without_transition: int = 0
    outside_entity_filter: int = 0
    reasons_left_out: int = 0
    published: int = 0
    retried: int = 0
    bus_faults: int = 0
    held: int = 0
    status_read: bool = False
    traces: list[str] = field(default_factory=list)
    unexpected: dict[int, str] = field(default_factory=dict)
    eventful: set[int] = field(default_factory=set)
    parked: dict[int, BadRecord] = field(default_factory=dict)
    failed: dict[int, str] = field(default_factory=dict)

    def parked_by_reason(self) -> dict[str, int]:
        """How many records were parked for each reason code."""
        return dict(Counter(reason.code for reason in self.parked.values()))

    def failed_by_code(self) -> dict[str, int]:
        """How many records failed with each error code."""
        return dict(Counter(self.failed.values()))
