"""What a stream poller reports about itself."""

from collections.abc import Mapping
from dataclasses import dataclass, field


@dataclass(frozen=True, slots=True, kw_only=True)
class PollerStatus:
    """What the poller has done so far, and how far it is.

    Attributes:
        checkpoints: Sequence number up to which everything is done with, by shard.
        is_caught_up: The last read of every shard was empty and nothing is buffered. How many
            records are still on the stream, nobody can ask DynamoDB.
        pending_records: Records that were read and are not done with.
        oldest_pending_at: When the oldest pending record was created, in seconds since the epoch.
        records_succeeded: Records that the function took.
        deliveries_dropped: Batches that the on-failure destination refused to the end.
        trims: How often records had left the stream before they were read.
        last_error: The latest error, of the function or of a service; never a payload.
    """

    checkpoints: Mapping[str, str] = field(default_factory=dict)
    is_caught_up: bool = False
    pending_records: int = 0
    oldest_pending_at: float | None = None
    invocations: int = 0
    invocations_failed: int = 0
    records_read: int = 0
    records_succeeded: int = 0
    records_discarded: int = 0
    batches_discarded: int = 0
    deliveries_dropped: int = 0
    trims: int = 0
    last_error: str | None = None
