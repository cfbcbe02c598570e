"""The business rule of Payments, and all of it."""

from enum import StrEnum

from customer_events.event import CustomerStatusChanged, Status


class Standing(StrEnum):
    """Whether a customer's payments go through."""

    ALLOWED = "ALLOWED"
    BLOCKED = "BLOCKED"


def standing(status: Status) -> Standing:
    """Only an active customer pays; anything else, a status yet to come included, is blocked."""
    return Standing.ALLOWED if status is Status.ACTIVE else Standing.BLOCKED


def attributes(event: CustomerStatusChanged) -> dict[str, str]:
    """What Payments adds to a customer's row."""
    return {"payments": standing(event.status).value}
