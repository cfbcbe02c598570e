"""What each transport promises, declared once. Pure.

The adapters take their limits from here, the settings their rules, the operator's tools and
`docs/reference/transports.md` what they say, and `tests/transports` checks each transport against
its declaration.

The figures are AWS's own: the API references of SNS (PublishBatch, CreateTopic), EventBridge
(PutEvents, CreateArchive) and Pipes (batching and concurrency), and the SNS developer guide on
FIFO topics (deduplication, filters, archive).
"""

from dataclasses import dataclass, replace
from enum import StrEnum
from functools import lru_cache

from publisher.events import Entry


class Order(StrEnum):
    """In which order one customer's events are first delivered."""

    NONE = "any order"
    PER_CUSTOMER = "as they changed"
    """Late retries, parked and recovered events excepted."""


class Filters(StrEnum):
    """What a subscriber may choose by."""

    ATTRIBUTES = "version, status and transition"
    """A filter policy on the message attributes that the publisher sets."""
    DOCUMENT = "every field of the event"
    """An event pattern on the document itself."""
    NONE = "nothing"
    """A filter on the subscription would make delivery at most once."""


class Archive(StrEnum):
    """How long the transport can keep events to deliver them again."""

    NONE = "none"
    A_YEAR = "up to 365 days"
    UNLIMITED = "as long as wanted"


@dataclass(frozen=True, slots=True, kw_only=True)
class Transport:
    """A transport's promises and limits.

    Args:
        name: as in discovery and the infrastructure's variable `transport`, where a pipe's bus is
            an `eventbridge` like any other.
        title: for a person.
        order: of one customer's events, at their first delivery.
        duplicates_dropped_seconds: how long a second publication of an event is recognised by the
            transport and not delivered; 0 where it never is.
        filters: what a subscriber may choose by, without losing a promise.
        versions_max: how many major versions it may carry side by side; None: all that there are.
        archive: whether events can be kept and delivered again.
        entries_per_call_max: events in one call.
        entry_size_max_bytes: of one event with what the transport counts along (attributes, source,
            time). The setting MESSAGE_SIZE_MAX_BYTES may set it lower.
        call_size_max_bytes: of all events in one call.
    """

    name: str
    title: str
    order: Order
    duplicates_dropped_seconds: int
    filters: Filters
    versions_max: int | None
    archive: Archive
    entries_per_call_max: int
    entry_size_max_bytes: int
    call_size_max_bytes: int

    @property
    def is_sns(self) -> bool:
        """SNS counts attributes, and takes no call that is larger than a message."""
        return self.name.startswith("sns")

    def size_bytes(self, entry: Entry) -> int:
        """What the transport counts for an entry; document and source are ASCII.

        SNS counts body and attributes (its quotas); EventBridge source, type, and 14 bytes of time
        ("Calculating PutEvents event entry size").
        """
        if self.is_sns:
            return len(entry.document) + _attributes_size_bytes(entry.event.filter_attributes())
        return 14 + len(entry.event.source) + len(entry.event.name) + len(entry.document)


@lru_cache(maxsize=256)
def _attributes_size_bytes(values: tuple[tuple[str, str], ...]) -> int:
    """Each attribute's name, type and value. Cached: there are few kinds."""
    return sum(len(name + "String" + value) for name, value in values)


_ENTRIES_PER_CALL_MAX = 10
_SNS_SIZE_MAX_BYTES = 1_048_576
_PUT_EVENTS_SIZE_MAX_BYTES = 1_048_575
"""PutEvents takes less than 1 MB."""

SNS = Transport(
    name="sns",
    title="SNS standard topic",
    order=Order.NONE,
    duplicates_dropped_seconds=0,
    filters=Filters.ATTRIBUTES,
    versions_max=None,
    archive=Archive.NONE,
    entries_per_call_max=_ENTRIES_PER_CALL_MAX,
    entry_size_max_bytes=_SNS_SIZE_MAX_BYTES,
    call_size_max_bytes=_SNS_SIZE_MAX_BYTES,
)
SNS_FIFO = replace(
    SNS,
    name="sns-fifo",
    title="SNS FIFO topic",
    order=Order.PER_CUSTOMER,
    duplicates_dropped_seconds=300,
    filters=Filters.NONE,
    versions_max=1,
    archive=Archive.A_YEAR,
)
EVENTBRIDGE = Transport(
    name="eventbridge",
    title="EventBridge bus",
    order=Order.NONE,
    duplicates_dropped_seconds=0,
    filters=Filters.DOCUMENT,
    versions_max=None,
    archive=Archive.UNLIMITED,
    entries_per_call_max=_ENTRIES_PER_CALL_MAX,
    entry_size_max_bytes=_PUT_EVENTS_SIZE_MAX_BYTES,
    call_size_max_bytes=_PUT_EVENTS_SIZE_MAX_BYTES,
)
PIPES = replace(
    EVENTBRIDGE,
    name="pipes",
    title="EventBridge Pipes, to an EventBridge bus",
    # A pipe makes one call of what it gets, so ten of the largest events have to fit into it.
    entry_size_max_bytes=_PUT_EVENTS_SIZE_MAX_BYTES // _ENTRIES_PER_CALL_MAX,
)
ALL = (SNS, SNS_FIFO, EVENTBRIDGE, PIPES)


def of_bus(bus_arn: str) -> Transport:
    """The transport of a topic or bus, by its ARN; a pipe names none to the publisher."""
    if bus_arn.split(":")[2] == "events":
        return EVENTBRIDGE
    return SNS_FIFO if bus_arn.endswith(".fifo") else SNS
