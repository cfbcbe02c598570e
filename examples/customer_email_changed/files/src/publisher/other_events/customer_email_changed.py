"""`CustomerEmailChanged`: that a customer's e-mail address changed, and not to what. Pure."""

from dataclasses import dataclass
from typing import Any, ClassVar

from customer_events.encoder import document_of, to_text
from customer_events.event import Change, Event, well_formed_traceparent
from customer_events.identity import event_id
from customer_events.sequence import sequence
from publisher import attribute_values
from publisher.events import Entry, Producer
from publisher.stream_records import StreamRecord
from publisher.transitions import (
    Image,
    TableRules,
    customer_change,
    customer_id,
    occurred_at,
    order,
)

EMAIL_ATTRIBUTE = "email"


@dataclass(frozen=True, slots=True, kw_only=True)
class CustomerEmailChanged(Event):
    """One fact: this customer's e-mail address is another one."""

    name: ClassVar[str] = "CustomerEmailChanged"
    type_prefix: ClassVar[str] = "novapay.accounts.CustomerEmailChanged.v"
    schema_base: ClassVar[str] = "https://schemas.novapay.example/customer_email_changed"

    change: Change


def entries(record: StreamRecord, rules: TableRules, producer: Producer) -> list[Entry]:
    """The event, where the address changed; none otherwise.

    Raises:
        BadRecord: it changed, and the record can't become an event.
    """
    happened, new, old = customer_change(record, rules)
    if happened is None:
        return []
    before = None if happened is Change.CREATED else _address(old)
    after = None if happened is Change.REMOVED else _address(new)
    if before == after:
        return []
    number, source = order(record, rules, happened, new, old)
    position = sequence(number, epoch=producer.epoch)
    customer = customer_id(record, rules)
    event = CustomerEmailChanged(
        # Its own identity: a status change in the same record has the same source and sequence.
        event_id=event_id(f"{producer.source}#email", customer, position, 1),
        source=producer.source,
        customer_id=customer,
        sequence=position,
        sequence_source=source,
        schema_version=1,
        occurred_at=occurred_at(record),
        traceparent=well_formed_traceparent(
            attribute_values.text(new.get(rules.traceparent_attribute or ""))
        ),
        change=_change(before, after),
    )
    data = {"customer_id": customer, "change": event.change.value}
    document = to_text(document_of(event, data))
    return [Entry(event_id=str(event.event_id), event=event, document=document)]


# Private functions


def _address(image: Image) -> Any:
    """As the table holds it: only whether it is another one matters."""
    value = image.get(EMAIL_ATTRIBUTE)
    return None if value == {"NULL": True} else value


def _change(before: Any, after: Any) -> Change:
    if before is None:
        return Change.CREATED
    return Change.REMOVED if after is None else Change.CHANGED
