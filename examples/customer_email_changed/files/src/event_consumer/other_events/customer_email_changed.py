"""How `CustomerEmailChanged` is read."""

from dataclasses import dataclass
from typing import Any, ClassVar, Literal

from customer_events.decoder import attributes_of, expect_same_customer, read_envelope, validate
from customer_events.event import Change, Event
from customer_events.wire_models import Attributes, CustomerId, Wire


@dataclass(frozen=True, slots=True, kw_only=True)
class CustomerEmailChanged(Event):
    """One fact: this customer's e-mail address is another one."""

    name: ClassVar[str] = "CustomerEmailChanged"
    type_prefix: ClassVar[str] = "novapay.accounts.CustomerEmailChanged.v"

    change: Change


class Data(Wire):
    """`data` of version 1."""

    customer_id: CustomerId
    change: Literal["created", "changed", "removed"]


def from_document(document: Any) -> CustomerEmailChanged:
    """Read the event; raises the contract's own errors, and no other."""
    major, envelope = read_envelope(document, Attributes, CustomerEmailChanged, 1)
    data = validate(Data, envelope.data, "data")
    expect_same_customer(data.customer_id, envelope)
    return CustomerEmailChanged(
        **attributes_of(envelope),
        schema_version=major,
        customer_id=data.customer_id,
        change=Change(data.change),
    )
