"""Which faults may occur, in one object; and the setting that a history is played in."""

from dataclasses import dataclass, fields


@dataclass(frozen=True, slots=True, kw_only=True)
class Faults:
    """Each is off or on. A schedule is drawn from those that are on."""

    duplicates: bool = False
    """A transport delivers again what was delivered and acknowledged."""
    reordering: bool = False
    """Standard topics and queues hand out in any order."""
    throttles: bool = False
    """Throttled, refused for the moment, or timed out before anything was done."""
    lost_answers: bool = False
    """The call worked, and its answer was lost."""
    missing_entries: bool = False
    """A batch answer names an entry in neither list; it may have been done or not."""
    partial_batches: bool = False
    """A batch answer lists an entry as failed."""
    crashes: bool = False
    """A worker dies before or after a side effect, or is throttled before it starts."""
    interleavings: bool = False
    """Another worker runs in the middle of a call."""
    poison_records: bool = False
    """Items whose change can't become an event; entries that the bus refuses for good."""
    poison_messages: bool = False
    """Messages that no consumer can read."""
    mapping_recreated: bool = False
    """The stream is read again from its trim horizon."""
    mapping_off: bool = False
    """The stream is not read for hours; after 24 of them changes are trimmed."""
    outages: bool = False
    """The topic, the failure store, the table or the DLQ is down for minutes or hours."""
    subscriber_down: bool = False
    """A subscriber consumes nothing for days."""
    shard_splits: bool = False
    """Shards end, and have one child or two."""
    two_majors: bool = False
    """Both major versions are published, and one subscriber takes both."""
    restarts: bool = False
    """The counter starts anew, and the operator raises the epoch."""
    unraised_restarts: bool = False
    """The counter starts anew, and nobody raises the epoch: an operator's fault."""
    failovers: bool = False
    """Another replica's stream is read from its trim horizon; the operator raises the epoch."""
    version_counters: bool = False
    """Order comes from a version counter in the item, in some histories."""
    fifo: bool = False
    """Topic and queues are FIFO, in some histories."""
    snapshots: bool = False
    """An operator seeds a subscriber in the middle."""
    repairs: bool = False
    """An operator repairs drifted rows in the middle."""
    redrives: bool = False
    """An operator moves dead messages back in the middle."""
    operators: bool = False
    """Operators' commands run in the middle, in some histories, and their processes die."""
    eventbridge: bool = False
    """The bus is EventBridge's, in some histories."""
    entity_filters: bool = False
    """Not every item is a customer's, and items start and cease to be, in some histories."""
    own_statuses: bool = False
    """The table has words of its own for its statuses, in some histories."""

    def names(self) -> frozenset[str]:
        return frozenset(one.name for one in fields(self) if getattr(self, one.name))


def only(*names: str) -> Faults:
    return Faults(**dict.fromkeys(names, True))


def all_but(*names: str) -> Faults:
    return Faults(**{one.name: one.name not in names for one in fields(Faults)})


EVERY = all_but()


@dataclass(frozen=True, slots=True, kw_only=True)
class Setting:
    """What stands still in a history.

    `sequence_source` is `stream` or `version`; `lanes` the mapping's parallelization factor;
    `receives_max` the queue's maxReceiveCount; `second_subscriber` takes only customers who
    become or cease to be ACTIVE, in the transport's envelope; `commands`: operators are at work;
    `pipe`: one carries records to the bus, in the histories of alarms alone; `entities`: the table
    holds leads too; `own_statuses`: its statuses are in words of its own.
    """

    customers: int = 2
    fifo: bool = False
    majors: tuple[int, ...] = (2,)
    sequence_source: str = "stream"
    lanes: int = 1
    stream_batch: int = 10
    queue_batch: int = 10
    receives_max: int = 10
    second_subscriber: bool = False
    eventbridge: bool = False
    pipe: bool = False
    commands: bool = False
    entities: bool = False
    own_statuses: bool = False
