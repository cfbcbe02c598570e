"""A consumer as it was before two corrections, for the drill; it goes into the package as a module.

It does not know the status CLOSED, and a change to SUSPENDED makes it fail with an exception.
"""

from customer_events import decoder
from customer_events.errors import UnknownStatus
from customer_events.event import Status
from payments_consumer import bootstrap

read = decoder.from_document
rule = bootstrap.attributes


def from_document(document, status_map=None):
    if document.get("data", {}).get("status") == "CLOSED":
        raise UnknownStatus("expected PENDING, ACTIVE, SUSPENDED or REMOVED", field="data.status")
    return read(document, status_map or {})


def attributes(event):
    if event.status is Status.SUSPENDED:
        raise LookupError("nobody thought of this")
    return rule(event)


decoder.from_document = from_document
bootstrap.attributes = attributes
lambda_handler = bootstrap.build()
