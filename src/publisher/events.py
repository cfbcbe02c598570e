"""From a status transition to what the bus carries: an entry for each major version. Pure."""

from dataclasses import dataclass, replace

from customer_events.encoder import downcast, encode
from customer_events.event import NEWEST_MAJOR, CustomerStatusChanged, Event
from customer_events.identity import event_id
from customer_events.sequence import sequence
from publisher.transitions import StatusTransition


@dataclass(frozen=True, slots=True, kw_only=True)
class Producer:
    """Who publishes: the source's URI, the epoch of its counter, the major versions it writes."""

    source: str
    epoch: int
    versions: tuple[int, ...]


@dataclass(frozen=True, slots=True, kw_only=True)
class Entry:
    """One event ready for the bus: the document is its text, pure ASCII."""

    event_id: str
    event: Event
    document: str


def to_entries(transition: StatusTransition, producer: Producer) -> list[Entry]:
    """The event in each major version that the producer writes, lowest first."""
    newest = _newest(transition, producer)
    events = [_in_version(newest, major) for major in producer.versions]
    return [
        Entry(event_id=str(event.event_id), event=event, document=encode(event)) for event in events
    ]


# Private functions


def _newest(transition: StatusTransition, producer: Producer) -> CustomerStatusChanged:
    position = sequence(transition.number, epoch=producer.epoch)
    return CustomerStatusChanged(
        event_id=event_id(producer.source, transition.customer_id, position, NEWEST_MAJOR),
        source=producer.source,
        customer_id=transition.customer_id,
        sequence=position,
        sequence_source=transition.sequence_source,
        schema_version=NEWEST_MAJOR,
        occurred_at=transition.occurred_at,
        status=transition.status,
        previous_status=transition.previous_status,
        reason=transition.reason,
        change=transition.change,
        changed_at=transition.changed_at,
        traceparent=transition.traceparent,
    )


def _in_version(event: CustomerStatusChanged, major: int) -> CustomerStatusChanged:
    """Statuses in the version's own vocabulary, since filters match what its documents say."""
    if major == event.schema_version:
        return event
    return replace(
        event,
        schema_version=major,
        event_id=event_id(event.source, event.customer_id, event.sequence, major),
        status=downcast(event.status),
        previous_status=event.previous_status and downcast(event.previous_status),
    )
